/* views: which names a job has in images/ and status/ in each of its states. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"
#include "oom.h"
#include "pimagefs/log.h"

struct fixture {
	struct tree *tree;
	struct node *images, *status, *requests;
	struct views *v;
	struct job *job;
};

static struct node *plant(struct tree *t, enum node_area area, const char *name)
{
	struct node *node;

	assert_int_equal(tree_make(t, NODE_FOLDER, area, 0755, &node), 0);
	assert_int_equal(tree_link(tree_root(t), name, node, true, NULL), 0);
	node_unpin(node);
	return node;
}

static struct job *job_of(const char *id, enum job_state state)
{
	static uint64_t number;
	struct job *job = job_new(++number, id, 1000);

	assert_non_null(job);
	job->state = state;
	job->current = true;
	job->file = job; /* any */
	assert_int_equal(job_set_text(&job->input, "{}"), 0);
	return job;
}

static int setup(void **state)
{
	struct fixture *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	w->tree = tree_new(sim_world_any(), NULL, NULL);
	assert_non_null(w->tree);
	w->images = plant(w->tree, AREA_IMAGES, "images");
	w->status = plant(w->tree, AREA_STATUS, "status");
	w->requests = plant(w->tree, AREA_REQUESTS, "requests");
	assert_int_equal(views_new(&w->v, w->images, w->status, w->requests, true), 0);
	w->job = job_of("fox", JOB_QUEUED);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *w = *state;

	views_forget(w->v, w->job);
	job_free(w->job);
	views_free(w->v);
	tree_free(w->tree);
	free(w);
	return 0;
}

/* 0: absent, 1: resolves, 2: listed. */
static void assert_names(struct fixture *w, const char *id, int png, int reason, int status)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.png", id);
	assert_int_equal(core_name(w->images, name), png);
	snprintf(name, sizeof(name), "%s.error.txt", id);
	assert_int_equal(core_name(w->images, name), reason);
	snprintf(name, sizeof(name), "%s.json", id);
	assert_int_equal(core_name(w->status, name), status);
}

static void assert_in_state(struct fixture *w, enum job_state state, int png, int reason)
{
	w->job->state = state;
	views_update(w->v, w->job);
	assert_names(w, "fox", png, reason, 2);
}

static void test_names_by_state(void **state)
{
	struct fixture *w = *state;

	assert_names(w, "fox", 0, 0, 0);
	assert_in_state(w, JOB_QUEUED, 2, 0);
	assert_in_state(w, JOB_CREATING, 2, 0);
	assert_in_state(w, JOB_PROCESSING, 2, 0);
	assert_in_state(w, JOB_DOWNLOADING, 2, 0);
	w->job->picture.kind = PICTURE_PNG;
	assert_in_state(w, JOB_READY, 2, 0);
	assert_in_state(w, JOB_FAILED, 1, 2);
	assert_in_state(w, JOB_HELD, 1, 2);
	assert_in_state(w, JOB_INVALID, 1, 2);
	assert_in_state(w, JOB_CANCELLED, 1, 0);
	assert_in_state(w, JOB_QUEUED, 2, 0); /* asked again: the reason goes */
	assert_in_state(w, JOB_DRAFT, 2, 0);  /* flushed */
}

static void test_empty_draft_has_no_picture(void **state)
{
	struct fixture *w = *state;

	assert_int_equal(job_set_text(&w->job->input, NULL), 0);
	assert_in_state(w, JOB_DRAFT, 0, 0);
	assert_false(views_awaits_picture(w->job));
	assert_int_equal(job_set_text(&w->job->input, "{}"), 0);
	assert_true(views_awaits_picture(w->job));
	w->job->state = JOB_READY;
	assert_false(views_awaits_picture(w->job));
}

static void test_pending_need_not_be_listed(void **state)
{
	struct fixture *w = *state;

	views_free(w->v);
	assert_int_equal(views_new(&w->v, w->images, w->status, w->requests, false), 0);
	assert_in_state(w, JOB_PROCESSING, 1, 0);
	w->job->picture.kind = PICTURE_PNG;
	assert_in_state(w, JOB_READY, 2, 0);
}

static void test_true_ending(void **state)
{
	struct fixture *w = *state;
	struct node *pending;

	views_update(w->v, w->job);
	pending = tree_entry(w->images, "fox.png")->node;
	w->job->picture.kind = PICTURE_JPEG;
	assert_in_state(w, JOB_READY, 1, 0);
	assert_int_equal(core_name(w->images, "fox.jpg"), 2);
	assert_ptr_equal(tree_entry(w->images, "fox.jpg")->node, pending);
	assert_ptr_equal(tree_entry(w->images, "fox.png")->node, pending);
	assert_int_equal(pending->mode, 0644);

	w->job->picture.kind = PICTURE_WEBP;
	w->job->state = JOB_FAILED; /* one state in between, as in life */
	views_update(w->v, w->job);
	assert_int_equal(core_name(w->images, "fox.jpg"), 0);
	assert_in_state(w, JOB_READY, 1, 0);
	assert_int_equal(core_name(w->images, "fox.webp"), 2);
}

/* A thumbnailer remembers by the second what it could not read. */
static void test_what_is_pending_is_older_by_a_second(void **state)
{
	struct fixture *w = *state;
	const struct node *node;
	int64_t pending_ns;

	views_update(w->v, w->job);
	node = tree_entry(w->images, "fox.png")->node;
	pending_ns = node->mtime_ns;
	w->job->completed_ms = w->job->created_ms; /* as fast as can be */
	w->job->picture.kind = PICTURE_PNG;
	assert_in_state(w, JOB_READY, 2, 0);
	assert_true(node->mtime_ns == w->job->completed_ms * 1000000);
	assert_true(node->mtime_ns - pending_ns >= 1000000000);
}

static void test_nodes_lead_to_the_job(void **state)
{
	struct fixture *w = *state;
	struct node *picture;

	w->job->completed_ms = 5000;
	assert_in_state(w, JOB_FAILED, 1, 2);
	picture = tree_entry(w->images, "fox.png")->node;
	assert_int_equal(picture->kind, NODE_PICTURE);
	assert_int_equal(picture->area, AREA_IMAGES);
	assert_ptr_equal(picture->data, w->job);
	assert_int_equal(picture->mtime_ns, INT64_C(5000000000));
	assert_int_equal(tree_entry(w->images, "fox.error.txt")->node->kind, NODE_REASON);
	assert_ptr_equal(tree_entry(w->images, "fox.error.txt")->node->data, w->job);
	assert_int_equal(tree_entry(w->status, "fox.json")->node->kind, NODE_STATUS);
	assert_ptr_equal(views_picture(w->v, w->job), picture);
}

static void test_dismissed(void **state)
{
	struct fixture *w = *state;

	w->job->dismissed = true;
	w->job->picture.kind = PICTURE_PNG;
	assert_in_state(w, JOB_READY, 0, 0);
	assert_in_state(w, JOB_FAILED, 0, 0);
	w->job->dismissed = false;
	assert_in_state(w, JOB_FAILED, 1, 2);

	w->job->dismissed = true; /* and its request is removed too: nothing is left to see */
	w->job->file = NULL;
	views_update(w->v, w->job);
	assert_names(w, "fox", 0, 0, 0);
	assert_in_state(w, JOB_QUEUED, 0, 0);
}

static void test_a_newer_job_takes_the_names(void **state)
{
	struct fixture *w = *state;
	struct job *newer = job_of("fox", JOB_QUEUED);
	struct node *old, *new;

	w->job->picture.kind = PICTURE_PNG;
	assert_in_state(w, JOB_READY, 2, 0);
	old = tree_entry(w->images, "fox.png")->node;
	w->job->current = false;
	views_update(w->v, w->job);
	assert_names(w, "fox", 0, 0, 0);
	views_update(w->v, newer);
	assert_names(w, "fox", 2, 0, 2);
	new = tree_entry(w->images, "fox.png")->node;
	assert_ptr_not_equal(new, old); /* a picture once served never changes under its inode */
	assert_ptr_equal(views_picture(w->v, w->job), old);
	assert_ptr_equal(old->data, w->job);
	assert_true(old->superseded);
	views_forget(w->v, newer);
	job_free(newer);
	assert_names(w, "fox", 0, 0, 0);
	w->job->current = true; /* and has them back, as after a rename */
	views_update(w->v, w->job);
	assert_names(w, "fox", 2, 0, 2);
	assert_false(old->superseded);
}

/* Asked again, alone in its folder: who watches that folder goes on seeing it. */
static void test_the_folder_of_a_replaced_job_stays(void **state)
{
	struct fixture *w = *state;
	struct job *newer = job_of("cats/tabby", JOB_QUEUED);
	struct node *images, *status;

	assert_int_equal(job_set_text(&w->job->id, "cats/tabby"), 0);
	views_update(w->v, w->job);
	images = tree_entry(w->images, "cats")->node;
	status = tree_entry(w->status, "cats")->node;
	w->job->current = false;
	views_update(w->v, w->job);
	assert_names(w, "cats/tabby", 0, 0, 0);
	views_update(w->v, newer);
	assert_names(w, "cats/tabby", 2, 0, 2);
	assert_ptr_equal(tree_entry(w->images, "cats")->node, images);
	assert_ptr_equal(tree_entry(w->status, "cats")->node, status);
	newer->part = 1; /* one of several that has lost its name leaves no empty folder */
	newer->current = false;
	views_update(w->v, newer);
	assert_null(tree_entry(w->status, "cats"));
	assert_null(tree_entry(w->images, "cats"));
	views_forget(w->v, newer);
	job_free(newer);
}

/* An editor that takes a refused request away and brings it back leaves the open window its folder;
 * it goes with that of the requests. */
static void test_an_empty_folder_goes_with_its_requests(void **state)
{
	struct fixture *w = *state;
	struct node *folder;

	assert_int_equal(tree_walk(w->requests, "zoo/cats", true, 0755, &folder), 0);
	assert_int_equal(job_set_text(&w->job->id, "zoo/cats/tabby"), 0);
	w->job->state = JOB_INVALID;
	views_update(w->v, w->job);
	assert_names(w, "zoo/cats/tabby", 1, 2, 2);
	views_forget(w->v, w->job);
	assert_names(w, "zoo/cats/tabby", 0, 0, 0);
	assert_int_equal(tree_walk(w->images, "zoo/cats", false, 0, &folder), 0);
	assert_int_equal(tree_walk(w->status, "zoo/cats", false, 0, &folder), 0);
	assert_int_equal(tree_walk(w->requests, "zoo", false, 0, &folder), 0);
	tree_unlink(tree_entry(folder, "cats"));
	assert_null(tree_entry(w->images, "zoo"));
	assert_null(tree_entry(w->status, "zoo"));
}

/* The pictures of a set that is one prompt now: nothing else lies in their folder. */
static void test_a_part_takes_its_folder_along(void **state)
{
	struct fixture *w = *state;

	assert_int_equal(job_set_text(&w->job->id, "owl/01"), 0);
	w->job->part = 1;
	views_update(w->v, w->job);
	assert_names(w, "owl/01", 2, 0, 2);
	views_forget(w->v, w->job);
	assert_null(tree_entry(w->images, "owl"));
	assert_null(tree_entry(w->status, "owl"));
}

static void test_never_current(void **state)
{
	struct fixture *w = *state;
	struct node *node;

	w->job->current = false;
	views_update(w->v, w->job);
	assert_null(w->job->view);
	node = views_picture(w->v, w->job); /* by prediction id */
	assert_non_null(node);
	assert_null(node->home);
	assert_ptr_equal(node->data, w->job);
	assert_ptr_equal(views_picture(w->v, w->job), node);
}

static void test_new_id(void **state)
{
	struct fixture *w = *state;
	struct node *node;

	views_update(w->v, w->job);
	node = tree_entry(w->images, "fox.png")->node;
	assert_int_equal(job_set_text(&w->job->id, "cats/tabby"), 0);
	views_update(w->v, w->job);
	assert_names(w, "fox", 0, 0, 0);
	assert_names(w, "cats/tabby", 2, 0, 2);
	assert_ptr_equal(tree_entry(node->home->folder, "tabby.png")->node, node);
	assert_int_equal(job_set_text(&w->job->id, "bear"), 0);
	views_update(w->v, w->job);
	assert_names(w, "bear", 2, 0, 2);
	assert_null(tree_entry(w->images, "cats")); /* no empty folder stays behind */
	assert_null(tree_entry(w->status, "cats"));
}

static void test_forget_while_open(void **state)
{
	struct fixture *w = *state;
	struct node *node;

	views_update(w->v, w->job);
	node = tree_entry(w->images, "fox.png")->node;
	node_pin(node);
	node_lookup(node);
	views_forget(w->v, w->job);
	assert_null(w->job->view);
	assert_names(w, "fox", 0, 0, 0);
	assert_null(node->data);
	node_forget(node, 1);
	node_unpin(node);
	views_forget(w->v, w->job); /* nothing left to forget */
}

static void test_a_name_that_is_taken(void **state)
{
	struct fixture *w = *state;
	struct node *folder;

	assert_int_equal(tree_walk(w->images, "fox.png", true, 0755, &folder), 0);
	views_update(w->v, w->job);
	assert_ptr_equal(tree_entry(w->images, "fox.png")->node, folder);
	tree_unlink(tree_entry(w->images, "fox.png"));
	views_update(w->v, w->job); /* mended at the next change */
	assert_names(w, "fox", 2, 0, 2);
}

static void test_out_of_memory(void **state)
{
	struct fixture *w = *state;
	unsigned failed = 1;

	assert_int_equal(job_set_text(&w->job->id, "cats/tabby"), 0);
	w->job->state = JOB_FAILED;
	for (unsigned n = 0; failed; n++) {
		oom_fail_after(n);
		views_update(w->v, w->job);
		failed = oom_off();
		if (n % 2) /* from what is half there, and from nothing */
			views_forget(w->v, w->job);
	}
	views_update(w->v, w->job);
	assert_names(w, "cats/tabby", 1, 2, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names_by_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_draft_has_no_picture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pending_need_not_be_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_true_ending, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_pending_is_older_by_a_second, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_nodes_lead_to_the_job, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dismissed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_newer_job_takes_the_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_empty_folder_goes_with_its_requests, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_part_takes_its_folder_along, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_the_folder_of_a_replaced_job_stays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_never_current, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_id, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget_while_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_name_that_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_memory, setup, teardown),
	};

	log_open("/dev/null", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
