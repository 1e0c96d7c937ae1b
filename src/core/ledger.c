/*
 * Dirty things and the group commit, as redis writes its log before it replies.
 *
 * Happy path: handlers of this turn mark jobs and files dirty and leave notes; the prepare hook,
 * which libuv calls before it sleeps, writes them in one transaction and then calls those who
 * waited. They may dirty more (a create that may go out now changes its job), so it goes round
 * until nothing is left. While several wait at once, the next commit gathers for a moment.
 *
 * Failures: the transaction is rolled back, everything stays dirty, those who waited get the errno,
 * and a timer tries again; so a full disk loses nothing that memory still holds. Repeats of the
 * same failure are logged once.
 *
 * On close: one last commit; whoever waits is answered with its
 * result.
 */
#include "pimagefs/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/log.h"

#define RETRY_MS 1000
#define LATER_MS 20
#define GATHER_MS 2
#define ROUNDS 16

enum note_kind {
	NOTE_FORGET_JOB,
	NOTE_FORGET_FILE,
	NOTE_FOLDER,
	NOTE_FORGET_FOLDER,
	NOTE_CREATE,
	NOTE_FACT
};

struct note {
	struct list in;
	enum note_kind kind;
	uint64_t number;
	int64_t time, before;
	unsigned mode;
	bool has_value;
	char *value; /* points into text */
	char text[];
};

struct waiter {
	struct list in;
	void (*fn)(int r, void *data);
	void *data;
};

struct ledger {
	uv_prepare_t prepare;
	uv_timer_t timer;
	unsigned open_handles;
	struct store *store;
	struct list jobs, files, notes, waiters;
	bool pressing; /* something dirty is not to wait for others */
	bool crowded;  /* the last who waited were several: more are to be expected */
	int64_t committed_ms;
	int health;
	uint64_t commits;
};

static int note_write(struct store *s, const struct note *n)
{
	struct store_folder folder = { .path = n->text, .mode = n->mode, .mtime_ns = n->time };
	int r;

	switch (n->kind) {
	case NOTE_FORGET_JOB:
		return store_delete_job(s, n->number);
	case NOTE_FORGET_FILE:
		return store_delete_file(s, n->number);
	case NOTE_FOLDER:
		return store_put_folder(s, &folder);
	case NOTE_FORGET_FOLDER:
		return store_delete_folder(s, n->text);
	case NOTE_CREATE:
		r = store_add_create(s, n->time);
		return r < 0 ? r : store_prune_creates(s, n->before);
	case NOTE_FACT:
		return store_put_fact(s, n->text, n->has_value ? n->value : NULL);
	}
	return -EINVAL;
}

static int file_write(struct store *s, const struct reqfile *file)
{
	struct buf path = BUF_INIT;
	int r = node_path(file->node, &path);
	struct store_file row = {
		.number = file->number,
		.path = buf_text(&path),
		.mode = file->node->mode,
		.mtime_ns = file->node->mtime_ns,
		.text = buf_text(&file->text),
		.size = file->text.size,
		.xattrs = file->xattrs.blob.data,
		.xattrs_size = file->xattrs.blob.size,
		.job = file->job ? file->job->number : 0,
		.unsent = file->unsent,
	};

	if (r == 0)
		r = store_put_file(s, &row);
	buf_release(&path);
	return r;
}

static int write_all(struct ledger *l)
{
	int r = store_begin(l->store);

	list_each (p, &l->notes)
		if (r == 0)
			r = note_write(l->store, list_entry(p, struct note, in));
	list_each (p, &l->jobs)
		if (r == 0)
			r = store_put_job(l->store, list_entry(p, struct job, dirty_in));
	list_each (p, &l->files)
		if (r == 0)
			r = file_write(l->store, list_entry(p, struct reqfile, dirty_in));
	if (r == 0)
		r = store_commit(l->store);
	if (r < 0)
		store_rollback(l->store);
	/* A database that breaks while it is in use is a disk that fails. */
	return r == -EUCLEAN ? -EIO : r;
}

static bool is_clean(const struct ledger *l)
{
	return list_empty(&l->jobs) && list_empty(&l->files) && list_empty(&l->notes);
}

static void forget_written(struct ledger *l)
{
	list_each_safe (p, tmp, &l->notes) {
		list_remove(p);
		free(list_entry(p, struct note, in));
	}
	list_each_safe (p, tmp, &l->jobs)
		list_remove(p);
	list_each_safe (p, tmp, &l->files)
		list_remove(p);
}

static void answer_waiters(struct ledger *l, int r)
{
	struct list now;

	if (list_empty(&l->waiters))
		return;
	l->crowded = l->waiters.next != l->waiters.prev;
	now = l->waiters; /* those who come while we answer wait for the next commit */
	now.next->prev = &now;
	now.prev->next = &now;
	list_init(&l->waiters);
	list_each_safe (p, tmp, &now) {
		struct waiter *w = list_entry(p, struct waiter, in);

		list_remove(p);
		w->fn(r, w->data);
		free(w);
	}
}

static void note_health(struct ledger *l, int r)
{
	if (r < 0 && r != l->health)
		log_error("the state folder cannot be written: %s; trying again", strerror(-r));
	if (r == 0 && l->health < 0)
		log_info("the state folder can be written again");
	l->health = r;
}

static void commit(struct ledger *l);

static void on_timer(uv_timer_t *timer)
{
	commit(timer->data);
}

static void commit(struct ledger *l)
{
	int r = 0;

	for (int round = 0; round < ROUNDS && r == 0; round++) {
		if (is_clean(l) && l->health < 0)
			note_health(l, 0); /* what could not be written is no longer wanted */
		if (is_clean(l) && list_empty(&l->waiters))
			return;
		if (!is_clean(l)) {
			r = write_all(l);
			note_health(l, r);
			if (r == 0) {
				l->pressing = false;
				l->committed_ms = clock_mono_ms();
				l->commits++;
				forget_written(l);
			}
		}
		answer_waiters(l, r);
	}
	if (!is_clean(l) && !uv_is_closing((uv_handle_t *)&l->timer))
		uv_timer_start(&l->timer, on_timer, RETRY_MS, 0);
}

/* While many write at once, a moment's wait makes one transaction of many; a single writer never
 * waits. */
static bool is_due(struct ledger *l)
{
	if (!l->pressing && list_empty(&l->waiters))
		return false;
	if (!l->crowded || clock_mono_ms() - l->committed_ms >= GATHER_MS)
		return true;
	uv_timer_start(&l->timer, on_timer, GATHER_MS, 0);
	return false;
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct ledger *l = prepare->data;

	/* After a failure dirty things wait for the timer, or for someone new who must be told. */
	if (l->health < 0 && !is_clean(l) && list_empty(&l->waiters))
		return;
	if (l->health == 0 && !is_due(l))
		return;
	commit(l);
}

int ledger_new(struct ledger **out, uv_loop_t *loop, struct store *store)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->store = store;
	list_init(&l->jobs);
	list_init(&l->files);
	list_init(&l->notes);
	list_init(&l->waiters);
	l->prepare.data = l->timer.data = l;
	l->open_handles = 2;
	uv_prepare_init(loop, &l->prepare);
	uv_timer_init(loop, &l->timer);
	uv_prepare_start(&l->prepare, on_prepare);
	*out = l;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct ledger *l = handle->data;

	if (--l->open_handles == 0)
		free(l);
}

void ledger_free(struct ledger *l)
{
	if (!l)
		return;
	commit(l);
	if (!is_clean(l))
		log_error(
			"the state folder could not be written to the end (%s): what changed since "
			"is lost",
			strerror(-l->health));
	answer_waiters(l, -ECANCELED);
	forget_written(l);
	uv_close((uv_handle_t *)&l->prepare, on_closed);
	uv_close((uv_handle_t *)&l->timer, on_closed);
}

void ledger_job(struct ledger *l, struct job *job)
{
	l->pressing = true;
	if (!list_linked(&job->dirty_in))
		list_append(&l->jobs, &job->dirty_in);
}

static void file_dirty(struct ledger *l, struct reqfile *file)
{
	if (!list_linked(&file->dirty_in))
		list_append(&l->files, &file->dirty_in);
}

void ledger_file(struct ledger *l, struct reqfile *file)
{
	l->pressing = true;
	file_dirty(l, file);
}

void ledger_file_later(struct ledger *l, struct reqfile *file)
{
	file_dirty(l, file);
	if (!uv_is_active((uv_handle_t *)&l->timer))
		uv_timer_start(&l->timer, on_timer, LATER_MS, 0);
}

static struct note *note_add(struct ledger *l, enum note_kind kind, const char *text,
			     const char *value)
{
	size_t text_size = strlen(text) + 1, value_size = value ? strlen(value) + 1 : 0;
	struct note *n = calloc(1, sizeof(*n) + text_size + value_size);

	if (!n)
		return NULL;
	n->kind = kind;
	memcpy(n->text, text, text_size);
	n->value = n->text + text_size;
	n->has_value = value != NULL;
	if (value)
		memcpy(n->value, value, value_size);
	list_append(&l->notes, &n->in);
	l->pressing = true;
	return n;
}

static int forget_number(struct ledger *l, enum note_kind kind, uint64_t number)
{
	struct note *n = note_add(l, kind, "", NULL);

	if (!n)
		return -ENOMEM;
	n->number = number;
	return 0;
}

int ledger_forget_job(struct ledger *l, struct job *job)
{
	list_remove(&job->dirty_in);
	return forget_number(l, NOTE_FORGET_JOB, job->number);
}

int ledger_forget_file(struct ledger *l, struct reqfile *file)
{
	list_remove(&file->dirty_in);
	return forget_number(l, NOTE_FORGET_FILE, file->number);
}

int ledger_folder(struct ledger *l, const char *path, const struct node *node)
{
	struct note *n = note_add(l, NOTE_FOLDER, path, NULL);

	if (!n)
		return -ENOMEM;
	n->mode = node->mode;
	n->time = node->mtime_ns;
	return 0;
}

int ledger_forget_folder(struct ledger *l, const char *path)
{
	return note_add(l, NOTE_FORGET_FOLDER, path, NULL) ? 0 : -ENOMEM;
}

int ledger_create_sent(struct ledger *l, int64_t wall_ms, int64_t forget_before_ms)
{
	struct note *n = note_add(l, NOTE_CREATE, "", NULL);

	if (!n)
		return -ENOMEM;
	n->time = wall_ms;
	n->before = forget_before_ms;
	return 0;
}

int ledger_fact(struct ledger *l, const char *name, const char *value)
{
	return note_add(l, NOTE_FACT, name, value) ? 0 : -ENOMEM;
}

int ledger_after(struct ledger *l, void (*fn)(int r, void *data), void *data)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->fn = fn;
	w->data = data;
	list_append(&l->waiters, &w->in);
	return 0;
}

void ledger_sync(struct ledger *l)
{
	commit(l);
}

int ledger_health(const struct ledger *l)
{
	return l->health;
}

uint64_t ledger_commits(const struct ledger *l)
{
	return l->commits;
}
