/* key_command: api.key_command, run and waited for, or beside the loop, which goes on meanwhile. */
#ifndef KEY_COMMAND_H
#define KEY_COMMAND_H

#include <uv.h>

#include "pimagefs/error.h"
#include "pimagefs/list.h"

struct key_command;

/* The first line that /bin/sh -c COMMAND prints, trimmed, becomes *out, the caller's for text_wipe;
 * its stdin is empty, its stderr ours. 0; *out is left alone: -ETIMEDOUT (it was killed, with all
 * that it started), -EINVAL (it failed, or printed no key), -ENOMEM, or what spawning gave. */
int key_command_run(const char *command, int timeout_ms, char **out, struct error *err);

/* r 0: key is the receiver's, for text_wipe; else NULL, and r and err are as key_command_run has
 * them. */
typedef void (*key_command_fn)(int r, char *key, const struct error *err, void *data);

/* fn is called once, from the loop, unless it is stopped before. It lies in the list until its
 * process has ended. 0, or a negative errno with err. */
int key_command_start(struct key_command **out, struct list *all, uv_loop_t *loop,
		      const char *command, int timeout_ms, key_command_fn fn, void *data,
		      struct error *err);
/* Killed, with all that it started; fn is not called. Takes NULL. */
void key_command_stop(struct key_command *k);
/* The loop is to end: nobody waits for the processes that were killed. All must be stopped. */
void key_command_leave(struct list *all);

#endif
