/* library_work: work beside the loop, and a disk that does not answer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shelf.h"

struct piece {
	struct library_work work;
	unsigned ran, done;
	int r;
};

static void run(struct library_work *w)
{
	list_entry(w, struct piece, work)->ran++;
}

static void done(struct library_work *w, int r)
{
	struct piece *p = list_entry(w, struct piece, work);

	p->done++;
	p->r = r;
}

static void give(struct shelf *s, struct piece *p)
{
	*p = (struct piece){ .work = { .run = run, .done = done } };
	library_work(s->l, &p->work);
}

static int started(void **state)
{
	int r = shelf_make(state);

	return r < 0 ? r : library_start(((struct shelf *)*state)->l);
}

static void two_at_a_time(void **state)
{
	struct shelf *s = *state;
	struct piece pieces[5];
	unsigned given = 0;

	assert_false(library_works(s->l));
	for (int i = 0; i < 5; i++)
		give(s, &pieces[i]);
	list_each (p, &s->sim.works)
		given++;
	assert_int_equal(given, 2);
	assert_true(library_works(s->l));
	sim_world_work(&s->sim);
	for (int i = 0; i < 5; i++)
		assert_true(pieces[i].ran == 1 && pieces[i].done == 1 && pieces[i].r == 0);
	assert_false(library_works(s->l));
}

static void what_waits_at_the_end_is_not_done(void **state)
{
	struct shelf *s = *state;
	struct piece pieces[3];
	struct library *l = s->l;

	s->sim.disk_hangs = true;
	for (int i = 0; i < 3; i++)
		give(s, &pieces[i]);
	library_close(l);
	assert_int_equal(pieces[2].r, -ECANCELED);
	assert_int_equal(pieces[2].done, 1);
	assert_int_equal(pieces[2].ran, 0);
	assert_int_equal(pieces[0].done, 0);
	s->sim.disk_hangs = false;
	sim_world_work(&s->sim); /* the library goes with the last of them */
	assert_int_equal(pieces[0].done, 1);
	assert_int_equal(pieces[1].done, 1);
	s->l = NULL;
}

static void count(void *data)
{
	++*(unsigned *)data;
}

static void known_for_a_second(void **state)
{
	struct shelf *s = *state;
	unsigned told = 0;

	assert_int_equal(library_listen(s->l, count, &told), 0);
	assert_true(library_is_known(s->l));
	sim_world_pass(&s->sim, 999);
	assert_true(library_is_known(s->l));
	sim_world_pass(&s->sim, 1);
	assert_false(library_is_known(s->l));
	assert_false(library_is_known(s->l)); /* one look is enough */
	assert_int_equal(told, 0);
	assert_true(library_works(s->l)); /* it may hold a thread */
	sim_world_work(&s->sim);
	assert_false(library_works(s->l));
	assert_int_equal(told, 1);
	assert_true(library_is_known(s->l));
	assert_int_equal(library_may_write(s->l, 0), 0);
	assert_int_equal(sim_world_next_ms(&s->sim), -1);
}

static void a_disk_that_does_not_answer(void **state)
{
	struct shelf *s = *state;
	struct statvfs fs;
	unsigned told = 0;

	assert_int_equal(library_listen(s->l, count, &told), 0);
	s->sim.disk_hangs = true;
	sim_world_pass(&s->sim, 5000);
	assert_false(library_is_known(s->l));
	sim_world_pass(&s->sim, LIBRARY_PATIENCE_MS);
	assert_int_equal(told, 1);
	assert_true(library_is_known(s->l)); /* that it is silent */
	assert_int_equal(library_may_write(s->l, 0), -ETIMEDOUT);
	assert_int_equal(library_statvfs(s->l, &fs), 0); /* as it was */
	sim_world_pass(&s->sim, 3600000);
	assert_int_equal(library_may_write(s->l, 0), -ETIMEDOUT);
	s->sim.disk_hangs = false;
	sim_world_work(&s->sim);
	assert_int_equal(told, 2);
	assert_int_equal(library_may_write(s->l, 0), 0);
}

static int64_t ahead_ms;

static int64_t mono_ahead(void *self)
{
	return ((struct sim_world *)self)->mono_ms + ahead_ms;
}

static void ask_again(void *data)
{
	struct shelf *s = data;

	assert_true(library_is_known(s->l)); /* else who asks would wait for ever */
}

/* A turn of the loop that took long: the timer counts from its beginning. */
static void a_timer_that_comes_early(void **state)
{
	struct shelf *s = *state;
	unsigned told = 0;

	assert_int_equal(library_listen(s->l, count, &told), 0);
	assert_int_equal(library_listen(s->l, ask_again, s), 0);
	s->sim.world.mono_ms = mono_ahead;
	s->sim.disk_hangs = true;
	sim_world_pass(&s->sim, 5000);
	ahead_ms = 7;
	assert_false(library_is_known(s->l));
	ahead_ms = 0;
	sim_world_pass(&s->sim, LIBRARY_PATIENCE_MS);
	assert_int_equal(told, 1);
	s->sim.disk_hangs = false;
	sim_world_work(&s->sim);
	assert_int_equal(library_may_write(s->l, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, started, shelf_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_at_a_time),
		TEST(what_waits_at_the_end_is_not_done),
		TEST(known_for_a_second),
		TEST(a_disk_that_does_not_answer),
		TEST(a_timer_that_comes_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
