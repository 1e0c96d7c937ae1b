/*
 * expand: a plain prompt as people write them, to the requests that it asks for.
 *
 * The braces of a text give its combinations (braces.c). Each is parted into a prompt and options
 * (prompt_options.c), which become an input for a model (prompt_input.c), and from there goes the
 * way of every request. --repeat makes several of a combination: each picture has its own choices,
 * and a seed that is given goes up by one.
 *
 * How many there are is known before they are built; over limits.expand nothing is. What is wrong
 * in any of them is wrong with the whole. -EINVAL has a place in the text where there is one.
 * expansion_release wipes.
 */
#include "pimagefs/expand.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "expand_internal.h"
#include "pimagefs/names.h"

struct build {
	const struct request_rules *rules;
	const struct source *src;
	const struct braces *braces;
	struct marked marked;
	struct expansion made;
	size_t bytes; /* of all prompts */
	struct error *err;
};

void expansion_release(struct expansion *e)
{
	for (size_t i = 0; i < e->n; i++)
		request_release(&e->items[i]);
	free(e->items);
	*e = (struct expansion){ .items = NULL };
}

int request_escape(const char *text, size_t size, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < size && r == 0; i++) {
		char escaped[2 + sizeof(EM_DASH)] = "\\";
		size_t rest = size - i < strlen(EM_DASH) ? size - i : strlen(EM_DASH);

		memcpy(escaped + 1, text + i, rest);
		if (braces_escape(escaped, 1 + rest))
			r = buf_puts(out, "\\");
		if (r == 0)
			r = buf_append(out, text + i, 1);
	}
	return r;
}

/* Nothing in it is a sign, or may be one. */
static bool is_simple(const char *text, size_t size)
{
	static const char *const signs[] = { "{",  "}",     "\\", "__", "<lora:",
					     "--", EM_DASH, "-r", "-w", "-h" };

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (memmem(text, size, signs[i], strlen(signs[i])))
			return false;
	return true;
}

static int expand_one(const struct request_rules *rules, const char *name, const char *text,
		      size_t size, struct expansion *out, struct error *err)
{
	struct request *item = calloc(1, sizeof(*item));
	int r = item ? request_parse(rules, name, text, size, item, err) : -ENOMEM;

	if (r < 0)
		free(item);
	else
		*out = (struct expansion){ .n = 1, .items = item };
	return r;
}

static int refuse_number(const struct build *b, const char *least, uint64_t n)
{
	const char *over = n == UINT64_MAX ? "over " : least;

	return error_invalid(b->err,
			     "this asks for %s%" PRIu64 " pictures; at most %" PRIu64
			     " may come of one request (limits.expand)",
			     over, n, b->rules->most);
}

/* Combination number i as prompt and options; for prompt_release. */
static int read_one(struct build *b, uint64_t i, struct prompt *out)
{
	int r = braces_write(b->braces, i, b->rules->longest, &b->marked, b->err);

	return r < 0 ? r : prompt_read(out, &b->marked, b->src, b->err);
}

/* One more picture: number step of its combination. */
static int add_one(struct build *b, const struct prompt *p, uint64_t step)
{
	struct request *item = &b->made.items[b->made.n];
	struct request_read read;
	/* What is wrong only beside the defaults: one size without the other, a seed too large. */
	enum prompt_option culprit = step                       ? OPTION_REPEAT
				     : p->of[OPTION_WIDTH].text ? OPTION_WIDTH
								: OPTION_HEIGHT;
	int r;

	b->bytes += strlen(p->text);
	if (b->bytes > b->rules->longest * EXPAND_TIMES)
		return error_invalid(b->err, "the prompts that come out have over %zu bytes",
				     b->rules->longest * EXPAND_TIMES);
	r = prompt_input(p, b->rules, b->src, &read, b->err);
	if (r < 0)
		return r;
	read.seed_step = (int64_t)step;
	r = request_finish(b->rules, &read, item, b->err);
	if (p->of[culprit].text)
		r = source_at(b->src, p->of[culprit].place, r, b->err);
	if (r == 0)
		b->made.n++;
	return r;
}

/* All pictures of one combination, whose first one is read. */
static int add_repeats(struct build *b, uint64_t i, struct prompt *p, uint64_t repeat)
{
	int r = add_one(b, p, 0);

	for (uint64_t step = 1; r == 0 && step < repeat; step++) {
		prompt_release(p);
		r = read_one(b, i, p);
		if (r == 0)
			r = add_one(b, p, step);
	}
	return r;
}

/* Too many combinations: only the first is looked at, for how often each is repeated. */
static int count_only(struct build *b, uint64_t combinations)
{
	struct prompt p = { .tag = NULL };
	uint64_t repeat, all;
	int r = read_one(b, 0, &p);

	if (r == 0)
		r = prompt_repeat(&p, b->src, &repeat, b->err);
	if (r == 0 && p.of[OPTION_REPEAT].chosen)
		r = refuse_number(b, "at least ", combinations);
	else if (r == 0) {
		all = combinations > UINT64_MAX / repeat ? UINT64_MAX : combinations * repeat;
		r = refuse_number(b, "", all);
	}
	prompt_release(&p);
	return r;
}

static int build_all(struct build *b)
{
	uint64_t combinations = braces_count(b->braces), all = 0, most = b->rules->most;
	int r = 0;

	if (combinations > most)
		return count_only(b, combinations);
	b->made.items = calloc((size_t)most, sizeof(*b->made.items));
	if (!b->made.items)
		return -ENOMEM;
	for (uint64_t i = 0; r == 0 && i < combinations; i++) {
		struct prompt p = { .tag = NULL };
		uint64_t repeat = 1;

		r = read_one(b, i, &p);
		if (r == 0)
			r = prompt_repeat(&p, b->src, &repeat, b->err);
		all = all > UINT64_MAX - repeat ? UINT64_MAX : all + repeat;
		/* When there are too many, the rest is only counted. */
		if (r == 0 && all <= most)
			r = add_repeats(b, i, &p, repeat);
		prompt_release(&p);
	}
	return r == 0 && all > most ? refuse_number(b, "", all) : r;
}

int request_expand(const struct request_rules *rules, const char *name, const char *text,
		   size_t size, const struct expand_source *source, struct expansion *out,
		   struct error *err)
{
	struct source src = { .size = size };
	struct build b = { .rules = rules, .src = &src, .err = err };
	struct braces *braces = NULL;
	int r;

	if (!rules->options || is_simple(text, size) || !request_is_plain(name, text, size))
		return expand_one(rules, name, text, size, out, err);
	r = request_check_text(text, size, err);
	src.text = text + request_plain(text, &src.size);
	if (r == 0)
		r = braces_new(&braces, &src, source, err);
	b.braces = braces;
	if (r == 0)
		r = build_all(&b);
	if (r < 0)
		expansion_release(&b.made);
	else
		*out = b.made;
	braces_free(braces);
	marked_release(&b.marked);
	return r;
}

static uint64_t no_chance(void *data)
{
	(void)data;
	return 0;
}

int request_expand_only(const struct request_rules *rules, const char *name, const char *text,
			size_t size, struct request *out, struct error *err)
{
	const struct expand_source source = { .random = no_chance };
	struct expansion all = { .n = 0 };
	int r = -E2BIG;

	if (!names_is_list(name))
		r = request_expand(rules, name, text, size, &source, &all, err);
	if (r == 0 && all.n > 1)
		r = -E2BIG;
	if (r == 0) {
		*out = all.items[0];
		all.n = 0; /* it is the caller's */
	}
	expansion_release(&all);
	return r;
}
