/* failing_writes: the writes of SQLite fail when a test says so. */
#ifndef TESTS_FAILING_WRITES_H
#define TESTS_FAILING_WRITES_H

/* How many more succeed; then each fails. Negative: all succeed. */
extern int writes_left;

/* From now on writes_left counts, and failures have this errno. */
void writes_watch(int number);
/* All as it was. */
void writes_unwatch(void);

#endif
