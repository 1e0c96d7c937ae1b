/* secret: which files, commands and variables give a key, and what is left of it afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/clock.h"
#include "pimagefs/secret.h"
#include "scratch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[SCRATCH_PATH];

static int setup(void **state)
{
	(void)state;
	scratch_make(folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(folder);
	return 0;
}

static const char *key_file(const char *text, mode_t mode)
{
	scratch_write(folder, "key", text, strlen(text));
	assert_int_equal(chmod(scratch_path(folder, "key"), mode), 0);
	return scratch_path(folder, "key");
}

static void a_key_is_one_printable_word(void **state)
{
	char *longest = malloc(SECRET_MAX + 2);

	(void)state;
	memset(longest, 'k', SECRET_MAX + 1);
	longest[SECRET_MAX + 1] = '\0';
	assert_false(secret_is_usable(longest));
	longest[SECRET_MAX] = '\0';
	assert_true(secret_is_usable(longest));
	free(longest);
	assert_true(secret_is_usable("k"));
	assert_true(secret_is_usable("sk-A_b.c~!"));
	assert_false(secret_is_usable(""));
	assert_false(secret_is_usable("a b"));
	assert_false(secret_is_usable("a\n"));
	assert_false(secret_is_usable("a\r"));
	assert_false(secret_is_usable("\xc3\xa4"));
	assert_false(secret_is_usable("a\x7f"));
}

static void a_file_gives_its_first_line(void **state)
{
	static const char *const texts[] = { "the-key", "the-key\n", "  the-key \r\n",
					     "the-key\nanother\n", "\tthe-key\t\n\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct error err = { .message = "" };
		char *key = NULL;

		if (secret_read_file(key_file(texts[i], 0600), &key, &err) < 0)
			fail_msg("%s", err.message);
		assert_string_equal(key, "the-key");
		text_wipe(&key);
	}
}

static void a_file_without_a_key_is_refused(void **state)
{
	static const char *const texts[] = { "", "\n", "\nthe-key\n", "two words\n",
					     "k\xc3\xa4y\n" };
	char *big = malloc(10000);
	struct error err;
	char *key = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(secret_read_file(key_file(texts[i], 0600), &key, &err), -EINVAL);
		assert_non_null(strstr(err.message, "is no key"));
		assert_null(strstr(err.message, "two words"));
	}
	memset(big, 'k', 9999);
	big[9999] = '\0';
	assert_int_equal(secret_read_file(key_file(big, 0600), &key, &err), -EINVAL);
	assert_null(key);
	free(big);
}

static void a_file_that_others_can_open_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0660, 0610, 0601, 0644, 0666 };
	struct error err;
	char *key = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		assert_int_equal(secret_read_file(key_file("the-key", modes[i]), &key, &err),
				 -EACCES);
		assert_non_null(strstr(err.message, "chmod 600"));
		assert_non_null(strstr(err.message, folder));
	}
	assert_int_equal(secret_read_file(key_file("the-key", 0400), &key, &err), 0);
	text_wipe(&key);
}

static void what_is_no_file_is_refused(void **state)
{
	const char *fifo = scratch_path(folder, "fifo");
	struct error err;
	char *key = NULL;

	(void)state;
	assert_int_equal(secret_read_file(scratch_path(folder, "none"), &key, &err), -ENOENT);
	assert_non_null(strstr(err.message, "none: No such file"));
	assert_int_equal(secret_read_file(folder, &key, &err), -EACCES);
	assert_int_equal(secret_read_file("/dev/null", &key, &err), -EACCES);
	/* Nobody ever writes into it: an open that waits would hang. */
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(secret_read_file(fifo, &key, &err), -EACCES);
	assert_null(key);
}

static void a_strangers_file_is_refused(void **state)
{
	struct stat st = { .st_mode = S_IFREG | 0600, .st_uid = geteuid() + 1 };
	struct error err;

	(void)state;
	assert_int_equal(secret_check_private(&st, "key", &err), -EACCES);
	assert_non_null(strstr(err.message, "another user"));
	st.st_uid = 0;
	assert_int_equal(secret_check_private(&st, "key", &err), 0);
	st.st_uid = geteuid();
	assert_int_equal(secret_check_private(&st, "key", &err), 0);
}

static void the_variable_is_taken_out_of_the_environment(void **state)
{
	char *key = NULL, *inside;

	(void)state;
	assert_int_equal(setenv("PIMAGEFS_TEST_KEY", "the-key", 1), 0);
	inside = getenv("PIMAGEFS_TEST_KEY");
	assert_int_equal(secret_take_environment("PIMAGEFS_TEST_KEY", &key), 0);
	assert_string_equal(key, "the-key");
	assert_null(getenv("PIMAGEFS_TEST_KEY"));
	assert_memory_equal(inside, "\0\0\0\0\0\0\0", 7);
	text_wipe(&key);

	assert_int_equal(secret_take_environment("PIMAGEFS_TEST_KEY", &key), 0);
	assert_null(key);
	assert_int_equal(setenv("PIMAGEFS_TEST_KEY", "", 1), 0);
	assert_int_equal(secret_take_environment("PIMAGEFS_TEST_KEY", &key), 0);
	assert_null(key);
	assert_null(getenv("PIMAGEFS_TEST_KEY"));
}

static void memory_may_run_out(void **state)
{
	const char *path = key_file("the-key\n", 0600);
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct error err;
		char *key = NULL;
		int r;

		oom_fail_after(n);
		r = secret_read_file(path, &key, &err);
		failed = oom_off();
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(!key, r != 0);
		assert_true(failed || key);
		text_wipe(&key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_one_printable_word),
		cmocka_unit_test_setup_teardown(a_file_gives_its_first_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_without_a_key_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_others_can_open_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, setup, teardown),
		cmocka_unit_test(a_strangers_file_is_refused),
		cmocka_unit_test(the_variable_is_taken_out_of_the_environment),
		cmocka_unit_test_setup_teardown(memory_may_run_out, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
