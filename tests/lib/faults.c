/* faults: a disk that fails on purpose, for a program that is run with this as LD_PRELOAD.
 *
 * FAULTS_FOLDER names the folder (its real path) below which calls fail, FAULTS_CONTROL a file
 * elsewhere: while it is there, each of its lines "CALL ERRNO" lets that kind of call fail. The
 * kinds are write, fsync, rename and open (for writing or creating); the errnos ENOSPC, EIO, EROFS.
 * Each call that failed adds a byte to FAULTS_CONTROL.failed.
 *
 * FAULTS_HOLD names a FIFO: the loop does not begin to turn before somebody opens it for writing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);

static int number_of(const char *name)
{
	return strncmp(name, "ENOSPC", 6) == 0  ? ENOSPC
	       : strncmp(name, "EROFS", 5) == 0 ? EROFS
						: EIO;
}

/* The errno that this kind of call shall have; 0: none. Only system calls that are not ours. */
static int wanted(const char *kind)
{
	const char *control = getenv("FAULTS_CONTROL"), *line;
	char text[256];
	long fd, n;

	if (!control)
		return 0;
	fd = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = syscall(SYS_read, fd, text, sizeof(text) - 1);
	syscall(SYS_close, fd);
	text[n > 0 ? n : 0] = '\0';
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, kind, strlen(kind)) == 0 && line[strlen(kind)] == ' ')
			return number_of(line + strlen(kind) + 1);
	}
	return 0;
}

static bool is_below(const char *path)
{
	const char *folder = getenv("FAULTS_FOLDER");
	size_t size = folder ? strlen(folder) : 0;

	return size && strncmp(path, folder, size) == 0 &&
	       (path[size] == '/' || path[size] == '\0');
}

static bool path_of(int fd, char *out, size_t room)
{
	char name[64];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, out, room - 1);
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static void count_one(void)
{
	char path[4096];
	long fd;

	snprintf(path, sizeof(path), "%s.failed", getenv("FAULTS_CONTROL"));
	fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	syscall(SYS_write, fd, ".", 1);
	syscall(SYS_close, fd);
}

static bool fails(const char *kind)
{
	int kept = errno, number = wanted(kind);

	if (number)
		count_one();
	errno = number ? number : kept;
	return number != 0;
}

static bool fd_fails(const char *kind, int fd)
{
	char path[4096];
	int kept = errno;
	bool ours = path_of(fd, path, sizeof(path)) && is_below(path);

	errno = kept;
	return ours && fails(kind);
}

static bool at_fails(const char *kind, int folder, const char *path)
{
	if (*path == '/')
		return is_below(path) && fails(kind);
	return folder != AT_FDCWD && fd_fails(kind, folder);
}

/* --- write --- */

ssize_t write(int fd, const void *bytes, size_t size)
{
	return fd_fails("write", fd) ? -1 : syscall(SYS_write, fd, bytes, size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
	return fd_fails("write", fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
	return fd_fails("write", fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, size, at);
}

/* --- fsync --- */

int fsync(int fd)
{
	return fd_fails("fsync", fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return fd_fails("fsync", fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

/* --- rename --- */

int rename(const char *from, const char *to)
{
	if (at_fails("rename", AT_FDCWD, to))
		return -1;
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	if (at_fails("rename", to_folder, to))
		return -1;
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	if (at_fails("rename", to_folder, to))
		return -1;
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

/* --- open --- */

static int open_real(int folder, const char *path, int flags, mode_t mode)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);

	if (writes && at_fails("open", folder, path))
		return -1;
	return (int)syscall(SYS_openat, folder, path, flags, mode);
}

static mode_t mode_of(int flags, va_list rest)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name) \
	int name(const char *path, int flags, ...) \
	{ \
		va_list rest; \
		mode_t mode; \
\
		va_start(rest, flags); \
		mode = mode_of(flags, rest); \
		va_end(rest); \
		return open_real(AT_FDCWD, path, flags, mode); \
	}

#define OPENAT(name) \
	int name(int folder, const char *path, int flags, ...) \
	{ \
		va_list rest; \
		mode_t mode; \
\
		va_start(rest, flags); \
		mode = mode_of(flags, rest); \
		va_end(rest); \
		return open_real(folder, path, flags, mode); \
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int __open_2(const char *path, int flags)
{
	return open_real(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return open_real(AT_FDCWD, path, flags, 0);
}

int __openat_2(int folder, const char *path, int flags)
{
	return open_real(folder, path, flags, 0);
}

int __openat64_2(int folder, const char *path, int flags)
{
	return open_real(folder, path, flags, 0);
}

int uv_run(void *loop, int mode);

int uv_run(void *loop, int mode)
{
	int (*real)(void *loop, int mode) =
		(int (*)(void *loop, int mode))dlsym(RTLD_NEXT, "uv_run");
	const char *fifo = getenv("FAULTS_HOLD");
	long fd = fifo ? syscall(SYS_openat, AT_FDCWD, fifo, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		syscall(SYS_close, fd);
		unsetenv("FAULTS_HOLD");
	}
	return real(loop, mode);
}
