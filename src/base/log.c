/*
 * log: lines for the person who runs the mount.
 *
 * Each line is one write, so that lines of several processes do not mix, without control
 * characters, so that no text of the network can forge a line or reach the terminal. stderr gets
 * "pimagefs: warning: text"; a file gets a time in front; syslog gets the bare text, for it adds
 * its own.
 *
 * A line that cannot be written at once is dropped and counted: a full disk, a reader that is gone
 * or that does not read (a stopped terminal, a stalled journal) must not stop the mount. The next
 * line that can be written says how many were. So stderr is asked before it is written to (its
 * flags are not ours alone), and syslog is its own socket here, for syslog(3) waits. errno stays as
 * it was. The target stays open until the program ends or another one is opened. A file that was
 * renamed is opened anew only when that is asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "pimagefs/clock.h"
#include "pimagefs/error.h"
#include "pimagefs/log.h"

#define LINE_MAX_BYTES 2048
#define LOG_SOCKET "/dev/log"

enum target { TARGET_STDERR, TARGET_SYSLOG, TARGET_FILE };

static struct {
	enum target target;
	int fd; /* of syslog: negative while there is no connection */
	enum log_level level;
	unsigned long dropped; /* lines since the last one that was written */
	char path[PATH_MAX];   /* of a file */
} log_to = { TARGET_STDERR, STDERR_FILENO, LOG_LEVEL_INFO, 0, "" };

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
	if (log_to.target != TARGET_STDERR && log_to.fd >= 0)
		close(log_to.fd);
}

/* The socket, or -1. */
static int open_syslog(void)
{
	const struct sockaddr_un there = { AF_UNIX, LOG_SOCKET };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&there, sizeof(there)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
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
		fd = open_syslog();
	} else {
		fd = open_file(target);
		if (fd < 0)
			return fd;
	}
	leave_target();
	log_to.target = kind;
	log_to.fd = fd;
	log_to.level = level;
	log_to.dropped = 0;
	snprintf(log_to.path, sizeof(log_to.path), "%s", kind == TARGET_FILE ? target : "");
	return 0;
}

int log_reopen(void)
{
	int fd;

	if (log_to.target != TARGET_FILE)
		return 0;
	fd = open_file(log_to.path);
	if (fd < 0)
		return fd;
	leave_target();
	log_to.fd = fd;
	return 0;
}

/* Without waiting: false if the line could not be written. */
static bool write_whole(int fd, const char *line, size_t size)
{
	while (size) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };
		ssize_t n = poll(&ready, 1, 0) == 1 ? write(fd, line, size) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		line += n;
		size -= (size_t)n;
	}
	return true;
}

/* As syslog(3) writes it. The journal may have been started anew: then its socket is another. */
static bool send_line(enum log_level level, const char *text)
{
	char line[64 + LINE_MAX_BYTES], when[32];
	time_t now = time(NULL);
	struct tm tm;
	int length;

	strftime(when, sizeof(when), "%b %e %H:%M:%S", localtime_r(&now, &tm));
	length = snprintf(line, sizeof(line), "<%d>%s pimagefs[%d]: %s",
			  LOG_DAEMON | levels[level].priority, when, (int)getpid(), text);
	for (int i = 0; i < 2; i++) {
		if (log_to.fd < 0)
			log_to.fd = open_syslog();
		if (log_to.fd < 0)
			return false;
		if (send(log_to.fd, line, (size_t)length, MSG_NOSIGNAL) >= 0)
			return true;
		if (errno == EAGAIN || errno == ENOBUFS)
			return false;
		close(log_to.fd);
		log_to.fd = -1;
	}
	return false;
}

static bool write_line(enum log_level level, const char *text)
{
	char line[CLOCK_TEXT + 32 + LINE_MAX_BYTES], when[CLOCK_TEXT];
	const char *name = levels[level].name;
	int length;

	if (log_to.target == TARGET_SYSLOG)
		return send_line(level, text);
	if (log_to.target == TARGET_FILE) {
		clock_rfc3339(clock_wall_ms(), when);
		length = snprintf(line, sizeof(line), "%s %s: %s\n", when, name, text);
	} else {
		length = snprintf(line, sizeof(line), "pimagefs: %s: %s\n", name, text);
	}
	return length > 0 && (size_t)length < sizeof(line) &&
	       write_whole(log_to.fd, line, (size_t)length);
}

static void write_or_drop(enum log_level level, const char *text)
{
	char gap[64];

	if (log_to.dropped) {
		snprintf(gap, sizeof(gap), "%lu lines could not be written here", log_to.dropped);
		if (!write_line(LOG_LEVEL_WARN, gap)) {
			log_to.dropped++;
			return;
		}
		log_to.dropped = 0;
	}
	if (!write_line(level, text))
		log_to.dropped++;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char given[LINE_MAX_BYTES + 8] = "", text[LINE_MAX_BYTES];
	int saved = errno;
	va_list args;

	if (level > log_to.level)
		return;
	va_start(args, fmt);
	vsnprintf(given, sizeof(given), fmt, args);
	va_end(args);
	error_text(text, sizeof(text), given);
	write_or_drop(level, text);
	errno = saved;
}
