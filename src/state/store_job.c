/*
 * store_job: one row of the table "job" is the first part of a struct job. The table below is all
 * that knows the columns: the statements, what is bound and what is read are made of it.
 *
 * Happy path: a put replaces the whole row; reading makes a new job of each.
 *
 * Failures: a row that cannot be a job (unknown state, no usable id) is left alone and logged, so
 * that one bad row does not keep a library from being mounted. Any other column that makes no
 * sense counts as unknown.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "pimagefs/log.h"
#include "pimagefs/models.h"
#include "store_internal.h"

enum kind {
	NUMBER, /* uint64_t */
	TIME,   /* int64_t, 0: unknown */
	COUNT,  /* 32 bits without a sign, 0 to most */
	FLAG,   /* bool */
	KNOWN,  /* double; NULL if negative */
	TEXT,   /* char * on the heap; NULL is NULL */
	STATE,
	SEED,   /* NULL without one */
	RATING, /* int, 0 to most; NULL if negative */
	MIME,
	DIGEST,
	LINE, /* char[most] */
	CLASS,
	ADVICE,
};

struct column {
	const char *name;
	enum kind kind;
	bool of_error; /* a field of job->error; NULL without one */
	size_t offset;
	size_t most;
};

#define OF_JOB(name, kind, field) \
	{ \
		name, kind, false, offsetof(struct job, field), UINT_MAX \
	}
#define OF_ERROR(name, kind, field) \
	{ \
		name, kind, true, offsetof(struct error, field), 999 \
	}
#define LINE_OF_ERROR(name, field) \
	{ \
		name, LINE, true, offsetof(struct error, field), \
			sizeof(((struct error *)0)->field) \
	}

/* The first four make the job. */
enum row {
	ROW_NUMBER,
	ROW_ID,
	ROW_STATE,
	ROW_CREATED,
	ROW_REST,
};
static const struct column columns[] = {
	[ROW_NUMBER] = OF_JOB("number", NUMBER, number),
	[ROW_ID] = OF_JOB("id", TEXT, id),
	[ROW_STATE] = OF_JOB("state", STATE, state),
	[ROW_CREATED] = OF_JOB("created_ms", TIME, created_ms),
	OF_JOB("queue_order", NUMBER, order),
	OF_JOB("current", FLAG, current),
	OF_JOB("dismissed", FLAG, dismissed),
	OF_JOB("prediction_over", FLAG, prediction_over),
	OF_JOB("cancel_owed", FLAG, cancel_owed),
	OF_JOB("model", TEXT, model),
	OF_JOB("prompt", TEXT, prompt),
	OF_JOB("input", TEXT, input),
	OF_JOB("seed", SEED, seed),
	OF_JOB("prediction_id", TEXT, prediction_id),
	OF_JOB("link", TEXT, link),
	OF_JOB("submitted_ms", TIME, submitted_ms),
	OF_JOB("completed_ms", TIME, completed_ms),
	OF_JOB("attempts", COUNT, attempts),
	OF_JOB("polls", COUNT, polls),
	OF_JOB("predict_time_s", KNOWN, predict_time_s),
	OF_JOB("cost_usd", KNOWN, cost_usd),
	OF_JOB("picture_path", TEXT, picture_path),
	OF_JOB("picture_mime", MIME, picture.kind),
	OF_JOB("picture_width", COUNT, picture.width),
	OF_JOB("picture_height", COUNT, picture.height),
	OF_JOB("picture_bytes", TIME, picture_bytes),
	OF_JOB("sha256", DIGEST, sha256),
	OF_ERROR("error_class", CLASS, class),
	OF_ERROR("error_http_status", COUNT, http_status),
	LINE_OF_ERROR("error_message", message),
	LINE_OF_ERROR("error_details", details),
	LINE_OF_ERROR("error_request_id", request_id),
	OF_ERROR("error_hint", ADVICE, advice),
	{ "unanswered", COUNT, false, offsetof(struct job, unanswered), 1000000 },
	OF_JOB("unanswered_ms", TIME, unanswered_ms),
	{ "spent", COUNT, false, offsetof(struct job, spent), 1000000 },
	OF_JOB("spent_ms", TIME, spent_ms),
	OF_JOB("spent_cost", TIME, spent_cost),
	OF_JOB("reused_from", TEXT, reused_from),
	OF_JOB("tags", TEXT, tags),
	OF_JOB("comment", TEXT, comment),
	{ "rating", RATING, false, offsetof(struct job, rating), 10 },
	OF_JOB("sidecar_old", FLAG, sidecar_old),
	OF_JOB("of_file", NUMBER, set),
	OF_JOB("part", COUNT, part),
	OF_JOB("line", TEXT, line),
	OF_JOB("origins", TEXT, origins),
	OF_JOB("own_seed", FLAG, own_seed),
	OF_JOB("made_anew", FLAG, made_anew),
};

#define COLUMNS (sizeof(columns) / sizeof(*columns))

/* "number, id, ..." or "?,?,..." */
static int add_names(struct buf *sql, bool names)
{
	int r = 0;

	for (size_t i = 0; !r && i < COLUMNS; i++)
		r = buf_printf(sql, "%s%s", i ? ", " : "", names ? columns[i].name : "?");
	return r;
}

int store_job_put_sql(struct buf *sql)
{
	int r = buf_puts(sql, "REPLACE INTO job (");

	if (!r)
		r = add_names(sql, true);
	if (!r)
		r = buf_puts(sql, ") VALUES (");
	if (!r)
		r = add_names(sql, false);
	return r ? r : buf_puts(sql, ")");
}

int store_job_each_sql(struct buf *sql)
{
	int r = buf_puts(sql, "SELECT ");

	if (!r)
		r = add_names(sql, true);
	return r ? r : buf_puts(sql, " FROM job WHERE number BETWEEN ? AND ? ORDER BY number");
}

static void bind_column(struct store_bind *b, const struct column *c, const struct job *job)
{
	const char *base = c->of_error ? (const char *)job->error : (const char *)job;
	const void *field = base ? base + c->offset : NULL;

	if (!base || (c->kind == SEED && !job->has_seed) ||
	    (c->kind == KNOWN && *(const double *)field < 0) ||
	    (c->kind == RATING && *(const int *)field < 0)) {
		store_bind_null(b);
		return;
	}
	switch (c->kind) {
	case NUMBER:
	case TIME:
	case SEED:
		store_bind_int(b, *(const int64_t *)field);
		break;
	case RATING:
		store_bind_int(b, *(const int *)field);
		break;
	case COUNT:
		store_bind_int(b, *(const unsigned *)field);
		break;
	case FLAG:
		store_bind_int(b, *(const bool *)field);
		break;
	case KNOWN:
		store_bind_real(b, *(const double *)field);
		break;
	case TEXT:
		store_bind_text(b, *(char *const *)field);
		break;
	case STATE:
		store_bind_text(b, job_state_name(*(const enum job_state *)field));
		break;
	case MIME:
		store_bind_text(b, picture_mime(*(const enum picture_kind *)field));
		break;
	case DIGEST:
	case LINE:
		store_bind_text(b, field);
		break;
	case CLASS:
		store_bind_text(b, error_class_name(*(const enum error_class *)field));
		break;
	case ADVICE:
		store_bind_text(b, advice_name(*(const enum advice *)field));
		break;
	}
}

int store_put_job(struct store *s, const struct job *job)
{
	struct store_bind b = store_write(s, STORE_PUT_JOB);

	for (size_t i = 0; i < COLUMNS; i++)
		bind_column(&b, &columns[i], job);
	return store_run(&b);
}

int store_delete_job(struct store *s, uint64_t number)
{
	struct store_bind b = store_write(s, STORE_DELETE_JOB);

	store_bind_int(&b, (int64_t)number);
	return store_run(&b);
}

static int64_t get_int(sqlite3_stmt *st, int i, int64_t most)
{
	int64_t value = sqlite3_column_int64(st, i);

	return value < 0 ? 0 : value > most ? most : value;
}

/* A text column; NULL if it holds none. */
static int get_text(const struct column *c, const char *text, void *field)
{
	if (!text)
		return 0;
	if (c->kind == TEXT)
		return job_set_text(field, text);
	if (c->kind == MIME)
		*(enum picture_kind *)field = picture_kind_of_mime(text);
	else if (c->kind == LINE)
		error_text(field, (unsigned)c->most, text);
	else if (c->kind == CLASS)
		*(enum error_class *)field = error_class_of(text);
	else if (c->kind == ADVICE)
		*(enum advice *)field = advice_of_name(text);
	else if (digest_is_hex(text))
		memcpy(field, text, DIGEST_HEX);
	return 0;
}

static int get_column(sqlite3_stmt *st, int i, struct job *job, struct error *error)
{
	const struct column *c = &columns[i];
	void *field = (c->of_error ? (char *)error : (char *)job) + c->offset;
	int type = sqlite3_column_type(st, i), r = 0;
	const char *text;

	switch (c->kind) {
	case NUMBER:
	case TIME:
		*(int64_t *)field = get_int(st, i, INT64_MAX);
		return 0;
	case COUNT:
		*(unsigned *)field = (unsigned)get_int(st, i, (int64_t)c->most);
		return 0;
	case FLAG:
		*(bool *)field = sqlite3_column_int(st, i);
		return 0;
	case SEED:
		job->has_seed = type == SQLITE_INTEGER;
		*(int64_t *)field = job->has_seed ? sqlite3_column_int64(st, i) : 0;
		return 0;
	case RATING:
		if (type == SQLITE_INTEGER && sqlite3_column_int64(st, i) >= 0 &&
		    sqlite3_column_int64(st, i) <= (int64_t)c->most)
			*(int *)field = sqlite3_column_int(st, i);
		return 0;
	case KNOWN:
		if ((type == SQLITE_FLOAT || type == SQLITE_INTEGER) &&
		    sqlite3_column_double(st, i) >= 0)
			*(double *)field = sqlite3_column_double(st, i);
		return 0;
	default:
		text = store_text(st, i, &r);
		return r ? r : get_text(c, text, field);
	}
}

/* *out stays NULL for a row that is no job. */
static int job_of_row(sqlite3_stmt *st, struct job **out)
{
	int r = 0;
	const char *id = store_text(st, ROW_ID, &r), *state_name = store_text(st, ROW_STATE, &r);
	enum job_state state = state_name ? job_state_of(state_name) : JOB_STATES;
	struct error error;
	struct job *job;

	if (r)
		return r;
	if (!id || !*id || state == JOB_STATES)
		return 0;
	job = job_new((uint64_t)sqlite3_column_int64(st, ROW_NUMBER), id,
		      get_int(st, ROW_CREATED, INT64_MAX));
	if (!job)
		return -ENOMEM;
	job->state = state;
	error_set(&error, ERROR_NONE, "%s", "");
	for (int i = ROW_REST; !r && i < (int)COLUMNS; i++)
		r = get_column(st, i, job, &error);
	if (!r && error.class != ERROR_NONE)
		r = job_set_error(job, &error);
	if (!r && !job->model)
		r = job_set_text(&job->model, MODELS_FIRST);
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
			 (long long)sqlite3_column_int64(st, ROW_NUMBER));
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
