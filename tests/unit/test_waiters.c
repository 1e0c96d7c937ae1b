/* waiters: each reader that waits is finished exactly once, whatever ends its wait. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/waiters.h"
#include "sim_world.h"

#define READERS 8

/* A request is a number here: what libfuse would keep for it. */
static struct {
	fuse_interrupt_func_t interrupt;
	void *data;
	int r;
	unsigned finished;
} readers[READERS];
static bool interrupted_already; /* before anybody could say what to do then */

static fuse_req_t req_of(int i)
{
	return (fuse_req_t)(void *)&readers[i];
}

static int number_of(fuse_req_t req)
{
	return (int)((char *)req - (char *)readers) / (int)sizeof(*readers);
}

/* In the place of libfuse's. */
void fuse_req_interrupt_func(fuse_req_t req, fuse_interrupt_func_t func, void *data)
{
	int i = number_of(req);

	readers[i].interrupt = func;
	readers[i].data = data;
	if (interrupted_already)
		func(req, data);
}

struct fixture {
	struct sim_world sim;
	struct waiters *w;
	fuse_req_t again; /* waits once more when it is finished */
};

static void finish(fuse_req_t req, void *payload, int r, void *data)
{
	struct fixture *f = data;
	int i = number_of(req);

	assert_ptr_equal(payload, &readers[i]);
	readers[i].finished++;
	readers[i].r = r;
	if (req == f->again) {
		f->again = NULL;
		assert_int_equal(waiters_add(f->w, 1, req, payload), 0);
	}
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memset(readers, 0, sizeof(readers));
	interrupted_already = false;
	if (!f)
		return -1;
	sim_world_init(&f->sim, 1);
	*state = f;
	return waiters_new(&f->w, &f->sim.world, 10000, finish, f);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	waiters_let_go(f->w, -ECANCELED);
	waiters_free(f->w);
	sim_world_check_free(&f->sim);
	free(f);
	return 0;
}

static void add(struct fixture *f, int i, uint64_t key)
{
	assert_int_equal(waiters_add(f->w, key, req_of(i), &readers[i]), 0);
}

static void assert_finished(int i, unsigned times, int r)
{
	assert_int_equal(readers[i].finished, times);
	assert_int_equal(readers[i].r, r);
}

static void test_woken(void **state)
{
	struct fixture *f = *state;

	add(f, 0, 1);
	add(f, 1, 1);
	add(f, 2, 2);
	assert_int_equal(waiters_count(f->w), 3);
	waiters_wake(f->w, 1, 0);
	assert_finished(0, 1, 0);
	assert_finished(1, 1, 0);
	assert_finished(2, 0, 0);
	waiters_wake(f->w, 1, 0); /* nobody waits for it any more */
	waiters_wake(f->w, 7, 0);
	assert_finished(0, 1, 0);
	assert_int_equal(waiters_count(f->w), 1);
}

static void test_timed_out(void **state)
{
	struct fixture *f = *state;

	add(f, 0, 1);
	sim_world_pass(&f->sim, 4000);
	add(f, 1, 1);
	sim_world_pass(&f->sim, 5999);
	assert_finished(0, 0, 0);
	sim_world_pass(&f->sim, 1);
	assert_finished(0, 1, -ETIMEDOUT);
	assert_finished(1, 0, 0);
	sim_world_pass(&f->sim, 4000);
	assert_finished(1, 1, -ETIMEDOUT);
	assert_int_equal(sim_world_next_ms(&f->sim), -1); /* nobody left: no timer */
}

static void test_interrupted(void **state)
{
	struct fixture *f = *state;

	add(f, 0, 1);
	add(f, 1, 1);
	readers[0].interrupt(req_of(0), readers[0].data);
	assert_finished(0, 1, -EINTR);
	waiters_wake(f->w, 1, 0);
	assert_finished(0, 1, -EINTR);
	assert_finished(1, 1, 0);
	interrupted_already = true; /* the interrupt was faster than we */
	add(f, 2, 3);
	assert_finished(2, 1, -EINTR);
	assert_int_equal(waiters_count(f->w), 0);
}

static void test_let_go(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < READERS; i++)
		add(f, i, (uint64_t)i % 3);
	waiters_let_go(f->w, -ECANCELED);
	for (int i = 0; i < READERS; i++)
		assert_finished(i, 1, -ECANCELED);
	assert_int_equal(waiters_count(f->w), 0);
}

static void test_who_waits_again_is_not_woken_twice(void **state)
{
	struct fixture *f = *state;

	add(f, 0, 1);
	add(f, 1, 1);
	f->again = req_of(0);
	waiters_wake(f->w, 1, 0);
	assert_finished(0, 1, 0);
	assert_finished(1, 1, 0);
	assert_int_equal(waiters_count(f->w), 1);
	waiters_wake(f->w, 1, 0);
	assert_finished(0, 2, 0);
}

static void test_for_ever(void **state)
{
	struct fixture *f = *state;
	struct waiters *w;

	assert_int_equal(waiters_new(&w, &f->sim.world, 0, finish, f), 0);
	assert_int_equal(waiters_add(w, 1, req_of(0), &readers[0]), 0);
	sim_world_pass(&f->sim, INT64_C(1000000000));
	assert_finished(0, 0, 0);
	waiters_let_go(w, -ECANCELED);
	waiters_free(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_woken),
		TEST(test_timed_out),
		TEST(test_interrupted),
		TEST(test_let_go),
		TEST(test_who_waits_again_is_not_woken_twice),
		TEST(test_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
