/*
 * The courier's own process: it makes system calls through the mount.
 *
 * Happy path: the first command names the mount; each other one is one call below it, and its
 * result is the answer.
 *
 * Where the system lets it, it goes into a tree of its own (a namespace with nothing in it but a
 * second mount of ours): a call that is under way there does not make the user's own mount busy,
 * so no unmount is held up.
 *
 * Failures: the errno of the call. In the user's own tree it is checked before each one that the
 * mount is still the one that was named, so that after an unmount nothing is done to the folder
 * beneath. Where the mount is read-only it refuses its greeting, for no call would get through:
 * then the kernel keeps nothing.
 *
 * It ends with its standard input, and with the process that started it, however that ends; it
 * holds no descriptor below the mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "courier_internal.h"

struct mount {
	char path[COURIER_PATH];
	dev_t device;
};

static bool read_all(void *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = read(STDIN_FILENO, (char *)bytes + at, size - at);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		at += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* --- a tree of its own --- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int map_self(const char *file, unsigned id)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %u 1", id, id);
	return write_file(file, text);
}

/* An ordinary user may have one in a user namespace, as the same user. */
static int unshare_mounts(void)
{
	unsigned uid = getuid(), gid = getgid();
	int r;

	if (unshare(CLONE_NEWNS) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	r = map_self("/proc/self/uid_map", uid);
	if (r == 0)
		r = write_file("/proc/self/setgroups", "deny");
	return r < 0 ? r : map_self("/proc/self/gid_map", gid);
}

/* From now on "/" is the mount, and no other filesystem is kept from being unmounted by us. */
static int enter(const char *path)
{
	int r = unshare_mounts();

	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(path, path, NULL, MS_BIND, NULL) < 0 || chdir(path) < 0 ||
	    syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int check_mount(const struct mount *m)
{
	struct stat st;

	if (stat(m->path[0] ? m->path : "/", &st) < 0)
		return -errno;
	return st.st_dev == m->device ? 0 : -EXDEV;
}

static bool has_word(const char *list, const char *word)
{
	size_t size = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, word, size) == 0 && (at[size] == ',' || at[size] == '\0'))
			return true;
	}
	return false;
}

/* Read in the table of mounts: a call that asks the mount itself makes it busy while the daemon,
 * which is only starting, has not answered. */
static bool is_read_only(const char *device)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *dash, on[32], options[256], super[256];
	bool found = false;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		dash = strstr(line, " - ");
		if (dash && sscanf(line, "%*s %*s %31s %*s %*s %255s", on, options) == 2 &&
		    strcmp(on, device) == 0 && sscanf(dash + 3, "%*s %*s %255s", super) == 1)
			found = has_word(options, "ro") || has_word(super, "ro");
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

static int greet(struct mount *m, const char *path, const char *device)
{
	unsigned major_number, minor_number;

	if (sscanf(device, "%u:%u", &major_number, &minor_number) != 2)
		return -EINVAL;
	if (is_read_only(device))
		return -EROFS;
	m->device = makedev(major_number, minor_number);
	/* Where it may not, the user's own tree has to do. */
	snprintf(m->path, sizeof(m->path), "%s", enter(path) == 0 ? "" : path);
	return m->path[0] ? 0 : check_mount(m);
}

static int absolute(const struct mount *m, const char *path, char out[2 * COURIER_PATH])
{
	return snprintf(out, 2 * COURIER_PATH, "%s/%s", m->path, path);
}

static int call(const struct mount *m, enum courier_op op, const char *path, const char *other)
{
	char to[2 * COURIER_PATH], from[2 * COURIER_PATH];
	/* In a tree of its own there is nothing else that it could be. */
	int r = m->path[0] ? check_mount(m) : 0;

	if (r < 0)
		return r;
	absolute(m, path, to);
	absolute(m, other, from);
	switch (op) {
	case COURIER_MOVE:
		r = rename(from, to);
		break;
	case COURIER_FOLDER:
		r = mkdir(to, 0755);
		break;
	case COURIER_TOUCH:
		r = utimensat(AT_FDCWD, to, NULL, AT_SYMLINK_NOFOLLOW);
		break;
	case COURIER_UNLINK:
		r = unlink(to);
		break;
	case COURIER_RMDIR:
		r = rmdir(to);
		break;
	default:
		return -EINVAL;
	}
	return r < 0 ? -errno : 0;
}

static bool serve_one(struct mount *m)
{
	struct courier_command command;
	char path[COURIER_PATH], other[COURIER_PATH];
	int r;

	if (!read_all(&command, sizeof(command)) || !command.path_size || !command.other_size ||
	    command.path_size > sizeof(path) || command.other_size > sizeof(other) ||
	    !read_all(path, command.path_size) || !read_all(other, command.other_size))
		return false;
	path[command.path_size - 1] = other[command.other_size - 1] = '\0';
	r = command.op == COURIER_HELLO ? greet(m, path, other)
					: call(m, (enum courier_op)command.op, path, other);
	return write(STDOUT_FILENO, &r, sizeof(r)) == sizeof(r);
}

int courier_main(void)
{
	struct mount m = { .path = "" };

	prctl(PR_SET_NAME, "pimagefs-window");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN); /* of the terminal: the daemon decides */
	signal(SIGHUP, SIG_IGN);
	if (chdir("/") < 0)
		return 1;
	while (serve_one(&m))
		;
	return 0;
}
