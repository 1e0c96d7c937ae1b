/*
 * predictions_file: predictions on disk, a file of a few lines each, called <id>.json.
 *
 * Happy path: prediction_save writes <id>.tmp and renames it; predictions_read walks over the
 * folder and makes a record of each file. No fsync: what must outlive is this process, not the
 * machine. Failures: a file that makes no sense is removed, as is a half-written one that a kill
 * left; files whose names are not of this form are never touched. Nothing is held.
 */
#include "predictions_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "painter.h"

#define ID_SIZE (PREDICTION_ID - 1)
#define FILE_NAME (PREDICTION_ID + 8)
#define FILE_BYTES_MAX (8 << 20) /* a body of 1 MiB, each byte escaped */

void prediction_free(struct prediction *one)
{
	if (!one)
		return;
	free(one->prompt);
	buf_release(&one->png);
	free(one);
}

static json_t *to_json(const struct prediction *one)
{
	return json_pack("{s:s, s:I, s:i, s:i, s:i, s:I, s:I}", "prompt", one->prompt, "seed",
			 (json_int_t)one->seed, "width", one->width, "height", one->height,
			 "outcome", (int)one->outcome, "created_ms", (json_int_t)one->created_ms,
			 "ready_ms", (json_int_t)one->ready_ms);
}

static int write_file(int folder, const char *name, const json_t *json)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (json_dumpfd(json, fd, JSON_COMPACT) < 0)
		r = -EIO;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int prediction_save(int folder, const struct prediction *one)
{
	char part[FILE_NAME], name[FILE_NAME];
	json_t *json = to_json(one);
	int r;

	if (!json)
		return -ENOMEM;
	snprintf(part, sizeof(part), "%s.tmp", one->id);
	snprintf(name, sizeof(name), "%s.json", one->id);
	r = write_file(folder, part, json);
	if (r == 0 && renameat(folder, part, folder, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(folder, part, 0);
	json_decref(json);
	return r;
}

void prediction_unlink(int folder, const char *id)
{
	char name[FILE_NAME];

	snprintf(name, sizeof(name), "%s.json", id);
	unlinkat(folder, name, 0);
}

static bool makes_sense(const struct prediction *one)
{
	return one->width >= PAINTER_SIDE_MIN && one->width <= PAINTER_SIDE_MAX &&
	       one->height >= PAINTER_SIDE_MIN && one->height <= PAINTER_SIDE_MAX &&
	       one->outcome <= OUTCOME_CANCELLED && one->created_ms > 0 &&
	       one->ready_ms >= one->created_ms;
}

static int from_json(json_t *json, struct prediction *one)
{
	json_int_t seed, created, ready;
	const char *prompt;
	int outcome;

	if (json_unpack(json, "{s:s, s:I, s:i, s:i, s:i, s:I, s:I}", "prompt", &prompt, "seed",
			&seed, "width", &one->width, "height", &one->height, "outcome", &outcome,
			"created_ms", &created, "ready_ms", &ready) < 0 ||
	    outcome < 0)
		return -EINVAL;
	one->seed = seed;
	one->outcome = (enum outcome)outcome;
	one->created_ms = created;
	one->ready_ms = ready;
	if (!makes_sense(one))
		return -EINVAL;
	one->prompt = strdup(prompt);
	return one->prompt ? 0 : -ENOMEM;
}

static int load(int folder, const char *name, json_t **out)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	json_error_t why = { 0 };
	struct stat st;
	int r = -EINVAL;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_BYTES_MAX) {
		*out = json_loadfd(fd, 0, &why);
		if (*out)
			r = 0;
		else if (!*why.text) /* what is no JSON has a reason, no memory has none */
			r = -ENOMEM;
	}
	close(fd);
	return r;
}

static int read_one(int folder, const char *name, struct prediction **out)
{
	struct prediction *one = calloc(1, sizeof(*one));
	json_t *json = NULL;
	int r = -ENOMEM;

	if (!one)
		return r;
	memcpy(one->id, name, ID_SIZE);
	r = load(folder, name, &json);
	if (r == 0)
		r = from_json(json, one);
	json_decref(json);
	if (r < 0)
		prediction_free(one);
	else
		*out = one;
	return r;
}

static bool is_ours(const char *name)
{
	return strspn(name, "0123456789abcdef-") == ID_SIZE &&
	       (!strcmp(name + ID_SIZE, ".json") || !strcmp(name + ID_SIZE, ".tmp"));
}

static int visit(int folder, const char *name, int64_t since_ms,
		 int (*found)(struct prediction *, void *), void *data)
{
	struct prediction *one = NULL;
	int r = -EINVAL;

	if (!is_ours(name))
		return 0;
	if (!strcmp(name + ID_SIZE, ".json"))
		r = read_one(folder, name, &one);
	if (r == 0 && one->created_ms > since_ms) {
		r = found(one, data);
		if (r < 0)
			prediction_free(one);
		return r;
	}
	prediction_free(one);
	if (r == 0 || r == -EINVAL)
		unlinkat(folder, name, 0);
	return r == -ENOMEM ? r : 0;
}

int predictions_read(int folder, int64_t since_ms, int (*found)(struct prediction *one, void *data),
		     void *data)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)))
		r = visit(folder, entry->d_name, since_ms, found, data);
	closedir(dir);
	return r;
}
