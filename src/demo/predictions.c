/*
 * predictions: the demo service's memory. Each prediction is a record in a list, oldest first; all
 * of them are also one small JSON file, so that a restart of the service goes on where it was. A
 * prediction does nothing while it runs: it is done when its time has come, which the file knows.
 *
 * Happy path: predictions_add picks a random id and writes the file under another name, then
 * renames it; find, running and recent answer from memory; draw paints a picture when somebody
 * needs it. No fsync: what must outlive is this process, not the machine. Failures: a file that
 * cannot be written refuses the prediction; one that makes no sense is begun anew. Pictures and
 * prompts are bounded in bytes, predictions in number and age: the oldest give way.
 * predictions_release frees the records and leaves the file.
 */
#include "predictions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "painter.h"
#include "pimagefs/rng.h"

#define FILE_NAME "predictions.json"
#define FILE_PART "predictions.json.tmp"
#define PNG_BYTES_MAX (48u << 20)
#define PROMPT_BYTES_MAX (4u << 20)

/* json_pack and json_unpack of what is kept of a prediction. */
#define FIELDS "{s:s, s:s, s:I, s:i, s:i, s:i, s:I, s:I}"

static int save(const struct predictions *p)
{
	json_t *all = json_array();
	int fd = -1, r = all ? 0 : -ENOMEM;

	list_each (link, &p->all) {
		const struct prediction *one = list_entry(link, struct prediction, link);

		if (json_array_append_new(all, json_pack(FIELDS, "id", one->id, "prompt",
							 one->prompt, "seed", (json_int_t)one->seed,
							 "width", one->width, "height", one->height,
							 "outcome", (int)one->outcome, "created_ms",
							 (json_int_t)one->created_ms, "ready_ms",
							 (json_int_t)one->ready_ms)) < 0)
			r = -ENOMEM;
	}
	if (r == 0) {
		errno = 0;
		fd = openat(p->folder, FILE_PART, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0 || json_dumpfd(all, fd, JSON_COMPACT) < 0)
			r = errno ? -errno : -ENOMEM;
	}
	if (fd >= 0)
		close(fd);
	if (r == 0 && renameat(p->folder, FILE_PART, p->folder, FILE_NAME) < 0)
		r = -errno;
	json_decref(all);
	return r;
}

static void forget(struct predictions *p, struct prediction *one)
{
	list_remove(&one->link);
	p->count--;
	p->prompt_bytes -= strlen(one->prompt);
	p->png_bytes -= one->png.size;
	buf_release(&one->png);
	free(one->prompt);
	free(one);
}

/* The newest; prompt is copied. 0 or -ENOMEM. */
static int append(struct predictions *p, const struct prediction *with, const char *prompt,
		  struct prediction **out)
{
	struct prediction *one = malloc(sizeof(*one));
	char *copy = strdup(prompt);

	if (!one || !copy) {
		free(one);
		free(copy);
		return -ENOMEM;
	}
	*one = *with;
	one->prompt = copy;
	one->png = (struct buf)BUF_INIT;
	list_append(&p->all, &one->link);
	p->count++;
	p->prompt_bytes += strlen(copy);
	*out = one;
	return 0;
}

static struct prediction *oldest(const struct predictions *p)
{
	return list_empty(&p->all) ? NULL : list_entry(p->all.next, struct prediction, link);
}

static void make_room(struct predictions *p, int64_t now_ms)
{
	struct prediction *one;

	while ((one = oldest(p)) &&
	       (p->count >= PREDICTIONS_MAX || p->prompt_bytes > PROMPT_BYTES_MAX ||
		now_ms - one->created_ms > PREDICTIONS_MAX_AGE_MS))
		forget(p, one);
}

static int load(struct predictions *p)
{
	int fd = openat(p->folder, FILE_NAME, O_RDONLY | O_CLOEXEC), r = 0;
	json_t *all = fd < 0 ? NULL : json_loadfd(fd, 0, NULL), *item;
	size_t i;

	json_array_foreach (all, i, item) {
		struct prediction with = { .width = 0 }, *one;
		json_int_t seed, created, ready;
		const char *id, *prompt;
		int outcome;

		if (json_unpack(item, FIELDS, "id", &id, "prompt", &prompt, "seed", &seed, "width",
				&with.width, "height", &with.height, "outcome", &outcome,
				"created_ms", &created, "ready_ms", &ready) < 0 ||
		    strlen(id) != PREDICTION_ID - 1 || outcome < 0 || outcome > OUTCOME_CANCELLED)
			continue;
		memcpy(with.id, id, PREDICTION_ID);
		with.seed = seed;
		with.outcome = (enum outcome)outcome;
		with.created_ms = created;
		with.ready_ms = ready;
		if (r == 0)
			r = append(p, &with, prompt, &one);
	}
	json_decref(all);
	if (fd >= 0)
		close(fd);
	return r;
}

int predictions_init(struct predictions *p, const char *folder, int64_t now_ms)
{
	int r = mkdir(folder, 0700) < 0 && errno != EEXIST ? -errno : 0;

	memset(p, 0, sizeof(*p));
	list_init(&p->all);
	p->folder = r < 0 ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && p->folder < 0)
		r = -errno;
	if (r == 0)
		r = load(p);
	make_room(p, now_ms);
	if (r < 0)
		predictions_release(p);
	return r;
}

void predictions_release(struct predictions *p)
{
	struct prediction *one;

	while ((one = oldest(p)))
		forget(p, one);
	if (p->folder >= 0)
		close(p->folder);
	p->folder = -1;
}

static void choose_id(char id[PREDICTION_ID])
{
	uint64_t a = rng_u64(), b = rng_u64();

	/* The marks of a random UUID, version 4. */
	snprintf(id, PREDICTION_ID,
		 "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64, a >> 32,
		 a >> 16 & 0xffff, a & 0xfff, (b >> 48 & 0x3fff) | 0x8000, b & 0xffffffffffffu);
}

/* 0.8 to 1.3 seconds, the same for the same seed. */
static int64_t duration_ms(int64_t seed)
{
	uint64_t state = (uint64_t)seed;

	return 800 + (int64_t)(rng_next(&state) % 501);
}

int predictions_add(struct predictions *p, const struct prediction *ask, int64_t now_ms,
		    struct prediction **out)
{
	struct prediction with = *ask, *one;
	int r;

	with.created_ms = now_ms;
	with.ready_ms = now_ms + duration_ms(ask->seed);
	choose_id(with.id);
	make_room(p, now_ms);
	r = append(p, &with, ask->prompt, &one);
	if (r < 0)
		return r;
	r = save(p);
	if (r < 0)
		forget(p, one);
	else
		*out = one;
	return r;
}

struct prediction *predictions_find(const struct predictions *p, const char *id)
{
	list_each (link, &p->all) {
		struct prediction *one = list_entry(link, struct prediction, link);

		if (!strcmp(one->id, id))
			return one;
	}
	return NULL;
}

int predictions_cancel(struct predictions *p, struct prediction *one, int64_t now_ms)
{
	enum outcome before = one->outcome;
	int64_t ready_ms = one->ready_ms;
	int r;

	one->outcome = OUTCOME_CANCELLED;
	one->ready_ms = now_ms;
	r = save(p);
	if (r < 0) {
		one->outcome = before;
		one->ready_ms = ready_ms;
	}
	return r;
}

bool prediction_running(const struct prediction *one, int64_t now_ms)
{
	/* A clock that was set back must not make a finished one run again for hours. */
	return one->outcome != OUTCOME_CANCELLED && now_ms >= one->created_ms &&
	       now_ms < one->ready_ms;
}

int predictions_running(const struct predictions *p, int64_t now_ms)
{
	int running = 0;

	list_each (link, &p->all)
		running += prediction_running(list_entry(link, struct prediction, link), now_ms);
	return running;
}

int predictions_recent(const struct predictions *p, int64_t now_ms, int64_t window_ms,
		       int64_t *oldest_ms)
{
	int recent = 0;

	*oldest_ms = now_ms;
	list_each (link, &p->all) {
		const struct prediction *one = list_entry(link, struct prediction, link);

		if (one->created_ms > now_ms || now_ms - one->created_ms >= window_ms)
			continue;
		if (one->created_ms < *oldest_ms)
			*oldest_ms = one->created_ms;
		recent++;
	}
	return recent;
}

static void forget_pictures(struct predictions *p, const struct prediction *spare)
{
	list_each (link, &p->all) {
		struct prediction *one = list_entry(link, struct prediction, link);

		if (p->png_bytes <= PNG_BYTES_MAX)
			return;
		if (one == spare)
			continue;
		p->png_bytes -= one->png.size;
		buf_release(&one->png);
	}
}

int predictions_draw(struct predictions *p, struct prediction *one)
{
	struct painter_ask ask = { one->prompt, one->seed, one->width, one->height };
	int r;

	if (one->png.size)
		return 0;
	r = painter_draw(&ask, &one->png);
	if (r < 0)
		return r;
	p->png_bytes += one->png.size;
	forget_pictures(p, one);
	return 0;
}

struct prediction *predictions_undrawn(const struct predictions *p, int64_t now_ms)
{
	list_each (link, &p->all) {
		struct prediction *one = list_entry(link, struct prediction, link);

		if (one->outcome == OUTCOME_PICTURE && !one->png.size &&
		    prediction_running(one, now_ms))
			return one;
	}
	return NULL;
}
