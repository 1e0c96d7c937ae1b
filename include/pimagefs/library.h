/* library: the pictures on disk, ordinary files for ordinary tools. Layer 3 (but knows nothing of
 * its neighbours). A picture is written to a temporary file, checked, synced, renamed; beside it
 * lies a small JSON file with its request. */
#ifndef PIMAGEFS_LIBRARY_H
#define PIMAGEFS_LIBRARY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/statvfs.h>

#include "pimagefs/digest.h"
#include "pimagefs/error.h"
#include "pimagefs/picture.h"

struct library;
struct library_draft; /* a picture on its way in */

/* Makes the folder (0755 & ~umask) if need be and removes temporary files that a crash left. 0 or a
 * negative errno with err. */
int library_open(struct library **out, const char *folder, struct error *err);
void library_close(struct library *l);
const char *library_path(const struct library *l);

/* 0 if a new picture could be written now; -EROFS, -EACCES (as -EROFS), -ENOSPC (less than
 * min_free_bytes free). */
int library_may_write(const struct library *l, int64_t min_free_bytes);

/* A new temporary file (O_CLOEXEC, FOLDER/.tmp/). */
int library_begin(struct library *l, struct library_draft **out);
/* A sink for downloads: data is the struct library_draft. */
int library_write(const void *bytes, size_t size, void *draft);
/* What came in so far. */
int64_t library_draft_bytes(const struct library_draft *d);

struct library_entry {
	char *path; /* relative to the library, "2026-11-22/141503-fox.png"; heap, the caller's */
	struct picture picture;
	int64_t bytes;
	char sha256[DIGEST_HEX];
};

/* Check what came in: everything of *out but the path, which stays NULL. 0, -EILSEQ/-ENODATA (err
 * says what came instead), -EIO, -ENOMEM. library_keep does it where nobody did. */
int library_examine(struct library_draft *d, struct library_entry *out, struct error *err);

/* Check and keep: the picture gets the name YYYY-MM-DD/HHMMSS-ID.ending (UTC of wall_ms; '/' in the
 * id becomes '-', cut so that it fits; "-2", "-3" ... if taken: nothing is ever overwritten), mtime
 * wall_ms, and the text `note` beside it as the same name with ".json" (picture first synced and
 * renamed, then the note, then the folder synced). Frees the draft in any case. 0; -EILSEQ/-ENODATA
 * (see picture_check; err says what came instead); -ENOSPC, -EIO, ... */
int library_keep(struct library_draft *d, const char *id, int64_t wall_ms, const char *note,
		 struct library_entry *out, struct error *err);
/* A kept picture under one more name, with a note of its own: hard-linked where the filesystem can,
 * else copied. from is what library_keep gave; *path is the caller's. 0; -ENOENT (it is gone, or
 * has another size); -ENOSPC, -EIO, ... */
int library_keep_again(struct library *l, const struct library_entry *from, const char *id,
		       int64_t wall_ms, const char *note, char **path);
/* Drop what was begun. Takes NULL. */
void library_drop(struct library_draft *d);

/* A read-only descriptor of a kept picture (O_CLOEXEC | O_NOFOLLOW), or a negative errno. path is
 * checked to stay inside. */
int library_read(const struct library *l, const char *path);
/* Size of a kept picture, or a negative errno. */
int64_t library_size(const struct library *l, const char *path);
/* Remove a picture and its note. 0 or a negative errno (-ENOENT counts as done: 0). */
int library_remove(struct library *l, const char *path);

#define LIBRARY_NOTE_MAX (4 << 20) /* bytes of a note that are read */

struct library_found {
	const char *path; /* relative to the library */
	int64_t bytes;
	int64_t mtime_ms;
	const char *note; /* NULL: there is none that can be read */
	size_t note_size;
};

/* Each picture that lies in a day's folder, in order of name; what cannot be read is left out. fn
 * returns 0 to go on; anything else ends it and is returned. 0 or a negative errno. */
int library_each(struct library *l, int (*fn)(const struct library_found *found, void *data),
		 void *data);
/* Check one of them: everything of *out but the path. As library_examine, without words. */
int library_measure(const struct library *l, const char *path, struct library_entry *out);

int library_statvfs(const struct library *l, struct statvfs *out);

#endif
