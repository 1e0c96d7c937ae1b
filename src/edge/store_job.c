/*
 * store_job: one row of the table "job" is the first part of a struct job.
 *
 * Happy path: a put replaces the whole row; reading makes a new job of each.
 *
 * Failures: a row that cannot be a job (unknown state, no usable id) is left alone and logged, so
 * that one bad row does not keep a library from being mounted. Any other column that makes no
 * sense counts as unknown.
 *
 * On close: nothing is held.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "pimagefs/log.h"
#include "store_internal.h"

/* The order of the columns in STORE_PUT_JOB and STORE_EACH_JOB. */
enum column {
	NUMBER,
	QUEUE_ORDER,
	ID,
	STATE,
	CURRENT,
	DISMISSED,
	PREDICTION_OVER,
	PROMPT,
	INPUT,
	SEED,
	PREDICTION_ID,
	LINK,
	CREATED_MS,
	SUBMITTED_MS,
	COMPLETED_MS,
	ATTEMPTS,
	POLLS,
	PREDICT_TIME_S,
	COST_USD,
	PICTURE_PATH,
	PICTURE_MIME,
	PICTURE_WIDTH,
	PICTURE_HEIGHT,
	PICTURE_BYTES,
	SHA256,
	ERROR_CLASS,
	ERROR_HTTP_STATUS,
	ERROR_MESSAGE,
	ERROR_DETAILS,
	ERROR_REQUEST_ID,
	ERROR_HINT,
	UNANSWERED,
	UNANSWERED_MS,
	REUSED_FROM,
};

static void bind_known(struct store_bind *b, double value)
{
	if (value < 0)
		store_bind_null(b);
	else
		store_bind_real(b, value);
}

static void bind_request(struct store_bind *b, const struct job *job)
{
	store_bind_int(b, (int64_t)job->number);
	store_bind_int(b, (int64_t)job->order);
	store_bind_text(b, job->id);
	store_bind_text(b, job_state_name(job->state));
	store_bind_int(b, job->current);
	store_bind_int(b, job->dismissed);
	store_bind_int(b, job->prediction_over);
	store_bind_text(b, job->prompt);
	store_bind_text(b, job->input);
	if (job->has_seed)
		store_bind_int(b, job->seed);
	else
		store_bind_null(b);
}

static void bind_course(struct store_bind *b, const struct job *job)
{
	store_bind_text(b, job->prediction_id);
	store_bind_text(b, job->link);
	store_bind_int(b, job->created_ms);
	store_bind_int(b, job->submitted_ms);
	store_bind_int(b, job->completed_ms);
	store_bind_int(b, job->attempts);
	store_bind_int(b, job->polls);
	bind_known(b, job->predict_time_s);
	bind_known(b, job->cost_usd);
}

static void bind_picture(struct store_bind *b, const struct job *job)
{
	store_bind_text(b, job->picture_path);
	store_bind_text(b, picture_mime(job->picture.kind));
	store_bind_int(b, job->picture.width);
	store_bind_int(b, job->picture.height);
	store_bind_int(b, job->picture_bytes);
	store_bind_text(b, job->sha256);
}

static void bind_error(struct store_bind *b, const struct error *error)
{
	if (!error) {
		for (int column = ERROR_CLASS; column <= ERROR_HINT; column++)
			store_bind_null(b);
		return;
	}
	store_bind_text(b, error_class_name(error->class));
	store_bind_int(b, error->http_status);
	store_bind_text(b, error->message);
	store_bind_text(b, error->details);
	store_bind_text(b, error->request_id);
	store_bind_text(b, error->hint);
}

static void bind_budget(struct store_bind *b, const struct job *job)
{
	store_bind_int(b, job->unanswered);
	store_bind_int(b, job->unanswered_ms);
	store_bind_text(b, job->reused_from);
}

int store_put_job(struct store *s, const struct job *job)
{
	struct store_bind b = store_write(s, STORE_PUT_JOB);

	bind_request(&b, job);
	bind_course(&b, job);
	bind_picture(&b, job);
	bind_error(&b, job->error);
	bind_budget(&b, job);
	return store_run(&b);
}

int store_delete_job(struct store *s, uint64_t number)
{
	struct store_bind b = store_write(s, STORE_DELETE_JOB);

	store_bind_int(&b, (int64_t)number);
	return store_run(&b);
}

static int64_t get_int(sqlite3_stmt *st, enum column column, int64_t most)
{
	int64_t value = sqlite3_column_int64(st, column);

	return value < 0 ? 0 : value > most ? most : value;
}

static double get_known(sqlite3_stmt *st, enum column column)
{
	int type = sqlite3_column_type(st, column);
	double value;

	if (type != SQLITE_FLOAT && type != SQLITE_INTEGER)
		return -1;
	value = sqlite3_column_double(st, column);
	return value >= 0 ? value : -1;
}

static void get_text(sqlite3_stmt *st, enum column column, char **field, int *r)
{
	const char *text = store_text(st, column, r);

	if (!*r && text)
		*r = job_set_text(field, text);
}

static void get_request(sqlite3_stmt *st, struct job *job, int *r)
{
	job->order = (uint64_t)get_int(st, QUEUE_ORDER, INT64_MAX);
	job->current = sqlite3_column_int(st, CURRENT);
	job->dismissed = sqlite3_column_int(st, DISMISSED);
	job->prediction_over = sqlite3_column_int(st, PREDICTION_OVER);
	get_text(st, PROMPT, &job->prompt, r);
	get_text(st, INPUT, &job->input, r);
	job->has_seed = sqlite3_column_type(st, SEED) == SQLITE_INTEGER;
	job->seed = job->has_seed ? sqlite3_column_int64(st, SEED) : 0;
}

static void get_course(sqlite3_stmt *st, struct job *job, int *r)
{
	get_text(st, PREDICTION_ID, &job->prediction_id, r);
	get_text(st, LINK, &job->link, r);
	job->submitted_ms = get_int(st, SUBMITTED_MS, INT64_MAX);
	job->completed_ms = get_int(st, COMPLETED_MS, INT64_MAX);
	job->attempts = (unsigned)get_int(st, ATTEMPTS, UINT_MAX);
	job->polls = (unsigned)get_int(st, POLLS, UINT_MAX);
	job->predict_time_s = get_known(st, PREDICT_TIME_S);
	job->cost_usd = get_known(st, COST_USD);
}

static void get_picture(sqlite3_stmt *st, struct job *job, int *r)
{
	const char *mime = store_text(st, PICTURE_MIME, r), *sum = store_text(st, SHA256, r);

	get_text(st, PICTURE_PATH, &job->picture_path, r);
	job->picture.kind = mime ? picture_kind_of_mime(mime) : PICTURE_NONE;
	job->picture.width = (uint32_t)get_int(st, PICTURE_WIDTH, UINT32_MAX);
	job->picture.height = (uint32_t)get_int(st, PICTURE_HEIGHT, UINT32_MAX);
	job->picture_bytes = get_int(st, PICTURE_BYTES, INT64_MAX);
	if (sum && strlen(sum) == DIGEST_HEX - 1 &&
	    strspn(sum, "0123456789abcdef") == DIGEST_HEX - 1)
		memcpy(job->sha256, sum, DIGEST_HEX);
}

static void get_error(sqlite3_stmt *st, struct job *job, int *r)
{
	struct error error;
	const char *text = store_text(st, ERROR_CLASS, r);

	if (*r || !text || error_class_of(text) == ERROR_NONE)
		return;
	error_set(&error, error_class_of(text), "%s", "");
	error.http_status = (int)get_int(st, ERROR_HTTP_STATUS, 999);
	if ((text = store_text(st, ERROR_MESSAGE, r)))
		error_text(error.message, sizeof(error.message), text);
	if ((text = store_text(st, ERROR_DETAILS, r)))
		error_text(error.details, sizeof(error.details), text);
	if ((text = store_text(st, ERROR_REQUEST_ID, r)))
		error_text(error.request_id, sizeof(error.request_id), text);
	if ((text = store_text(st, ERROR_HINT, r)))
		error_text(error.hint, sizeof(error.hint), text);
	if (!*r)
		*r = job_set_error(job, &error);
}

static void get_budget(sqlite3_stmt *st, struct job *job, int *r)
{
	job->unanswered = (unsigned)get_int(st, UNANSWERED, 1000000);
	job->unanswered_ms = get_int(st, UNANSWERED_MS, INT64_MAX);
	get_text(st, REUSED_FROM, &job->reused_from, r);
}

/* *out stays NULL for a row that is no job. */
static int job_of_row(sqlite3_stmt *st, struct job **out)
{
	int r = 0;
	const char *id = store_text(st, ID, &r), *state_name = store_text(st, STATE, &r);
	enum job_state state = state_name ? job_state_of(state_name) : JOB_STATES;
	struct job *job;

	if (r)
		return r;
	if (!id || !*id || state == JOB_STATES)
		return 0;
	job = job_new((uint64_t)sqlite3_column_int64(st, NUMBER), id,
		      get_int(st, CREATED_MS, INT64_MAX));
	if (!job)
		return -ENOMEM;
	job->state = state;
	get_request(st, job, &r);
	get_course(st, job, &r);
	get_picture(st, job, &r);
	get_error(st, job, &r);
	get_budget(st, job, &r);
	if (r)
		job_free(job);
	else
		*out = job;
	return r;
}

struct each_job {
	int (*fn)(struct job *, void *);
	void *data;
};

static int each_job(sqlite3_stmt *st, void *data)
{
	const struct each_job *each = data;
	struct job *job = NULL;
	int r = job_of_row(st, &job);

	if (!r && !job)
		log_warn("job %lld of the state database is left out: its id or state is nonsense",
			 (long long)sqlite3_column_int64(st, NUMBER));
	return job ? each->fn(job, each->data) : r;
}

int store_some_jobs(struct store *s, int64_t from, int64_t to, int (*fn)(struct job *, void *),
		    void *data)
{
	struct each_job each = { fn, data };

	return store_each_between(s, STORE_EACH_JOB, from, to, each_job, &each);
}

int store_each_job(struct store *s, int (*fn)(struct job *, void *), void *data)
{
	return store_some_jobs(s, INT64_MIN, INT64_MAX, fn, data);
}
