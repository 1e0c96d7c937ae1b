/* options: what a command line means, and what is said of one that means nothing. */
#include <errno.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/options.h"
#include "oom.h"
#include "scratch.h"

#define MOST 12

static char folder[SCRATCH_PATH];

static int make_folder(void **state)
{
	(void)state;
	scratch_make(folder);
	return chdir(folder);
}

static int remove_folder(void **state)
{
	(void)state;
	scratch_remove(folder);
	return 0;
}

/* words: with a blank between two. */
static int parse(struct options *o, const char *words, struct error *err)
{
	static char text[400];
	char *argv[MOST] = { (char *)"pimagefs" }, *rest = text;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", words);
	while (argc < MOST - 1 && (argv[argc] = strsep(&rest, " ")))
		argc++;
	optind = 0; /* glibc begins anew */
	opterr = 0;
	memset(err, 0, sizeof(*err));
	return options_parse(o, argc, argv, err);
}

static void every_option(void **state)
{
	struct options o;
	struct error err;

	(void)state;
	assert_int_equal(parse(&o, "-c x.ini --name work -f --demo --new-library /mnt", &err), 0);
	assert_string_equal(o.file, "x.ini");
	assert_string_equal(o.name, "work");
	assert_true(o.foreground && o.demo && o.new_library && !o.debug && !o.check_config);
	assert_string_equal(o.mountpoint, "/mnt");
	options_release(&o);
	assert_int_equal(parse(&o, "-d /mnt/", &err), 0);
	assert_true(o.debug && o.foreground);
	assert_string_equal(o.mountpoint, "/mnt");
	options_release(&o);
	assert_int_equal(parse(&o, "--check-config --online", &err), 0);
	assert_true(o.check_config && o.online);
	assert_null(o.mountpoint);
	options_release(&o);
	assert_int_equal(parse(&o, "-V", &err), 0);
	assert_true(o.version);
	options_release(&o);
	assert_int_equal(parse(&o, "--help", &err), 0);
	assert_true(o.help);
	options_release(&o);
}

static void others_may_come_in_however_it_is_written(void **state)
{
	static const struct {
		const char *words;
		bool shared;
	} rows[] = {
		{ "-o allow_other /mnt", true },
		{ "-o ro,allow_other,noexec /mnt", true },
		{ "-o allow\\_other /mnt", true },
		{ "-o \\a\\llow\\137othe\\162 /mnt", true },
		{ "-o max_read=1\\054allow_other /mnt", true },
		{ "-o allow_other\\054 /mnt", true },
		{ "/mnt", false },
		{ "-o allow_root /mnt", false },
		{ "-o allow_others /mnt", false },
		{ "-o allow_othe /mnt", false },
		{ "-o xallow_other,fsname=allow_other /mnt", false },
		{ "-o allow\\\\_other /mnt", false },
		{ "-o allow_other\\ /mnt", false },
		{ "-o allow\\13_other /mnt", false },
	};
	struct options o;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(parse(&o, rows[i].words, &err), 0);
		if (options_are_shared(&o) != rows[i].shared)
			fail_msg("%s", rows[i].words);
		options_release(&o);
	}
}

static void settings_are_parted_from_mount_options(void **state)
{
	struct options o;
	struct error err;

	(void)state;
	assert_int_equal(parse(&o, "-o ro,limits.concurrent=4,,allow_other -o log.level=warn /mnt",
			       &err),
			 0);
	assert_int_equal(o.n_settings, 2);
	assert_string_equal(o.settings[0], "limits.concurrent=4");
	assert_string_equal(o.settings[1], "log.level=warn");
	assert_int_equal(o.n_mount, 2);
	assert_string_equal(o.mount[0], "ro");
	assert_string_equal(o.mount[1], "allow_other");
	options_release(&o);
}

static void the_mountpoint_becomes_absolute(void **state)
{
	char expected[SCRATCH_PATH + 16], here[SCRATCH_PATH];
	struct options o;
	struct error err;

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(parse(&o, ".", &err), 0);
	assert_string_equal(o.mountpoint, here);
	options_release(&o);
	snprintf(expected, sizeof(expected), "%s/none",
		 here); /* a stale mount resolves as little */
	assert_int_equal(parse(&o, "none//", &err), 0);
	assert_string_equal(o.mountpoint, expected);
	options_release(&o);
}

static void refusals(void **state)
{
	static const struct {
		const char *words, *says;
	} rows[] = {
		{ "-f", "no mountpoint" },          { "a b", "\"b\" is too much" },
		{ "--online a", "--check-config" }, { "--nonsense a", "pimagefs -h" },
		{ "a -c", "pimagefs -h" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct options o;
		struct error err;

		assert_int_equal(parse(&o, rows[i].words, &err), -EINVAL);
		if (!strstr(err.message, rows[i].says))
			fail_msg("%s: %s", rows[i].words, err.message);
		options_release(&o);
	}
}

static void without_memory(void **state)
{
	unsigned failed = 1;

	(void)state;
	for (unsigned n = 0; failed; n++) {
		struct options o;
		struct error err;
		int r;

		oom_fail_once(n);
		r = parse(&o, "-o ro,limits.queue=5 -o dev .", &err);
		failed = oom_off();
		assert_true(r == 0 || (failed && r == -ENOMEM));
		options_release(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option),
		cmocka_unit_test(others_may_come_in_however_it_is_written),
		cmocka_unit_test(settings_are_parted_from_mount_options),
		cmocka_unit_test(the_mountpoint_becomes_absolute),
		cmocka_unit_test(refusals),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
