/* config_lines: [defaults] and [lora.NAME], whose lines are kept as texts with their places. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "pimagefs/config.h"
#include "scratch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MOST_OPTIONS 4

static char folder[SCRATCH_PATH];

static int setup(void **state)
{
	(void)state;
	scratch_make(folder);
	setenv("HOME", folder, 1);
	setenv("EACHLABS_API_KEY", "env-key", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(folder);
	unsetenv("EACHLABS_API_KEY");
	return 0;
}

static int load(struct settings **out, const char *text, const char *const *options,
		struct error *err)
{
	struct config_sources from = { .file = scratch_path(folder, "x.ini"),
				       .overrides = options };

	scratch_write(folder, "x.ini", text, strlen(text));
	*out = NULL;
	err->message[0] = '\0';
	while (options && from.n_overrides < MOST_OPTIONS && options[from.n_overrides])
		from.n_overrides++;
	setenv("EACHLABS_API_KEY", "env-key", 1);
	return config_load(out, &from, err);
}

static struct settings *loaded(const char *text, const char *const *options)
{
	struct settings *s;
	struct error err;

	if (load(&s, text, options, &err) < 0)
		fail_msg("%s", err.message);
	return s;
}

static void defaults_keep_their_lines(void **state)
{
	struct settings *s = loaded(("[defaults]\n\naspect_ratio = 3:2\nwhatever = x ; y\n"), NULL);

	(void)state;
	assert_int_equal(s->n_defaults, 2);
	assert_string_equal(s->defaults[0].value, "3:2");
	assert_string_equal(s->defaults[1].key, "whatever");
	assert_string_equal(s->defaults[1].value, "x");
	assert_non_null(strstr(s->defaults[1].where, "/x.ini:4"));
	settings_free(s);
}

static void loras_keep_their_lines(void **state)
{
	const char *const options[] = { "lora.in.k.scale=1", "lora.new.weights=c/d", NULL };
	struct settings *s = loaded(("[lora.in.k]\nweights = a/b\nscale = 0.5\n"
				     "[lora.Pixel-art_2]\nscale = 9\n"),
				    options);

	(void)state;
	assert_int_equal(s->n_loras, 3);
	assert_string_equal(s->loras[0].name, "in.k");
	assert_string_equal(s->loras[0].weights.value, "a/b");
	assert_non_null(strstr(s->loras[0].weights.where, "/x.ini:2"));
	assert_string_equal(s->loras[0].scale.value, "1");
	assert_string_equal(s->loras[0].scale.where, "-o lora.in.k.scale");
	assert_string_equal(s->loras[1].name, "Pixel-art_2");
	assert_null(s->loras[1].weights.value);
	assert_string_equal(s->loras[1].scale.value, "9");
	assert_string_equal(s->loras[2].weights.value, "c/d");
	settings_free(s);
}

static void loras_are_counted(void **state)
{
	struct buf text = BUF_INIT;
	struct settings *s;
	struct error err;

	(void)state;
	for (int i = 0; i < 257; i++)
		buf_printf(&text, "[lora.n%d]\nscale = 1\n", i);
	assert_int_equal(load(&s, text.data, NULL, &err), -EINVAL);
	assert_non_null(strstr(err.message, ":514: there are over 256 sections [lora.NAME]"));
	buf_release(&text);
}

struct bad {
	const char *text, *says;
	int r;
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct bad rows[] = {
		{ "[lora]\n", ":1: [lora] has no name; write [lora.NAME]", -EINVAL },
		{ "[lora.]\n", ":1: [lora.] has no name; write [lora.NAME]", -EINVAL },
		{ "[lora.a b]\n", ":1: [lora.a b]: the name of a LoRA has only letters", -EINVAL },
		{ "[lora.a:b]\n", ":1: [lora.a:b]: the name of a LoRA has only letters", -EINVAL },
		{ "[loras.fox]\n", ":1: there is no section [loras.fox]", -EINVAL },
		{ "[lora.fox]\nweight = x\n",
		  ":2: there is no setting lora.fox.weight; did you mean weights", -EINVAL },
		{ "[lora.fox]\nqueue = x\n",
		  ":2: there is no setting lora.fox.queue; there are weights and scale", -EINVAL },
		{ "[lora.fox]\nscale = 1\nscale = 1\n",
		  ":3: lora.fox.scale is given twice, first at ", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings *s;
		struct error err;
		int r = load(&s, rows[i].text, NULL, &err);

		if (r != rows[i].r || !strstr(err.message, rows[i].says))
			fail_msg("%s: %d \"%s\"", rows[i].text, r, err.message);
		assert_null(s);
	}
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(defaults_keep_their_lines),
		test(loras_keep_their_lines),
		test(loras_are_counted),
		test(what_is_wrong_is_said_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
