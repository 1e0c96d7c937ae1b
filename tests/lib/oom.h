/* oom: allocations that fail on purpose, in tests. Linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup; jansson is brought in by its own
 *hook.
 *
 *	for (unsigned n = 0; failed; n++) {
 *		oom_fail_after(n);
 *		r = what_is_tested();
 *		failed = oom_off();
 *		...
 *	}
 */
#ifndef TESTS_OOM_H
#define TESTS_OOM_H

/* The next n allocations succeed, every later one fails, until oom_off(). */
void oom_fail_after(unsigned n);
/* The next n allocations succeed, the one after them fails, all others succeed. */
void oom_fail_once(unsigned n);
/* Back to normal. How many allocations failed since oom_fail_*; 0 means that the test came to its
 * end. */
unsigned oom_off(void);

/* For what a test itself must allocate in between: these neither fail nor count. They nest. */
void oom_pause(void);
void oom_resume(void);

#endif
