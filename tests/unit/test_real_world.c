/* real_world: libuv and the system keep what world.h promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/real_world.h"

struct place {
	uv_loop_t loop;
	struct world w;
	struct timer *timer;
	unsigned fired, slept, worked;
	pid_t thread, begun_by;
};

static struct place place;

static int set_up(void **state)
{
	memset(&place, 0, sizeof(place));
	assert_int_equal(uv_loop_init(&place.loop), 0);
	real_world_init(&place.w, &place.loop);
	*state = &place;
	return 0;
}

/* Whatever was freed is gone when the loop has run. */
static int tear_down(void **state)
{
	struct place *p = *state;

	uv_run(&p->loop, UV_RUN_DEFAULT);
	return uv_loop_close(&p->loop);
}

static void on_timer(void *data)
{
	struct place *p = data;

	p->fired++;
	if (p->fired < 3)
		p->w.timer_start(p->timer, 0);
}

static void a_timer_fires_once_for_each_start(void **state)
{
	struct place *p = *state;
	int64_t before = world_mono_ms(&p->w);

	p->timer = p->w.timer_new(p->w.self, on_timer, p);
	assert_false(p->w.timer_runs(p->timer));
	p->w.timer_start(p->timer, 30000);
	assert_true(p->w.timer_runs(p->timer));
	p->w.timer_start(p->timer, -5); /* anew, and at once */
	assert_int_equal(p->fired, 0);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(p->fired, 3);
	assert_false(p->w.timer_runs(p->timer));
	assert_true(world_mono_ms(&p->w) - before < 30000);
	p->w.timer_start(p->timer, 0);
	p->w.timer_stop(p->timer);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	p->w.timer_start(p->timer, 0);
	p->w.timer_free(p->timer);
	p->w.timer_free(NULL);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(p->fired, 3);
}

static void on_sleep(void *data)
{
	struct place *p = data;

	p->slept++;
}

static void a_hook_is_called_before_the_loop_sleeps(void **state)
{
	struct place *p = *state;
	struct hook *hook = p->w.hook_new(p->w.self, on_sleep, p);

	uv_run(&p->loop, UV_RUN_NOWAIT);
	uv_run(&p->loop, UV_RUN_NOWAIT);
	assert_int_equal(p->slept, 2);
	p->w.hook_free(hook);
	p->w.hook_free(NULL);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(p->slept, 2);
}

static void on_work(void *data)
{
	struct place *p = data;

	p->thread = gettid();
}

static void on_worked(void *data)
{
	struct place *p = data;

	p->worked++;
	p->begun_by = gettid();
}

static void work_is_done_beside_the_loop_and_answered_on_it(void **state)
{
	struct place *p = *state;

	assert_int_equal(p->w.work(p->w.self, on_work, on_worked, p), 0);
	assert_int_equal(p->worked, 0);
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(p->worked, 1);
	assert_int_equal(p->begun_by, gettid());
	assert_int_not_equal(p->thread, gettid());
}

static void without_memory(void **state)
{
	struct place *p = *state;

	oom_fail_once(0);
	assert_null(p->w.timer_new(p->w.self, on_timer, p));
	oom_fail_once(0);
	assert_null(p->w.hook_new(p->w.self, on_sleep, p));
	oom_fail_once(0);
	assert_true(p->w.work(p->w.self, on_work, on_worked, p) < 0);
	oom_off();
	uv_run(&p->loop, UV_RUN_DEFAULT);
	assert_int_equal(p->worked, 0);
}

/* time() may be a moment behind it. */
static int64_t real_ms(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &t), 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void clocks_and_chance(void **state)
{
	struct place *p = *state;
	int64_t before = real_ms(), wall = world_wall_ms(&p->w);
	int64_t mono = world_mono_ms(&p->w);

	assert_true(wall >= before && wall <= real_ms());
	assert_true(world_mono_ms(&p->w) >= mono);
	assert_true(p->w.random(p->w.self) != p->w.random(p->w.self));
	assert_non_null(p->w.disk);
	assert_null(p->w.vfs);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_timer_fires_once_for_each_start),
		TEST(a_hook_is_called_before_the_loop_sleeps),
		TEST(work_is_done_beside_the_loop_and_answered_on_it),
		TEST(without_memory),
		TEST(clocks_and_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
