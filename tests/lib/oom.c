/* oom: a counter in front of the allocator. Models memory that runs out at a chosen allocation:
 * silent until oom_fail_*, then the chosen call (or it and all after it) returns NULL with ENOMEM.
 * What shared libraries allocate by themselves is not counted, but for jansson's. Nothing to close.
 */
#include "oom.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static struct {
	bool armed, once;
	unsigned left, failed, paused;
} oom;

static bool oom_hits(void)
{
	if (!oom.armed || oom.paused)
		return false;
	if (oom.left) {
		oom.left--;
		return false;
	}
	if (oom.once && oom.failed)
		return false;
	oom.failed++;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return oom_hits() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return oom_hits() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return oom_hits() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return oom_hits() ? NULL : __real_strdup(text);
}

/* jansson's reader (2.14) does not notice that the buffer of a token could not grow, and reads past
 * it. That buffer doubles from 16: such sizes are spared. */
static void *json_alloc(size_t size)
{
	bool doubled = size >= 32 && (size & (size - 1)) == 0;

	return doubled ? __real_malloc(size) : __wrap_malloc(size);
}

static void oom_arm(unsigned n, bool once)
{
	json_set_alloc_funcs(json_alloc, free);
	oom.armed = true;
	oom.once = once;
	oom.left = n;
	oom.failed = 0;
}

void oom_fail_after(unsigned n)
{
	oom_arm(n, false);
}

void oom_fail_once(unsigned n)
{
	oom_arm(n, true);
}

unsigned oom_off(void)
{
	oom.armed = false;
	return oom.failed;
}

void oom_pause(void)
{
	oom.paused++;
}

void oom_resume(void)
{
	oom.paused--;
}
