/* users: what their files and commands share. */
#ifndef TESTS_SIM_USERS_H
#define TESTS_SIM_USERS_H

#include "pimagefs/reqfile.h"
#include "sim.h"

#define PROPER 6 /* of these names are no draft's */
#define PATHS 10

enum doing { IDLE, WRITING, FLUSHING, WAITING };

struct user {
	/* What libfuse would keep for a reader; first, so that a request is a user. */
	fuse_interrupt_func_t interrupt;
	void *interrupt_data;

	struct sim *sim;
	int number, left, made;
	uint64_t chance;
	enum doing doing;
	struct event *next;

	struct node *node; /* pinned; the open file */
	char path[64];
	char *content, *prompt; /* as they are to become; prompt: its wants, NULL: no request */
	size_t written, flushed;
	bool confirmed; /* the last FLUSH was answered with success */
	bool refused;
	bool ends;     /* the FLUSH under way is the last */
	bool gives_up; /* it was, and said no */

	struct node *held; /* pinned; open, and not written to */
	char held_path[64];
	struct event *lets_go;
};

void user_think(struct user *u);
/* Something quick. */
void user_go_on(struct user *u, int64_t delay_ms);
const char *user_path(struct user *u, int i, char out[64]);
bool path_is_draft(const char *path);
struct node *path_folder(struct sim *s, const char *path, const char **name);
struct node *path_node(struct sim *s, const char *path);
void set_text(char **field, const char *text);

/* texts.c */
bool path_is_list(const char *path);
/* The caller's; NULL: it asks for nothing. */
char *wants_of(const char *path, const char *content);
/* The next of them; NULL: there is none. */
struct text *want_next(struct sim *s, const char **wants);
void wants_look(struct sim *s, const char *wants);
void wants_grant(struct sim *s, const char *path, const char *wants);
void wants_limbo(struct sim *s, const char *wants);
bool wants_submitted(struct sim *s, const char *wants);
int text_owed(struct sim *s, const struct text *t);
bool job_owes(const struct job *job);
void text_revoke(struct text *t, int others);

/* files.c */
void user_writes(struct user *u);
void user_appends(struct user *u);
void user_write_on(struct user *u);
void user_closes(struct user *u);
void count_answer(struct sim *s, int r);

/* names.c */
void user_renames(struct user *u);
void user_unlinks(struct user *u);
void user_makes_folder(struct user *u);
void user_removes_folder(struct user *u);
void user_touches(struct user *u);

/* holders.c */
void user_holds(struct user *u);
void holder_gone(struct user *u);

/* commands.c, pictures.c */
void user_commands(struct user *u);
void command(struct sim *s, const char *line);
/* The jobs that this name means: fn is called for each. */
void each_meant(struct sim *s, const char *id,
		void (*fn)(struct sim *s, struct job *job, void *data), void *data);
void user_removes_picture(struct user *u);
void note_removed(struct sim *s, const struct job *job, enum truth removed, bool soft);
/* ID of a path. */
void id_of(char *path);

/* users.c */
void user_opens(struct user *u);

#endif
