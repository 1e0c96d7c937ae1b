/* secret: keys from where they are safe: a private file, a command's output, the environment.
 * Floor 1. A secret is printable ASCII without spaces, at most SECRET_MAX bytes. No message ever
 * holds one. */
#ifndef PIMAGEFS_SECRET_H
#define PIMAGEFS_SECRET_H

#include <stdbool.h>
#include <sys/stat.h>

#include "pimagefs/buf.h"
#include "pimagefs/error.h"

#define SECRET_MAX 4096
#define SECRET_COMMAND_MS 30000

bool secret_is_usable(const char *text);
/* A regular file of ours or root's that group and others cannot open: 0, or -EACCES with the chmod
 * that mends it. */
int secret_check_private(const struct stat *st, const char *path, struct error *err);

/* Each fills *out, the caller's for text_wipe, and leaves it alone on failure: */
/* The file's first line, trimmed. 0, -ENOENT, -EACCES, -EINVAL (no key in it), -ENOMEM, or what
 * open gave. */
int secret_read_file(const char *path, char **out, struct error *err);
/* The variable's value, or NULL if it is unset or empty. Its bytes in the environment are
 * overwritten and the variable is unset, so that neither children nor /proc/PID/environ have it. 0
 * or -ENOMEM (then it is still there). */
int secret_take_environment(const char *name, char **out);

/* Who runs api.key_command reads with these. */
/* Append what one read gives, up to a line of the largest size; the rest is dropped. 1: there may
 * be more; 0: not now, or never (the end); -ENOMEM or what read gave. */
int secret_read_some(int fd, struct buf *in);
/* The first line of what was read, trimmed; whose: for the message. 0, -EINVAL, -ENOMEM. */
int secret_first_line(const struct buf *in, const char *whose, char **out, struct error *err);
/* Why there is no key: r < 0 (-ETIMEDOUT: it was killed), or its exit status (128 and the signal).
 */
void secret_explain_command(int r, int status, int timeout_ms, struct error *err);

#endif
