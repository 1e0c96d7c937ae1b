/* library: the pictures on disk, ordinary files for ordinary tools. Floor 2; it knows nothing
 * of jobs. A picture is written to a temporary file, synced, renamed; beside it lies a small JSON
 * file with its request. What is removed goes to the library's trash first.
 *
 * Its disk may be slow or hang (a share, a stick). What may wait for it is marked (W): before
 * library_start it is called as it is, from then on only from the run function of a work. */
#ifndef PIMAGEFS_LIBRARY_H
#define PIMAGEFS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include "pimagefs/digest.h"
#include "pimagefs/error.h"
#include "pimagefs/list.h"
#include "pimagefs/picture.h"

struct library;
struct world;

/* The library's own name: a file in its folder that begins with an id, so that the empty place of a
 * disk that is not mounted is not taken for it. */
#define LIBRARY_MARKER ".pimagefs-library"
#define LIBRARY_ID 33 /* 32 hexadecimal digits, and its NUL */

/* The id of the library in this folder, if there is one; nothing is made or changed. 0, -ENOENT (no
 * folder, or no marker in it), -EINVAL (a marker without an id), or what opening gave. */
int library_look_for(const struct world *world, const char *folder, char id[LIBRARY_ID]);
/* Is this picture (a path relative to the library) in the folder? Makes nothing, too. */
bool library_lies_in(const struct world *world, const char *folder, const char *picture);
void library_make_id(const struct world *world, char id[LIBRARY_ID]);
/* Give the library this id, instead of one that it may have. Durable. 0 or a negative errno. */
int library_mark(struct library *l, const char *id);

/* Makes the folder (0700; an existing one keeps its mode) if need be and removes temporary files
 * that a crash left. The world (its disk and its work) must outlive it. 0 or a negative errno
 * with err. (W) */
int library_open(struct library **out, const struct world *world, const char *folder,
		 struct error *err);
/* The loop begins: works can be given, and what is known of the disk is of this moment. 0 or
 * -ENOMEM.
 */
int library_start(struct library *l);
/* Works that wait are done with -ECANCELED; one that is under way is done when it ends, and the
 * library goes with the last of them. Takes NULL. */
void library_close(struct library *l);
const char *library_path(const struct library *l);

/* --- work --- */

/* One piece of work on the disk, embedded in its owner, who keeps it until done is called. */
struct library_work {
	/* Beside the loop: touches nothing but its owner and the functions marked (W). */
	void (*run)(struct library_work *w);
	/* On the loop, exactly once. r: 0, or why run was not called. */
	void (*done)(struct library_work *w, int r);
	struct library *library;
	struct list in;
};

/* In order, two at a time at most. done is never called from inside this. */
void library_work(struct library *l, struct library_work *w);
/* Is any under way, or a look at the disk? Then a thread may be held by it. */
bool library_works(const struct library *l);

/* --- how the disk is: asked beside the loop, remembered for a second --- */

/* True if what library_may_write says is of this second, or if the disk does not answer. Else it is
 * asked, and who listens hears of the answer, at the latest in LIBRARY_PATIENCE_MS. */
bool library_is_known(struct library *l);
#define LIBRARY_PATIENCE_MS 250
/* 0 if a new picture could be written, by what is remembered; -EROFS, -EACCES (as -EROFS), -ENOSPC
 * (less than min_free_bytes free), -ETIMEDOUT (the disk does not answer), or its errno. */
int library_may_write(const struct library *l, int64_t min_free_bytes);
/* As remembered. 0 or a negative errno. */
int library_statvfs(struct library *l, struct statvfs *out);
/* 0 or -ENOMEM. */
int library_listen(struct library *l, void (*fn)(void *data), void *data);

/* --- pictures --- */

struct library_entry {
	char *path; /* relative to the library, "2026-11-22/141503-fox.png"; heap, the caller's */
	struct picture picture;
	int64_t bytes;
	char sha256[DIGEST_HEX];
};

/* Check a downloaded picture: everything of *out but the path, which becomes NULL. Pure. 0,
 * -EILSEQ/-ENODATA (err says what came instead), -EIO, -ENOMEM. */
int library_examine(const void *bytes, size_t size, struct library_entry *out, struct error *err);

/* How a picture is to be kept: with the name YYYY-MM-DD/HHMMSS-ID.ending (UTC of wall_ms; '/' in
 * the id becomes '-', cut so that it fits; "-2", "-3" ... if taken: nothing is ever overwritten),
 * mtime wall_ms, and the text `sidecar` beside it as the same name with ".json". */
struct library_name {
	const char *id;
	int64_t wall_ms;
	const char *sidecar;
	uint64_t chance; /* 64 random bits, for the temporary files */
};

/* Where library_keep puts it, if no such name is taken; the caller's. NULL when out of memory. */
char *library_place_of(const struct library *l, const struct library_name *name,
		       enum picture_kind kind);
/* Keep what was examined: entry->path becomes its name (both files synced, the sidecar renamed and
 * on disk, then the picture, then the folder synced). 0; -ENOSPC, -EIO, ...: nothing is left, and
 * entry->path is NULL; but where the disk did not let the picture go again, it is its name. (W) */
int library_keep(const struct library *l, const void *bytes, const struct library_name *name,
		 struct library_entry *entry);
/* A picture that has its name has it after a crash too. 0 or a negative errno. (W) */
int library_make_last(const struct library *l, const char *path);
/* A kept picture under one more name, with a sidecar of its own: hard-linked where the filesystem
 * can, else copied. from is what library_keep gave; *path is the caller's. 0; -ENOENT (it is gone,
 * or has another size); -ENOSPC, -EIO, ..., with *path as by library_keep. (W) */
int library_keep_again(const struct library *l, const struct library_entry *from,
		       const struct library_name *name, char **path);

/* Write a kept picture's sidecar anew: another text takes its place at once. 0; -ENOENT (the
 * picture is gone); -ENOSPC, -EIO, ... (W) */
int library_write_sidecar(const struct library *l, const char *path, const char *text,
			  uint64_t chance);

/* A read-only descriptor of a kept picture (O_CLOEXEC | O_NOFOLLOW), or a negative errno. path is
 * checked to stay inside. (W) */
int library_read(const struct library *l, const char *path);
/* Its bytes: how many, 0 at the end, or a negative errno. (W) */
ssize_t library_read_at(const struct library *l, int fd, void *bytes, size_t size, off_t at);
/* The same, from memory alone: -EAGAIN where that would wait for the disk. */
ssize_t library_read_now(const struct library *l, int fd, void *bytes, size_t size, off_t at);
/* (W) */
void library_read_end(const struct library *l, int fd);
/* Size of a kept picture, or a negative errno. (W) */
int64_t library_size(const struct library *l, const char *path);
/* Remove a picture and its sidecar for good. 0 or a negative errno (-ENOENT counts as done: 0).
 * (W) */
int library_remove(const struct library *l, const char *path);
/* Move both into the trash, below the day of wall_ms: *out, the caller's, is the path there. 0 or a
 * negative errno (-ENOENT: it is gone). (W) */
int library_trash(const struct library *l, const char *path, int64_t wall_ms, char **out);
/* And back, under the name that it had or the next that is free. (W) */
int library_restore(const struct library *l, const char *path, char **out);
/* Remove for good what was put into the trash so many days ago or earlier. (W) */
int library_empty_trash(const struct library *l, int64_t wall_ms, int days);
bool library_in_trash(const char *path);

#define LIBRARY_SIDECAR_MAX (4 << 20) /* bytes of a sidecar that are read */

struct library_found {
	const char *path; /* relative to the library */
	int64_t bytes;
	int64_t mtime_ms;
	const char *sidecar; /* NULL: there is none that can be read */
	size_t sidecar_size;
};

/* Each picture that lies in a day's folder, in order of name; what cannot be read is left out. fn
 * returns 0 to go on; anything else ends it and is returned. 0 or a negative errno. (W) */
int library_each(struct library *l, int (*fn)(const struct library_found *found, void *data),
		 void *data);
/* The same for those alone that library_keep could have made for this id, on the day of since_ms or
 * later (LIBRARY_ANY_DAY: whenever). strict: what cannot be read ends it with its errno, unless
 * nobody may read it. (W) */
#define LIBRARY_ANY_DAY INT64_MIN
int library_each_of(struct library *l, const char *id, int64_t since_ms, bool strict,
		    int (*fn)(const struct library_found *found, void *data), void *data);
/* The same for one path: what fn returns, or -ENOENT, -EINVAL, the errno of reading it. (W) */
int library_one(struct library *l, const char *path,
		int (*fn)(const struct library_found *found, void *data), void *data);
/* Check one of them: everything of *out but the path. As library_examine, without words. (W) */
int library_measure(const struct library *l, const char *path, struct library_entry *out);

#endif
