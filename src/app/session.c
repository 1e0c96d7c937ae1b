/*
 * The mount and its descriptor on the loop.
 *
 * Happy path: libfuse makes and mounts a session; its descriptor, not blocking, is polled by libuv;
 * each turn takes a bounded number of requests, so that downloads and timers get theirs. A second
 * descriptor watches the kernel's table of mounts: it tells of a lazy unmount, of which the daemon
 * hears nothing else while readers wait.
 *
 * Failures: a mount that cannot be made is told in one sentence; a read that fails ends the session
 * as an unmount does.
 *
 * On close the descriptor goes first, so that nothing can wait for us any more, then the mount.
 */
#include "pimagefs/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pimagefs/disk.h"
#include "pimagefs/log.h"
#include "pimagefs/suggest.h"

#define TURN 64 /* requests taken before others have their turn */
#define REST 100000

struct session {
	struct fuse_session *fuse;
	struct fuse_buf buf;
	uv_poll_t poll, mounts;
	uv_check_t first; /* turn of the loop */
	FILE *table;      /* of mounts */
	unsigned open_handles;
	bool mounted, over;
	bool away; /* out of the tree: at its path there may be another mount by now */
	char *mountpoint;
	char device[32]; /* "0:53", as /proc/self/mountinfo has it */
	void (*ended)(void *data);
	void (*detached)(void *data);
	void *data;
};

/* --- where we may mount --- */

/* /proc writes a space as \040. */
static void unescape(char *text)
{
	char *out = text;

	for (char *in = text; *in; out++) {
		if (in[0] == '\\' && in[1] && in[2] && in[3]) {
			*out = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
			in += 4;
		} else {
			*out = *in++;
		}
	}
	*out = '\0';
}

struct mount_at {
	bool ours;
	char device[32]; /* "" if nothing is mounted */
};

#define TABLE "/proc/self/mountinfo"

/* What is mounted at a path, or on a device if path is NULL; the last one is on top. 0, or -EIO:
 * nothing is known. */
static int read_table(FILE *f, const char *path, const char *device, struct mount_at *out)
{
	struct mount_at found = { .ours = false };
	char *line = NULL, on[32], *at, type[64], *dash;
	size_t room = 0;
	int r;

	rewind(f);
	while (getline(&line, &room, f) > 0) {
		at = NULL;
		dash = strstr(line, " - ");
		if (dash && sscanf(line, "%*s %*s %31s %*s %ms", on, &at) == 2 &&
		    sscanf(dash + 3, "%63s", type) == 1) {
			unescape(at);
			if (path ? strcmp(at, path) == 0 : device && strcmp(on, device) == 0) {
				found.ours = strcmp(type, "fuse.pimagefs") == 0;
				memcpy(found.device, on, sizeof(on));
			}
		}
		free(at);
	}
	r = feof(f) ? 0 : -EIO;
	free(line);
	if (r == 0)
		*out = found;
	return r;
}

static struct mount_at find_mount(const char *path)
{
	struct mount_at found = { .ours = false };
	FILE *f = fopen(TABLE, "re");

	if (f) {
		read_table(f, path, NULL, &found);
		fclose(f);
	}
	return found;
}

bool session_is_mounted(const char *noted)
{
	const char *path = strchr(noted, ' ');
	size_t size = path ? (size_t)(path - noted) : 0;
	struct mount_at at;

	if (!path)
		return false;
	/* The number alone is soon another mount's. */
	at = find_mount(path + 1);
	return at.ours && strlen(at.device) == size && strncmp(at.device, noted, size) == 0;
}

static int unmount_stale(const char *mountpoint)
{
	pid_t pid;
	int status;

	if (umount2(mountpoint, MNT_DETACH) == 0)
		return 0;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", mountpoint,
		       (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}

int session_look(const char *mountpoint, struct error *err)
{
	struct mount_at at = find_mount(mountpoint);
	struct stat st;
	int r = stat(mountpoint, &st) < 0 ? -errno : 0;

	/* It ended while it was asked. */
	if (r == -ECONNABORTED)
		r = -ENOTCONN;
	if (r == -ENOTCONN && at.ours) {
		error_set(
			err, ERROR_INVALID,
			"%s holds a mount of a pimagefs that has ended, and it cannot be unmounted",
			mountpoint);
		return r;
	}
	if (r < 0) {
		error_set(err, ERROR_INVALID, "the mountpoint %s cannot be used: %s", mountpoint,
			  strerror(-r));
		return r == -ENOTCONN ? -EBUSY : r;
	}
	if (!S_ISDIR(st.st_mode)) {
		error_set(err, ERROR_INVALID, "the mountpoint %s is no folder", mountpoint);
		return -ENOTDIR;
	}
	if (at.device[0]) {
		error_set(err, ERROR_INVALID, "the mountpoint %s is in use: %s is mounted there",
			  mountpoint, at.ours ? "a pimagefs" : "something else");
		return at.ours ? -EALREADY : -EBUSY;
	}
	return 0;
}

int session_check(const char *mountpoint, struct error *err)
{
	int r = session_look(mountpoint, err);

	return r == -ENOTCONN && unmount_stale(mountpoint) == 0 ? session_look(mountpoint, err) : r;
}

static int any_name(const char *name, void *data)
{
	(void)name;
	(void)data;
	return 1;
}

bool session_hides(const char *mountpoint)
{
	int fd = open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool found = fd >= 0 && disk_real.list(&disk_real, fd, any_name, NULL) == 1;

	if (fd >= 0)
		close(fd);
	return found;
}

/* --- requests --- */

static void end(struct session *s)
{
	if (s->over)
		return;
	s->over = true;
	uv_poll_stop(&s->poll);
	s->ended(s->data);
}

/* At most `most` requests; the last read's result: positive while there may be more. */
static int take(struct session *s, int most)
{
	int r = 1;

	for (int i = 0; i < most && r > 0 && !s->over; i++) {
		r = fuse_session_receive_buf(s->fuse, &s->buf);
		if (r > 0)
			fuse_session_process_buf(s->fuse, &s->buf);
	}
	return r;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct session *s = poll->data;
	int r = take(s, TURN);

	(void)status;
	(void)events;
	if (fuse_session_exited(s->fuse) || (r < 0 && r != -EAGAIN && r != -EINTR))
		end(s);
}

void session_take_rest(struct session *s)
{
	take(s, REST);
}

bool session_is_away(const struct session *s)
{
	struct mount_at at;

	/* Read from the descriptor that is open, for there may be none left to open it by. */
	return s->away ||
	       (s->table && read_table(s->table, NULL, s->device, &at) == 0 && !at.device[0]);
}

static void look_at_mounts(struct session *s)
{
	if (s->over || s->away || !session_is_away(s))
		return;
	s->away = true;
	uv_poll_stop(&s->mounts);
	s->detached(s->data);
}

static void on_mounts_changed(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	look_at_mounts(poll->data);
}

/* The kernel tells of a change once, and one from before epoll knew the descriptor it told while
 * that was added, to nobody. */
static void on_first_turn(uv_check_t *first)
{
	uv_check_stop(first);
	look_at_mounts(first->data);
}

/* Without it a lazy unmount is noticed only when the last reader has left. */
static void watch_mounts(struct session *s, uv_loop_t *loop)
{
	struct mount_at at = find_mount(s->mountpoint);

	if (!at.ours)
		return;
	memcpy(s->device, at.device, sizeof(s->device));
	s->table = fopen(TABLE, "re");
	if (!s->table || uv_poll_init(loop, &s->mounts, fileno(s->table)) < 0)
		return;
	s->mounts.data = s;
	uv_check_init(loop, &s->first);
	s->first.data = s;
	s->open_handles += 2;
	uv_poll_start(&s->mounts, UV_PRIORITIZED, on_mounts_changed);
	uv_check_start(&s->first, on_first_turn);
}

const char *session_device(const struct session *s)
{
	return s->device;
}

/* --- life --- */

static int add_option(struct fuse_args *args, const char *option)
{
	return fuse_opt_add_arg(args, "-o") < 0 || fuse_opt_add_arg(args, option) < 0 ? -ENOMEM : 0;
}

static int make_args(const struct session_options *options, struct fuse_args *args)
{
	int r = fuse_opt_add_arg(args, "pimagefs") < 0 ? -ENOMEM : 0;

	if (r == 0)
		r = add_option(args, "fsname=pimagefs,subtype=pimagefs,nosuid,nodev,noatime");
	for (size_t i = 0; r == 0 && i < options->n_mount; i++)
		r = add_option(args, options->mount[i]);
	if (r == 0 && options->shared)
		r = add_option(args, "default_permissions");
	if (r == 0 && options->debug && fuse_opt_add_arg(args, "-d") < 0)
		r = -ENOMEM;
	return r;
}

/* libfuse's own words: its way of writing them would wait for who reads. */
static void on_fuse_log(enum fuse_log_level level, const char *fmt, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	if (level <= FUSE_LOG_ERR)
		log_error("%s", text);
	else
		log_debug("%s", text);
}

/* What it says while options are tried has better words here. */
static void on_trial_log(enum fuse_log_level level, const char *fmt, va_list args)
{
	(void)level;
	(void)fmt;
	(void)args;
}

static bool is_taken(const char *option)
{
	const struct session_options one = { .mount = &option, .n_mount = 1 };
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *fuse = NULL;

	if (make_args(&one, &args) == 0)
		fuse = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), NULL);
	if (fuse)
		fuse_session_destroy(fuse);
	fuse_opt_free_args(&args);
	return fuse != NULL;
}

static void refuse_option(const char *option, struct error *err)
{
	static const char *const known[] = {
		"allow_other", "allow_root", "auto_unmount", "default_permissions",
		"max_read",    "fsname",     "subtype",      "ro",
		"rw",          "exec",       "noexec",       "atime",
		"noatime"
	};
	char name[64];
	const char *nearest;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(option, "="), option);
	nearest = suggest(name, known, sizeof(known) / sizeof(*known));
	if (nearest && strcmp(name, nearest) == 0)
		error_set(err, ERROR_INVALID, "-o %s: the mount option %s does not take that",
			  option, name);
	else
		error_set(err, ERROR_INVALID,
			  "-o %s is no mount option, and no setting (section.key=value)%s%s%s",
			  option, nearest ? "; did you mean " : "", nearest ? nearest : "",
			  nearest ? "?" : "");
}

/* libfuse refused them all; which one it meant is found by trying each. */
static void name_option(const struct session_options *options, struct error *err)
{
	for (size_t i = 0; i < options->n_mount; i++) {
		if (!is_taken(options->mount[i])) {
			refuse_option(options->mount[i], err);
			return;
		}
	}
	error_set(err, ERROR_INVALID, "libfuse does not take these mount options together");
}

static int new_fuse(struct session *s, const struct session_options *options,
		    struct fuse_args *args, struct fs *fs, struct error *err)
{
	fuse_set_log_func(on_trial_log);
	s->fuse = fuse_session_new(args, &fs_ops, sizeof(fs_ops), fs);
	if (!s->fuse)
		name_option(options, err);
	fuse_set_log_func(on_fuse_log);
	return s->fuse ? 0 : -EINVAL;
}

static int attach(struct session *s, uv_loop_t *loop)
{
	int fd = fuse_session_fd(s->fuse), flags = fcntl(fd, F_GETFL), r;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	r = uv_poll_init(loop, &s->poll, fd);
	if (r < 0)
		return r;
	s->poll.data = s;
	s->open_handles++;
	return uv_poll_start(&s->poll, UV_READABLE, on_readable);
}

int session_start(struct session **out, uv_loop_t *loop, const struct session_options *options,
		  struct fs *fs, void (*ended)(void *data), void (*detached)(void *data),
		  void *data, struct error *err)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct session *s = calloc(1, sizeof(*s));
	int r = s ? make_args(options, &args) : -ENOMEM;

	if (r < 0)
		goto fail;
	s->ended = ended;
	s->detached = detached;
	s->data = data;
	r = -ENOMEM;
	s->mountpoint = strdup(options->mountpoint);
	if (!s->mountpoint)
		goto fail;
	r = new_fuse(s, options, &args, fs, err);
	if (r < 0)
		goto out;
	r = -EINVAL;
	if (fuse_session_mount(s->fuse, s->mountpoint) < 0)
		goto fail;
	s->mounted = true;
	r = attach(s, loop);
	if (r < 0)
		goto fail;
	watch_mounts(s, loop);
	fuse_opt_free_args(&args);
	*out = s;
	return 0;
fail:
	error_set(err, ERROR_INVALID, "cannot mount at %s: %s", options->mountpoint,
		  r == -EINVAL ? "see the line above (is fuse3 installed, and the folder yours?)"
			       : strerror(-r));
out:
	fuse_opt_free_args(&args);
	session_stop(s);
	return r;
}

static void session_free(struct session *s)
{
	if (s->table)
		fclose(s->table);
	/* By path libfuse would unmount what has been mounted there since; closing is enough. */
	if (s->mounted && (!s->away || fuse_session_exited(s->fuse)))
		fuse_session_unmount(s->fuse);
	if (s->fuse)
		fuse_session_destroy(s->fuse);
	free(s->buf.mem);
	free(s->mountpoint);
	free(s);
}

static void on_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;

	if (--s->open_handles == 0)
		session_free(s);
}

void session_stop(struct session *s)
{
	if (!s)
		return;
	s->over = true;
	if (!s->open_handles) {
		session_free(s);
		return;
	}
	uv_close((uv_handle_t *)&s->poll, on_closed);
	if (s->mounts.data) {
		uv_close((uv_handle_t *)&s->mounts, on_closed);
		uv_close((uv_handle_t *)&s->first, on_closed);
	}
}
