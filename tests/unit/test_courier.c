/* courier: what is told for what change, what the helper is answered, and a helper that dies. The
 * helper is this program itself, started anew: it plays its part by what it is told. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "mount/courier_internal.h"
#include "pimagefs/courier.h"
#include "pimagefs/log.h"
#include "pimagefs/real_world.h"
#include "pimagefs/tree.h"
#include "scratch.h"

struct fixture {
	char folder[SCRATCH_PATH], log[SCRATCH_PATH + 8];
	uv_loop_t loop;
	struct world world;
	struct tree *tree;
	struct node *images, *fox;
	struct entry *entry;
	struct courier *courier;
	int version;
	bool impatient;
};

/* --- the helper's part: it writes down each command, and answers --- */

static void wait_for_word(const char *log)
{
	char word[COURIER_PATH + 8];

	snprintf(word, sizeof(word), "%s.go", log);
	while (access(word, F_OK) < 0)
		usleep(1000);
}

/* The mountpoint that it is greeted with is the file to write to. */
static int play(void)
{
	struct courier_command c;
	char path[COURIER_PATH], other[COURIER_PATH], log[COURIER_PATH] = "";
	int r = 0;

	while (read(STDIN_FILENO, &c, sizeof(c)) == sizeof(c)) {
		FILE *f;

		if (read(STDIN_FILENO, path, c.path_size) != (ssize_t)c.path_size ||
		    read(STDIN_FILENO, other, c.other_size) != (ssize_t)c.other_size)
			return 1;
		if (c.op == COURIER_HELLO)
			snprintf(log, sizeof(log), "%s", path);
		f = c.op == COURIER_HELLO ? NULL : fopen(log, "ae");
		if (f) {
			fprintf(f, "%u %s %s\n", c.op, path, other);
			if (strstr(path, "stick"))
				fprintf(f, "pid %d\n", (int)getpid());
			fclose(f);
		}
		if (strstr(path, "die"))
			return 1;
		if (strstr(path, "stick"))
			pause();
		if ((strstr(path, "held") && c.op == COURIER_TOUCH) ||
		    (strstr(path, "slow") && c.op == COURIER_MOVE))
			wait_for_word(log);
		if (write(STDOUT_FILENO, &r, sizeof(r)) != sizeof(r))
			return 1;
	}
	return 0;
}

/* --- the fixture --- */

static struct fixture *present;
static void (*real_start)(struct timer *t, int64_t delay_ms);

static int version_of(const struct node *node)
{
	(void)node;
	return present->version;
}

static void turn(struct fixture *f)
{
	uv_run(&f->loop, UV_RUN_NOWAIT);
	usleep(1000);
}

static bool log_has(struct fixture *f, const char *text)
{
	struct buf b = BUF_INIT;
	bool has = access(f->log, F_OK) == 0 && scratch_read(f->folder, "log", &b) == 0 &&
		   strstr(buf_text(&b), text);

	buf_release(&b);
	return has;
}

static bool log_has_twice(struct fixture *f, const char *text)
{
	struct buf b = BUF_INIT;
	const char *at;
	bool has;

	assert_int_equal(scratch_read(f->folder, "log", &b), 0);
	at = strstr(buf_text(&b), text);
	has = at && strstr(at + 1, text);
	buf_release(&b);
	return has;
}

static void wait_log(struct fixture *f, const char *text)
{
	for (int i = 0; i < 20000 && !log_has(f, text); i++)
		turn(f);
	assert_true(log_has(f, text));
}

static void wait_up(struct fixture *f)
{
	f->fox->untold = false;
	for (int i = 0; i < 20000 && !courier_keeps(f->courier, f->fox); i++)
		turn(f);
	assert_true(courier_keeps(f->courier, f->fox));
}

/* A machine that stands still for seconds: its helper is not yet a stuck one. */
static void start_patiently(struct timer *t, int64_t delay_ms)
{
	bool is_patience = delay_ms == COURIER_PATIENCE_MS && !present->impatient;

	real_start(t, is_patience ? 60000 : delay_ms);
}

static int make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct courier_ground ground;

	if (!f || uv_loop_init(&f->loop) < 0)
		return -1;
	present = f;
	scratch_make(f->folder);
	snprintf(f->log, sizeof(f->log), "%s/log", f->folder);
	real_world_init(&f->world, &f->loop);
	real_start = f->world.timer_start;
	f->world.timer_start = start_patiently;
	f->tree = tree_new(&f->world, NULL, NULL);
	if (!f->tree || tree_make(f->tree, NODE_FOLDER, AREA_IMAGES, 0755, &f->images) < 0 ||
	    tree_link(tree_root(f->tree), "images", f->images, true, NULL) < 0 ||
	    tree_make(f->tree, NODE_PICTURE, AREA_IMAGES, 0644, &f->fox) < 0)
		return -1;
	ground = (struct courier_ground){ .loop = &f->loop,
					  .world = &f->world,
					  .tree = f->tree,
					  .mountpoint = f->log,
					  .device = "0:1",
					  .version = version_of };
	*state = f;
	return courier_new(&f->courier, &ground);
}

static int drop(void **state)
{
	struct fixture *f = *state;

	courier_stop(f->courier);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	courier_free(f->courier);
	node_unpin(f->fox);
	node_unpin(f->images);
	tree_free(f->tree);
	scratch_remove(f->folder);
	free(f);
	return 0;
}

static void appear(struct fixture *f, const char *name)
{
	assert_int_equal(tree_link(f->images, name, f->fox, true, &f->entry), 0);
}

/* --- what is told --- */

static void a_name_comes_changes_and_goes(void **state)
{
	struct fixture *f = *state;

	wait_up(f);
	appear(f, "fox.png");
	assert_false(courier_keeps(f->courier, f->fox)); /* not before it was told */
	wait_log(f, "1 images/fox.png images/.pimagefs.1\n");
	node_changed(f->fox); /* the same version: nothing to tell */
	f->version++;
	node_changed(f->fox);
	wait_log(f, "1 images/fox.png images/.pimagefs.2\n");
	tree_unlink(f->entry);
	wait_log(f, "4 images/fox.png \n");
	assert_false(log_has(f, ".pimagefs.3"));
}

static void what_comes_and_goes_at_once(void **state)
{
	struct fixture *f = *state;

	wait_up(f);
	appear(f, "a.png");
	tree_unlink(f->entry);
	appear(f, "a.png");
	appear(f, "b.png");
	wait_log(f, "images/b.png");
	assert_true(log_has(f, "1 images/a.png")); /* one errand a name */
	assert_false(log_has(f, "4 images/a.png"));
}

static void a_folder_that_goes_and_comes_again_has_its_news(void **state)
{
	struct fixture *f = *state;

	wait_up(f);
	for (int i = 0; i < 2; i++) {
		struct entry *folder;
		struct node *cats;

		assert_int_equal(tree_make(f->tree, NODE_FOLDER, AREA_IMAGES, 0755, &cats), 0);
		assert_int_equal(tree_link(f->images, "cats", cats, true, &folder), 0);
		assert_int_equal(tree_link(cats, "tabby.png", f->fox, true, &f->entry), 0);
		node_unpin(cats);
		if (i == 0) { /* before anything could be told */
			tree_unlink(f->entry);
			tree_unlink(folder);
		}
	}
	wait_log(f, "2 images/cats \n");
	wait_log(f, "1 images/cats/tabby.png images/cats/.pimagefs.");
}

static void what_the_kernel_does_itself_is_hushed(void **state)
{
	struct fixture *f = *state;
	struct entry *other;

	wait_up(f);
	appear(f, "a.png");
	wait_log(f, "images/a.png");
	other = f->entry;
	appear(f, "b.png");
	wait_log(f, "images/b.png");
	courier_hush(f->courier, f->images, "a.png");
	tree_unlink(other);
	courier_hush(f->courier, NULL, NULL);
	tree_unlink(f->entry);
	wait_log(f, "4 images/b.png");
	assert_false(log_has(f, "4 images/a.png"));
}

/* --- what the helper is answered --- */

static void only_the_present_errand_is_agreed_to(void **state)
{
	struct fixture *f = *state;
	struct node *node = NULL;

	wait_up(f);
	assert_false(courier_is(f->courier, getpid()));
	assert_false(courier_is(f->courier, 0));
	assert_false(courier_is(NULL, 1));
	assert_int_equal(courier_lookup(f->courier, f->images, "fox.png", &node), -EAGAIN);
	assert_int_equal(courier_commits(f->courier, f->images, "fox.png", NULL), -EPERM);
	assert_int_equal(courier_touches(f->courier, f->fox), -EPERM);
	appear(f, "slow.png");
	/* Sent, and not yet answered. */
	while (courier_lookup(f->courier, f->images, "slow.png", &node) == -EAGAIN)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(courier_lookup(f->courier, f->images, "slow.png", &node), -ENOENT);
	assert_int_equal(courier_lookup(f->courier, f->images, "owl.png", &node), -EAGAIN);
	assert_int_equal(courier_lookup(f->courier, f->images, ".pimagefs.1", &node), 0);
	assert_ptr_equal(node, f->fox);
	assert_int_equal(courier_commits(f->courier, f->images, "owl.png", NULL), -EPERM);
	assert_int_equal(courier_commits(f->courier, f->images, "slow.png", NULL), 0);
	assert_true(courier_keeps(f->courier, f->fox));
	scratch_write(f->folder, "log.go", "", 0);
}

/* --- where PCManFM looks --- */

static void change(struct fixture *f)
{
	f->version++;
	node_changed(f->fox);
}

static void a_picture_goes_and_comes_where_pcmanfm_looks(void **state)
{
	struct fixture *f = *state;

	courier_listed(NULL, f->images, getpid());
	wait_up(f);
	appear(f, "fox.png");
	wait_log(f, "1 images/fox.png images/.pimagefs.1\n");
	prctl(PR_SET_NAME, "pcmanfm");
	courier_listed(f->courier, tree_root(f->tree), getpid()); /* no pictures there */
	change(f);
	wait_log(f, "1 images/fox.png images/.pimagefs.2\n");
	courier_listed(f->courier, f->images, getpid());
	change(f);
	wait_log(f, "1 images/fox.png images/.pimagefs.3\n");
	assert_true(log_has(f, "images/.pimagefs.2\n4 images/fox.png \n3 images/fox.png \n1 "));
	change(f);
	tree_unlink(f->entry);
	appear(f, "owl.png");
	wait_log(f, "1 images/owl.png");
	/* What goes only goes, and what comes only comes. */
	assert_true(log_has(f, "images/.pimagefs.3\n4 images/fox.png \n1 images/owl.png "));
	prctl(PR_SET_NAME, "test_courier"); /* as if it had ended */
	change(f);
	wait_log(f, "1 images/owl.png images/.pimagefs.5\n");
	assert_false(log_has(f, "3 images/owl.png"));
}

static void nothing_is_kept_of_what_goes_and_comes_before_the_end(void **state)
{
	struct fixture *f = *state;
	struct node *node = NULL;

	wait_up(f);
	prctl(PR_SET_NAME, "pcmanfm");
	courier_listed(f->courier, f->images, getpid());
	appear(f, "held.png");
	change(f); /* in one errand: somebody may have seen the name before it was told */
	wait_log(f, "4 images/held.png \n3 images/held.png \n");
	prctl(PR_SET_NAME, "test_courier");
	assert_int_equal(courier_lookup(f->courier, f->images, "held.png", &node), -EAGAIN);
	assert_int_equal(courier_touches(f->courier, f->fox), 0);
	assert_false(courier_keeps(f->courier, f->fox));
	scratch_write(f->folder, "log.go", "", 0);
	wait_log(f, "3 images/held.png \n1 images/held.png images/.pimagefs.1\n");
}

static void one_that_dies_on_the_way_begins_again(void **state)
{
	struct fixture *f = *state;

	wait_up(f);
	prctl(PR_SET_NAME, "pcmanfm");
	courier_listed(f->courier, f->images, getpid());
	appear(f, "die.png");
	change(f); /* in one errand: who looks may have seen it without being told */
	wait_log(f, "4 images/die.png \n4 images/die.png \n4 images/die.png \n");
	wait_up(f);
	prctl(PR_SET_NAME, "test_courier");
	assert_false(log_has(f, "3 images/die.png"));
}

/* --- waiting, and a helper that dies --- */

static void count(void *data)
{
	++*(unsigned *)data;
}

static void who_waits_hears_when_all_is_told(void **state)
{
	struct fixture *f = *state;
	unsigned heard = 0;

	wait_up(f);
	assert_false(courier_after(f->courier, count, &heard)); /* nothing to wait for */
	assert_false(courier_after(NULL, count, &heard));
	appear(f, "fox.png");
	assert_true(courier_after(f->courier, count, &heard));
	assert_int_equal(heard, 0);
	while (!heard)
		turn(f);
	assert_true(log_has(f, "images/fox.png"));
	assert_int_equal(heard, 1);
}

static void nobody_waits_for_what_the_kernel_did_not_keep(void **state)
{
	struct fixture *f = *state;
	unsigned heard = 0;

	wait_up(f);
	f->fox->kept = false;
	appear(f, "fox.png");
	assert_false(courier_after(f->courier, count, &heard));
	wait_log(f, "images/fox.png"); /* it is told all the same */
	f->fox->untold = false;        /* as its look for the name would do */
	assert_true(courier_keeps(f->courier, f->fox));
	tree_unlink(f->entry);
	assert_true(courier_after(f->courier, count, &heard));
	while (!heard)
		turn(f);
	assert_true(log_has(f, "4 images/fox.png"));
}

static void one_that_dies_is_replaced_and_what_was_missed_is_told(void **state)
{
	struct fixture *f = *state;
	unsigned heard = 0;

	wait_up(f);
	appear(f, "die.png");
	appear(f, "owl.png");
	assert_true(courier_after(f->courier, count, &heard));
	while (!heard)
		turn(f);
	wait_log(f, "images/die.png");
	/* One that kills each of them is left, so that the others come. */
	wait_log(f, "images/owl.png");
	wait_up(f);
}

static void what_was_missed_is_told_with_what_came_later(void **state)
{
	struct fixture *f = *state;
	struct errands e;
	struct errand *a;

	appear(f, "fox.png");
	assert_int_equal(errands_init(&e), 0);
	errands_add(&e, f->entry, COURIER_MOVE, true);
	a = errands_take(&e);
	errands_add(&e, f->entry, COURIER_TOUCH, false);
	assert_int_equal(errands_put_back(&e, a), -EEXIST);
	errand_free(a);
	a = errands_take(&e);
	assert_int_equal(a->op, COURIER_MOVE);
	assert_true(a->anew);
	assert_true(errands_are_none(&e));
	errand_free(a);
	errands_release(&e);
}

struct stuck {
	struct courier *courier;
	pid_t pid;
	bool asked, is_ours;
};

static void ask_stuck(void *data)
{
	struct stuck *s = data;

	s->is_ours = courier_is(s->courier, s->pid);
	s->asked = true;
}

static pid_t logged_pid(struct fixture *f)
{
	struct buf b = BUF_INIT;
	const char *at;
	int pid;

	assert_int_equal(scratch_read(f->folder, "log", &b), 0);
	at = strstr(buf_text(&b), "\npid ");
	pid = at ? atoi(at + 5) : 0;
	buf_release(&b);
	return pid;
}

/* What a stuck one has begun may arrive after it was given up: it is no call of the user's. */
static void one_that_is_stuck_is_known_until_its_end_is_seen(void **state)
{
	struct fixture *f = *state;
	struct stuck stuck = { .courier = f->courier };

	f->impatient = true;
	wait_up(f);
	appear(f, "stick.png");
	wait_log(f, "\npid ");
	stuck.pid = logged_pid(f);
	assert_true(courier_is(f->courier, stuck.pid));
	/* Who waits for the news is woken when it is given up, at the latest. */
	while (courier_after(f->courier, ask_stuck, &stuck))
		for (stuck.asked = false; !stuck.asked;)
			turn(f);
	assert_true(stuck.is_ours);
	/* The kernel may have it as it was, so the next one tells it. */
	for (int i = 0; i < 20000 && !log_has_twice(f, "images/stick.png"); i++)
		turn(f);
	assert_true(log_has_twice(f, "images/stick.png"));
}

static void nothing_is_kept_after_the_end(void **state)
{
	struct fixture *f = *state;
	unsigned heard = 0;

	wait_up(f);
	appear(f, "fox.png");
	assert_true(courier_after(f->courier, count, &heard));
	courier_stop(f->courier);
	assert_int_equal(heard, 1); /* nobody waits for what does not come */
	f->fox->untold = false;
	assert_false(courier_keeps(f->courier, f->fox));
	assert_false(courier_keeps(NULL, f->fox));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_comes_changes_and_goes),
		TEST(what_comes_and_goes_at_once),
		TEST(a_folder_that_goes_and_comes_again_has_its_news),
		TEST(what_the_kernel_does_itself_is_hushed),
		TEST(only_the_present_errand_is_agreed_to),
		TEST(a_picture_goes_and_comes_where_pcmanfm_looks),
		TEST(nothing_is_kept_of_what_goes_and_comes_before_the_end),
		TEST(one_that_dies_on_the_way_begins_again),
		TEST(who_waits_hears_when_all_is_told),
		TEST(nobody_waits_for_what_the_kernel_did_not_keep),
		TEST(one_that_dies_is_replaced_and_what_was_missed_is_told),
		TEST(what_was_missed_is_told_with_what_came_later),
		TEST(one_that_is_stuck_is_known_until_its_end_is_seen),
		TEST(nothing_is_kept_after_the_end),
	};

	if (argc == 2 && strcmp(argv[1], COURIER_OPTION) == 0)
		return play();
	signal(SIGPIPE, SIG_IGN);
	log_open("stderr", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
