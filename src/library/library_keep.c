/*
 * library_keep: how a picture comes into the library.
 *
 * Happy path: the bytes are checked in memory, written to .tmp/, given their time and synced; the
 * sidecar is written and synced beside them; then both get their names (library_place.c). A sidecar
 * that is written anew takes the place of the old one by a rename.
 *
 * Failures: the errno of the call; what is no picture is described in err. What was written is
 * removed again; what the disk did not let go of is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "library_internal.h"
#include "pimagefs/world.h"

#define MOST_BYTES ((int64_t)1 << 30) /* of one picture: it is checked in memory */

/* --- what is a picture --- */

static int look(const void *bytes, size_t size, struct library_entry *out)
{
	int r = picture_check(bytes, size, &out->picture);

	if (!r)
		r = digest_sha256(bytes, size, out->sha256);
	out->bytes = (int64_t)size;
	return r;
}

static void describe(struct error *err, int r, const void *bytes, size_t size)
{
	if (r == -EILSEQ && !size)
		error_set(err, ERROR_DOWNLOAD, "the download held nothing");
	else if (r == -EILSEQ)
		error_set(err, ERROR_DOWNLOAD,
			  "the download is %s, not a PNG, JPEG or WebP picture",
			  library_name_kind(bytes, size));
	else if (r == -ENODATA)
		error_set(
			err, ERROR_DOWNLOAD,
			"the picture that was downloaded is cut short or damaged (%zu bytes came)",
			size);
	else
		error_set(err, ERROR_DOWNLOAD, "the picture cannot be checked: %s", strerror(-r));
}

int library_examine(const void *bytes, size_t size, struct library_entry *out, struct error *err)
{
	struct library_entry entry = { 0 };
	int r = look(bytes ? bytes : "", size, &entry);

	if (r)
		describe(err, r, bytes, size);
	else
		*out = entry;
	return r;
}

int library_measure(const struct library *l, const char *path, struct library_entry *out)
{
	struct library_entry entry = { 0 };
	int fd = library_read(l, path), r;
	char *bytes = NULL;
	struct stat st;

	if (fd < 0)
		return fd;
	r = l->disk->stat(l->disk, fd, &st);
	if (!r && st.st_size > MOST_BYTES)
		r = -EFBIG;
	/* Not mapped: if somebody cut the file meanwhile, a map would end the program. */
	if (!r)
		r = disk_read_all(l->disk, fd, (size_t)st.st_size, &bytes);
	if (!r)
		r = look(bytes, (size_t)st.st_size, &entry);
	free(bytes);
	l->disk->close(l->disk, fd);
	if (!r)
		*out = entry;
	return r;
}

/* --- temporary files --- */

/* A file in .tmp/; fd < 0: none. */
struct temp {
	int fd;
	char name[sizeof(LIBRARY_TMP "/") + 16];
};

static int open_temp(const struct library *l, mode_t mode, struct temp *t)
{
	const struct disk *d = l->disk;

	t->fd = d->open(d, l->root, t->name, O_RDWR | O_CREAT | O_EXCL, mode);
	if (t->fd < 0)
		return t->fd;
	/* Where locks do not work, two mounts must not share a library; nothing else is lost. */
	d->lock(d, t->fd, LOCK_EX);
	return 0;
}

static int make_temp(const struct library *l, mode_t mode, uint64_t chance, struct temp *t)
{
	int r;

	snprintf(t->name, sizeof(t->name), LIBRARY_TMP "/%016llx", (unsigned long long)chance);
	r = open_temp(l, mode, t);
	if (r != -ENOENT)
		return r;
	r = l->disk->mkdir(l->disk, l->root, LIBRARY_TMP, 0700);
	return r < 0 && r != -EEXIST ? r : open_temp(l, mode, t);
}

static void drop_temp(const struct library *l, struct temp *t)
{
	if (t->fd < 0)
		return;
	/* After a rename it is no longer there. */
	l->disk->unlink(l->disk, l->root, t->name, 0);
	l->disk->close(l->disk, t->fd);
	t->fd = -1;
}

/* --- keeping --- */

static int finish_picture(const struct library *l, const struct temp *t, int64_t wall_ms)
{
	int64_t ms = wall_ms % 1000;
	struct timespec when;
	int r;

	if (ms < 0)
		ms += 1000;
	when = (struct timespec){ (wall_ms - ms) / 1000, ms * 1000000 };
	r = l->disk->set_time(l->disk, t->fd, &when);
	return r ? r : l->disk->sync(l->disk, t->fd);
}

static int make_sidecar(const struct library *l, const struct library_name *name, struct temp *t)
{
	int r;

	if (!name->sidecar)
		return 0;
	r = make_temp(l, 0600, name->chance + 1, t);
	if (!r)
		r = disk_write_all(l->disk, t->fd, name->sidecar, strlen(name->sidecar));
	return r ? r : l->disk->sync(l->disk, t->fd);
}

/* The picture is there as a temporary file; with its sidecar it gets its name. */
static int settle(const struct library *l, const struct temp *picture,
		  const struct library_name *name, enum picture_kind kind, char **path)
{
	struct temp beside = { .fd = -1 };
	char day[LIBRARY_DAY], stem[LIBRARY_STEM];
	struct library_pair pair = { .picture = picture->name,
				     .folder = day,
				     .stem = stem,
				     .ending = picture_ending(kind),
				     .is_new = true };
	int r = make_sidecar(l, name, &beside);

	if (!r) {
		library_name_day(name->wall_ms, day);
		library_name_stem(name->wall_ms, name->id, l->stem_room, stem);
		pair.sidecar = beside.fd >= 0 ? beside.name : NULL;
		r = library_place(l, &pair, path);
	}
	drop_temp(l, &beside);
	return r;
}

char *library_place_of(const struct library *l, const struct library_name *name,
		       enum picture_kind kind)
{
	char day[LIBRARY_DAY], stem[LIBRARY_STEM], file[LIBRARY_NAME], *path;

	library_name_day(name->wall_ms, day);
	library_name_stem(name->wall_ms, name->id, l->stem_room, stem);
	library_name_file(stem, 1, picture_ending(kind), file);
	return asprintf(&path, "%s/%s", day, file) < 0 ? NULL : path;
}

int library_keep(const struct library *l, const void *bytes, const struct library_name *name,
		 struct library_entry *entry)
{
	struct temp picture = { .fd = -1 };
	int r = make_temp(l, 0644, name->chance, &picture);

	if (!r)
		r = disk_write_all(l->disk, picture.fd, bytes, (size_t)entry->bytes);
	if (!r)
		r = finish_picture(l, &picture, name->wall_ms);
	if (!r)
		r = settle(l, &picture, name, entry->picture.kind, &entry->path);
	drop_temp(l, &picture);
	return r;
}

static int copy_bytes(const struct disk *d, int from, int to)
{
	char bytes[16384];
	ssize_t n;
	int r = 0;

	for (off_t at = 0; r == 0 && (n = d->pread(d, from, bytes, sizeof(bytes), at)) != 0;
	     at += n)
		r = n > 0 ? disk_write_all(d, to, bytes, (size_t)n) : (int)n;
	return r;
}

/* The new name's own temporary name: of the same file, or of a copy. */
static int link_or_copy(const struct library *l, const char *path, int from,
			const struct library_name *name, struct temp *t)
{
	int r = make_temp(l, 0644, name->chance, t);

	if (r)
		return r;
	l->disk->lock(l->disk, from, LOCK_SH); /* so that no other mount sweeps the link away */
	/* The empty file was only there to hold a free name in .tmp/. */
	l->disk->unlink(l->disk, l->root, t->name, 0);
	if (!l->disk->link(l->disk, l->root, path, l->root, t->name))
		return 0;
	drop_temp(l, t);
	r = make_temp(l, 0644, name->chance, t);
	if (!r)
		r = copy_bytes(l->disk, from, t->fd);
	return r ? r : finish_picture(l, t, name->wall_ms);
}

int library_keep_again(const struct library *l, const struct library_entry *from,
		       const struct library_name *name, char **path)
{
	struct temp picture = { .fd = -1 };
	int fd = library_read(l, from->path), r = fd < 0 ? fd : 0;

	if (!r && library_size(l, from->path) != from->bytes)
		r = -ENOENT;
	if (!r)
		r = link_or_copy(l, from->path, fd, name, &picture);
	if (!r)
		r = settle(l, &picture, name, from->picture.kind, path);
	drop_temp(l, &picture);
	if (fd >= 0)
		l->disk->close(l->disk, fd);
	return r;
}

/* --- a sidecar that says more --- */

static int sync_folder_of(const struct library *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	int fd = folder ? l->disk->open(l->disk, l->root, folder, O_RDONLY | O_DIRECTORY, 0)
			: -ENOMEM;
	int r = fd < 0 ? fd : l->disk->sync(l->disk, fd);

	if (fd >= 0)
		l->disk->close(l->disk, fd);
	free(folder);
	return r;
}

int library_make_last(const struct library *l, const char *path)
{
	int r = l->disk->sync(l->disk, l->root);

	return r ? r : sync_folder_of(l, path);
}

int library_write_sidecar(const struct library *l, const char *path, const char *text,
			  uint64_t chance)
{
	const struct library_name name = { .sidecar = text, .chance = chance };
	char *sidecar = library_sidecar_path(path);
	struct temp t = { .fd = -1 };
	int fd = library_read(l, path), r = fd < 0 ? fd : 0;

	if (!r && !sidecar)
		r = -ENOMEM;
	if (!r)
		r = make_sidecar(l, &name, &t);
	if (!r)
		r = l->disk->rename(l->disk, l->root, t.name, l->root, sidecar, 0);
	if (!r)
		r = sync_folder_of(l, path);
	drop_temp(l, &t);
	if (fd >= 0)
		l->disk->close(l->disk, fd);
	free(sidecar);
	return r;
}
