/* facts: what is known of how a job's picture was made, to be written into it. Floor 2. */
#ifndef PIMAGEFS_FACTS_H
#define PIMAGEFS_FACTS_H

#include "pimagefs/config.h"
#include "pimagefs/embed.h"

struct job;

/* *out is the caller's, for embed_facts_release; with embed = off it is empty. Of the input only
 * what it names is taken, never a token or a link. 0 or -ENOMEM. */
int facts_of_job(const struct job *job, const struct settings *settings, struct embed_facts *out);

#endif
