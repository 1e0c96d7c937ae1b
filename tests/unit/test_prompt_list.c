/* prompt_list: one prompt a line; which lines are new. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grammar.h"
#include "oom.h"
#include "pimagefs/prompt_list.h"

/* The lines that are known: those of an expansion, or none. */
static bool is_known(const char *line, void *data)
{
	const struct expansion *known = data;

	for (size_t i = 0; known && i < known->n; i++)
		if (strcmp(known->items[i].line, line) == 0)
			return true;
	return false;
}

static int read_list(void **state, const char *text, struct expansion *known, struct expansion *out,
		     struct error *err)
{
	struct chance chance = { .state = 1 };
	struct expand_source source = grammar_source(&chance);

	return prompt_list_expand(*state, text, strlen(text), &source, is_known, known, out, err);
}

static void assert_prompts(void **state, const char *text, struct expansion *known,
			   const char *const *want)
{
	struct expansion got = { .n = 0 };
	struct error err;
	size_t n = 0;

	if (read_list(state, text, known, &got, &err) < 0)
		fail_msg("%s", err.message);
	for (; want[n]; n++)
		assert_true(n < got.n && strcmp(got.items[n].prompt, want[n]) == 0);
	assert_int_equal(got.n, n);
	expansion_release(&got);
}

static void a_prompt_a_line(void **state)
{
	assert_prompts(state, "\xef\xbb\xbf# foxes\r\n a red fox \r\n\n\t\n{a, the} owl\na # b",
		       NULL,
		       (const char *const[]){ "a red fox", "a owl", "the owl", "a # b", NULL });
	assert_prompts(state, "# nothing\n", NULL, (const char *const[]){ NULL });
	assert_prompts(state, "{\"prompt\": \"a fox\"}", NULL,
		       (const char *const[]){ "{\"prompt\": \"a fox\"}", NULL });
}

static void only_new_lines(void **state)
{
	struct expansion known = { .n = 0 };
	struct error err;

	assert_int_equal(read_list(state, "a fox\n{a, the} owl\na fox", NULL, &known, &err), 0);
	assert_int_equal(known.n, 4);
	assert_string_equal(known.items[1].line, known.items[2].line);
	assert_string_not_equal(known.items[0].line, known.items[3].line); /* the second of it */
	assert_prompts(state, "{a, the} owl\na fox\n  a fox\n", &known,
		       (const char *const[]){ NULL });
	assert_prompts(state, "a fox\na fox\na cat\na fox\nA fox", &known,
		       (const char *const[]){ "a cat", "a fox", "A fox", NULL });
	expansion_release(&known);
}

static void refusals_name_the_line(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "a fox\n\na fox --sede 7", "line 3, column 7: --sede: there is no such option" },
		{ "a fox\n--ar 1:1", "line 2: there is no prompt" },
		{ "a fox\nan \x01owl", "line 2, column 4" },
		{ " \n", "the request is empty" },
	};
	struct expansion got;
	struct error err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(read_list(state, rows[i].text, NULL, &got, &err), -EINVAL);
		if (!strstr(err.message, rows[i].says))
			fail_msg("%s", err.message);
	}
	assert_int_equal(read_list(state, "a fox\n\xff", NULL, &got, &err), -EILSEQ);
}

static void too_many(void **state)
{
	struct expansion known = { .n = 0 }, got;
	struct buf text = BUF_INIT;
	struct error err;

	for (int i = 0; i < 40; i++)
		assert_int_equal(buf_printf(&text, "fox %d\n", i), 0);
	assert_int_equal(read_list(state, text.data, NULL, &known, &err), 0);
	assert_int_equal(known.n, 40);
	assert_int_equal(buf_puts(&text, "a fox --repeat 3\n"), 0);
	assert_int_equal(read_list(state, text.data, NULL, &got, &err), -EINVAL);
	assert_non_null(strstr(err.message, "43 pictures or more; at most 40"));
	assert_int_equal(read_list(state, text.data, &known, &got, &err), 0);
	assert_int_equal(got.n, 3);
	expansion_release(&got);
	expansion_release(&known);
	buf_release(&text);
}

static void without_memory(void **state)
{
	unsigned failed = 1;

	for (unsigned n = 0; failed; n++) {
		struct expansion got = { .n = 0 };
		struct error err;
		int r;

		oom_fail_once(n);
		r = read_list(state, "a fox\n{a, the} owl --ar 1:1\na fox", NULL, &got, &err);
		failed = oom_off();
		assert_true(r == 0 || (failed && r == -ENOMEM));
		assert_int_equal(got.n, r == 0 ? 4 : 0);
		expansion_release(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prompt_a_line),        cmocka_unit_test(only_new_lines),
		cmocka_unit_test(refusals_name_the_line), cmocka_unit_test(too_many),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, grammar_setup, grammar_teardown);
}
