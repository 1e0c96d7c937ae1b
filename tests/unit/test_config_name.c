/* config: mounts with a name: their settings file, their folders, and what a name may be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "pimagefs/config.h"
#include "scratch.h"

static int make(void **state)
{
	char *folder = malloc(SCRATCH_PATH);

	if (!folder)
		return -1;
	scratch_make(folder);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_DATA_HOME");
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", folder, 1);
	setenv("EACHLABS_API_KEY", "env-key", 1);
	*state = folder;
	return 0;
}

static int drop(void **state)
{
	scratch_remove(*state);
	free(*state);
	return 0;
}

static void a_name_has_a_file_and_folders(void **state)
{
	const char *folder = *state;
	struct config_sources from = { .name = "work" };
	struct settings *s;
	struct error err;

	assert_int_equal(config_load(&s, &from, &err), -ENOENT);
	assert_non_null(strstr(err.message, scratch_path(folder, ".config/pimagefs/work.ini")));
	setenv("EACHLABS_API_KEY", "env-key", 1);
	setenv("PIMAGEFS_CONFIG", scratch_path(folder, "none.ini"), 1); /* the name wins */
	assert_int_equal(mkdir(scratch_path(folder, ".config"), 0700), 0);
	assert_int_equal(mkdir(scratch_path(folder, ".config/pimagefs"), 0700), 0);
	scratch_write(folder, ".config/pimagefs/work.ini", "[limits]\nqueue=7\n", 17);
	assert_int_equal(config_load(&s, &from, &err), 0);
	assert_int_equal(s->limits.queue, 7);
	assert_string_equal(s->library.path, scratch_path(folder, ".local/share/pimagefs-work"));
	assert_string_equal(s->library.state, scratch_path(folder, ".local/state/pimagefs-work"));
	settings_free(s);

	setenv("EACHLABS_API_KEY", "env-key", 1);
	scratch_write(folder, "x.ini", "[library]\npath = /tmp/pictures\n", 31);
	from.file = scratch_path(folder, "x.ini"); /* says otherwise */
	assert_int_equal(config_load(&s, &from, &err), 0);
	assert_string_equal(s->library.path, "/tmp/pictures");
	assert_string_equal(s->library.state, scratch_path(folder, ".local/state/pimagefs-work"));
	settings_free(s);

	from = (struct config_sources){ .name = "other", .demo = true }; /* needs no file */
	assert_int_equal(config_load(&s, &from, &err), 0);
	assert_string_equal(s->library.path,
			    scratch_path(folder, ".local/share/pimagefs-other-demo"));
	settings_free(s);
}

static void a_name_is_checked(void **state)
{
	static const char *const bad[] = { "",    ".",   "..",       ".hidden", "-f",     "a/b",
					   "a b", "a\n", "\xc3\xa4", "demo",    "a-demo", "a%b" };
	char name[CONFIG_NAME_MAX + 2];
	struct config_sources from = { .demo = true };
	struct settings *s;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		from.name = bad[i];
		assert_int_equal(config_load(&s, &from, &err), -EINVAL);
		assert_non_null(strstr(err.message, "--name"));
	}
	from.name = memset(name, 'a', sizeof(name));
	name[CONFIG_NAME_MAX + 1] = '\0';
	assert_int_equal(config_load(&s, &from, &err), -EINVAL);
	name[CONFIG_NAME_MAX] = '\0';
	assert_int_equal(config_load(&s, &from, &err), 0);
	settings_free(s);
	from.name = "a_B-9.x";
	assert_int_equal(config_load(&s, &from, &err), 0);
	settings_free(s);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_has_a_file_and_folders),
		TEST(a_name_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
