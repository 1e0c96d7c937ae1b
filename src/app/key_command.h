/* key_command: api.key_command run beside the loop, which goes on meanwhile. */
#ifndef KEY_COMMAND_H
#define KEY_COMMAND_H

#include <uv.h>

#include "pimagefs/error.h"
#include "pimagefs/list.h"

struct key_command;

/* r 0: key is the receiver's, for text_wipe; else NULL, and r and err are as secret_read_command
 * has them. */
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
