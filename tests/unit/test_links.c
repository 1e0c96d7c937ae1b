/* links: which symbolic links a job has in by-date/ and by-id/, and where they lead to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core_world.h"
#include "oom.h"
#include "pimagefs/images.h"
#include "pimagefs/map.h"

struct fixture {
	struct tree *tree;
	struct node *by_date, *by_id;
	struct links *l;
	struct job *job;
};

/* 2026-11-22, 14:15:03 in the zone of these tests. */
#define MOMENT INT64_C(1795356903000)

static struct node *plant(struct tree *t, enum node_area area, const char *name)
{
	struct node *node;

	assert_int_equal(tree_make(t, NODE_FOLDER, area, 0755, &node), 0);
	assert_int_equal(tree_link(tree_root(t), name, node, true, NULL), 0);
	node_unpin(node);
	return node;
}

static struct job *ready(const char *id, const char *prediction_id)
{
	static uint64_t number;
	struct job *job = job_new(++number, id, 1000);

	assert_non_null(job);
	job->state = JOB_READY;
	job->current = true;
	job->completed_ms = MOMENT;
	job->picture.kind = PICTURE_PNG;
	assert_int_equal(job_set_text(&job->picture_path, "2026-11-22/a.png"), 0);
	assert_int_equal(job_set_text(&job->prediction_id, prediction_id), 0);
	return job;
}

static void drop(struct fixture *w, struct job *job)
{
	links_forget(w->l, job);
	job_free(job);
}

static int setup(void **state)
{
	struct fixture *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	setenv("TZ", "XST+3", 1); /* three hours behind UTC */
	tzset();
	w->tree = tree_new(sim_world_any(), NULL, NULL);
	assert_non_null(w->tree);
	w->by_date = plant(w->tree, AREA_BY_DATE, "by-date");
	w->by_id = plant(w->tree, AREA_BY_ID, "by-id");
	assert_int_equal(links_new(&w->l, w->by_date, w->by_id), 0);
	w->job = ready("fox", "p1");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *w = *state;

	drop(w, w->job);
	assert_true(tree_is_empty(w->by_date) && tree_is_empty(w->by_id));
	links_free(w->l);
	tree_free(w->tree);
	free(w);
	unsetenv("TZ");
	return 0;
}

/* NULL: it is not there. */
static void assert_leads(struct node *folder, const char *path, const char *to)
{
	struct buf target = BUF_INIT;
	const char *slash = strrchr(path, '/');
	char day[32] = "";
	struct entry *entry;

	if (slash)
		snprintf(day, sizeof(day), "%.*s", (int)(slash - path), path);
	entry = tree_walk(folder, day, false, 0, &folder) == 0
			? tree_entry(folder, slash ? slash + 1 : path)
			: NULL;
	if (!to) {
		assert_null(entry);
		return;
	}
	assert_non_null(entry);
	assert_int_equal(entry->node->kind, NODE_LINK);
	assert_int_equal(links_target(entry->node, &target), 0);
	assert_string_equal(buf_text(&target), to);
	buf_release(&target);
}

static void named_by_local_time(void **state)
{
	struct fixture *w = *state;

	links_update(w->l, w->job);
	assert_leads(w->by_date, "2026-11-22/111503-fox.png", "../../images/fox.png");
	assert_leads(w->by_id, "p1.png", "../images/fox.png");
	assert_ptr_equal(links_find(w->l, "p1.png"), w->job);
	assert_null(links_find(w->l, "p1.jpg"));
	assert_null(links_find(NULL, "p1.png"));
	/* Another day here than there. */
	w->job->completed_ms = MOMENT - INT64_C(12) * 3600000;
	links_update(w->l, w->job);
	assert_leads(w->by_date, "2026-11-22", NULL);
	assert_leads(w->by_date, "2026-11-21/231503-fox.png", "../../images/fox.png");
}

static void the_true_ending(void **state)
{
	struct fixture *w = *state;

	w->job->picture.kind = PICTURE_JPEG;
	links_update(w->l, w->job);
	assert_leads(w->by_date, "2026-11-22/111503-fox.jpg", "../../images/fox.jpg");
	assert_leads(w->by_id, "p1.jpg", "../images/fox.jpg");
}

static void only_what_is_there(void **state)
{
	struct fixture *w = *state;
	const enum job_state others[] = { JOB_QUEUED, JOB_PROCESSING, JOB_FAILED, JOB_CANCELLED };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		w->job->state = JOB_READY;
		links_update(w->l, w->job);
		w->job->state = others[i];
		links_update(w->l, w->job);
		assert_true(tree_is_empty(w->by_date) && tree_is_empty(w->by_id));
	}
	w->job->state = JOB_READY;
	w->job->dismissed = true;
	links_update(w->l, w->job);
	assert_true(tree_is_empty(w->by_date) && tree_is_empty(w->by_id));
}

static void a_superseded_one_stays_by_id(void **state)
{
	struct fixture *w = *state;

	links_update(w->l, w->job);
	w->job->current = false;
	links_update(w->l, w->job);
	assert_true(tree_is_empty(w->by_date));
	assert_leads(w->by_id, "p1.png", "../images/p1.png");
}

static void a_renamed_one(void **state)
{
	struct fixture *w = *state;
	struct entry *entry;
	struct node *node;
	struct buf target = BUF_INIT;

	links_update(w->l, w->job);
	assert_int_equal(tree_walk(w->by_date, "2026-11-22", false, 0, &node), 0);
	entry = tree_entry(node, "111503-fox.png");
	assert_non_null(entry);
	node = entry->node;
	node_lookup(node); /* the kernel knows it */
	assert_int_equal(job_set_text(&w->job->id, "cats/tabby"), 0);
	links_update(w->l, w->job);
	assert_leads(w->by_date, "2026-11-22/111503-fox.png", NULL);
	assert_leads(w->by_date, "2026-11-22/111503-cats-tabby.png", "../../images/cats/tabby.png");
	assert_leads(w->by_id, "p1.png", "../images/cats/tabby.png");
	assert_int_equal(links_target(node, &target), -ENOENT);
	node_forget(node, 1);
}

static void collisions_are_numbered(void **state)
{
	struct fixture *w = *state;
	struct job *same = ready("a/b", "p2"), *other = ready("a-b", "p3");

	links_update(w->l, same);
	links_update(w->l, other);
	links_update(w->l, other); /* it keeps its number */
	assert_leads(w->by_date, "2026-11-22/111503-a-b.png", "../../images/a/b.png");
	assert_leads(w->by_date, "2026-11-22/111503-a-b-2.png", "../../images/a-b.png");
	drop(w, same);
	/* A name that looks like a number is one of its own. */
	same = ready("a-b-2", "p4");
	links_update(w->l, same);
	assert_leads(w->by_date, "2026-11-22/111503-a-b-2-2.png", "../../images/a-b-2.png");
	drop(w, same);
	drop(w, other);
}

static void ids_that_are_no_file_names(void **state)
{
	struct fixture *w = *state;
	static const char *const hostile[] = {
		"../../etc/passwd", ".", "..", ".hidden", "a\nb", "a b", "\xff", "a/b"
	};
	char long_id[1025];

	memset(long_id, 'x', sizeof(long_id) - 1);
	long_id[sizeof(long_id) - 1] = '\0';
	for (size_t i = 0; i <= sizeof(hostile) / sizeof(*hostile); i++) {
		bool longest = i == sizeof(hostile) / sizeof(*hostile);
		const char *id = longest ? long_id : hostile[i];
		char sum[DIGEST_HEX], name[128], target[160];
		struct job *job = ready("wolf", id);

		links_update(w->l, job);
		assert_int_equal(digest_sha256(id, strlen(id), sum), 0);
		snprintf(name, sizeof(name), "sha256-%s.png", sum);
		assert_leads(w->by_id, name, "../images/wolf.png");
		job->current = false;
		links_update(w->l, job);
		snprintf(target, sizeof(target), "../images/%s", name);
		assert_leads(w->by_id, name, target);
		assert_ptr_equal(links_find(w->l, name), job);
		drop(w, job);
	}
}

static void long_names_fit(void **state)
{
	struct fixture *w = *state;
	char id[400];
	struct job *a, *b;
	struct node *day;
	unsigned n = 0;

	memset(id, 'f', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	a = ready(id, "p2");
	id[398] = 'g';
	b = ready(id, "p3");
	a->picture.kind = b->picture.kind = PICTURE_WEBP;
	links_update(w->l, a);
	links_update(w->l, b);
	assert_int_equal(tree_walk(w->by_date, "2026-11-22", false, 0, &day), 0);
	list_each (p, &day->order) {
		assert_true(strlen(list_entry(p, struct entry, in_folder)->name) <= 255);
		n++;
	}
	assert_int_equal(n, 2);
	drop(w, a);
	drop(w, b);
}

static void without_memory(void **state)
{
	struct fixture *w = *state;

	for (unsigned n = 0, failed = 1; failed; n++) {
		oom_fail_after(n);
		links_update(w->l, w->job);
		failed = oom_off();
		assert_int_equal(tree_is_empty(w->by_date), !map_count(w->by_date->names));
		links_update(w->l, w->job);
		assert_leads(w->by_id, "p1.png", "../images/fox.png");
		assert_leads(w->by_date, "2026-11-22/111503-fox.png", "../../images/fox.png");
		links_forget(w->l, w->job);
		assert_true(tree_is_empty(w->by_date) && tree_is_empty(w->by_id));
	}
}

/* --- with the engine --- */

static void images_resolves_what_by_id_lists(void **state)
{
	struct core *c = *state;
	const struct images im = { c->engine, c->views, c->links };
	struct job *old = core_ready(c, "fox", "p1"), *new = core_ready(c, "fox", "p2");
	struct node *node;

	old->picture.kind = PICTURE_JPEG;
	links_update(c->links, old);
	assert_int_equal(core_name(c->by_id, "p1.jpg"), 2);
	assert_int_equal(core_name(c->by_id, "p2.png"), 2);
	node = images_by_other_name(&im, c->images, "p1.jpg");
	assert_non_null(node);
	assert_ptr_equal(node->data, old);
	assert_non_null(images_by_other_name(&im, c->images, "p1.png"));
	assert_null(images_by_other_name(&im, c->images, "p1.webp"));
	assert_int_equal(engine_dismiss(c->engine, new), 0);
	assert_int_equal(core_name(c->by_id, "p2.png"), 0);
	sim_world_work(&c->sim);
}

static void they_are_back_after_a_restart(void **state)
{
	struct core *c = *state;

	core_ready(c, "fox", "p1");
	core_ready(c, "fox", "p2");
	core_restart(c);
	assert_int_equal(core_name(c->by_id, "p1.png"), 2);
	assert_int_equal(core_name(c->by_id, "p2.png"), 2);
	assert_int_equal(map_count(c->by_date->names), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(named_by_local_time, setup, teardown),
		cmocka_unit_test_setup_teardown(the_true_ending, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(a_superseded_one_stays_by_id, setup, teardown),
		cmocka_unit_test_setup_teardown(a_renamed_one, setup, teardown),
		cmocka_unit_test_setup_teardown(collisions_are_numbered, setup, teardown),
		cmocka_unit_test_setup_teardown(ids_that_are_no_file_names, setup, teardown),
		cmocka_unit_test_setup_teardown(long_names_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(images_resolves_what_by_id_lists, core_make,
						core_drop),
		cmocka_unit_test_setup_teardown(they_are_back_after_a_restart, core_make,
						core_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
