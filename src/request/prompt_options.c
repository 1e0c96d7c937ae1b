/*
 * prompt_options: the options that end a prompt, and <lora:NAME:S> within it.
 *
 * A text is taken as words. An option is a word that begins with -- or an em dash and a letter, or
 * is -r, -w or -h; its value is the word behind it. The options are the longest end of the text
 * that is only options and their values. So an unknown --word in a sentence is text, for at least
 * two words follow it, and at the end it is refused with the nearest name. A known one is never
 * text: where a sentence goes on behind it, it is refused. What other services' options mean, and
 * this one has not, is refused by name with what to do instead.
 *
 * An escaped character begins no option and no <lora:...>. An option's name does not come out of
 * braces, so that each picture of a text has the same options; its value may.
 *
 * Refusals are -EINVAL with their place. prompt_release frees the tag; the rest is the text's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expand_internal.h"
#include "pimagefs/suggest.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOWHERE SIZE_MAX
#define TAG "<lora:"
#define LONGEST_SHOWN 40

#define AS_TEXT "; write \\-- for the signs themselves"
#define VALUES_CAN ", only their values can"
#define ALL_OPTIONS \
	"there are --ar, --seed, --repeat, --width, --height, --lora, --lora-scale, --model and " \
	"--upsample"

struct option_row {
	const char *name;
	enum prompt_option option;
	const char *value; /* NULL: takes none */
};

static const struct option_row known[] = {
	{ "ar", OPTION_AR, "W:H" },
	{ "aspect", OPTION_AR, "W:H" },
	{ "seed", OPTION_SEED, "N, or random" },
	{ "repeat", OPTION_REPEAT, "N" },
	{ "r", OPTION_REPEAT, "N" },
	{ "width", OPTION_WIDTH, "N" },
	{ "height", OPTION_HEIGHT, "N" },
	{ "lora", OPTION_LORA, "NAME[:S]" },
	{ "lora-scale", OPTION_LORA_SCALE, "S" },
	{ "model", OPTION_MODEL, "SLUG" },
	{ "upsample", OPTION_UPSAMPLE, NULL },
};

static const struct option_row brief[] = {
	{ "r", OPTION_REPEAT, "N" },
	{ "w", OPTION_WIDTH, "N" },
	{ "h", OPTION_HEIGHT, "N" },
};

#define NO_STYLES "say the style in the prompt, or name a LoRA with --lora"
#define NO_IMAGES "this model takes no pictures; say in the prompt what they show"
#define NO_SPEEDS "there is one speed and one quality"
#define NO_VIDEO "pictures do not move here"

/* Midjourney's, without a counterpart here. */
struct foreign {
	const char *name, *instead;
};

static const struct foreign foreign[] = {
	{ "no", "say in the prompt what the picture shall show, and leave out what it shall not" },
	{ "chaos", "ask for several, with --repeat N or {a|b}" },
	{ "c", "ask for several, with --repeat N or {a|b}" },
	{ "v", "the model is named with --model SLUG" },
	{ "version", "the model is named with --model SLUG" },
	{ "niji", "the model is named with --model SLUG" },
	{ "hd", "the size is set with --ar W:H, or with -w and -h" },
	{ "s", NO_STYLES },
	{ "stylize", NO_STYLES },
	{ "style", NO_STYLES },
	{ "raw", NO_STYLES },
	{ "weird", NO_STYLES },
	{ "w", "a width is set with -w or --width" },
	{ "exp", NO_STYLES },
	{ "p", NO_STYLES },
	{ "profile", NO_STYLES },
	{ "personalize", NO_STYLES },
	{ "sref", NO_STYLES },
	{ "sw", NO_STYLES },
	{ "sv", NO_STYLES },
	{ "iw", NO_IMAGES },
	{ "cref", NO_IMAGES },
	{ "cw", NO_IMAGES },
	{ "oref", NO_IMAGES },
	{ "ow", NO_IMAGES },
	{ "q", NO_SPEEDS },
	{ "quality", NO_SPEEDS },
	{ "draft", NO_SPEEDS },
	{ "fast", NO_SPEEDS },
	{ "turbo", NO_SPEEDS },
	{ "relax", NO_SPEEDS },
	{ "stop", "each picture is finished" },
	{ "tile", "say \"seamless pattern\" in the prompt" },
	{ "video", NO_VIDEO },
	{ "motion", NO_VIDEO },
	{ "loop", NO_VIDEO },
	{ "public", "pictures lie on this machine, and nowhere else" },
	{ "stealth", "pictures lie on this machine, and nowhere else" },
};

struct word {
	size_t from, to;
	size_t name; /* where an option's name begins; NOWHERE if it is none */
	const struct option_row *row;
	const struct foreign *foreign;
	bool brief;
};

struct scan {
	struct prompt *out;
	struct marked *m;
	const struct source *src;
	struct error *err;
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_chosen(const struct marked *m, const struct word *w)
{
	for (size_t i = w->from; i < w->to; i++)
		if (marked_is(m, i, MARK_CHOSEN))
			return true;
	return false;
}

/* -- or an em dash before a letter at this place: its length, or 0. */
static size_t dashes_at(const struct marked *m, size_t at)
{
	const char *text = m->text.data + at;
	size_t size;

	if (strncmp(text, "--", 2) == 0 && !marked_is(m, at + 1, MARK_LITERAL))
		size = 2;
	else if (strncmp(text, EM_DASH, strlen(EM_DASH)) == 0)
		size = strlen(EM_DASH);
	else
		return 0;
	return is_letter(text[size]) && !marked_is(m, at, MARK_LITERAL) ? size : 0;
}

static bool is_name(const struct marked *m, const struct word *w, const char *name)
{
	return strlen(name) == w->to - w->name &&
	       memcmp(m->text.data + w->name, name, w->to - w->name) == 0;
}

static void know_word(const struct marked *m, struct word *w)
{
	size_t dashes = dashes_at(m, w->from);

	if (!dashes && w->to - w->from == 2 && m->text.data[w->from] == '-' &&
	    !marked_is(m, w->from, MARK_LITERAL)) {
		w->name = w->from + 1;
		for (size_t i = 0; i < COUNT(brief); i++)
			if (is_name(m, w, brief[i].name))
				w->row = &brief[i];
		w->brief = true;
	} else if (dashes) {
		w->name = w->from + dashes;
		for (size_t i = 0; i < COUNT(known); i++)
			if (is_name(m, w, known[i].name))
				w->row = &known[i];
		for (size_t i = 0; i < COUNT(foreign); i++)
			if (is_name(m, w, foreign[i].name))
				w->foreign = &foreign[i];
	}
	if (w->brief && !w->row)
		w->name = NOWHERE;
}

/* The word at or behind *at, which then is its end. */
static bool next_word(const struct marked *m, size_t *at, struct word *w)
{
	size_t i = *at;

	while (i < m->text.size && marked_is_space(m, i))
		i++;
	if (i == m->text.size)
		return false;
	*w = (struct word){ .from = i, .name = NOWHERE };
	while (i < m->text.size && !marked_is_space(m, i))
		i++;
	w->to = *at = i;
	know_word(m, w);
	return true;
}

/* The word, or its beginning if it is long: what, and more. */
static int refuse(const struct scan *s, const struct word *w, const char *what, const char *more)
{
	const char *text = s->m->text.data + w->from;
	int shown = (int)utf8_cut(text, w->to - w->from, LONGEST_SHOWN);

	return source_at(s->src, marked_place(s->m, w->from),
			 error_invalid(s->err, "%.*s: %s%s", shown, text, what, more), s->err);
}

/* --- where the options begin */

/* How many words may follow: what a sentence is not. */
static size_t room_of(const struct word *w)
{
	if (w->row)
		return w->row->value ? 1 : 0;
	return w->foreign == &foreign[0] ? SIZE_MAX : 1;
}

/* *start: the first byte of the options, or the end. */
static int find_options(const struct scan *s, size_t *start)
{
	struct word w, first = { .from = NOWHERE };
	size_t at = 0, room = 0;

	*start = NOWHERE;
	while (next_word(s->m, &at, &w)) {
		bool chosen = is_chosen(s->m, &w);

		if (chosen && !w.brief && (w.row || w.foreign))
			return refuse(s, &w, "options cannot stand within braces", VALUES_CAN);
		if (w.name != NOWHERE && !chosen) {
			if (*start == NOWHERE)
				*start = w.from;
			if (first.from == NOWHERE && w.row && !w.brief)
				first = w;
			room = room_of(&w);
		} else if (*start != NOWHERE && room) {
			room--;
		} else if (first.from != NOWHERE) {
			return refuse(s, &first, "options must stand at the end", AS_TEXT);
		} else {
			*start = NOWHERE;
		}
	}
	if (*start == NOWHERE)
		*start = s->m->text.size;
	return 0;
}

/* --- what they say */

static int refuse_unknown(const struct scan *s, const struct word *w)
{
	const char *names[COUNT(known)], *nearest;
	char name[LONGEST_SHOWN + 1], more[LONGEST_SHOWN];
	size_t size = utf8_cut(s->m->text.data + w->name, w->to - w->name, LONGEST_SHOWN);

	memcpy(name, s->m->text.data + w->name, size);
	name[size] = '\0';
	for (size_t i = 0; i < COUNT(known); i++)
		names[i] = known[i].name;
	nearest = suggest(name, names, COUNT(names));
	if (nearest) {
		snprintf(more, sizeof(more), "%s?", nearest);
		return refuse(s, w, "there is no such option; did you mean --", more);
	}
	return refuse(s, w, "there is no such option; " ALL_OPTIONS, AS_TEXT);
}

static int take(const struct scan *s, const struct word *w, const struct word *value)
{
	struct option_value *to = &s->out->of[w->row->option];

	if (to->text)
		return refuse(s, w, "this is given twice", "");
	if (w->row->value && !value)
		return refuse(s, w, "its value is missing: ", w->row->value);
	*to = (struct option_value){ .text = "", .place = marked_place(s->m, w->from) };
	if (!value)
		return 0;
	to->chosen = is_chosen(s->m, value);
	to->text = s->m->text.data + value->from;
	return 0;
}

/* The words from start on are options and their values. */
static int read_options(const struct scan *s, size_t start)
{
	struct word w, value;
	size_t at = start, behind;
	int r = 0;

	while (r == 0 && next_word(s->m, &at, &w)) {
		bool valued;

		if (w.foreign)
			return refuse(s, &w, "has no counterpart here: ", w.foreign->instead);
		if (!w.row)
			return refuse_unknown(s, &w);
		behind = at;
		valued = w.row->value && next_word(s->m, &behind, &value) &&
			 (value.name == NOWHERE || is_chosen(s->m, &value));
		r = take(s, &w, valued ? &value : NULL);
		if (r < 0 || !valued)
			continue;
		at = behind;
		/* A NUL in place of the space makes the value a text. */
		if (at < s->m->text.size)
			s->m->text.data[at++] = '\0';
	}
	return r;
}

/* --- <lora:NAME:S> */

static size_t find_tag(const struct marked *m, size_t from)
{
	const char *text = m->text.data, *at = text + from;

	while ((at = memmem(at, m->text.size - (size_t)(at - text), TAG, strlen(TAG)))) {
		if (!marked_is(m, (size_t)(at - text), MARK_LITERAL))
			return (size_t)(at - text);
		at++;
	}
	return NOWHERE;
}

/* Without the tag, and without one of the spaces that it stood between. */
static void cut_tag(struct marked *m, size_t from, size_t to)
{
	bool before = from == 0 || marked_is_space(m, from - 1);
	bool behind = to == m->text.size || marked_is_space(m, to);

	if (before && behind && to < m->text.size)
		to++;
	else if (before && behind && from > 0)
		from--;
	marked_cut(m, from, to);
}

static int take_tag(const struct scan *s)
{
	const struct marked *m = s->m;
	size_t from = find_tag(m, 0), name = from + strlen(TAG), to;
	struct word tag = { .from = from, .to = name - 1 };
	const char *end;

	if (from == NOWHERE)
		return 0;
	end = memchr(m->text.data + name, '>', m->text.size - name);
	if (!end)
		return refuse(s, &tag, "the > to this is missing; ",
			      "write \\< for the sign itself");
	to = (size_t)(end - m->text.data);
	s->out->tag = strndup(m->text.data + name, to - name);
	if (!s->out->tag)
		return -ENOMEM;
	s->out->of[OPTION_LORA] = (struct option_value){
		.text = s->out->tag,
		.place = marked_place(m, from),
		.chosen = marked_is(m, from, MARK_CHOSEN),
	};
	cut_tag(s->m, from, to + 1);
	from = find_tag(m, from ? from - 1 : 0);
	if (from == NOWHERE)
		return 0;
	tag = (struct word){ .from = from, .to = from + strlen(TAG) - 1 };
	return refuse(s, &tag, "this is given twice; a picture has one LoRA", "");
}

int prompt_read(struct prompt *out, struct marked *m, const struct source *src, struct error *err)
{
	struct prompt new = { .tag = NULL };
	struct scan s = { .out = &new, .m = m, .src = src, .err = err };
	size_t start = 0;
	int r = take_tag(&s);

	if (r == 0)
		r = find_options(&s, &start);
	if (r == 0)
		r = read_options(&s, start);
	if (r < 0) {
		prompt_release(&new);
		return r;
	}
	if (start < m->text.size)
		while (start && marked_is_space(m, start - 1))
			start--;
	m->text.data[start] = '\0';
	new.text = m->text.data;
	*out = new;
	return 0;
}

void prompt_release(struct prompt *p)
{
	free(p->tag);
	p->tag = NULL;
}
