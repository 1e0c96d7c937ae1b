/* Lists: requests/NAME.prompts, the input taken apart as rules.h says. */
#include "rules.h"

#include "pimagefs/prompt_list.h"

/* The lines that have been asked for: those of an expansion, or none. */
static bool is_known(const char *line, void *data)
{
	const struct expansion *known = data;

	for (size_t i = 0; known && i < known->n; i++)
		if (strcmp(known->items[i].line, line) == 0)
			return true;
	return false;
}

static int read_list(const char *text, size_t size, struct given given, struct expansion *known,
		     struct expansion *out, struct error *err)
{
	struct expand_source source = source_of(&given);

	memset(err, 0, sizeof(*err));
	*out = (struct expansion){ .n = 0 };
	return prompt_list_expand(rules(), text, size, &source, is_known, known, out, err);
}

/* "DIGEST-2" */
static void check_line(const char *line)
{
	size_t hex = strspn(line, "0123456789abcdef"), digits;

	promise(hex == 64 && line[hex] == '-');
	digits = strspn(line + hex + 1, "0123456789");
	promise(digits && line[hex + 1] != '0' && !line[hex + 1 + digits]);
}

/* Read again nothing is new, and one line more is one picture more. */
static void check_known(const char *text, size_t size, const struct given *given,
			struct expansion *all)
{
	static const char more[] = "\nan owl";
	struct buf longer = BUF_INIT;
	struct expansion got;
	struct error err;

	promise(read_list(text, size, *given, all, &got, &err) == 0 && got.n == 0);
	expansion_release(&got);
	if (size + sizeof(more) > LONGEST)
		return;
	promise(buf_append(&longer, text, size) == 0 && buf_puts(&longer, more) == 0);
	promise(read_list(longer.data, longer.size, *given, all, &got, &err) == 0);
	promise(got.n == 1 && strcmp(got.items[0].prompt, "an owl") == 0);
	expansion_release(&got);
	buf_release(&longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct given given;
	const char *text = take_apart(bytes, &size, &given);
	struct expansion got;
	struct error err;
	int r = read_list(text, size, given, NULL, &got, &err);

	promise(got.n <= MOST && (r == 0 || !got.items));
	for (size_t i = 0; i < got.n; i++) {
		check_item(&got.items[i]);
		check_line(got.items[i].line);
	}
	if (r == 0)
		check_known(text, size, &given, &got);
	else
		check_error(r, &err);
	expansion_release(&got);
	return 0;
}
