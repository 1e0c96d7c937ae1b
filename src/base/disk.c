/*
 * disk: the kernel's file operations with a negative errno as their failure.
 *
 * Failures: EINTR is met by trying again where nothing was done yet.
 */
#include "pimagefs/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pimagefs/folder.h"

static int result(const struct disk *d, int r)
{
	(void)d;
	return r < 0 ? -errno : r;
}

static int real_make_folder(const struct disk *d, const char *path, mode_t mode)
{
	(void)d;
	return folder_make(path, mode);
}

static int real_open(const struct disk *d, int dir, const char *path, int flags, mode_t mode)
{
	return result(d, openat(dir, path, flags | O_CLOEXEC | O_NOFOLLOW, mode));
}

static void real_close(const struct disk *d, int fd)
{
	(void)d;
	close(fd);
}

static ssize_t real_pread(const struct disk *d, int fd, void *bytes, size_t size, off_t at)
{
	ssize_t n;

	(void)d;
	do
		n = pread(fd, bytes, size, at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t real_pread_now(const struct disk *d, int fd, void *bytes, size_t size, off_t at)
{
	const struct iovec to = { bytes, size };
	ssize_t n = preadv2(fd, &to, 1, at, RWF_NOWAIT);

	(void)d;
	/* Filesystems that cannot tell say EOPNOTSUPP. */
	return n < 0 ? (errno == EINTR || errno == EOPNOTSUPP ? -EAGAIN : -errno) : n;
}

static ssize_t real_write(const struct disk *d, int fd, const void *bytes, size_t size)
{
	ssize_t n;

	(void)d;
	do
		n = write(fd, bytes, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int real_sync(const struct disk *d, int fd)
{
	return result(d, fsync(fd));
}

static int real_set_time(const struct disk *d, int fd, const struct timespec *when)
{
	const struct timespec times[2] = { *when, *when };

	return result(d, futimens(fd, times));
}

static int real_stat(const struct disk *d, int fd, struct stat *out)
{
	return result(d, fstat(fd, out));
}

static int real_stat_at(const struct disk *d, int dir, const char *path, struct stat *out)
{
	return result(d, fstatat(dir, path, out, AT_SYMLINK_NOFOLLOW));
}

static int real_statvfs(const struct disk *d, int fd, struct statvfs *out)
{
	return result(d, fstatvfs(fd, out));
}

static int real_may_write(const struct disk *d, int dir)
{
	return result(d, faccessat(dir, ".", W_OK | X_OK, AT_EACCESS));
}

static int real_mkdir(const struct disk *d, int dir, const char *path, mode_t mode)
{
	return result(d, mkdirat(dir, path, mode));
}

static int real_rename(const struct disk *d, int from_dir, const char *from, int to_dir,
		       const char *to, unsigned flags)
{
	return result(d, renameat2(from_dir, from, to_dir, to, flags));
}

static int real_link(const struct disk *d, int from_dir, const char *from, int to_dir,
		     const char *to)
{
	return result(d, linkat(from_dir, from, to_dir, to, 0));
}

static int real_unlink(const struct disk *d, int dir, const char *path, int flags)
{
	return result(d, unlinkat(dir, path, flags));
}

static int real_lock(const struct disk *d, int fd, int how)
{
	return result(d, flock(fd, how | LOCK_NB));
}

static int real_list(const struct disk *d, int dir, int (*fn)(const char *name, void *data),
		     void *data)
{
	int fd = real_open(d, dir, ".", O_RDONLY | O_DIRECTORY, 0), r = 0;
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!stream) {
		r = fd < 0 ? fd : -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (errno = 0, entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = fn(entry->d_name, data);
	if (!r && !entry)
		r = -errno;
	closedir(stream);
	return r;
}

const struct disk disk_real = {
	.make_folder = real_make_folder,
	.open = real_open,
	.close = real_close,
	.pread = real_pread,
	.pread_now = real_pread_now,
	.write = real_write,
	.sync = real_sync,
	.set_time = real_set_time,
	.stat = real_stat,
	.stat_at = real_stat_at,
	.statvfs = real_statvfs,
	.may_write = real_may_write,
	.mkdir = real_mkdir,
	.rename = real_rename,
	.link = real_link,
	.unlink = real_unlink,
	.lock = real_lock,
	.list = real_list,
};

int disk_write_all(const struct disk *d, int fd, const void *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = d->write(d, fd, (const char *)bytes + at, size - at);

		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		at += (size_t)n;
	}
	return 0;
}

int disk_read_all(const struct disk *d, int fd, size_t size, char **out)
{
	char *bytes = malloc(size + 1);

	if (!bytes)
		return -ENOMEM;
	for (size_t at = 0; at < size;) {
		ssize_t n = d->pread(d, fd, bytes + at, size - at, (off_t)at);

		if (n <= 0) {
			free(bytes);
			return n < 0 ? (int)n : -EIO;
		}
		at += (size_t)n;
	}
	bytes[size] = '\0';
	*out = bytes;
	return 0;
}
