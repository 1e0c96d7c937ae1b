/*
 * log: lines for the person who runs the mount.
 *
 * Each line is one write, so that lines of several processes do not mix, without control
 * characters, so that no text of the network can forge a line or reach the terminal. stderr gets
 * "pimagefs: warning: text"; a file gets a time in front; syslog gets the bare text, for it adds
 * its own.
 *
 * A line that cannot be written is dropped: a full disk or a reader that is gone must not stop the
 * mount (for the same reason a FIFO is opened without waiting for its reader). errno stays as it
 * was. The target stays open until the program ends or another one is opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "pimagefs/clock.h"
#include "pimagefs/error.h"
#include "pimagefs/log.h"

#define LINE_MAX_BYTES 2048

enum target { TARGET_STDERR, TARGET_SYSLOG, TARGET_FILE };

static struct {
	enum target target;
	int fd;
	enum log_level level;
} log_to = { TARGET_STDERR, STDERR_FILENO, LOG_LEVEL_INFO };

struct level_row {
	const char *name;
	int priority;
};

static const struct level_row levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARN] = { "warning", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

static void leave_target(void)
{
	if (log_to.target == TARGET_FILE)
		close(log_to.fd);
	if (log_to.target == TARGET_SYSLOG)
		closelog();
}

static int open_file(const char *path)
{
	int fd;

	if (path[0] != '/')
		return -EINVAL;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	return fd < 0 ? -errno : fd;
}

int log_open(const char *target, enum log_level level)
{
	enum target kind = TARGET_FILE;
	int fd = STDERR_FILENO;

	if (strcmp(target, "stderr") == 0) {
		kind = TARGET_STDERR;
	} else if (strcmp(target, "syslog") == 0) {
		kind = TARGET_SYSLOG;
	} else {
		fd = open_file(target);
		if (fd < 0)
			return fd;
	}
	leave_target();
	if (kind == TARGET_SYSLOG)
		openlog("pimagefs", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log_to.target = kind;
	log_to.fd = fd;
	log_to.level = level;
	return 0;
}

int log_wants(enum log_level level)
{
	return level <= log_to.level;
}

static void write_whole(int fd, const char *line, size_t size)
{
	while (size) {
		ssize_t n = write(fd, line, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line += n;
		size -= (size_t)n;
	}
}

static void write_line(enum log_level level, const char *text)
{
	char line[CLOCK_TEXT + 32 + LINE_MAX_BYTES], when[CLOCK_TEXT];
	const char *name = levels[level].name;
	int length;

	if (log_to.target == TARGET_FILE) {
		clock_rfc3339(clock_wall_ms(), when);
		length = snprintf(line, sizeof(line), "%s %s: %s\n", when, name, text);
	} else {
		length = snprintf(line, sizeof(line), "pimagefs: %s: %s\n", name, text);
	}
	if (length > 0 && (size_t)length < sizeof(line))
		write_whole(log_to.fd, line, (size_t)length);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char given[LINE_MAX_BYTES + 8] = "", text[LINE_MAX_BYTES];
	int saved = errno;
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, fmt);
	vsnprintf(given, sizeof(given), fmt, args);
	va_end(args);
	error_text(text, sizeof(text), given);
	if (log_to.target == TARGET_SYSLOG)
		syslog(levels[level].priority, "%s", text);
	else
		write_line(level, text);
	errno = saved;
}
