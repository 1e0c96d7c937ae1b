/* log: where lines go, how they look, and what must never get into one. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pimagefs/clock.h"
#include "pimagefs/log.h"
#include "pimagefs/utf8.h"

struct place {
	char folder[256];
	char path[300];
};

static int make_place(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	*state = place;
	snprintf(place->folder, sizeof(place->folder), "%s/pimagefs-log-XXXXXX",
		 tmp ? tmp : "/tmp");
	if (!mkdtemp(place->folder))
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/log", place->folder);
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;

	log_open("stderr", LOG_LEVEL_INFO);
	unlink(place->path);
	rmdir(place->folder);
	free(place);
	return 0;
}

static char *contents(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, room - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static void file_lines_have_time_and_level(void **state)
{
	struct place *place = *state;
	char text[4096], when[CLOCK_TEXT];
	int64_t before = clock_wall_ms(), at;

	assert_int_equal(log_open(place->path, LOG_LEVEL_DEBUG), 0);
	log_error("one %d", 1);
	log_warn("two");
	log_info("three");
	log_debug("four");
	contents(place->path, text, sizeof(text));
	memcpy(when, text, CLOCK_TEXT - 1);
	when[CLOCK_TEXT - 1] = '\0';
	assert_int_equal(clock_parse_rfc3339(when, &at), 0);
	assert_true(at >= before && at <= clock_wall_ms());
	assert_memory_equal(text + CLOCK_TEXT - 1, " error: one 1\n", 14);
	assert_non_null(strstr(text, "Z warning: two\n"));
	assert_non_null(strstr(text, "Z info: three\n"));
	assert_non_null(strstr(text, "Z debug: four\n"));
}

static void level_keeps_lines_out(void **state)
{
	struct place *place = *state;
	char text[4096];

	assert_int_equal(log_open(place->path, LOG_LEVEL_WARN), 0);
	log_info("quiet");
	log_debug("quiet");
	assert_string_equal(contents(place->path, text, sizeof(text)), "");
	log_warn("loud");
	assert_non_null(strstr(contents(place->path, text, sizeof(text)), "loud"));
}

static void file_is_private_and_appended_to(void **state)
{
	struct place *place = *state;
	char text[4096];
	struct stat st;

	assert_int_equal(log_open(place->path, LOG_LEVEL_INFO), 0);
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	log_info("first");
	assert_int_equal(log_open(place->path, LOG_LEVEL_INFO), 0);
	log_info("second");
	contents(place->path, text, sizeof(text));
	assert_non_null(strstr(text, "first\n"));
	assert_non_null(strstr(text, "second\n"));
}

/* Descriptors are given lowest first: the log's is the one that is free now. */
static void descriptor_is_closed_on_exec_and_on_change(void **state)
{
	struct place *place = *state;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(log_open(place->path, LOG_LEVEL_INFO), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(log_open("stderr", LOG_LEVEL_INFO), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void failure_keeps_the_earlier_target(void **state)
{
	struct place *place = *state;
	char inside[400], text[4096];

	assert_int_equal(log_open(place->path, LOG_LEVEL_INFO), 0);
	snprintf(inside, sizeof(inside), "%s/none/log", place->folder);
	assert_int_equal(log_open(inside, LOG_LEVEL_DEBUG), -ENOENT);
	assert_int_equal(log_open(place->folder, LOG_LEVEL_DEBUG), -EISDIR);
	assert_int_equal(log_open("relative.log", LOG_LEVEL_DEBUG), -EINVAL);
	assert_int_equal(log_open("", LOG_LEVEL_DEBUG), -EINVAL);
	log_info("still here");
	assert_non_null(strstr(contents(place->path, text, sizeof(text)), "still here\n"));
}

static void a_rotated_file_is_opened_anew(void **state)
{
	struct place *place = *state;
	char rotated[400], moved[400], text[4096];

	assert_int_equal(log_reopen(), 0); /* stderr goes on */
	assert_int_equal(log_open(place->path, LOG_LEVEL_WARN), 0);
	log_warn("first");
	snprintf(rotated, sizeof(rotated), "%s/log.1", place->folder);
	assert_int_equal(rename(place->path, rotated), 0);
	log_warn("second");
	assert_int_equal(log_reopen(), 0);
	log_warn("third");
	log_info("the level stays");
	assert_null(strstr(contents(place->path, text, sizeof(text)), "second"));
	assert_non_null(strstr(text, "third\n"));
	assert_null(strstr(text, "level"));
	assert_non_null(strstr(contents(rotated, text, sizeof(text)), "second\n"));
	assert_null(strstr(text, "third"));
	/* Where it cannot be, the one that was open goes on. */
	snprintf(moved, sizeof(moved), "%s-moved", place->folder);
	assert_int_equal(rename(place->folder, moved), 0);
	assert_int_equal(log_reopen(), -ENOENT);
	log_warn("fourth");
	assert_int_equal(rename(moved, place->folder), 0);
	assert_non_null(strstr(contents(place->path, text, sizeof(text)), "fourth\n"));
	assert_int_equal(unlink(rotated), 0);
}

static void fifo_without_a_reader_does_not_stop_us(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkfifo(place->path, 0600), 0);
	assert_int_equal(log_open(place->path, LOG_LEVEL_INFO), -ENXIO);
}

static void text_cannot_forge_a_line(void **state)
{
	struct place *place = *state;
	char text[4096];

	assert_int_equal(log_open(place->path, LOG_LEVEL_INFO), 0);
	log_info("bad\nerror: all is lost\r\x1b[31m\xff");
	contents(place->path, text, sizeof(text));
	assert_non_null(strstr(text, "Z info: bad error: all is lost  [31m?\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void long_lines_are_cut_whole(void **state)
{
	struct place *place = *state;
	char text[8192], given[6000];

	for (size_t i = 0; i + 3 < sizeof(given); i += 3)
		memcpy(given + i, "\xe2\x82\xac", 4);
	assert_int_equal(log_open(place->path, LOG_LEVEL_INFO), 0);
	log_info("%s", given);
	contents(place->path, text, sizeof(text));
	assert_true(strlen(text) > 2000 && strlen(text) < 2200);
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_true(utf8_valid(text, strlen(text)));
	assert_null(strchr(text, '?'));
}

static void errno_survives(void **state)
{
	struct place *place = *state;

	assert_int_equal(log_open("/dev/full", LOG_LEVEL_INFO), 0);
	errno = EXDEV;
	log_info("lost: the disk is full");
	assert_int_equal(errno, EXDEV);
	assert_int_equal(log_open(place->path, LOG_LEVEL_INFO), 0);
}

static void stderr_lines_name_the_program(void **state)
{
	struct place *place = *state;
	int fd = open(place->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int earlier = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	char text[4096];

	assert_true(fd >= 0 && earlier >= 0);
	assert_int_equal(log_open("stderr", LOG_LEVEL_INFO), 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	log_warn("disk nearly full: %d MB", 5);
	log_error("gone");
	dup2(earlier, STDERR_FILENO);
	close(earlier);
	close(fd);
	assert_string_equal(contents(place->path, text, sizeof(text)),
			    "pimagefs: warning: disk nearly full: 5 MB\n"
			    "pimagefs: error: gone\n");
}

static void syslog_is_a_target(void **state)
{
	struct place *place = *state;

	assert_int_equal(log_open("syslog", LOG_LEVEL_ERROR), 0);
	assert_int_equal(log_open(place->path, LOG_LEVEL_INFO), 0);
}

static void a_reader_that_does_not_read_stops_nothing(void **state)
{
	int fds[2], earlier = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	char text[4096];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0); /* our end waits, as a terminal's would */
	assert_int_equal(log_open("stderr", LOG_LEVEL_INFO), 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	for (int i = 0; i < 20000; i++) /* far more than a pipe holds */
		log_info("line %d", i);
	while (read(fds[0], text, sizeof(text)) > 0)
		; /* now somebody reads */
	log_info("the last one");
	n = read(fds[0], text, sizeof(text) - 1);
	dup2(earlier, STDERR_FILENO);
	close(earlier);
	close(fds[0]);
	close(fds[1]);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "lines could not be written here"));
	assert_non_null(strstr(text, "the last one"));
}

#define log_test(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		log_test(file_lines_have_time_and_level),
		log_test(level_keeps_lines_out),
		log_test(file_is_private_and_appended_to),
		log_test(descriptor_is_closed_on_exec_and_on_change),
		log_test(failure_keeps_the_earlier_target),
		log_test(a_rotated_file_is_opened_anew),
		log_test(fifo_without_a_reader_does_not_stop_us),
		log_test(text_cannot_forge_a_line),
		log_test(long_lines_are_cut_whole),
		log_test(errno_survives),
		log_test(stderr_lines_name_the_program),
		log_test(syslog_is_a_target),
		log_test(a_reader_that_does_not_read_stops_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
