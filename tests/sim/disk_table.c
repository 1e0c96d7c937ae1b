/*
 * The operations of the disk under the library, as the library calls them.
 *
 * Happy path: names and bytes change at once in what is seen; a sync of a file makes its bytes
 * last, a sync of a folder the changes of its names.
 *
 * Failures: each operation may fail once or for a while: EIO, ENOSPC, EROFS. A sync that failed may
 * have lost what it was to write, and the next one says nothing of it, as on Linux.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "disk.h"

static struct sim_disk *of(const struct disk *d)
{
	return (struct sim_disk *)(uintptr_t)d;
}

/* --- handles, paths --- */

static int handle_new(struct sim_disk *d, int inode)
{
	for (int i = 0; i < HANDLES; i++) {
		if (d->handles[i].open)
			continue;
		d->handles[i] = (struct handle){ .open = true, .inode = inode };
		return i;
	}
	return -EMFILE;
}

static int inode_of(const struct sim_disk *d, int fd)
{
	return fd < 0 || fd >= HANDLES || !d->handles[fd].open ? -EBADF : d->handles[fd].inode;
}

/* The folder that the last part of a path lies in; *last becomes that part. */
static int walk(const struct sim_disk *d, int fd, const char *path, const char **last)
{
	int folder = inode_of(d, fd);
	const char *slash;
	char part[300];

	if (strncmp(path, LIBRARY, strlen(LIBRARY)) == 0) {
		folder = ROOT;
		path += strlen(LIBRARY);
		path = *path ? path + 1 : ".";
	}
	for (; folder >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		const struct name *n;

		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		n = name_find(&d->seen, folder, part);
		if (!n)
			return -ENOENT;
		folder = n->inode;
		if (!d->inodes[folder].folder)
			return -ENOTDIR;
	}
	*last = path;
	return folder;
}

/* --- faults --- */

static int reads(struct sim_disk *d)
{
	if (d->sim->dead)
		return -EIO;
	return fault(d->sim, FAULT_LIBRARY_IO) && chance_of(&d->chance, 100) ? -EIO : 0;
}

static int writes(struct sim_disk *d)
{
	if (plug(d->sim))
		return -EIO;
	if (fault(d->sim, FAULT_LIBRARY_RO))
		return -EROFS;
	if (fault(d->sim, FAULT_LIBRARY_FULL))
		return -ENOSPC;
	return fault(d->sim, FAULT_LIBRARY_IO) ? -EIO : 0;
}

/* --- the table --- */

static int d_make_folder(const struct disk *t, const char *path, mode_t mode)
{
	int r = reads(of(t));

	(void)path;
	(void)mode;
	return r < 0 ? r : handle_new(of(t), ROOT);
}

static int d_open(const struct disk *t, int dir, const char *path, int flags, mode_t mode)
{
	struct sim_disk *d = of(t);
	const char *last;
	int folder = walk(d, dir, path, &last), inode, r;
	const struct name *n;

	if (folder < 0)
		return folder;
	n = strcmp(last, ".") == 0 ? NULL : name_find(&d->seen, folder, last);
	if (!n && strcmp(last, ".") != 0) {
		if (!(flags & O_CREAT))
			return d->sim->dead ? -EIO : -ENOENT;
		r = writes(d);
		if (r < 0)
			return r;
		inode = inode_new(d, false, mode);
		disk_change(d, inode, -1, NULL, folder, last);
		return handle_new(d, inode);
	}
	if (n && (flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	inode = n ? n->inode : folder;
	if ((flags & O_DIRECTORY) && !d->inodes[inode].folder)
		return -ENOTDIR;
	r = reads(d);
	return r < 0 ? r : handle_new(d, inode);
}

static void d_close(const struct disk *t, int fd)
{
	struct sim_disk *d = of(t);
	int inode = inode_of(d, fd);

	if (inode < 0)
		return;
	if (d->inodes[inode].locker == fd)
		d->inodes[inode].locker = -1;
	d->handles[fd].open = false;
}

static ssize_t d_pread(const struct disk *t, int fd, void *bytes, size_t size, off_t at)
{
	struct sim_disk *d = of(t);
	int inode = inode_of(d, fd), r = reads(d);
	const struct buf *data;

	if (inode < 0 || r < 0)
		return inode < 0 ? inode : r;
	data = &d->inodes[inode].data;
	if ((size_t)at >= data->size)
		return 0;
	if (size > data->size - (size_t)at)
		size = data->size - (size_t)at;
	memcpy(bytes, data->data + at, size);
	return (ssize_t)size;
}

static ssize_t d_pread_now(const struct disk *t, int fd, void *bytes, size_t size, off_t at)
{
	return chance_of(&of(t)->chance, 500) ? -EAGAIN : d_pread(t, fd, bytes, size, at);
}

static ssize_t d_write(const struct disk *t, int fd, const void *bytes, size_t size)
{
	struct sim_disk *d = of(t);
	int inode = inode_of(d, fd), r = writes(d);

	if (inode < 0 || r < 0)
		return inode < 0 ? inode : r;
	if (size > 1 && chance_of(&d->chance, 100))
		size = 1 + chance_below(&d->chance, size);
	buf_write_at(&d->inodes[inode].data, bytes, size, (int64_t)d->handles[fd].at);
	d->handles[fd].at += size;
	d->inodes[inode].dirty = true;
	return (ssize_t)size;
}

static int d_sync(const struct disk *t, int fd)
{
	struct sim_disk *d = of(t);
	int inode = inode_of(d, fd), r = writes(d);
	struct inode *i;

	if (inode < 0)
		return inode;
	i = &d->inodes[inode];
	if (r < 0) {
		if (!d->sim->dead && chance_of(&d->chance, 500))
			i->dirty = false; /* and it never comes to the disk */
		return r;
	}
	if (i->folder) {
		disk_keep_folder(d, inode);
	} else if (i->dirty) {
		buf_release(&i->kept);
		buf_append(&i->kept, i->data.data, i->data.size);
		i->dirty = false;
	}
	return 0;
}

static int d_set_time(const struct disk *t, int fd, const struct timespec *when)
{
	struct sim_disk *d = of(t);
	int inode = inode_of(d, fd), r = writes(d);

	if (inode < 0 || r < 0)
		return inode < 0 ? inode : r;
	d->inodes[inode].mtime = *when;
	return 0;
}

static void fill_stat(const struct sim_disk *d, int inode, struct stat *out)
{
	const struct inode *i = &d->inodes[inode];

	memset(out, 0, sizeof(*out));
	out->st_ino = (ino_t)inode + 1;
	out->st_mode = (i->folder ? S_IFDIR : S_IFREG) | i->mode;
	out->st_size = (off_t)i->data.size;
	out->st_mtim = i->mtime;
	out->st_nlink = 1;
}

static int d_stat(const struct disk *t, int fd, struct stat *out)
{
	struct sim_disk *d = of(t);
	int inode = inode_of(d, fd), r = reads(d);

	if (inode < 0 || r < 0)
		return inode < 0 ? inode : r;
	fill_stat(d, inode, out);
	return 0;
}

static int d_stat_at(const struct disk *t, int dir, const char *path, struct stat *out)
{
	struct sim_disk *d = of(t);
	const char *last;
	int folder = walk(d, dir, path, &last), r = reads(d);
	const struct name *n;

	if (folder < 0 || r < 0)
		return r < 0 ? r : folder;
	n = name_find(&d->seen, folder, last);
	if (!n)
		return -ENOENT;
	fill_stat(d, n->inode, out);
	return 0;
}

static int d_statvfs(const struct disk *t, int fd, struct statvfs *out)
{
	struct sim_disk *d = of(t);
	bool full = d->sim->mono_ms < d->sim->storms[FAULT_LIBRARY_FULL].until_ms;
	int r = reads(d);

	(void)fd;
	if (r < 0)
		return r;
	*out = (struct statvfs){ .f_frsize = 4096, .f_bsize = 4096, .f_namemax = 255 };
	out->f_bavail = out->f_bfree = out->f_blocks = full && !d->sim->calm ? 0 : 1 << 24;
	return 0;
}

static int d_may_write(const struct disk *t, int dir)
{
	struct sim_disk *d = of(t);
	int r = reads(d);

	(void)dir;
	if (r == 0 && !d->sim->calm && d->sim->mono_ms < d->sim->storms[FAULT_LIBRARY_RO].until_ms)
		r = -EROFS;
	return r;
}

static int d_mkdir(const struct disk *t, int dir, const char *path, mode_t mode)
{
	struct sim_disk *d = of(t);
	const char *last;
	int folder = walk(d, dir, path, &last), r;

	if (folder < 0)
		return folder;
	if (name_find(&d->seen, folder, last))
		return -EEXIST;
	r = writes(d);
	if (r == 0)
		disk_change(d, inode_new(d, true, mode), -1, NULL, folder, last);
	return r;
}

/* Where two paths lead, and what has the first name now. 0 or a negative errno. */
struct two {
	int folder, to_folder;
	const char *last, *to_last;
	const struct name *there;
};

static int walk_two(struct sim_disk *d, int from_dir, const char *from, int to_dir, const char *to,
		    struct two *out)
{
	out->folder = walk(d, from_dir, from, &out->last);
	out->to_folder = walk(d, to_dir, to, &out->to_last);
	if (out->folder < 0 || out->to_folder < 0)
		return out->folder < 0 ? out->folder : out->to_folder;
	out->there = name_find(&d->seen, out->folder, out->last);
	return out->there ? 0 : -ENOENT;
}

static int d_rename(const struct disk *t, int from_dir, const char *from, int to_dir,
		    const char *to, unsigned flags)
{
	struct sim_disk *d = of(t);
	struct two w;
	int r = walk_two(d, from_dir, from, to_dir, to, &w);

	if (r == 0 && (flags & RENAME_NOREPLACE) && name_find(&d->seen, w.to_folder, w.to_last))
		r = -EEXIST;
	if (r == 0)
		r = writes(d);
	if (r == 0)
		disk_change(d, w.there->inode, w.folder, w.last, w.to_folder, w.to_last);
	return r;
}

static int d_link(const struct disk *t, int from_dir, const char *from, int to_dir, const char *to)
{
	struct sim_disk *d = of(t);
	struct two w;
	int r = walk_two(d, from_dir, from, to_dir, to, &w);

	if (r == 0 && name_find(&d->seen, w.to_folder, w.to_last))
		r = -EEXIST;
	if (r == 0)
		r = writes(d);
	if (r == 0)
		disk_change(d, w.there->inode, -1, NULL, w.to_folder, w.to_last);
	return r;
}

static int d_unlink(const struct disk *t, int dir, const char *path, int flags)
{
	struct sim_disk *d = of(t);
	const char *last;
	int folder = walk(d, dir, path, &last), r;
	const struct name *n;

	if (folder < 0)
		return folder;
	n = name_find(&d->seen, folder, last);
	if (!n)
		return -ENOENT;
	if (d->inodes[n->inode].folder != ((flags & AT_REMOVEDIR) != 0))
		return d->inodes[n->inode].folder ? -EISDIR : -ENOTDIR;
	for (size_t i = 0; (flags & AT_REMOVEDIR) && i < d->seen.n; i++)
		if (d->seen.at[i].folder == n->inode)
			return -ENOTEMPTY;
	r = writes(d);
	if (r == 0)
		disk_change(d, n->inode, folder, last, -1, NULL);
	return r;
}

static int d_lock(const struct disk *t, int fd, int how)
{
	struct sim_disk *d = of(t);
	int inode = inode_of(d, fd);

	if (inode < 0)
		return inode;
	if (d->inodes[inode].locker >= 0 && d->inodes[inode].locker != fd)
		return -EWOULDBLOCK;
	if (how & LOCK_EX)
		d->inodes[inode].locker = fd;
	return 0;
}

static int d_list(const struct disk *t, int dir, int (*fn)(const char *name, void *data),
		  void *data)
{
	struct sim_disk *d = of(t);
	int folder = inode_of(d, dir), r = reads(d);
	char *texts[1024];
	size_t n = 0;

	if (folder < 0 || r < 0)
		return folder < 0 ? folder : r;
	for (size_t i = 0; i < d->seen.n && n < 1024; i++)
		if (d->seen.at[i].folder == folder)
			texts[n++] = strdup(d->seen.at[i].text);
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = fn(texts[i], data);
		free(texts[i]);
	}
	return r;
}

void sim_disk_fill(struct disk *table)
{
	*table = (struct disk){
		.make_folder = d_make_folder,
		.open = d_open,
		.close = d_close,
		.pread = d_pread,
		.pread_now = d_pread_now,
		.write = d_write,
		.sync = d_sync,
		.set_time = d_set_time,
		.stat = d_stat,
		.stat_at = d_stat_at,
		.statvfs = d_statvfs,
		.may_write = d_may_write,
		.mkdir = d_mkdir,
		.rename = d_rename,
		.link = d_link,
		.unlink = d_unlink,
		.lock = d_lock,
		.list = d_list,
	};
}
