/*
 * predictions: the demo service's memory. Each prediction is a record in a list, oldest first, and
 * a small JSON file of the same name, so that a restart of the service goes on where it was. A
 * prediction does nothing while it runs: it is done when its time has come, which its file knows.
 *
 * Happy path: predictions_add picks a random id, writes the file under another name and renames it;
 * find, running and recent answer from memory; draw paints a picture when somebody needs it.
 * Failures: a file that cannot be written refuses the prediction. What cannot be read, or is older
 * than a day, is removed. Pictures and prompts are bounded in bytes, predictions in number: the
 * oldest give way. predictions_release frees the records and leaves the files.
 */
#include "predictions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "painter.h"
#include "pimagefs/map.h"
#include "pimagefs/rng.h"
#include "predictions_file.h"

#define PNG_BYTES_MAX (48u << 20)
#define PROMPT_BYTES_MAX (64u << 20)

static void forget(struct predictions *p, struct prediction *one)
{
	map_remove(p->by_id, one->id);
	list_remove(&one->link);
	p->count--;
	p->prompt_bytes -= strlen(one->prompt);
	p->png_bytes -= one->png.size;
	prediction_free(one);
}

static void drop(struct predictions *p, struct prediction *one)
{
	prediction_unlink(p->folder, one->id);
	forget(p, one);
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
		drop(p, one);
}

static int keep(struct predictions *p, struct prediction *one)
{
	struct list *after = p->all.prev;
	int r = map_set(p->by_id, one->id, one);

	if (r < 0)
		return r;
	while (after != &p->all &&
	       list_entry(after, struct prediction, link)->created_ms > one->created_ms)
		after = after->prev;
	list_insert_before(after->next, &one->link);
	p->count++;
	p->prompt_bytes += strlen(one->prompt);
	return 0;
}

static int on_found(struct prediction *one, void *data)
{
	return keep(data, one);
}

static int open_folder(struct predictions *p, const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	p->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->folder < 0 ? -errno : 0;
}

int predictions_init(struct predictions *p, const char *folder, int64_t now_ms)
{
	int r;

	memset(p, 0, sizeof(*p));
	list_init(&p->all);
	p->folder = -1;
	p->by_id = map_new();
	if (!p->by_id)
		return -ENOMEM;
	r = open_folder(p, folder);
	if (r == 0)
		r = predictions_read(p->folder, now_ms - PREDICTIONS_MAX_AGE_MS, on_found, p);
	if (r == 0)
		make_room(p, now_ms);
	else
		predictions_release(p);
	return r;
}

void predictions_release(struct predictions *p)
{
	struct prediction *one;

	while ((one = oldest(p)))
		forget(p, one);
	map_free(p->by_id);
	p->by_id = NULL;
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
	struct prediction *one = calloc(1, sizeof(*one));
	int r = -ENOMEM;

	if (!one)
		return r;
	one->prompt = strdup(ask->prompt);
	if (!one->prompt)
		goto out;
	one->seed = ask->seed;
	one->width = ask->width;
	one->height = ask->height;
	one->outcome = ask->outcome;
	one->created_ms = now_ms;
	one->ready_ms = now_ms + duration_ms(ask->seed);
	choose_id(one->id);
	make_room(p, now_ms);
	r = prediction_save(p->folder, one);
	if (r < 0)
		goto out;
	r = keep(p, one);
	if (r < 0) {
		prediction_unlink(p->folder, one->id);
		goto out;
	}
	*out = one;
	return 0;
out:
	prediction_free(one);
	return r;
}

struct prediction *predictions_find(const struct predictions *p, const char *id)
{
	return map_get(p->by_id, id);
}

int predictions_cancel(struct predictions *p, struct prediction *one, int64_t now_ms)
{
	enum outcome before = one->outcome;
	int64_t ready_ms = one->ready_ms;
	int r;

	one->outcome = OUTCOME_CANCELLED;
	one->ready_ms = now_ms;
	r = prediction_save(p->folder, one);
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
	for (struct list *link = p->all.prev; link != &p->all; link = link->prev) {
		const struct prediction *one = list_entry(link, struct prediction, link);

		if (one->created_ms > now_ms)
			continue;
		if (now_ms - one->created_ms >= window_ms)
			break;
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
	struct prediction *found = NULL;

	/* The running ones are at the end; a few more steps do no harm. */
	for (struct list *link = p->all.prev; link != &p->all; link = link->prev) {
		struct prediction *one = list_entry(link, struct prediction, link);

		if (now_ms - one->created_ms > 5000)
			break;
		if (one->outcome == OUTCOME_PICTURE && !one->png.size &&
		    prediction_running(one, now_ms))
			found = one;
	}
	return found;
}
