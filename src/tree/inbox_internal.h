#ifndef INBOX_INTERNAL_H
#define INBOX_INTERNAL_H

#include "pimagefs/inbox.h"

#define INBOX_WILDCARDS ".wildcards" /* the folder of their files */

struct inbox {
	const struct world *world;
	struct node *root;
	const struct settings *settings;
	const struct request_rules *rules;
	struct engine *engine;
	struct ledger *ledger;
	uint64_t last_number;
	struct map *sets; /* while it loads: the jobs of files that ask for several, by number */
};

/* Append FOLDER's path, '/' and name. 0, -ENAMETOOLONG or -ENOMEM. */
int inbox_path(const struct node *folder, const char *name, struct buf *out);
/* One more file or folder? -ENOSPC if limits.files are there. */
int inbox_has_room(const struct inbox *in);
bool inbox_is_draft_name(const struct inbox *in, const struct node *folder, const char *name);
/* Drafts, and files without a name, are never submitted. */
bool inbox_is_draft(const struct inbox *in, const struct reqfile *file);
/* The id of a linked file, the caller's; NULL when out of memory. */
char *inbox_id(const struct reqfile *file);
/* A file's node under a name, with its record. 0 or a negative errno. */
int inbox_make_file(struct inbox *in, struct node *folder, const char *name, unsigned mode,
		    uint64_t number, struct reqfile **out);
/* An empty file under a proper name shows in status/ as a draft. */
void inbox_show_draft(struct inbox *in, struct reqfile *file);
/* A text was refused before any file could carry the reason: status/ of this name's id says why. */
void inbox_refuse_name(struct inbox *in, const struct node *folder, const char *name,
		       const struct error *err);
/* The text differs from what was last submitted, or was written anew. */
bool inbox_is_news(const struct reqfile *file);
/* Read the text as it would be under this name, if nobody has: file->understood; and see that there
 * is room for what it asks for. 0 or -ENOMEM, or, with err: -EINVAL, -EILSEQ; of several pictures
 * also -EEXIST, -ENAMETOOLONG, -EDQUOT, -ENOSPC. */
int inbox_understand(struct inbox *in, struct reqfile *file, struct node *folder, const char *name,
		     struct error *err);
/* It is one request, which was read while it was written; takes it. 0 or -ENOMEM. */
int inbox_keep_read(struct reqfile *file, struct request *request);
/* This folder has changed. */
void inbox_touch(const struct inbox *in, struct node *folder);
/* The job that the text being written will be, or that stands for several; a refused one is asked
 * anew under a new number. NULL when out of memory. */
struct job *inbox_draft_of(struct inbox *in, struct reqfile *file);
/* What was registered and not submitted is taken back. */
void inbox_drop_unsent(struct inbox *in, struct reqfile *file);
/* The text was refused: status/ says why. */
void inbox_refuse(struct inbox *in, struct reqfile *file, const struct error *err);
/* Submit the text if it is news; refusals go to status/. */
void inbox_submit(struct inbox *in, struct reqfile *file);
/* All files and folders below this one, a folder after what is in it. */
void inbox_each_below(struct inbox *in, struct node *folder,
		      void (*fn)(struct inbox *, struct node *));
/* The file has no name any more: what is under way for it goes on without. */
void inbox_drop_job(struct inbox *in, struct reqfile *file);

/* --- inbox_remove.c --- */

/* The file goes, and these of its jobs have this wish: both are on disk when this returns 0; else
 * nothing has changed. */
int inbox_forget(struct inbox *in, struct entry *entry, enum wish wish, const uint64_t *numbers,
		 size_t n);

/* --- inbox_undo.c: what a rename puts back, and what it submits below a folder --- */

/* How a file stands; for inbox_undo_release. */
struct inbox_undo {
	uint64_t job; /* its number; 0: none */
	char *id;     /* the job's */
	bool was_current;
	struct batch *batch;
	bool changed, rewritten, unsent, stale;
	char sent[DIGEST_HEX];
};

/* 0 or -ENOMEM; released in either case. */
int inbox_undo_prepare(struct inbox_undo *u, const struct reqfile *file);
void inbox_undo(struct inbox *in, struct reqfile *file, struct inbox_undo *u);
void inbox_undo_release(struct inbox_undo *u);
/* Texts below a folder that are drafts and would be sent by another name, for inbox_forget_drafts.
 * 0 or -ENOMEM. */
int inbox_note_drafts(struct inbox *in, const struct node *folder, struct list *out);
/* Those that are no drafts any more are submitted. */
void inbox_send_drafts(struct inbox *in, struct list *drafts);
void inbox_undo_drafts(struct inbox *in, struct list *drafts);
void inbox_forget_drafts(struct list *drafts);

/* --- inbox_set.c: files that ask for several --- */

/* May the set that the file was understood to be be called so, and is there room? As
 * inbox_understand. */
int inbox_check_set(struct inbox *in, const struct reqfile *file, struct node *folder,
		    const char *name, struct error *err);
/* Only the first of the two. */
int inbox_check_names(const struct reqfile *file, struct node *folder, const char *name,
		      struct error *err);
/* A file of this folder asks for several, whose names lie in a folder of this name. */
bool inbox_is_taken_by_set(const struct node *folder, const char *name);
/* What was understood becomes registered drafts. 0 or -ENOMEM. */
int inbox_enroll_set(struct inbox *in, struct reqfile *file);
/* 0 or -ENOMEM. */
int inbox_submit_set(struct inbox *in, struct reqfile *file);
void inbox_drop_drafts(struct inbox *in, struct reqfile *file);
/* The text asks for one picture now. 0 or -ENOMEM. */
int inbox_become_one(struct inbox *in, struct reqfile *file);
/* Their ids follow the file's. */
void inbox_take_set_along(struct inbox *in, struct reqfile *file, const char *id);
/* A rename is undone: what it registered goes, what it took over goes back, and those of *before
 * (which it takes; NULL: none) have this id again. */
void inbox_undo_set(struct inbox *in, struct reqfile *file, struct batch **before, const char *id);
/* As jobs_fn. */
void inbox_on_job(struct job *job, enum jobs_change change, void *data);

/* --- inbox_list.c: the lines of a list --- */

/* Is it one of several that a file of this id asks for, or asked for? */
bool inbox_is_part_of(const struct job *job, const char *id);
/* Its line has been asked for by this file, or by one that had the id and is about to go. */
bool inbox_line_is_asked(const struct job *job, const struct reqfile *file, const char *id);
/* It was never sent, and its line is among those that the file is understood to ask for. */
bool inbox_line_is_new(const struct job *job, const struct reqfile *file);
/* As inbox_understand, of a list. */
int inbox_understand_list(struct inbox *in, struct reqfile *file, const struct node *folder,
			  const char *name, const struct request_rules *rules,
			  const struct expand_source *source, struct error *err);

/* --- inbox_folder.c: the defaults of a folder --- */

/* What applies to the requests of a folder; own is for inbox_rules_drop, or NULL. */
struct inbox_rules {
	const struct request_rules *use;
	struct request_rules *own;
};

/* 0, -EINVAL (one of the files on the way is wrong: err names it) or -ENOMEM. */
int inbox_rules_take(const struct inbox *in, const struct node *folder, struct inbox_rules *out,
		     struct error *err);
void inbox_rules_drop(struct inbox_rules *rules);
/* The file that holds them is called so. */
bool inbox_is_ini(const char *name);
/* Would this file be right in this folder? As inbox_rules_take. */
int inbox_check_ini(const struct inbox *in, const struct reqfile *file, const struct node *folder,
		    struct error *err);
/* It is right now, and status/ need not say any more why not. */
void inbox_forget_refusal(struct inbox *in, const struct node *folder, const char *name);

/* --- inbox_source.c --- */

/* The folder of the wildcards' files. */
bool inbox_is_wildcards(const struct node *folder);

/* What texts may refer to; for inbox_source_release. */
void inbox_source(struct inbox *in, struct expand_source *out);
void inbox_source_release(struct expand_source *s);

#endif
