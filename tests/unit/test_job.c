/* job: every state meets every event, and the texts a job owns. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"
#include "pimagefs/job.h"

#define NONE JOB_STATES

/* A second statement of the table, by event, so that a slip in one shows against the other. */
static enum job_state expected(enum job_state from, enum job_event event)
{
	int waiting = from == JOB_FAILED || from == JOB_HELD || from == JOB_CANCELLED;
	int running = from == JOB_QUEUED || from == JOB_CREATING || from == JOB_PROCESSING ||
		      from == JOB_DOWNLOADING;

	switch (event) {
	case JOB_SUBMIT:
		return from == JOB_DRAFT ? JOB_QUEUED : NONE;
	case JOB_REFUSE:
		return from == JOB_DRAFT ? JOB_INVALID : NONE;
	case JOB_SEND:
		return from == JOB_QUEUED ? JOB_CREATING : NONE;
	case JOB_ACCEPTED:
		return from == JOB_CREATING ? JOB_PROCESSING : NONE;
	case JOB_POSTPONE:
		return from == JOB_CREATING ? JOB_QUEUED : NONE;
	case JOB_DONE:
		return from == JOB_PROCESSING ? JOB_DOWNLOADING : NONE;
	case JOB_RELINK:
		return from == JOB_DOWNLOADING ? JOB_PROCESSING : NONE;
	case JOB_STORED:
		return from == JOB_DOWNLOADING ? JOB_READY : NONE;
	case JOB_FAIL:
		return running ? JOB_FAILED : NONE;
	case JOB_CANCEL:
		return running || from == JOB_DRAFT || from == JOB_HELD ? JOB_CANCELLED : NONE;
	case JOB_HOLD:
		return running || from == JOB_DRAFT ? JOB_HELD : NONE;
	case JOB_RETRY:
		return waiting || from == JOB_PROCESSING ? JOB_QUEUED : NONE;
	case JOB_RESUME:
		return waiting ? JOB_PROCESSING : NONE;
	case JOB_REUSE:
		return from == JOB_QUEUED ? JOB_READY : NONE;
	case JOB_LOSE:
		return from == JOB_READY ? JOB_FAILED : NONE;
	case JOB_EVENTS:
		break;
	}
	return NONE;
}

static int make_job(void **state)
{
	*state = job_new(7, "cats/tabby", 1234);
	return *state ? 0 : -1;
}

static int free_job(void **state)
{
	job_free(*state);
	return 0;
}

static void every_state_meets_every_event(void **state)
{
	struct job *job = *state;
	unsigned legal = 0;

	for (int from = 0; from < JOB_STATES; from++) {
		for (int event = 0; event < JOB_EVENTS; event++) {
			enum job_state to = expected((enum job_state)from, (enum job_event)event);

			job->state = (enum job_state)from;
			assert_int_equal(job_may(job, (enum job_event)event), to != NONE);
			assert_int_equal(job_move(job, (enum job_event)event),
					 to == NONE ? -EINVAL : 0);
			if (job->state != (to == NONE ? (enum job_state)from : to))
				fail_msg("%s by event %d leads to %s",
					 job_state_name((enum job_state)from), event,
					 job_state_name(job->state));
			legal += to != NONE;
		}
	}
	assert_int_equal(legal, 32);
}

static void nonsense_is_no_move(void **state)
{
	struct job *job = *state;

	assert_int_equal(job_move(job, JOB_EVENTS), -EINVAL);
	assert_int_equal(job_move(job, (enum job_event)99), -EINVAL);
	assert_false(job_may(job, JOB_EVENTS));
	job->state = JOB_STATES;
	assert_int_equal(job_move(job, JOB_SUBMIT), -EINVAL);
	assert_false(job_may(job, JOB_SUBMIT));
	assert_int_equal(job->state, JOB_STATES);
}

static void what_is_pending_and_what_may_be_asked_again(void **state)
{
	static const struct {
		enum job_state state;
		bool pending, retryable;
	} facts[] = {
		{ JOB_DRAFT, true, false },      { JOB_INVALID, false, false },
		{ JOB_QUEUED, true, false },     { JOB_CREATING, true, false },
		{ JOB_PROCESSING, true, false }, { JOB_DOWNLOADING, true, false },
		{ JOB_READY, false, false },     { JOB_FAILED, false, true },
		{ JOB_CANCELLED, false, true },  { JOB_HELD, false, true },
	};
	struct job *job = *state;

	assert_int_equal(sizeof(facts) / sizeof(facts[0]), JOB_STATES);
	for (size_t i = 0; i < JOB_STATES; i++) {
		job->state = facts[i].state;
		assert_int_equal(job_pending(job), facts[i].pending);
		assert_int_equal(job_retryable(job), facts[i].retryable);
	}
}

static void state_names_lead_back(void **state)
{
	(void)state;
	for (int i = 0; i < JOB_STATES; i++) {
		assert_true(job_state_name((enum job_state)i)[0] != '\0');
		assert_int_equal(job_state_of(job_state_name((enum job_state)i)), i);
	}
	assert_string_equal(job_state_name(JOB_DOWNLOADING), "downloading");
	assert_string_equal(job_state_name(JOB_STATES), "");
	assert_int_equal(job_state_of(""), JOB_STATES);
	assert_int_equal(job_state_of("Ready"), JOB_STATES);
}

static void a_new_job_knows_nothing_yet(void **state)
{
	struct job *job = *state;

	assert_int_equal(job->number, 7);
	assert_string_equal(job->id, "cats/tabby");
	assert_int_equal(job->state, JOB_DRAFT);
	assert_int_equal(job->created_ms, 1234);
	assert_int_equal(job->submitted_ms, 0);
	assert_true(job->predict_time_s < 0 && job->cost_usd < 0);
	assert_null(job->error);
	assert_null(job->prediction_id);
	assert_false(list_linked(&job->link_in));
	assert_false(list_linked(&job->item.in));
	assert_false(list_linked(&job->twins));
	assert_null(job->reused_from);
	job_free(NULL);
}

static void texts_are_copies(void **state)
{
	struct job *job = *state;
	char text[] = "a red fox";

	assert_int_equal(job_set_text(&job->prompt, text), 0);
	text[0] = 'X';
	assert_string_equal(job->prompt, "a red fox");
	assert_int_equal(job_set_text(&job->prompt, job->prompt + 2), 0);
	assert_string_equal(job->prompt, "red fox");
	assert_int_equal(job_set_text(&job->prompt, ""), 0);
	assert_string_equal(job->prompt, "");
	assert_int_equal(job_set_text(&job->prompt, NULL), 0);
	assert_null(job->prompt);
	assert_int_equal(job_set_text(&job->input, "{}"), 0);
	assert_int_equal(job_set_text(&job->prediction_id, "p-1"), 0);
	assert_int_equal(job_set_text(&job->link, "https://example.org/fox.png"), 0);
	assert_int_equal(job_set_text(&job->picture_path, "2026-11-22/fox.png"), 0);
	assert_int_equal(job_set_text(&job->reused_from, "p-0"), 0);
}

static void errors_are_copies(void **state)
{
	struct job *job = *state;
	struct error e;

	error_set(&e, ERROR_NETWORK, "no route");
	assert_int_equal(job_set_error(job, &e), 0);
	error_set(&e, ERROR_MODEL, "other");
	assert_int_equal(job->error->class, ERROR_NETWORK);
	assert_string_equal(job->error->message, "no route");
	assert_int_equal(job_set_error(job, job->error), 0);
	assert_string_equal(job->error->message, "no route");
	assert_int_equal(job_set_error(job, NULL), 0);
	assert_null(job->error);
}

static void without_memory_all_stays(void **state)
{
	struct job *job = *state, *other;
	struct error e;

	assert_int_equal(job_set_text(&job->prompt, "before"), 0);
	error_set(&e, ERROR_NETWORK, "before");
	assert_int_equal(job_set_error(job, &e), 0);
	error_set(&e, ERROR_MODEL, "after");
	oom_fail_after(0);
	assert_int_equal(job_set_text(&job->prompt, "after"), -ENOMEM);
	assert_int_equal(job_set_error(job, &e), -ENOMEM);
	assert_int_equal(oom_off(), 2);
	assert_string_equal(job->prompt, "before");
	assert_string_equal(job->error->message, "before");
	for (unsigned n = 0; n < 2; n++) {
		oom_fail_after(n);
		other = job_new(8, "dog", 0);
		assert_int_equal(oom_off(), 1);
		assert_null(other);
	}
}

#define job_test(name) cmocka_unit_test_setup_teardown(name, make_job, free_job)

int main(void)
{
	const struct CMUnitTest tests[] = {
		job_test(every_state_meets_every_event),
		job_test(nonsense_is_no_move),
		job_test(what_is_pending_and_what_may_be_asked_again),
		cmocka_unit_test(state_names_lead_back),
		job_test(a_new_job_knows_nothing_yet),
		job_test(texts_are_copies),
		job_test(errors_are_copies),
		job_test(without_memory_all_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
