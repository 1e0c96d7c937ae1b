/* json_text: what is read is true or an error, whatever memory does; what is written is read back.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/json_text.h"

static void an_object_is_written_as_it_is_read(void **state)
{
	static const char text[] =
		"{\"a\\\"b\":0.8,\"c\":null,\"d\":{\"e\":[1]},\"f\":\"\\n\",\"g\":3.0}";
	json_t *object = NULL, *none = json_object();
	json_error_t fault;
	char *written, *empty = json_text_write(none);

	(void)state;
	assert_int_equal(json_text_read(text, strlen(text), 0, &object, &fault), 0);
	written = json_text_write(object);
	assert_string_equal(written, text);
	assert_string_equal(empty, "{}");
	free(written);
	free(empty);
	json_text_drop(object);
	json_text_drop(none);
	json_text_drop(NULL);
}

static void a_fault_is_told(void **state)
{
	json_t *value = NULL;
	json_error_t fault;

	(void)state;
	assert_int_equal(json_text_read("{\"a\":1,}", 8, 0, &value, &fault), -EINVAL);
	assert_null(value);
	assert_int_equal(fault.line, 1);
	assert_int_equal(json_text_read("{\"a\":1,\"a\":2}", 13, JSON_REJECT_DUPLICATES, &value,
					&fault),
			 -EINVAL);
	assert_int_equal(json_error_code(&fault), json_error_duplicate_key);
}

/* Each allocation fails in its turn: never a fault of a right text, never half of it. */
static void want_of_memory_is_no_fault(void **state)
{
	static const char text[] = "{\"prompt\":\"a red fox in the snow\",\"n\":[1,2.5,true,null]}";
	void (*const fails[])(unsigned) = { oom_fail_after, oom_fail_once };
	json_t *want = json_loads(text, 0, NULL);

	(void)state;
	for (size_t way = 0; way < 2; way++) {
		unsigned failed = 1;

		for (unsigned n = 0; failed; n++) {
			json_t *value = NULL;
			json_error_t fault;
			char *written = NULL;
			int r;

			fails[way](n);
			r = json_text_read(text, strlen(text), 0, &value, &fault);
			if (r == 0)
				written = json_text_write(value);
			failed = oom_off();
			assert_true(r == 0 || (failed && r == -ENOMEM));
			assert_true(failed || written);
			assert_true(r < 0 || json_equal(value, want));
			assert_true(!written || strcmp(written, text) == 0);
			json_decref(value);
			free(written);
		}
	}
	json_decref(want);
}

/* A heap of so many bytes, with a mark behind each block. */
static struct {
	size_t left; /* bytes */
} heap;

struct block {
	size_t size;
	_Alignas(max_align_t) unsigned char bytes[];
};

static void *heap_malloc(size_t size)
{
	struct block *b = size <= heap.left ? malloc(sizeof(*b) + size + 8) : NULL;

	if (!b)
		return NULL;
	heap.left -= size;
	b->size = size;
	memset(b->bytes + size, 0x5a, 8);
	return b->bytes;
}

static void heap_free(void *p)
{
	struct block *b = p ? (struct block *)((char *)p - offsetof(struct block, bytes)) : NULL;

	if (!b)
		return;
	for (int i = 0; i < 8; i++)
		assert_int_equal(b->bytes[b->size + i], 0x5a);
	heap.left += b->size;
	free(b);
}

static void nothing_is_written_past_a_block_where_memory_runs_out(void **state)
{
	char text[1200];

	(void)state;
	snprintf(text, sizeof(text), "{\"prompt\":\"%0600d\",\"more\":[\"%031d\",\"%0400d\"]}", 1,
		 2, 3);
	json_set_alloc_funcs(heap_malloc, heap_free);
	for (size_t room = 0, read = 0; !read; room++) {
		json_t *value = NULL;
		json_error_t fault;
		int r;

		heap.left = room;
		r = json_text_read(text, strlen(text), 0, &value, &fault);
		assert_true(r == 0 || r == -ENOMEM);
		read = r == 0;
		json_text_drop(value);
		assert_int_equal(heap.left, room);
	}
	json_set_alloc_funcs(malloc, free);
}

#define THREADS 4
#define TIMES 3000

static void *read_often(void *data)
{
	static const char text[] =
		"{\"prompt\":\"a red fox in the snow, once more\",\"n\":[1,2.5]}";
	uintptr_t wrong = 0;

	(void)data;
	for (int i = 0; i < TIMES; i++) {
		json_t *value = NULL;
		json_error_t fault;

		wrong += json_text_read(text, strlen(text), 0, &value, &fault) != 0;
		json_decref(value);
	}
	return (void *)wrong;
}

/* Sidecars are read beside the loop, while requests are read on it. */
static void threads_read_at_once(void **state)
{
	pthread_t threads[THREADS];
	void *wrong;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_often, NULL), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_written_as_it_is_read),
		cmocka_unit_test(a_fault_is_told),
		cmocka_unit_test(threads_read_at_once),
		cmocka_unit_test(want_of_memory_is_no_fault),
		cmocka_unit_test(nothing_is_written_past_a_block_where_memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
