/*
 * config_ini: the lines of an INI file.
 *
 * inih splits the lines into sections, names and values. It reads them through a reader of our own,
 * which counts them and refuses first what inih would cut or join without a word: lines and names
 * longer than its buffers, indented lines (to inih a continuation of the value before), NULs, text
 * behind a section's bracket. Comments may be of any length.
 *
 * The first fault ends the reading. Every message begins with "FILE:LINE: ". The file's text is
 * overwritten when it was read, for there may be a key in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config_internal.h"

#define LARGEST_FILE ((size_t)256 * 1024)
#define LONGEST_NAME 49 /* inih's buffers for a section and a name have 50 bytes */

struct reader {
	const char *path;
	const char *next, *end;
	unsigned line;
	config_line_fn fn;
	void *data;
	int r;
	struct error *err;
};

static void reader_prefix(struct reader *rd)
{
	error_prefix(rd->err, "%s:%u: ", rd->path, rd->line);
}

static int reader_refuse(struct reader *rd, const char *message)
{
	return error_invalid(rd->err, "%s:%u: %s", rd->path, rd->line, message);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

static int check_section(struct reader *rd, const char *line, const char *end)
{
	const char *close = memchr(line, ']', (size_t)(end - line));
	char name[LONGEST_NAME + 1];
	size_t size;

	if (!close)
		return reader_refuse(rd, "the ']' of the section is missing");
	size = (size_t)(close - line - 1);
	close = skip_blanks(close + 1, end);
	if (close < end && *close != ';' && *close != '#')
		return reader_refuse(rd,
				     "nothing may follow the ']' of a section; begin a new line");
	if (size > LONGEST_NAME)
		return reader_refuse(
			rd, "the section's name is longer than the 49 bytes that are allowed");
	memcpy(name, line + 1, size);
	name[size] = '\0';
	rd->r = rd->fn(rd->data, name, NULL, NULL, rd->line, rd->err);
	if (rd->r < 0)
		reader_prefix(rd);
	return rd->r;
}

static int check_pair(struct reader *rd, const char *line, const char *end)
{
	const char *p = line;

	while (p < end && *p != '=' && *p != ':')
		p++;
	if (p == end)
		return reader_refuse(rd, "neither a [section] nor \"key = value\"");
	while (p > line && is_blank(p[-1]))
		p--;
	if (p == line)
		return reader_refuse(rd, "there is no key before the '='");
	if (p - line > LONGEST_NAME)
		return reader_refuse(rd, "the key is longer than the 49 bytes that are allowed");
	return 0;
}

/* 0, or a negative errno with the message. */
static int check_line(struct reader *rd, const char *line, const char *end, int room)
{
	if (end - line >= room)
		return error_invalid(rd->err,
				     "%s:%u: the line has %zu bytes; at most %d are allowed",
				     rd->path, rd->line, (size_t)(end - line), room - 1);
	if (memchr(line, '\0', (size_t)(end - line)))
		return reader_refuse(rd, "there is a NUL byte in the line");
	if (is_blank(*line))
		return reader_refuse(
			rd,
			"the line begins with a space; a value cannot go on in the next line, and "
			"a key begins at the left edge");
	return *line == '[' ? check_section(rd, line, end) : check_pair(rd, line, end);
}

/* An fgets for inih: each line that says something, whole and without its end; all others as empty
 * ones. */
static char *reader_line(char *out, int room, void *stream)
{
	struct reader *rd = stream;
	const char *line = rd->next, *end, *text;

	if (rd->r < 0 || line == rd->end)
		return NULL;
	rd->line++;
	end = memchr(line, '\n', (size_t)(rd->end - line));
	rd->next = end ? end + 1 : rd->end;
	if (!end)
		end = rd->end;
	if (end > line && end[-1] == '\r')
		end--;
	text = skip_blanks(line, end);
	*out = '\0';
	if (text == end || *text == ';' || *text == '#')
		return out;
	rd->r = check_line(rd, line, end, room);
	if (rd->r < 0)
		return NULL;
	memcpy(out, line, (size_t)(end - line));
	out[end - line] = '\0';
	return out;
}

/* inih's handler: non-zero is success there. */
static int reader_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reader *rd = user;

	if (rd->r < 0)
		return 0;
	rd->r = rd->fn(rd->data, section, name, value, rd->line, rd->err);
	if (rd->r < 0)
		reader_prefix(rd);
	return rd->r == 0;
}

int config_read_text(const char *path, const char *text, size_t size, config_line_fn fn, void *data,
		     struct error *err)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct reader rd = { .path = path, .fn = fn, .data = data, .err = err };
	int line;

	rd.next = text;
	rd.end = rd.next + size;
	if (size >= 3 && memcmp(rd.next, bom, 3) == 0)
		rd.next += 3;
	line = ini_parse_stream(reader_line, &rd, reader_pair, &rd);
	if (rd.r == 0 && line != 0) {
		rd.line = line > 0 ? (unsigned)line : rd.line;
		rd.r = reader_refuse(&rd, "the line cannot be read");
	}
	return rd.r;
}

static int read_all(int fd, struct buf *out)
{
	char piece[4096];
	ssize_t n;
	int r = 0;

	do {
		n = read(fd, piece, sizeof(piece));
		if (n > 0)
			r = buf_append(out, piece, (size_t)n);
		else if (n < 0 && errno != EINTR)
			r = -errno;
		if (r == 0 && out->size > LARGEST_FILE)
			r = -EFBIG;
	} while (r == 0 && n != 0);
	explicit_bzero(piece, sizeof(piece));
	return r;
}

int config_ini_read(const char *path, config_line_fn fn, void *data, struct stat *st,
		    struct error *err)
{
	struct buf text = BUF_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r = fd < 0 ? -errno : 0;

	if (r == 0 && fstat(fd, st) < 0)
		r = -errno;
	if (r == 0)
		r = read_all(fd, &text);
	if (r < 0)
		error_set(err, ERROR_INVALID, "%s: %s", path, strerror(-r));
	else
		r = config_read_text(path, buf_text(&text), text.size, fn, data, err);
	if (fd >= 0)
		close(fd);
	buf_wipe(&text);
	return r;
}
