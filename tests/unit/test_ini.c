/* config/pimagefs.ini: it names every setting and nothing else, each with its built-in value and
 * its unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_internal.h"
#include "pimagefs/config.h"
#include "pimagefs/models.h"
#include "pimagefs/request.h"
#include "scratch.h"

#define MOST_LINES 500
#define MODEL "p-image-lora-text-to-image"

struct line {
	char section[50], name[50], value[200];
	char above[1000]; /* the comment */
};

static struct line lines[MOST_LINES];
static size_t n_lines;
static char folder[SCRATCH_PATH];

static const char *source(void)
{
	const char *folder_of_sources = getenv("PIMAGEFS_SOURCE");

	return folder_of_sources && *folder_of_sources ? folder_of_sources : ".";
}

/* "#name = value": no space behind the '#', unlike a comment. */
static bool read_setting(const char *text, struct line *out)
{
	const char *equals = strchr(text, '=');
	size_t name;

	if (text[0] != '#' || text[1] == ' ' || text[1] == '\0' || !equals)
		return false;
	name = strcspn(text + 1, " =");
	snprintf(out->name, sizeof(out->name), "%.*s", (int)name, text + 1);
	equals += 1 + strspn(equals + 1, " ");
	snprintf(out->value, sizeof(out->value), "%s", equals);
	return true;
}

static void add_text(char *to, size_t room, const char *text)
{
	size_t used = strlen(to);

	snprintf(to + used, room - used, "%s", text);
}

static int read_file(void **state)
{
	char section[50] = "", above[1000] = "", text[1000];
	FILE *f = fopen(scratch_path(source(), "config/pimagefs.ini"), "re");

	(void)state;
	if (!f) {
		perror("config/pimagefs.ini");
		return -1;
	}
	while (fgets(text, sizeof(text), f) && n_lines < MOST_LINES) {
		text[strcspn(text, "\n")] = '\0';
		if (read_setting(text, &lines[n_lines])) {
			memcpy(lines[n_lines].section, section, sizeof(section));
			memcpy(lines[n_lines].above, above, sizeof(above));
			n_lines++;
		}
		/* A section that is only an example has the sign of a comment too. */
		if (text[0] == '[' || strncmp(text, "#[", 2) == 0) {
			const char *name = strchr(text, '[') + 1;

			snprintf(section, sizeof(section), "%.*s", (int)strcspn(name, "]"), name);
		}
		if (text[0] == '#' && text[1] == ' ')
			add_text(above, sizeof(above), text);
		else
			above[0] = '\0';
	}
	fclose(f);
	scratch_make(folder);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	scratch_remove(folder);
	return 0;
}

static const struct line *find_line(const char *full)
{
	const char *dot = strchr(full, '.');

	for (size_t i = 0; i < n_lines; i++)
		if (strlen(lines[i].section) == (size_t)(dot - full) &&
		    strncmp(lines[i].section, full, (size_t)(dot - full)) == 0 &&
		    strcmp(lines[i].name, dot + 1) == 0)
			return &lines[i];
	return NULL;
}

static void every_setting_is_named_with_its_built_in_value(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; config_key_at(i); i++) {
		const struct line *line = find_line(config_key_at(i)->name);

		if (!line)
			fail_msg("%s is missing", config_key_at(i)->name);
		else if (strcmp(line->value, config_key_at(i)->builtin) != 0)
			fail_msg("%s is %s, not %s", config_key_at(i)->name,
				 config_key_at(i)->builtin, line->value);
	}
	assert_true(i > 30);
}

static void nothing_else_is_named(void **state)
{
	const struct schema *schema = models_find(MODEL);

	(void)state;
	for (size_t i = 0; i < n_lines; i++) {
		char full[120];
		bool known = false;

		snprintf(full, sizeof(full), "%s.%s", lines[i].section, lines[i].name);
		for (size_t k = 0; config_key_at(k); k++)
			known |= strcmp(config_key_at(k)->name, full) == 0;
		for (size_t k = 0; schema->fields[k].name; k++)
			known |= strcmp(lines[i].section, "defaults") == 0 &&
				 strcmp(lines[i].name, schema->fields[k].name) == 0;
		known |= strcmp(full, "lora.ink.weights") == 0 ||
			 strcmp(full, "lora.ink.scale") == 0;
		if (!known)
			fail_msg("%s is no setting", full);
		for (size_t k = 0; k < i; k++)
			if (strcmp(lines[k].section, lines[i].section) == 0 &&
			    strcmp(lines[k].name, lines[i].name) == 0)
				fail_msg("%s stands twice", full);
	}
}

static void every_field_but_the_prompt_is_named(void **state)
{
	const struct schema *schema = models_find(MODEL);

	(void)state;
	for (size_t i = 0; schema->fields[i].name; i++) {
		char full[100];

		snprintf(full, sizeof(full), "defaults.%s", schema->fields[i].name);
		if (!find_line(full) != (strcmp(schema->fields[i].name, "prompt") == 0))
			fail_msg("%s", full);
	}
}

static void units_and_ranges_stand_above(void **state)
{
	const struct config_key *key;

	(void)state;
	for (size_t i = 0; (key = config_key_at(i)); i++) {
		const struct line *line = find_line(key->name);
		char range[100] = "";

		assert_non_null(line);
		if (key->type == CONFIG_INTEGER || key->type == CONFIG_REAL)
			snprintf(range, sizeof(range), "Unit: %s, %lld to %lld.", key->unit,
				 (long long)key->min, (long long)key->max);
		else if (*key->unit)
			snprintf(range, sizeof(range), "Unit: %s.", key->unit);
		if (!strstr(line->above, range))
			fail_msg("%s: \"%s\" is not in \"%s\"", key->name, range, line->above);
		for (size_t k = 0; key->choices && key->choices[k]; k++)
			if (!strstr(line->above, key->choices[k]))
				fail_msg("%s: %s is not told", key->name, key->choices[k]);
		if (!strstr(line->above, key->doc))
			fail_msg("%s: \"%s\" is not in \"%s\"", key->name, key->doc, line->above);
	}
}

static struct settings *load_text(const char *text)
{
	struct config_sources from = { .file = scratch_path(folder, "x.ini") };
	struct settings *s = NULL;
	struct error err;

	scratch_write(folder, "x.ini", text, strlen(text));
	setenv("EACHLABS_API_KEY", "a-key", 1);
	if (config_load(&s, &from, &err) < 0)
		fail_msg("%s", err.message);
	return s;
}

/* The values in force, without their origins. */
static void write_values(const struct settings *s, struct buf *out)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(i)); i++) {
		assert_int_equal(buf_printf(out, "%s = ", key->name), 0);
		assert_int_equal(config_value_print(key, s, out), 0);
		assert_int_equal(buf_puts(out, "\n"), 0);
	}
}

static void as_it_is_it_changes_nothing(void **state)
{
	struct buf text = BUF_INIT, as_is = BUF_INIT, without = BUF_INIT;
	struct settings *s;

	(void)state;
	assert_int_equal(scratch_read(source(), "config/pimagefs.ini", &text), 0);
	s = load_text(buf_text(&text));
	write_values(s, &as_is);
	assert_int_equal(s->n_defaults, 0);
	settings_free(s);
	s = load_text("");
	write_values(s, &without);
	settings_free(s);
	assert_string_equal(buf_text(&as_is), buf_text(&without));
	buf_release(&text);
	buf_release(&as_is);
	buf_release(&without);
}

static void without_its_comment_signs_it_is_right(void **state)
{
	struct buf text = BUF_INIT, as_is = BUF_INIT, without = BUF_INIT;
	struct request_rules *rules;
	struct settings *s;
	struct error err;

	(void)state;
	setenv("HOME", folder, 1);
	unsetenv("XDG_DATA_HOME");
	unsetenv("XDG_STATE_HOME");
	for (size_t i = 0; i < n_lines; i++) {
		bool size = strcmp(lines[i].name, "width") == 0 ||
			    strcmp(lines[i].name, "height") == 0;

		if (*lines[i].value && !size)
			buf_printf(&text, "[%s]\n%s = %s\n", lines[i].section, lines[i].name,
				   lines[i].value);
	}
	s = load_text(buf_text(&text));
	write_values(s, &as_is);
	if (request_rules_new(&rules, s, &err) < 0)
		fail_msg("%s", err.message);
	request_rules_free(rules);
	settings_free(s);
	s = load_text("");
	write_values(s, &without);
	settings_free(s);
	assert_string_equal(buf_text(&as_is), buf_text(&without));
	buf_release(&text);
	buf_release(&as_is);
	buf_release(&without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setting_is_named_with_its_built_in_value),
		cmocka_unit_test(nothing_else_is_named),
		cmocka_unit_test(every_field_but_the_prompt_is_named),
		cmocka_unit_test(units_and_ranges_stand_above),
		cmocka_unit_test(as_it_is_it_changes_nothing),
		cmocka_unit_test(without_its_comment_signs_it_is_right),
	};

	return cmocka_run_group_tests(tests, read_file, clean_up);
}
