/*
 * library_draft: how a picture comes into the library.
 *
 * Happy path: the download is written to .tmp/, read back and checked, given its time and synced;
 * its note is written and synced beside it; then both are renamed into the day's folder, the
 * picture first, and that folder is synced. So a picture with its name is always whole, and after
 * a crash at most a note is missing.
 *
 * Failures: the errno of the call; what is no picture is described in err. Nothing is ever
 * replaced: a name that is taken gets a number. If the note or the sync fails, the picture leaves
 * its name again, so that the caller can try once more.
 *
 * On close: library_keep and library_drop free the draft and remove what is left of its files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "library_internal.h"
#include "pimagefs/rng.h"

#define MOST_BYTES ((int64_t)1 << 30) /* of one picture: it is checked in memory */
#define MOST_NAMES 10000              /* tried for one picture */

/* A file in .tmp/; fd < 0: none. */
struct temp {
	int fd;
	char name[sizeof(LIBRARY_TMP "/") + 16];
};

struct library_draft {
	struct library *library;
	struct temp temp;
	int64_t bytes;
	bool examined; /* what follows is true of the bytes that are there */
	struct picture picture;
	char sha256[DIGEST_HEX];
};

static int open_temp(struct library *l, struct temp *t)
{
	snprintf(t->name, sizeof(t->name), LIBRARY_TMP "/%016llx", (unsigned long long)rng_u64());
	t->fd = openat(l->root, t->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (t->fd < 0)
		return -errno;
	/* Where locks do not work, two mounts must not share a library; nothing else is lost. */
	flock(t->fd, LOCK_EX | LOCK_NB);
	return 0;
}

static int make_temp(struct library *l, struct temp *t)
{
	int r = open_temp(l, t);

	if (r != -ENOENT)
		return r;
	if (mkdirat(l->root, LIBRARY_TMP, 0700) < 0 && errno != EEXIST)
		return -errno;
	return open_temp(l, t);
}

static void drop_temp(struct library *l, struct temp *t)
{
	if (t->fd < 0)
		return;
	/* After a rename it is no longer there. */
	unlinkat(l->root, t->name, 0);
	close(t->fd);
	t->fd = -1;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

int library_begin(struct library *l, struct library_draft **out)
{
	struct library_draft *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->library = l;
	r = make_temp(l, &d->temp);
	if (r)
		free(d);
	else
		*out = d;
	return r;
}

int library_write(const void *bytes, size_t size, void *draft)
{
	struct library_draft *d = draft;
	int r;

	if (size > (size_t)(MOST_BYTES - d->bytes))
		return -EFBIG;
	d->examined = false;
	r = write_all(d->temp.fd, bytes, size);
	if (!r)
		d->bytes += (int64_t)size;
	return r;
}

int64_t library_draft_bytes(const struct library_draft *d)
{
	return d->bytes;
}

/* Not mapped: if somebody cut the file meanwhile, a map would end the program. */
static int read_back(int fd, size_t size, char **out)
{
	char *bytes = malloc(size + 1);
	size_t at = 0;

	if (!bytes)
		return -ENOMEM;
	while (at < size) {
		ssize_t n = pread(fd, bytes + at, size - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int r = n < 0 ? -errno : -EIO;

			free(bytes);
			return r;
		}
		at += (size_t)n;
	}
	*out = bytes;
	return 0;
}

static void describe(struct error *err, int r, const struct library_draft *d, const char *bytes)
{
	const char *kind = bytes ? library_name_kind(bytes, (size_t)d->bytes) : "";

	if (r == -EILSEQ && !d->bytes)
		error_set(err, ERROR_DOWNLOAD, "the download held nothing");
	else if (r == -EILSEQ)
		error_set(err, ERROR_DOWNLOAD,
			  "the download is %s, not a PNG, JPEG or WebP picture", kind);
	else if (r == -ENODATA)
		error_set(
			err, ERROR_DOWNLOAD,
			"the picture that was downloaded is cut short or damaged (%lld bytes came)",
			(long long)d->bytes);
	else
		error_set(err, ERROR_DOWNLOAD, "cannot keep the picture in %s: %s",
			  d->library->path, strerror(-r));
}

int library_look(int fd, int64_t size, struct library_entry *out)
{
	char *bytes = NULL;
	int r = size > MOST_BYTES ? -EFBIG : read_back(fd, (size_t)size, &bytes);

	if (!r)
		r = picture_check(bytes, (size_t)size, &out->picture);
	if (!r)
		r = digest_sha256(bytes, (size_t)size, out->sha256);
	free(bytes);
	out->bytes = size;
	return r;
}

static int examine(struct library_draft *d, struct error *err)
{
	struct library_entry entry;
	char *bytes = NULL;
	int r = library_look(d->temp.fd, d->bytes, &entry);

	if (r) {
		if (r == -EILSEQ)
			read_back(d->temp.fd, (size_t)d->bytes, &bytes);
		describe(err, r, d, bytes);
		free(bytes);
		return r;
	}
	d->picture = entry.picture;
	memcpy(d->sha256, entry.sha256, sizeof(d->sha256));
	d->examined = true;
	return 0;
}

int library_examine(struct library_draft *d, struct library_entry *out, struct error *err)
{
	int r = d->examined ? 0 : examine(d, err);

	if (r)
		return r;
	out->path = NULL;
	out->picture = d->picture;
	out->bytes = d->bytes;
	memcpy(out->sha256, d->sha256, sizeof(out->sha256));
	return 0;
}

static int finish_picture(const struct temp *t, int64_t wall_ms)
{
	int64_t ms = wall_ms % 1000;
	struct timespec times[2];

	if (ms < 0)
		ms += 1000;
	times[0].tv_sec = times[1].tv_sec = (wall_ms - ms) / 1000;
	times[0].tv_nsec = times[1].tv_nsec = ms * 1000000;
	return futimens(t->fd, times) < 0 || fsync(t->fd) < 0 ? -errno : 0;
}

static int make_note(struct library *l, const char *note, struct temp *t)
{
	int r;

	if (!note)
		return 0;
	r = make_temp(l, t);
	if (!r)
		r = write_all(t->fd, note, strlen(note));
	return !r && fsync(t->fd) < 0 ? -errno : r;
}

static int open_day(struct library *l, const char *day)
{
	int fd;

	if (!mkdirat(l->root, day, 0755)) {
		if (fsync(l->root) < 0)
			return -errno;
	} else if (errno != EEXIST) {
		return -errno;
	}
	fd = openat(l->root, day, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	if (!renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* NFS, for one, has no such rename; a link never replaces anything either. */
	if (linkat(from_dir, from, to_dir, to, 0) < 0)
		return -errno;
	unlinkat(from_dir, from, 0);
	return 0;
}

/* What goes into the day's folder together. */
struct pair {
	const struct temp *picture, *note;
	char name[LIBRARY_NAME], note_name[LIBRARY_NAME];
};

static void take_back(struct library *l, int day, const struct pair *p)
{
	renameat(day, p->name, l->root, p->picture->name);
}

static int place(struct library *l, int day, const struct pair *p)
{
	int r = rename_new(l->root, p->picture->name, day, p->name);

	if (r || p->note->fd < 0)
		return r;
	r = rename_new(l->root, p->note->name, day, p->note_name);
	if (r)
		take_back(l, day, p);
	return r;
}

static int sync_day(struct library *l, int day, const struct pair *p)
{
	int r = fsync(day) < 0 ? -errno : 0;

	if (!r)
		return 0;
	if (p->note->fd >= 0)
		unlinkat(day, p->note_name, 0);
	take_back(l, day, p);
	return r;
}

/* Under the first name that neither a picture nor a note has. */
static int place_somewhere(struct library *l, int day, const char *stem, const char *ending,
			   struct pair *p)
{
	int r = -EEXIST;

	for (unsigned n = 1; r == -EEXIST && n <= MOST_NAMES; n++) {
		library_name_file(stem, n, ending, p->name);
		library_name_file(stem, n, LIBRARY_NOTE, p->note_name);
		r = place(l, day, p);
	}
	return r ? r : sync_day(l, day, p);
}

static int settle(struct library_draft *d, const struct temp *note, const char *id, int64_t wall_ms,
		  struct library_entry *entry)
{
	struct library *l = d->library;
	struct pair pair = { .picture = &d->temp, .note = note };
	char day_name[LIBRARY_DAY], stem[LIBRARY_STEM], *path;
	int day, r;

	/* The one allocation comes first: once the picture has its name nothing may fail. */
	path = malloc(LIBRARY_DAY + LIBRARY_NAME);
	if (!path)
		return -ENOMEM;
	library_name_day(wall_ms, day_name);
	library_name_stem(wall_ms, id, l->stem_room, stem);
	day = open_day(l, day_name);
	r = day < 0 ? day : 0;
	if (!r)
		r = place_somewhere(l, day, stem, picture_ending(entry->picture.kind), &pair);
	if (day >= 0)
		close(day);
	if (r) {
		free(path);
		return r;
	}
	snprintf(path, LIBRARY_DAY + LIBRARY_NAME, "%s/%s", day_name, pair.name);
	entry->path = path;
	return 0;
}

int library_keep(struct library_draft *d, const char *id, int64_t wall_ms, const char *note,
		 struct library_entry *out, struct error *err)
{
	struct library_entry entry = { 0 };
	struct temp note_temp = { .fd = -1 };
	int r = library_examine(d, &entry, err);

	if (r)
		goto out;
	r = finish_picture(&d->temp, wall_ms);
	if (!r)
		r = make_note(d->library, note, &note_temp);
	if (!r)
		r = settle(d, &note_temp, id, wall_ms, &entry);
	if (r)
		describe(err, r, d, NULL);
	else
		*out = entry;
out:
	drop_temp(d->library, &note_temp);
	library_drop(d);
	return r;
}

static int copy_bytes(int from, int to)
{
	char bytes[16384];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read(from, bytes, sizeof(bytes))) != 0)
		r = n > 0 ? write_all(to, bytes, (size_t)n) : errno == EINTR ? 0 : -errno;
	return r;
}

/* The new name's own temporary name: of the same file, or of a copy. */
static int link_or_copy(struct library *l, const char *path, int from, int64_t wall_ms,
			struct temp *t)
{
	int r = make_temp(l, t);

	if (r)
		return r;
	flock(from, LOCK_SH | LOCK_NB); /* so that no other mount sweeps the link away */
	/* The empty file was only there to hold a free name in .tmp/. */
	unlinkat(l->root, t->name, 0);
	if (!linkat(l->root, path, l->root, t->name, 0))
		return 0;
	drop_temp(l, t);
	r = make_temp(l, t);
	if (!r)
		r = copy_bytes(from, t->fd);
	return r ? r : finish_picture(t, wall_ms);
}

int library_keep_again(struct library *l, const struct library_entry *from, const char *id,
		       int64_t wall_ms, const char *note, char **path)
{
	struct library_draft draft = { .library = l, .temp.fd = -1 };
	struct library_entry entry = *from;
	struct temp note_temp = { .fd = -1 };
	int fd = library_read(l, from->path), r = fd < 0 ? fd : 0;

	if (!r && library_size(l, from->path) != from->bytes)
		r = -ENOENT;
	if (!r)
		r = link_or_copy(l, from->path, fd, wall_ms, &draft.temp);
	if (!r)
		r = make_note(l, note, &note_temp);
	if (!r)
		r = settle(&draft, &note_temp, id, wall_ms, &entry);
	if (!r)
		*path = entry.path;
	drop_temp(l, &note_temp);
	drop_temp(l, &draft.temp);
	if (fd >= 0)
		close(fd);
	return r;
}

void library_drop(struct library_draft *d)
{
	if (!d)
		return;
	drop_temp(d->library, &d->temp);
	free(d);
}
