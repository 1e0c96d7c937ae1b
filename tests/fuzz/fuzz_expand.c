/* Plain prompts with options, braces and wildcards, the input taken apart as rules.h says. */
#include "rules.h"

static int expand(const char *text, size_t size, struct given given, struct expansion *out,
		  struct error *err)
{
	struct expand_source source = source_of(&given);

	memset(err, 0, sizeof(*err));
	*out = (struct expansion){ .n = 0 };
	return request_expand(rules(), "x.txt", text, size, &source, out, err);
}

/* The same chance gives the same. */
static void check_again(const char *text, size_t size, const struct given *given,
			const struct expansion *first)
{
	struct expansion second;
	struct error err;

	promise(expand(text, size, *given, &second, &err) == 0);
	promise(first->n == second.n);
	for (size_t i = 0; i < first->n; i++)
		promise(strcmp(first->items[i].input, second.items[i].input) == 0);
	expansion_release(&second);
}

/* Escaped it is what it is without the grammar. */
static void check_escaped(const char *text, size_t size, const struct given *given)
{
	struct request plain = { .prompt = NULL };
	struct buf escaped = BUF_INIT;
	struct expansion got;
	struct error err;

	/* What begins so may be JSON, or a literal brace. */
	for (size_t i = 0; i < size && !strchr("abc", text[i]); i++)
		if (text[i] == '{' || text[i] == '\\')
			return;
	if (size > LONGEST || request_parse(rules(), "x.txt", text, size, &plain, &err) < 0)
		return;
	promise(request_escape(text, size, &escaped) == 0);
	promise(expand(escaped.data, escaped.size, *given, &got, &err) == 0);
	promise(got.n == 1 && strcmp(got.items[0].input, plain.input) == 0);
	expansion_release(&got);
	request_release(&plain);
	buf_release(&escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct given given;
	const char *text = take_apart(bytes, &size, &given);
	struct expansion got;
	struct error err;
	int r = expand(text, size, given, &got, &err);

	if (r == 0) {
		promise(got.n >= 1 && got.n <= MOST);
		for (size_t i = 0; i < got.n; i++)
			check_item(&got.items[i]);
		check_again(text, size, &given, &got);
	} else {
		check_error(r, &err);
		promise(!got.items);
	}
	expansion_release(&got);
	check_escaped(text, size, &given);
	return 0;
}
