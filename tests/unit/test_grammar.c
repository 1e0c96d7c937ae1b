/* grammar: the examples of plain prompts, which the tests and the documentation share. */
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
#include "scratch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LINE_END "\xe2\x8f\x8e"
#define TRIES 200

struct example {
	struct buf text;
	char kind; /* of the lines: = ~ ! */
	struct buf lines;
	size_t n;
};

static const char *source_folder(void)
{
	const char *folder = getenv("PIMAGEFS_SOURCE");

	return folder && *folder ? folder : ".";
}

static void add_line(struct buf *to, const char *line, size_t size)
{
	if (to->size)
		assert_int_equal(buf_puts(to, "\n"), 0);
	assert_int_equal(buf_append(to, line, size), 0);
}

/* "PROMPT [field value, ...]", as the table has it. */
static void show(const struct request *r, struct buf *out)
{
	json_t *input = json_loads(r->input, 0, NULL), *value;
	const char *key, *separator = " [";

	for (const char *p = r->prompt; *p; p++)
		assert_int_equal(*p == '\n' ? buf_puts(out, LINE_END) : buf_append(out, p, 1), 0);
	if (strcmp(r->model, SLUG) != 0) {
		buf_printf(out, "%smodel %s", separator, r->model);
		separator = ", ";
	}
	json_object_foreach (input, key, value) {
		char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
		size_t size = strlen(text);

		if (strcmp(key, "prompt") != 0) {
			buf_printf(out, "%s%s %.*s", separator, key,
				   (int)(json_is_string(value) ? size - 2 : size),
				   text + json_is_string(value));
			separator = ", ";
		}
		free(text);
	}
	if (*separator == ',')
		buf_puts(out, "]");
	json_decref(input);
}

static void check_each(const struct example *e, const struct expansion *got)
{
	struct buf all = BUF_INIT;

	for (size_t i = 0; i < got->n; i++) {
		struct buf line = BUF_INIT;

		show(&got->items[i], &line);
		add_line(&all, line.data, line.size);
		buf_release(&line);
	}
	if (strcmp(buf_text(&all), buf_text(&e->lines)) != 0)
		fail_msg("%s\nis\n%s\nand not\n%s", e->text.data, buf_text(&all), e->lines.data);
	buf_release(&all);
}

/* Marks which of the lines these are. */
static void check_some(const struct example *e, const struct expansion *got, bool *seen)
{
	for (size_t i = 0; i < got->n; i++) {
		const char *line = e->lines.data;
		struct buf one = BUF_INIT;
		size_t k = 0;

		show(&got->items[i], &one);
		while (k < e->n &&
		       (strncmp(line, one.data, one.size) != 0 || !strchr("\n", line[one.size]))) {
			line += strcspn(line, "\n") + 1;
			k++;
		}
		if (k == e->n)
			fail_msg("%s\nis\n%s", e->text.data, one.data);
		seen[k] = true;
		buf_release(&one);
	}
}

static void check_example(const struct request_rules *rules, const struct example *e)
{
	bool seen[16] = { false };
	unsigned tries = e->kind == '~' ? TRIES : 1;

	assert_true(e->n > 0 && e->n <= COUNT(seen));
	for (unsigned i = 0; i < tries; i++) {
		struct chance chance = { .state = i };
		struct expansion got;
		struct error err;
		int r = grammar_expand(rules, e->text.data, &chance, &got, &err);

		if (e->kind == '!' && (r != -EINVAL || strcmp(err.message, e->lines.data) != 0))
			fail_msg("%s\n%d %s", e->text.data, r, err.message);
		if (e->kind != '!' && r < 0)
			fail_msg("%s\n%d %s", e->text.data, r, err.message);
		if (e->kind == '=')
			check_each(e, &got);
		if (e->kind == '~')
			check_some(e, &got, seen);
		if (e->kind != '=' && e->kind != '~')
			assert_int_equal(e->kind, '!');
		expansion_release(&got);
	}
	for (size_t i = 0; e->kind == '~' && i < e->n; i++)
		if (!seen[i])
			fail_msg("%s\nnever comes up as line %zu", e->text.data, i + 1);
}

/* Calls fn with each example of the text, whose lines may be indented. */
static size_t each_example(const char *text, void (*fn)(const struct example *, void *), void *data)
{
	size_t n = 0;

	while (*text) {
		struct example e = { .n = 0 };
		size_t size;

		for (; *text; text += size + (text[size] == '\n')) {
			const char *line = text + (strncmp(text, "    ", 4) == 0 ? 4 : 0);

			size = strcspn(text, "\n");
			if (!*line || !strchr(">=~!", *line) || line[1] != ' ')
				break;
			if (*line == '>') {
				add_line(&e.text, line + 2, size - (size_t)(line - text) - 2);
				continue;
			}
			assert_true(!e.kind || e.kind == *line);
			e.kind = *line;
			e.n++;
			add_line(&e.lines, line + 2, size - (size_t)(line - text) - 2);
		}
		if (*text)
			text += strcspn(text, "\n") + (text[strcspn(text, "\n")] == '\n');
		if (!e.text.size)
			continue;
		fn(&e, data);
		buf_release(&e.text);
		buf_release(&e.lines);
		n++;
	}
	return n;
}

static void call_check(const struct example *e, void *data)
{
	check_example(data, e);
}

static struct buf read_text(const char *name)
{
	struct buf text = BUF_INIT;

	if (scratch_read(source_folder(), name, &text) < 0)
		fail_msg("%s cannot be read", name);
	return text;
}

static void every_example_is_true(void **state)
{
	struct buf text = read_text("config/doc/grammar-examples.txt");

	assert_true(each_example(text.data, call_check, *state) > 80);
	buf_release(&text);
}

static void call_find(const struct example *e, void *data)
{
	struct buf want = BUF_INIT;

	buf_printf(&want, "\n> %s\n%c %.*s", e->text.data, e->kind,
		   (int)strcspn(e->lines.data, "\n"), e->lines.data);
	if (!strstr(data, want.data))
		fail_msg("the page shows what the examples have not: %s", want.data);
	buf_release(&want);
}

/* So that the page needs no tests of its own; and what it shows is true as it stands. */
static void the_page_shows_examples_of_the_table(void **state)
{
	struct buf table = read_text("config/doc/grammar-examples.txt");
	struct buf page = read_text("config/doc/grammar.md");

	assert_true(each_example(page.data, call_find, table.data) > 10);
	each_example(page.data, call_check, *state);
	buf_release(&table);
	buf_release(&page);
}

static void the_page_tells_the_limits(void **state)
{
	struct buf page = read_text("config/doc/grammar.md");
	char text[100];

	(void)state;
	snprintf(text, sizeof(text), "may be %d deep", EXPAND_DEEPEST);
	assert_non_null(strstr(page.data, text));
	snprintf(text, sizeof(text), "%d wildcard files of %d KiB", EXPAND_MOST_WILDCARDS,
		 EXPAND_WILDCARD_BYTES / 1024);
	assert_non_null(strstr(page.data, text));
	snprintf(text, sizeof(text), "no longer than %d of those", EXPAND_TIMES);
	assert_non_null(strstr(page.data, text));
	buf_release(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_is_true),
		cmocka_unit_test(the_page_shows_examples_of_the_table),
		cmocka_unit_test(the_page_tells_the_limits),
	};

	return cmocka_run_group_tests(tests, grammar_setup, grammar_teardown);
}
