/*
 * json_text: JSON text to a value and back, right also where memory runs out.
 *
 * Without memory jansson calls right text wrong, and where the buffer of a token cannot grow it
 * drops bytes and says nothing; is the closing quote among them, it writes past a block (2.14). So
 * its allocator is watched while it reads: what was read while memory was missing is not believed,
 * and a reserve is kept for that buffer, which doubles.
 *
 * Values may hold a token, so there is a way to drop them that overwrites them.
 */
#include "pimagefs/json_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pimagefs/buf.h"
#include "pimagefs/value.h"

/* jansson's allocator takes no argument of ours. What it is to know while json_text_read reads is
 * each thread's own: sidecars are read beside the loop. */
static _Thread_local struct {
	bool on;
	void *reserve;
	bool failed;
} watched;

/* What stands behind it. */
static struct {
	json_malloc_t allocate;
	json_free_t release;
} heap;

static void *watched_malloc(size_t size)
{
	bool doubled = size >= 32 && (size & (size - 1)) == 0;
	void *p;

	if (!watched.on)
		return heap.allocate(size);
	/* When memory has failed only so much more as it takes to come to an end. */
	p = watched.failed && !doubled ? NULL : heap.allocate(size);
	if (!p && doubled) {
		heap.release(watched.reserve);
		watched.reserve = NULL;
		p = heap.allocate(size);
		watched.failed = true;
	}
	watched.failed |= !p;
	return p;
}

/* All threads have one allocator: it changes before there are any, and later never (but in tests,
 * which have none). */
__attribute__((constructor)) static void watch_jansson(void)
{
	json_malloc_t present;
	json_free_t its_free;

	json_get_alloc_funcs(&present, &its_free);
	if (present == watched_malloc)
		return;
	heap.allocate = present;
	heap.release = its_free;
	json_set_alloc_funcs(watched_malloc, its_free);
}

int json_text_read(const char *text, size_t size, size_t flags, json_t **out, json_error_t *fault)
{
	json_t *value;

	/* From 32 to twice the longest token that there may be: together twice as much. */
	watch_jansson();
	watched.reserve = heap.allocate(4 * (size + 32));
	if (!watched.reserve)
		return -ENOMEM;
	watched.failed = false;
	watched.on = true;
	value = json_loadb(text, size, flags, fault);
	watched.on = false;
	heap.release(watched.reserve);
	watched.reserve = NULL;
	if (watched.failed) {
		json_text_drop(value);
		return -ENOMEM;
	}
	*out = value;
	return value ? 0 : -EINVAL;
}

void json_text_drop(json_t *value)
{
	json_t *inner;
	const char *key;

	if (json_is_string(value))
		explicit_bzero((char *)json_string_value(value), json_string_length(value));
	json_object_foreach (value, key, inner) {
		json_text_drop(json_incref(inner));
	}
	json_decref(value);
}

static int dump_value(const json_t *value, struct buf *out)
{
	char real[VALUE_REAL], *text;
	int r;

	if (json_is_real(value)) {
		value_real_text(json_real_value(value), real);
		return buf_printf(out, "%s%s", real, strpbrk(real, ".e") ? "" : ".0");
	}
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	r = text ? buf_puts(out, text) : -ENOMEM;
	text_wipe(&text);
	return r;
}

char *json_text_write(const json_t *object)
{
	struct buf out = BUF_INIT;
	const char *key;
	json_t *value, *name;
	int r = 0;

	json_object_foreach ((json_t *)object, key, value) {
		name = json_string(key);
		if (r == 0)
			r = name ? buf_puts(&out, out.size ? "," : "{") : -ENOMEM;
		if (r == 0)
			r = dump_value(name, &out);
		if (r == 0)
			r = buf_puts(&out, ":");
		if (r == 0)
			r = dump_value(value, &out);
		json_decref(name);
	}
	if (r == 0)
		r = buf_puts(&out, out.size ? "}" : "{}");
	if (r < 0)
		buf_wipe(&out);
	return out.data;
}
