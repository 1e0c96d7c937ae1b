/* disk: the file operations that the library is made of, as a table. The real one is the kernel's;
 * a simulation embeds the struct in its own. Each returns 0, or what it says, or a negative errno.
 * Floor 0. */
#ifndef PIMAGEFS_DISK_H
#define PIMAGEFS_DISK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

struct disk {
	/* As folder_make: its descriptor. */
	int (*make_folder)(const struct disk *d, const char *path, mode_t mode);
	/* A descriptor; O_CLOEXEC and O_NOFOLLOW go without saying. */
	int (*open)(const struct disk *d, int dir, const char *path, int flags, mode_t mode);
	void (*close)(const struct disk *d, int fd);
	/* Bytes, perhaps fewer than size. */
	ssize_t (*pread)(const struct disk *d, int fd, void *bytes, size_t size, off_t at);
	/* The same, but -EAGAIN rather than wait for the disk. */
	ssize_t (*pread_now)(const struct disk *d, int fd, void *bytes, size_t size, off_t at);
	ssize_t (*write)(const struct disk *d, int fd, const void *bytes, size_t size);
	int (*sync)(const struct disk *d, int fd);
	int (*set_time)(const struct disk *d, int fd, const struct timespec *when);
	int (*stat)(const struct disk *d, int fd, struct stat *out);
	/* Of a link itself. */
	int (*stat_at)(const struct disk *d, int dir, const char *path, struct stat *out);
	int (*statvfs)(const struct disk *d, int fd, struct statvfs *out);
	/* May names be made in this folder? */
	int (*may_write)(const struct disk *d, int dir);
	int (*mkdir)(const struct disk *d, int dir, const char *path, mode_t mode);
	int (*rename)(const struct disk *d, int from_dir, const char *from, int to_dir,
		      const char *to, unsigned flags);
	int (*link)(const struct disk *d, int from_dir, const char *from, int to_dir,
		    const char *to);
	int (*unlink)(const struct disk *d, int dir, const char *path, int flags);
	/* How as flock's, never waiting: -EWOULDBLOCK. */
	int (*lock)(const struct disk *d, int fd, int how);
	/* fn for each name of the folder but "." and "..", until it returns non-zero, which is
	 * returned. */
	int (*list)(const struct disk *d, int dir, int (*fn)(const char *name, void *data),
		    void *data);
};

extern const struct disk disk_real;

/* All of it. */
int disk_write_all(const struct disk *d, int fd, const void *bytes, size_t size);
/* The first size bytes of a file, with a NUL behind them; heap, the caller's. -EIO where it is
 * shorter. */
int disk_read_all(const struct disk *d, int fd, size_t size, char **out);

#endif
