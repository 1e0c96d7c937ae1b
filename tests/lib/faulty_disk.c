/* faulty_disk: see faulty_disk.h. */
#include "faulty_disk.h"

#include <errno.h>
#include <fcntl.h>

#include "pimagefs/list.h"

static struct faulty_disk *faulty(const struct disk *d)
{
	return list_entry(d, struct faulty_disk, disk);
}

static bool fails(const struct disk *d)
{
	struct faulty_disk *f = faulty(d);

	if (f->left == 0 && f->stuck)
		return true;
	return f->left >= 0 && f->left-- == 0;
}

static int faulty_open(const struct disk *d, int dir, const char *path, int flags, mode_t mode)
{
	return (flags & O_CREAT) && fails(d) ? -EIO
					     : disk_real.open(&disk_real, dir, path, flags, mode);
}

static ssize_t faulty_write(const struct disk *d, int fd, const void *bytes, size_t size)
{
	size_t most = faulty(d)->most;

	return fails(d) ? -EIO
			: disk_real.write(&disk_real, fd, bytes, most && most < size ? most : size);
}

static int faulty_sync(const struct disk *d, int fd)
{
	struct faulty_disk *f = faulty(d);

	if (fails(d) || (f->syncs_left >= 0 && f->syncs_left-- == 0))
		return -EIO;
	return disk_real.sync(&disk_real, fd);
}

static int faulty_set_time(const struct disk *d, int fd, const struct timespec *when)
{
	return fails(d) ? -EIO : disk_real.set_time(&disk_real, fd, when);
}

static int faulty_mkdir(const struct disk *d, int dir, const char *path, mode_t mode)
{
	return fails(d) ? -EIO : disk_real.mkdir(&disk_real, dir, path, mode);
}

static int faulty_rename(const struct disk *d, int from_dir, const char *from, int to_dir,
			 const char *to, unsigned flags)
{
	if (flags && faulty(d)->old)
		return -EINVAL;
	return fails(d) ? -EIO : disk_real.rename(&disk_real, from_dir, from, to_dir, to, flags);
}

static int faulty_link(const struct disk *d, int from_dir, const char *from, int to_dir,
		       const char *to)
{
	if (faulty(d)->no_links)
		return -faulty(d)->no_links;
	return fails(d) ? -EIO : disk_real.link(&disk_real, from_dir, from, to_dir, to);
}

static int faulty_unlink(const struct disk *d, int dir, const char *path, int flags)
{
	struct faulty_disk *f = faulty(d);

	return f->stuck && f->left == 0 ? -EIO : disk_real.unlink(&disk_real, dir, path, flags);
}

void faulty_disk_init(struct faulty_disk *f)
{
	*f = (struct faulty_disk){ .disk = disk_real, .left = -1, .syncs_left = -1 };
	f->disk.open = faulty_open;
	f->disk.write = faulty_write;
	f->disk.sync = faulty_sync;
	f->disk.set_time = faulty_set_time;
	f->disk.mkdir = faulty_mkdir;
	f->disk.rename = faulty_rename;
	f->disk.link = faulty_link;
	f->disk.unlink = faulty_unlink;
}
