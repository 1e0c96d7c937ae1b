#ifndef INBOX_INTERNAL_H
#define INBOX_INTERNAL_H

#include "pimagefs/inbox.h"

struct inbox {
	struct node *root;
	const struct settings *settings;
	const struct request_rules *rules;
	struct engine *engine;
	struct ledger *ledger;
	uint64_t last_number;
};

/* Append FOLDER's path, '/' and name. 0, -ENAMETOOLONG or -ENOMEM. */
int inbox_path(const struct node *folder, const char *name, struct buf *out);
/* One more file or folder? -ENOSPC if limits.files are there. */
int inbox_has_room(const struct inbox *in);
bool inbox_is_draft_name(const struct inbox *in, const char *name);
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
/* Check the text as a request under this name; 0 or -EINVAL, -EILSEQ, -ENOMEM with err. */
int inbox_check(const struct inbox *in, const struct reqfile *file, const char *name,
		struct error *err);
/* The text was refused: status/ says why. */
void inbox_refuse(struct inbox *in, struct reqfile *file, const struct error *err);
/* Submit the text if it is news; refusals go to status/. */
void inbox_submit(struct inbox *in, struct reqfile *file);
/* The file has no name any more: what becomes of its job. */
void inbox_part(struct inbox *in, struct reqfile *file, bool cancel);

#endif
