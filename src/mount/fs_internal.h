#ifndef FS_INTERNAL_H
#define FS_INTERNAL_H

#include "pimagefs/fs.h"
#include "pimagefs/map.h"
#include "pimagefs/waiters.h"

#define FS_LONG_S 86400.0 /* what never changes may be cached for so long */
#define FS_SHORT_S 1.0    /* what only the kernel itself changes */

struct fs {
	struct fs_ground on;
	struct waiters *waiters;
	struct map *pictures; /* open library files by inode: struct picture_file */
	struct list handles;  /* all that are open */
	struct list polled;   /* those with a poll handle */
	uid_t uid;
	gid_t gid;
	bool closing;
};

/* A picture's file, open once however many read it. */
struct picture_file {
	uint64_t ino;
	int fd;
	unsigned refs;
};

enum handle_kind { HANDLE_REQUEST, HANDLE_PICTURE, HANDLE_TEXT, HANDLE_CTL, HANDLE_FOLDER };

/* What fi->fh points to, from open to release. */
struct handle {
	enum handle_kind kind;
	struct node *node; /* pinned */
	bool writes;
	bool strange;              /* HANDLE_REQUEST: a stranger's */
	struct buf text;           /* HANDLE_TEXT: as it was when opened */
	struct picture_file *file; /* HANDLE_PICTURE: NULL until it is ready */
	struct snapshot *rows;     /* HANDLE_FOLDER */
	struct fuse_pollhandle *poll;
	struct list in_fs, in_polled;
};

/* A text that is made when it is asked for. */
struct page {
	const char *name;
	int (*render)(struct fs *fs, struct buf *out);
};

struct fs *fs_of(fuse_req_t req);
/* The node, or NULL (then ESTALE was answered). */
struct node *fs_node(fuse_req_t req, fuse_ino_t ino);
struct handle *handle_new(struct fs *fs, enum handle_kind kind, struct node *node);
/* Takes NULL. */
void handle_free(struct fs *fs, struct handle *h);
static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}
/* Answer an open; if the reader is gone the handle goes too. */
void fs_reply_open(fuse_req_t req, struct fs *fs, struct handle *h, struct fuse_file_info *fi);
void fs_stat(struct fs *fs, struct node *node, struct stat *st, double *timeout_s);
void fs_reply_entry(fuse_req_t req, struct node *node);
void fs_reply_attr(fuse_req_t req, struct node *node);
/* r < 0: the errno; else 0. */
void fs_reply(fuse_req_t req, int r);
/* Answer with the next commit's result. */
void fs_reply_durable(fuse_req_t req);
/* May this caller do so, by the owner's bits? mask as access(2). */
bool fs_may(fuse_req_t req, const struct node *node, int mask);
/* Neither the mount's owner nor root. */
bool fs_is_stranger(fuse_req_t req);
bool fs_wants_write(const struct fuse_file_info *fi);
void fs_reply_text(fuse_req_t req, const struct buf *text, size_t size, off_t off);

/* fs_handles.c */
void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void fs_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t off,
	      struct fuse_file_info *fi);
void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
/* The kernel releases nothing any more. */
void fs_drop_handles(struct fs *fs);
/* fs_folders.c */
void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void fs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void fs_statfs(fuse_req_t req, fuse_ino_t ino);
/* fs_requests.c */
void requests_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi);
void requests_read(fuse_req_t req, struct handle *h, size_t size, off_t off);
void requests_write(fuse_req_t req, struct handle *h, const char *bytes, size_t size, off_t off);
void requests_release(struct fs *fs, struct handle *h);
void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi);
void fs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void fs_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name);
void fs_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void fs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	       const char *newname, unsigned int flags);
void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi);
/* fs_images.c */
void images_open(fuse_req_t req, struct node *node, struct fuse_file_info *fi);
void images_read(fuse_req_t req, struct handle *h, size_t size, off_t off,
		 const struct fuse_file_info *fi);
void images_close(struct fs *fs, struct handle *h);
/* <predictionID>.png at the top of images/, or NULL. */
struct node *images_by_prediction(struct fs *fs, const struct node *folder, const char *name);
int images_unlink(struct fs *fs, struct node *folder, const char *name);
int images_rmdir(struct fs *fs, struct node *folder, const char *name);
void images_finish(fuse_req_t req, void *payload, int r, void *data);
void images_poll_changed(struct fs *fs, const struct job *job);
/* Wake all who poll; their handles at the kernel must not be used after the session. */
void images_poll_let_go(struct fs *fs);
void fs_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph);
/* fs_xattr.c */
void fs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		 int flags);
void fs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void fs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);
/* pages.c: text nodes */
int pages_plant(struct tree *tree, const struct fs_folders *folders);
int page_text(struct fs *fs, const struct node *node, struct buf *out);
/* ctl.c: 0, -EINVAL (unknown command), -ENOENT (unknown id) */
int ctl_run(struct fs *fs, const char *text, size_t size);
extern const char ctl_help[];

#endif
