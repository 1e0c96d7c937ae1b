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

#include "pimagefs/log.h"

#define TURN 64 /* requests taken before others have their turn */
#define REST 100000

struct session {
	struct fuse_session *fuse;
	struct fuse_buf buf;
	uv_poll_t poll, mounts;
	int mounts_fd;
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

/* Looks through the table of mounts; fn returns true to stop. */
static bool find_mount(bool (*fn)(const char *device, const char *path, const char *type,
				  void *data),
		       void *data)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, device[32], *path, type[64], *dash;
	size_t room = 0;
	bool found = false;

	while (f && !found && getline(&line, &room, f) > 0) {
		path = NULL;
		dash = strstr(line, " - ");
		if (dash && sscanf(line, "%*s %*s %31s %*s %ms", device, &path) == 2 &&
		    sscanf(dash + 3, "%63s", type) == 1) {
			unescape(path);
			found = fn(device, path, type, data);
		}
		free(path);
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

struct mount_at {
	const char *path;
	bool ours;
	char device[32];
};

static bool is_at(const char *device, const char *path, const char *type, void *data)
{
	struct mount_at *at = data;

	if (strcmp(path, at->path) != 0)
		return false;
	at->ours = strcmp(type, "fuse.pimagefs") == 0;
	snprintf(at->device, sizeof(at->device), "%s", device);
	return false; /* the last one is on top */
}

static int run_fusermount(const char *mountpoint)
{
	pid_t pid = fork();
	int status;

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

static int unmount_stale(const char *mountpoint)
{
	if (umount2(mountpoint, MNT_DETACH) == 0)
		return 0;
	return run_fusermount(mountpoint);
}

int session_check(const char *mountpoint, struct error *err)
{
	struct mount_at at = { .path = mountpoint };
	struct stat st;
	int r = stat(mountpoint, &st) < 0 ? -errno : 0;

	find_mount(is_at, &at);
	if (r == -ENOTCONN && at.ours) {
		r = unmount_stale(mountpoint);
		if (r == 0)
			return session_check(mountpoint, err);
		error_set(
			err, ERROR_INVALID,
			"%s holds a mount of a pimagefs that has ended, and it cannot be unmounted",
			mountpoint);
		return r;
	}
	if (r < 0) {
		error_set(err, ERROR_INVALID, "the mountpoint %s cannot be used: %s", mountpoint,
			  strerror(-r));
		return r;
	}
	if (!S_ISDIR(st.st_mode)) {
		error_set(err, ERROR_INVALID, "the mountpoint %s is no folder", mountpoint);
		return -ENOTDIR;
	}
	if (at.device[0]) {
		error_set(err, ERROR_INVALID, "the mountpoint %s is in use: %s is mounted there",
			  mountpoint, at.ours ? "a pimagefs" : "something else");
		return -EBUSY;
	}
	return 0;
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

static bool has_device(const char *device, const char *path, const char *type, void *data)
{
	const struct session *s = data;

	(void)path;
	(void)type;
	return strcmp(device, s->device) == 0;
}

static void on_mounts_changed(uv_poll_t *poll, int status, int events)
{
	struct session *s = poll->data;

	(void)status;
	(void)events;
	if (s->over || find_mount(has_device, s))
		return;
	s->away = true;
	uv_poll_stop(poll);
	s->detached(s->data);
}

/* Without it a lazy unmount is noticed only when the last reader has left. */
static void watch_mounts(struct session *s, uv_loop_t *loop)
{
	struct mount_at at = { .path = s->mountpoint };

	find_mount(is_at, &at);
	if (!at.ours)
		return;
	memcpy(s->device, at.device, sizeof(s->device));
	s->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (s->mounts_fd < 0 || uv_poll_init(loop, &s->mounts, s->mounts_fd) < 0)
		return;
	s->mounts.data = s;
	s->open_handles++;
	uv_poll_start(&s->mounts, UV_PRIORITIZED, on_mounts_changed);
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
	for (size_t i = 0; r == 0 && i < options->n_mount; i++) {
		r = add_option(args, options->mount[i]);
		/* Others may come in: then the kernel checks modes for all, groups included. */
		if (r == 0 && strcmp(options->mount[i], "allow_other") == 0)
			r = add_option(args, "default_permissions");
	}
	if (r == 0 && options->debug && fuse_opt_add_arg(args, "-d") < 0)
		r = -ENOMEM;
	return r;
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
	s->mounts_fd = -1;
	s->ended = ended;
	s->detached = detached;
	s->data = data;
	r = -ENOMEM;
	s->mountpoint = strdup(options->mountpoint);
	if (!s->mountpoint)
		goto fail;
	r = -EINVAL;
	s->fuse = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), fs);
	if (!s->fuse || fuse_session_mount(s->fuse, s->mountpoint) < 0)
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
	fuse_opt_free_args(&args);
	session_stop(s);
	return r;
}

static void session_free(struct session *s)
{
	if (s->mounts_fd >= 0)
		close(s->mounts_fd);
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
	if (s->mounts.data)
		uv_close((uv_handle_t *)&s->mounts, on_closed);
}
