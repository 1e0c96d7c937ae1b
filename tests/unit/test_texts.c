/* texts: what is made when it is opened, and the bound that a stat says before. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"
#include "pimagefs/names.h"
#include "pimagefs/texts.h"

static struct texts *make_at(struct core *c, const char *mountpoint)
{
	const struct texts_ground ground = { .settings = c->settings,
					     .engine = c->engine,
					     .library = c->library,
					     .mountpoint = mountpoint };
	struct texts *t;

	assert_int_equal(texts_new(&t, &ground), 0);
	return t;
}

static struct texts *make(struct core *c)
{
	return make_at(c, "/mnt/pictures");
}

static struct node *node_at(struct node *folder, const char *name)
{
	struct entry *entry = tree_entry(folder, name);

	assert_non_null(entry);
	return entry->node;
}

/* Its text is this long, and within the bound. */
static size_t made(const struct texts *t, const struct node *node, const char *holds)
{
	struct buf text = BUF_INIT;
	size_t size;

	assert_int_equal(texts_make(t, node, &text), 0);
	if (!strstr(buf_text(&text), holds))
		fail_msg("no %s in %s", holds, buf_text(&text));
	assert_true(text.size <= texts_bound(t, node));
	size = text.size;
	buf_release(&text);
	return size;
}

static void test_readme_names_the_endings_that_are_dropped(void **state)
{
	static const char *const names[] = { "fox.txt", "fox.json", "fox.prompt", "fox.md" };
	struct core *c = *state;
	struct texts *t = make(c);
	struct node *root = tree_root(c->tree);

	assert_int_equal(texts_plant(root, root), 0);
	made(t, node_at(root, "README.txt"), "The endings .txt .json .prompt .md are dropped");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(names_id_length(names[i]), 3);
	texts_free(t);
}

static void test_ctl_shows_what_came_of_it(void **state)
{
	struct core *c = *state;
	struct texts *t = make(c);
	struct node *root = tree_root(c->tree);

	assert_int_equal(texts_plant(root, root), 0);
	assert_int_equal(texts_command(t, "retry owl", 9), -ENOENT);
	made(t, node_at(root, "ctl"), "retry owl: refused: no request has this name");
	texts_free(t);
}

static void test_texts_of_the_mount(void **state)
{
	struct core *c = *state;
	struct texts *t = make(c);
	struct node *root = tree_root(c->tree);

	/* control/ is not there in these tests: the root serves. */
	assert_int_equal(texts_plant(root, root), 0);
	made(t, node_at(root, "README.txt"), "/mnt/pictures");
	made(t, node_at(root, "stats.json"), "\"queue\": 0");
	made(t, node_at(root, "config.ini"), "creates_per_minute");
	made(t, node_at(root, "ctl"), "retry failed");
	texts_free(t);
}

static void test_the_readme_can_be_pasted(void **state)
{
	struct core *c = *state;
	struct texts *t = make_at(c, "/mnt/it's a demo");
	struct node *root = tree_root(c->tree);
	char path[4000];

	assert_int_equal(texts_plant(root, root), 0);
	made(t, node_at(root, "README.txt"), "\n    cd '/mnt/it'\\''s a demo'\n");
	texts_free(t);
	memset(path, '\'', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	t = make_at(c, path); /* the longest; its bound holds all the same */
	made(t, node_at(root, "README.txt"), "cd ''\\'''\\''");
	texts_free(t);
}

static void test_the_bound_holds(void **state)
{
	struct core *c = *state;
	struct texts *t = make(c);
	struct job *job = core_submit(c, "fox");
	struct node *status = node_at(c->status, "fox.json");
	char long_text[20000];

	made(t, status, "queue_position");
	core_wait_calls(c, FAKE_CREATE, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	made(t, status, "\"class\"");
	made(t, node_at(c->images, "fox.error.txt"), "There is no picture");
	memset(long_text, '"', sizeof(long_text) - 1); /* each becomes two in JSON */
	long_text[sizeof(long_text) - 1] = '\0';
	assert_int_equal(job_set_text(&job->prompt, long_text), 0);
	memset(job->error->message, '"', sizeof(job->error->message) - 1);
	memset(job->error->details, '\\', sizeof(job->error->details) - 1);
	assert_true(made(t, status, "fox") > 40000);
	texts_free(t);
}

static void test_nobodys_text_is_empty(void **state)
{
	struct core *c = *state;
	struct texts *t = make(c);
	struct node *node;

	assert_int_equal(tree_make(c->tree, NODE_STATUS, AREA_STATUS, 0444, &node), 0);
	assert_int_equal(made(t, node, ""), 0);
	node_unpin(node);
	texts_free(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_texts_of_the_mount),
		TEST(test_readme_names_the_endings_that_are_dropped),
		TEST(test_ctl_shows_what_came_of_it),
		TEST(test_the_readme_can_be_pasted),
		TEST(test_the_bound_holds),
		TEST(test_nobodys_text_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
