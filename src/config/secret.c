/*
 * secret: keys from where they are safe.
 *
 * A key file is opened once, judged by the open descriptor (so that nobody can swap it in between)
 * and read. What a key command prints is read by who runs it, with the same rules.
 *
 * Failures are told in words that name the file or the setting, never the command's text or its
 * output. What was read is overwritten before its memory is given back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pimagefs/buf.h"
#include "pimagefs/secret.h"

bool secret_is_usable(const char *text)
{
	size_t n = 0;

	while (text[n] > ' ' && text[n] < 0x7f)
		n++;
	return n > 0 && n <= SECRET_MAX && text[n] == '\0';
}

int secret_check_private(const struct stat *st, const char *path, struct error *err)
{
	if (!S_ISREG(st->st_mode)) {
		error_set(err, ERROR_AUTH, "%s: is not a regular file, so it cannot hold a key",
			  path);
		return -EACCES;
	}
	if (st->st_uid != geteuid() && st->st_uid != 0) {
		error_set(err, ERROR_AUTH,
			  "%s: belongs to another user (uid %lu), who could read or change "
			  "the key in it",
			  path, (unsigned long)st->st_uid);
		return -EACCES;
	}
	if (st->st_mode & (S_IRWXG | S_IRWXO)) {
		error_set(err, ERROR_AUTH,
			  "%s: holds a key and is open to others (mode %04o); do: "
			  "chmod 600 %s",
			  path, (unsigned)st->st_mode & 07777, path);
		return -EACCES;
	}
	return 0;
}

int secret_first_line(const struct buf *in, const char *whose, char **out, struct error *err)
{
	const char *text = buf_text(in);
	size_t from, size = strcspn(text, "\n");
	char *line;

	from = strspn(text, " \t\r");
	while (size > from && strchr(" \t\r", text[size - 1]))
		size--;
	line = strndup(text + from, size > from ? size - from : 0);
	if (!line)
		return -ENOMEM;
	if (!secret_is_usable(line)) {
		error_set(err, ERROR_AUTH,
			  "%s: its first line is no key (1 to %d printable ASCII characters "
			  "without spaces)",
			  whose, SECRET_MAX);
		text_wipe(&line);
		return -EINVAL;
	}
	*out = line;
	return 0;
}

int secret_read_some(int fd, struct buf *in)
{
	char piece[512];
	ssize_t n = read(fd, piece, sizeof(piece));
	int r = n > 0 ? 1 : 0;

	if (n < 0)
		return errno == EINTR ? 1 : errno == EAGAIN ? 0 : -errno;
	if (n > 0 && in->size <= SECRET_MAX && buf_append(in, piece, (size_t)n) < 0)
		r = -ENOMEM;
	explicit_bzero(piece, sizeof(piece));
	return r;
}

static int read_key(int fd, const char *path, char **out, struct error *err)
{
	struct buf in = BUF_INIT;
	int r;

	do
		r = secret_read_some(fd, &in);
	while (r > 0 && in.size <= SECRET_MAX);
	if (r < 0)
		error_set(err, ERROR_AUTH, "%s: %s", path, strerror(-r));
	else
		r = secret_first_line(&in, path, out, err);
	buf_wipe(&in);
	return r;
}

int secret_read_file(const char *path, char **out, struct error *err)
{
	struct stat st;
	int fd, r;

	/* Not blocking, or a FIFO of that name would hold us up before it is seen to be none. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		error_set(err, ERROR_AUTH, "%s: %s", path, strerror(-r));
	} else {
		r = secret_check_private(&st, path, err);
		if (r == 0)
			r = read_key(fd, path, out, err);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

void secret_explain_command(int r, int status, int timeout_ms, struct error *err)
{
	if (r == -ETIMEDOUT)
		error_set(err, ERROR_AUTH, "key_command: not done within %d seconds; it was killed",
			  timeout_ms / 1000);
	else if (r < 0)
		error_set(err, ERROR_AUTH, "key_command: %s", strerror(-r));
	else if (status > 128)
		error_set(err, ERROR_AUTH, "key_command: ended by signal %d", status - 128);
	else
		error_set(err, ERROR_AUTH, "key_command: failed with exit status %d", status);
}

int secret_take_environment(const char *name, char **out)
{
	char *value = getenv(name);
	char *copy = NULL;

	if (value && *value) {
		copy = strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	if (value) {
		explicit_bzero(value, strlen(value));
		unsetenv(name);
	}
	*out = copy;
	return 0;
}
