/* inbox: writing a request: what counts, what is refused, what asks again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_world.h"
#include "parses.h"
#include "pimagefs/reqfile.h"

static struct reqfile *file_of(struct node *node)
{
	return node->data;
}

static struct node *open_file(struct core *c, const char *path)
{
	struct node *node = core_file(c, path);

	node_pin(node);
	inbox_open_writer(c->inbox, node);
	return node;
}

static struct node *create_open(struct core *c, const char *path)
{
	core_create(c, path);
	return open_file(c, path);
}

static void release(struct core *c, struct node *node)
{
	inbox_release_writer(c->inbox, node);
	node_unpin(node);
}

/* How many creates were sent once all is settled. */
static void assert_creates(struct core *c, unsigned n)
{
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], n);
}

static void assert_text(struct node *node, const char *text)
{
	assert_string_equal(buf_text(&file_of(node)->text), text);
	assert_int_equal(file_of(node)->text.size, strlen(text));
}

/* --- what counts --- */

static void test_echo(void **state)
{
	struct core *c = *state;
	struct job *job;

	assert_int_equal(core_echo(c, "a red fox\n", "fox.txt"), 0);
	job = engine_find(c->engine, "fox");
	assert_string_equal(job->prompt, "a red fox");
	assert_true(job->has_seed);
	assert_creates(c, 1);
	fake_accept(&c->api, "p1");
	assert_text(core_file(c, "fox.txt"), "a red fox\n");
	assert_creates(c, 1);
}

static void test_flush_registers_release_submits(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");

	assert_int_equal(inbox_flush(c->inbox, node),
			 0); /* bash duplicates its descriptors first */
	core_find(c, "fox", JOB_DRAFT);
	assert_int_equal(core_name(c->images, "fox.png"), 0);
	assert_int_equal(core_name(c->status, "fox.json"), 2);
	assert_int_equal(core_write(c, node, "a red fox\n"), 0);
	assert_int_equal(core_name(c->images, "fox.png"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_int_equal(core_name(c->images, "fox.png"), 2);
	core_find(c, "fox", JOB_DRAFT);
	assert_creates(c, 0);
	release(c, node);
	assert_creates(c, 1);
}

static void test_two_flushes(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");
	uint64_t number;

	assert_int_equal(core_write(c, node, "a red fox"), 0); /* (cat a; cat b) > fox */
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	number = core_find(c, "fox", JOB_DRAFT)->number;
	assert_int_equal(core_write(c, node, " in snow"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	release(c, node);
	assert_creates(c, 1);
	assert_non_null(strstr(fake_text(&c->api, FAKE_CREATE), "a red fox in snow"));
	assert_int_equal(engine_find(c->engine, "fox")->number, number);
}

static void test_json_in_two_flushes(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox.json");

	assert_int_equal(core_write(c, node, "{\"prompt\": "), 0);
	assert_int_equal(inbox_flush(c->inbox, node), -EINVAL); /* so far it is none */
	core_assert_error(core_find(c, "fox", JOB_INVALID), ERROR_INVALID);
	assert_int_equal(core_write(c, node, "\"a fox\"}\n"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	core_find(c, "fox", JOB_DRAFT);
	release(c, node);
	assert_creates(c, 1);
}

static void test_last_of_two_writers(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");

	open_file(c, "fox");
	assert_int_equal(core_write(c, node, "a red fox"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	release(c, node);
	assert_creates(c, 0);
	release(c, node);
	assert_creates(c, 1);
}

static void test_release_without_flush(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");

	assert_int_equal(core_write(c, node, "a red fox"), 0); /* a mapping's last pages */
	release(c, node);
	assert_creates(c, 1);
}

static void test_empty_files_are_drafts(void **state)
{
	struct core *c = *state;

	release(c, create_open(c, "fox"));
	core_find(c, "fox", JOB_DRAFT);
	assert_int_equal(core_echo(c, " \n\t\n", "blank"), 0);
	core_find(c, "blank", JOB_DRAFT);
	assert_int_equal(core_name(c->images, "blank.png"), 0);
	core_assert_idle(c);
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_creates(c, 1);
}

static void test_draft_names_are_never_submitted(void **state)
{
	static const char *const names[] = { ".fox.swp", ".goutputstream-X1", "fox~",
					     "fox.part", ".fox.txt.a1B2c3",   "4913",
					     "#fox#",    "fox.tmp",           "fox.crdownload" };
	struct core *c = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(core_echo(c, "{ no json \xff", names[i]), 0);
		assert_text(core_file(c, names[i]), "{ no json \xff");
	}
	core_assert_idle(c);
	assert_int_equal(core_stored(c, -1), 0);
	assert_true(tree_is_empty(c->status));
}

static void test_seed(void **state)
{
	struct core *c = *state;
	struct job *job;
	int64_t seed;

	assert_int_equal(core_echo(c, "{\"prompt\": \"a fox\", \"seed\": 7}", "fox.json"), 0);
	assert_int_equal(engine_find(c->engine, "fox")->seed, 7);
	assert_int_equal(core_echo(c, "a fox", "a"), 0);
	job = engine_find(c->engine, "a");
	seed = job->seed;
	core_wait_calls(c, FAKE_CREATE, 2);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	fake_say(&c->api, FAKE_CREATE,
		 SERVICE_TROUBLE); /* the same request again has the same seed */
	core_wait_calls(c, FAKE_CREATE, 1);
	assert_int_equal(job->seed, seed);
}

/* --- asking again --- */

static void test_writing_again_asks_again(void **state)
{
	struct core *c = *state;
	struct job *first, *second;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	first = engine_find(c->engine, "fox");
	assert_int_equal(core_echo(c, "a fox", "fox"), 0); /* the same text, but written anew */
	second = engine_find(c->engine, "fox");
	assert_ptr_not_equal(first, second);
	assert_creates(c, 2);
	assert_int_equal(core_echo(c, "a bear", "fox"), 0);
	assert_creates(c, 3);
	core_assert_state(first, JOB_CREATING); /* what was asked for goes on */
}

static void test_truncation_alone_asks_nothing(void **state)
{
	struct core *c = *state;
	struct node *node;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	node = open_file(c, "fox");
	assert_int_equal(inbox_truncate(c->inbox, node, 0), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	release(c, node);
	assert_creates(c, 1);
	assert_text(core_file(c, "fox"), "");
}

static void test_truncate(void **state)
{
	struct core *c = *state;
	struct node *node;

	assert_int_equal(core_echo(c, "a fox in snow", "fox"), 0);
	node = core_file(c, "fox");
	assert_int_equal(inbox_truncate(c->inbox, node, 5),
			 0); /* truncate -s 5, nobody has it open */
	assert_text(node, "a fox");
	assert_creates(c, 2);
	assert_string_equal(engine_find(c->engine, "fox")->prompt, "a fox");
	assert_int_equal(inbox_truncate(c->inbox, node, 5), 0);
	assert_creates(c, 2);
	assert_int_equal(inbox_truncate(c->inbox, node, -1), -EINVAL);
	assert_int_equal(inbox_truncate(c->inbox, node, c->settings->limits.max_request_bytes + 1),
			 -EFBIG);
	assert_text(node, "a fox");
}

static void test_append(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_int_equal(core_patch(c, " in snow", "fox", 5), 0);
	assert_creates(c, 2);
	assert_string_equal(engine_find(c->engine, "fox")->prompt, "a fox in snow");
}

static void test_same_bytes_in_place(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_int_equal(core_patch(c, "a fox", "fox", 0), 0);
	assert_creates(c, 1);
	assert_int_equal(core_patch(c, "A", "fox", 0), 0);
	assert_creates(c, 2);
	core_restart(c); /* also after a restart */
	assert_int_equal(core_patch(c, "A fox", "fox", 0), 0);
	core_settle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
}

static void test_touching_asks_nothing(void **state)
{
	struct core *c = *state;
	struct node *node;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	node = open_file(c, "fox"); /* touch opens it for writing */
	node->mode = 0600;
	node->mtime_ns = 42;
	assert_int_equal(inbox_touched(c->inbox, node), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	release(c, node);
	assert_creates(c, 1);
	core_restart(c);
	node = core_file(c, "fox");
	assert_int_equal(node->mode, 0600);
	assert_int_equal(node->mtime_ns, 42);
}

static void test_changed_and_changed_back(void **state)
{
	struct core *c = *state;
	struct node *node;

	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_creates(c, 1);
	fake_say(&c->api, FAKE_CREATE, SERVICE_REFUSED);
	node = open_file(c, "fox");
	assert_int_equal(inbox_write(c->inbox, node, "b", 1, 0), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0); /* registered */
	assert_int_equal(inbox_write(c->inbox, node, "a", 1, 0), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	release(c, node);
	core_assert_idle(c);
	/* Whatever became of it, nothing is left that would keep a reader waiting for ever. */
	assert_false(job_pending(engine_find(c->engine, "fox")));
	assert_int_equal(c->api.sent[FAKE_CREATE], 1);
}

static void test_flushed_and_emptied(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");

	assert_int_equal(core_write(c, node, "a fox"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_int_equal(inbox_truncate(c->inbox, node, 0), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	release(c, node);
	core_assert_idle(c);
	assert_false(views_awaits_picture(engine_find(c->engine, "fox")));
	assert_int_equal(core_echo(c, "a bear", "fox"), 0);
	assert_creates(c, 1);
}

/* --- refusals --- */

static void test_not_utf8(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "caf\xe9 \n", "fox"), -EILSEQ);
	core_assert_error(core_find(c, "fox", JOB_INVALID), ERROR_INVALID);
	assert_text(core_file(c, "fox"), ""); /* nothing of it was written */
	assert_int_equal(core_name(c->images, "fox.error.txt"), 2);
	core_assert_idle(c);
	assert_int_equal(core_echo(c, "caf\xc3\xa9", "fox"), 0);
	assert_creates(c, 1);
}

static void test_a_character_in_two_writes(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");

	assert_int_equal(core_write(c, node, "caf\xc3"), 0);
	assert_int_equal(core_write(c, node, "\xa9"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	release(c, node);
	assert_creates(c, 1);
	node = create_open(c, "cut");
	assert_int_equal(core_write(c, node, "caf\xc3"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), -EILSEQ);
	release(c, node);
	assert_creates(c, 1);
}

static void test_wrong_json(void **state)
{
	struct core *c = *state;
	struct job *job;

	assert_int_equal(core_echo(c, "{\"prompt\": \"x\", \"sede\": 1}", "fox.json"), -EINVAL);
	job = core_find(c, "fox", JOB_INVALID);
	assert_non_null(strstr(job->error->message, "sede"));
	assert_non_null(strstr(job->error->message, "seed"));
	core_assert_idle(c);
	core_restart(c); /* and it can be read later */
	assert_non_null(strstr(core_find(c, "fox", JOB_INVALID)->error->message, "sede"));
	core_assert_idle(c);
}

static void test_json_that_never_closes(void **state)
{
	struct core *c = *state;

	assert_int_equal(core_echo(c, "{\"prompt\": \"x\"", "fox.json"), -EINVAL);
	core_find(c, "fox", JOB_INVALID);
	core_assert_idle(c);
	assert_text(core_file(c, "fox.json"), "{\"prompt\": \"x\"");
}

static void test_refused_write_changes_nothing(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");

	assert_int_equal(core_write(c, node, "a fox in snow"), 0);
	assert_int_equal(inbox_write(c->inbox, node, "\xff\xff", 2, 2), -EILSEQ);
	assert_text(node, "a fox in snow");
	assert_int_equal(inbox_write(c->inbox, node, "\xff\xff\xff\xff", 4, 11), -EILSEQ);
	assert_text(node, "a fox in snow");
	assert_int_equal(inbox_write(c->inbox, node, "\xff", 1, 100), -EILSEQ);
	assert_text(node, "a fox in snow");
	assert_int_equal(inbox_flush(c->inbox, node), -EILSEQ); /* what is there is not the whole */
	release(c, node);
	core_assert_idle(c);
	core_find(c, "fox", JOB_INVALID);

	node = open_file(c, "fox"); /* touch fox: still not the whole */
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	release(c, node);
	core_assert_idle(c);
	assert_int_equal(c->api.sent[FAKE_CREATE], 0);
}

static void test_after_a_refusal_in_the_same_handle(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");

	assert_int_equal(core_write(c, node, "\xff"), -EILSEQ);
	assert_int_equal(inbox_truncate(c->inbox, node, 0), 0); /* a fresh start */
	assert_int_equal(core_write(c, node, "a fox"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	release(c, node);
	assert_creates(c, 1);
}

/* From the first write to the create, whatever the kernel flushes in between. */
static void test_json_is_parsed_once(void **state)
{
	static const char text[] = "{\"prompt\": \"a fox\", \"lora_scale\": 0.8}\n";
	struct core *c = *state;
	struct node *node = create_open(c, "fox.json");

	parses_taken();
	assert_int_equal(core_write(c, node, text), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	release(c, node);
	assert_creates(c, 1);
	assert_int_equal(parses_taken(), 1);
	assert_non_null(strstr(fake_text(&c->api, FAKE_CREATE),
			       "{\"prompt\":\"a fox\",\"lora_scale\":0.8,\"seed\":"));
}

/* What was understood goes with the text and with the name. */
static void test_what_changed_is_read_again(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");

	assert_int_equal(core_write(c, node, "{red: \"a fox\"}"), 0);
	assert_int_equal(core_rename(c, "fox", "fox.txt"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_string_equal(core_find(c, "fox", JOB_DRAFT)->prompt, "{red: \"a fox\"}");
	assert_int_equal(inbox_truncate(c->inbox, node, 0), 0);
	assert_int_equal(core_write(c, node, "{\"prompt\": \"a fox\"}"), 0);
	assert_int_equal(core_rename(c, "fox.txt", "fox.json"), 0);
	assert_int_equal(inbox_write(c->inbox, node, "cat", 3, 14), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_string_equal(core_find(c, "fox", JOB_DRAFT)->prompt, "a cat");
	assert_int_equal(inbox_truncate(c->inbox, node, 5), 0);
	assert_int_equal(inbox_flush(c->inbox, node), -EINVAL);
	release(c, node);
	assert_creates(c, 0);
}

static void test_refused_again_and_again(void **state)
{
	struct core *c = *state;

	for (int i = 0; i < 20; i++)
		assert_int_equal(core_echo(c, "\xff", "fox"), -EILSEQ);
	assert_int_equal(core_stored(c, JOB_INVALID), 1); /* one file, one job */
	assert_int_equal(core_stored(c, -1), 1);
}

static void test_too_large(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");

	c->settings->limits.max_request_bytes = 8;
	assert_int_equal(core_write(c, node, "12345678"), 0);
	assert_int_equal(core_write(c, node, "9"), -EFBIG);
	assert_int_equal(inbox_write(c->inbox, node, "", 0, 9), -EFBIG);
	assert_int_equal(inbox_write(c->inbox, node, "x", 1, INT64_MAX), -EFBIG);
	assert_int_equal(inbox_write(c->inbox, node, "x", 1, -1), -EFBIG);
	assert_text(node, "12345678");
	release(c, node);
}

static void test_all_together(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox"), *draft = create_open(c, ".draft");

	c->settings->limits.all_request_bytes = 8;
	assert_int_equal(core_write(c, draft, "1234"), 0);
	assert_int_equal(core_write(c, node, "5678"), 0);
	assert_int_equal(core_write(c, node, "9"), -ENOSPC);
	assert_text(node, "5678");
	assert_int_equal(inbox_write(c->inbox, node, "8765", 4, 0), 0); /* it grows by nothing */
	assert_int_equal(inbox_flush(c->inbox, node), -ENOSPC);
	assert_non_null(strstr(engine_find(c->engine, "fox")->error->message, "all_request_bytes"));
	release(c, node);
	core_assert_idle(c); /* it is not the whole */
	assert_int_equal(inbox_truncate(c->inbox, draft, 5), -ENOSPC);
	assert_int_equal(inbox_truncate(c->inbox, draft, 1), 0);
	release(c, draft);
	assert_int_equal(core_echo(c, "1234567", "fox"), 0);
	assert_int_equal(core_echo(c, "12345678", "fox"), -ENOSPC);
	assert_int_equal(inbox_unlink(c->inbox, c->requests, ".draft"), 0);
	assert_int_equal(core_echo(c, "12345678", "fox"), 0);
	core_restart(c);
	assert_int_equal(tree_held(c->tree), 8);
	assert_int_equal(core_echo(c, "x", "cat"), -ENOSPC);
}

static void test_holes(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, ".draft");

	assert_int_equal(inbox_write(c->inbox, node, "b", 1, 2), 0);
	assert_int_equal(inbox_write(c->inbox, node, "a", 1, 0), 0);
	assert_int_equal(file_of(node)->text.size, 3);
	assert_memory_equal(file_of(node)->text.data, "a\0b", 3);
	release(c, node);
}

static void test_full_queue(void **state)
{
	struct core *c = *state;
	struct node *node;

	c->settings->limits.queue = 1;
	assert_int_equal(core_echo(c, "a fox", "fox"), 0);
	assert_int_equal(core_echo(c, "a bear", "bear"), -ENOSPC);
	assert_int_equal(inbox_create(c->inbox, c->requests, "bear", 0644, &node), -ENOSPC);
	assert_null(tree_entry(c->requests, "bear"));
	assert_int_equal(inbox_may_write(c->inbox, c->requests, "bear"), -ENOSPC);
	assert_int_equal(inbox_may_write(c->inbox, c->requests, "bear~"), 0);
	assert_int_equal(inbox_create(c->inbox, c->requests, "bear~", 0644, &node), 0);
	assert_int_equal(core_rename(c, "bear~", "bear"), 0); /* an empty one is still no request */
}

/* --- files without a name --- */

static void test_unlinked_while_open(void **state)
{
	struct core *c = *state;
	struct node *node = create_open(c, "fox");

	assert_int_equal(core_write(c, node, "a fox"), 0);
	assert_int_equal(inbox_unlink(c->inbox, c->requests, "fox"), 0);
	assert_null(engine_find(c->engine, "fox"));
	assert_int_equal(core_write(c, node, " and more"), 0);
	assert_int_equal(inbox_flush(c->inbox, node), 0);
	assert_int_equal(inbox_truncate(c->inbox, node, 3), 0);
	assert_int_equal(inbox_touched(c->inbox, node), 0);
	ledger_sync(c->ledger); /* nothing of it is stored: it has no path */
	release(c, node);
	core_assert_idle(c);
	assert_int_equal(core_echo(c, "a bear", "bear"), 0);
	core_restart(c);
	assert_true(core_name(c->requests, "bear") == 2);
	assert_int_equal(core_name(c->requests, ""), 0);
	assert_int_equal(core_name(c->requests, "fox"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, core_make, core_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_echo),
		TEST(test_flush_registers_release_submits),
		TEST(test_two_flushes),
		TEST(test_json_in_two_flushes),
		TEST(test_last_of_two_writers),
		TEST(test_release_without_flush),
		TEST(test_empty_files_are_drafts),
		TEST(test_draft_names_are_never_submitted),
		TEST(test_seed),
		TEST(test_writing_again_asks_again),
		TEST(test_truncation_alone_asks_nothing),
		TEST(test_truncate),
		TEST(test_append),
		TEST(test_same_bytes_in_place),
		TEST(test_touching_asks_nothing),
		TEST(test_changed_and_changed_back),
		TEST(test_flushed_and_emptied),
		TEST(test_not_utf8),
		TEST(test_a_character_in_two_writes),
		TEST(test_wrong_json),
		TEST(test_json_that_never_closes),
		TEST(test_refused_write_changes_nothing),
		TEST(test_after_a_refusal_in_the_same_handle),
		TEST(test_json_is_parsed_once),
		TEST(test_what_changed_is_read_again),
		TEST(test_refused_again_and_again),
		TEST(test_too_large),
		TEST(test_all_together),
		TEST(test_holes),
		TEST(test_full_queue),
		TEST(test_unlinked_while_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
