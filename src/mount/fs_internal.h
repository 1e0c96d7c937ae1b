/* What the files of the mount share: fs.c decodes a request, finds the node, and calls the
 * operation that its kind has for it (struct kind); each kind stands in a file of its own. */
#ifndef FS_INTERNAL_H
#define FS_INTERNAL_H

#include "pimagefs/courier.h"
#include "pimagefs/fs.h"
#include "pimagefs/images.h"
#include "pimagefs/map.h"
#include "pimagefs/texts.h"
#include "pimagefs/waiters.h"

#define FS_LONG_S 86400.0 /* what never changes may be cached for so long */
#define FS_SHORT_S 1.0    /* what only the kernel itself changes */

struct kind;

struct fs {
	struct fs_ground on;
	const struct kind *kinds[NODE_KINDS]; /* of nodes that are no folders */
	const struct kind *folders[AREAS];
	struct images images;
	struct courier *courier;  /* NULL: none */
	struct waiters *waiters;  /* for pictures */
	struct waiters *watchers; /* of progress: for the next frame */
	struct waiters *commands; /* written to ctl: for what they need */
	int64_t wait_ms;          /* as long as a reader waits at most; 0: for ever */
	struct map *pictures;     /* open library files by inode: struct picture_file */
	uint64_t reads;           /* that did not find the page cache */
	struct list deferred;     /* wait for what is known of the library's disk */
	struct list handles;      /* all that are open */
	struct list polled;       /* those with a poll handle */
	uid_t uid;
	gid_t gid;
	bool closing;
};

/* What fi->fh points to, from open to release. */
struct handle {
	struct node *node; /* pinned */
	bool writes;
	bool strange;              /* of a request: a stranger's */
	struct buf text;           /* of a text: as it was when opened */
	struct picture_file *file; /* of a picture: NULL until it is ready */
	struct gallery_page *page; /* of the gallery: as it was when opened */
	struct snapshot *rows;     /* of a folder */
	struct watch *watch;       /* of events and progress: where the reader is */
	struct fuse_pollhandle *poll;
	struct list in_fs, in_polled;
};

/* What can be done with a node of one kind. Operations that return nothing answer the request
 * themselves; the others return 0 or a negative errno. NULL: as the comment says. */
struct kind {
	/* *timeout_s (0 before) becomes how long the kernel may keep it. NULL: 0. */
	int64_t (*size)(const struct fs *fs, const struct node *node, double *timeout_s);
	/* NULL: -EPERM to writers, else a handle without anything. */
	void (*open)(fuse_req_t req, struct node *node, struct fuse_file_info *fi);
	void (*read)(fuse_req_t req, struct handle *h, size_t size, off_t off,
		     struct fuse_file_info *fi);
	/* 0: all bytes were taken; else how many; -EINPROGRESS: fs_reply_written will be called.
	 * NULL: -EPERM. */
	int (*write)(fuse_req_t req, struct handle *h, const char *bytes, size_t size, off_t off);
	void (*released)(struct fs *fs, struct handle *h); /* NULL: nothing to do */
	void (*dropped)(struct fs *fs, struct handle *h);  /* the handle goes; NULL: nothing */
	/* What read(2) would say now: 0, -EAGAIN (not yet) or an errno. NULL: 0. */
	int (*poll)(const struct handle *h);
	int (*truncate)(fuse_req_t req, struct node *node, off_t size, bool is_open); /* -EPERM */
	/* A copy of them. NULL: it has none. */
	int (*xattrs)(const struct fs *fs, const struct node *node, struct xattrs *out);
	/* Set one as setxattr(2), or (value NULL) remove it. NULL: -EPERM. */
	int (*set_xattr)(struct fs *fs, struct node *node, const char *name, const char *value,
			 size_t size, int flags);

	/* Append where it leads to. NULL: -EINVAL. */
	int (*readlink)(const struct node *node, struct buf *out);

	/* Of folders, by name. NULL: -EPERM. */
	struct node *(*lookup)(struct fs *fs, struct node *folder,
			       const char *name); /* not linked */
	int (*make_file)(struct fs *fs, struct node *folder, const char *name, mode_t mode,
			 struct node **out);
	int (*make_folder)(struct fs *fs, struct node *folder, const char *name, mode_t mode,
			   struct node **out);
	int (*unlink)(struct fs *fs, struct node *folder, const char *name);
	int (*rmdir)(struct fs *fs, struct node *folder, const char *name);
	int (*rename)(struct fs *fs, struct node *folder, const char *name, struct node *to,
		      const char *to_name, unsigned flags);
};

extern const struct kind kind_request, kind_picture, kind_text, kind_ctl, kind_link, kind_events,
	kind_progress, kind_gallery;
extern const struct kind kind_folder, kind_requests_folder, kind_images_folder, kind_links_folder;

/* --- fs_reply.c: the request and its answer --- */

const struct kind *kind_of(const struct fs *fs, const struct node *node);

struct fs *fs_of(fuse_req_t req);
/* The node, or NULL (then ESTALE was answered). */
struct node *fs_node(fuse_req_t req, fuse_ino_t ino);
/* r < 0: the errno; else 0. */
void fs_reply(fuse_req_t req, int r);

/* The same, but success not before watchers and the kernel's caches have been told of the change:
 * of what was done in requests/, for who did it looks at images/ next. */
void fs_reply_told(fuse_req_t req, int r);
/* r < 0: the errno at once; else the result of the next commit, when it was told. */
void fs_reply_when_durable(fuse_req_t req, int r);
void fs_stat(struct fs *fs, struct node *node, struct stat *st, double *timeout_s);
/* listed: by a name that readdir shows, which the kernel may keep while somebody tells it of
 * changes.
 */
void fs_reply_entry(fuse_req_t req, struct node *node, bool listed);
/* Is it the courier's own call? */
bool fs_is_courier(fuse_req_t req);
/* S_IFDIR, S_IFLNK or S_IFREG. */
mode_t fs_type(enum node_kind kind);
/* May this caller do so, by the owner's bits? mask as access(2). */
bool fs_may(fuse_req_t req, const struct node *node, int mask);
/* Neither the mount's owner nor root. */
bool fs_is_stranger(fuse_req_t req);

/* --- fs_defer.c: what a look at the library's disk decides --- */

typedef void (*fs_again_fn)(fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode,
			    struct fuse_file_info *fi);
/* True: the operation waits for that look, at most for LIBRARY_PATIENCE_MS, and then again is
 * called.
 */
bool fs_defer(fuse_req_t req, fuse_ino_t ino, const char *name, mode_t mode,
	      const struct fuse_file_info *fi, fs_again_fn again);
/* Call them all. */
void fs_undefer(struct fs *fs);

/* --- fs_handles.c: what is open --- */

static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}
struct handle *handle_new(struct fs *fs, struct node *node);
/* As a release. Takes NULL. */
void handle_free(struct fs *fs, struct handle *h);
/* The kernel releases nothing any more. */
void handles_drop(struct fs *fs);
bool fs_wants_write(const struct fuse_file_info *fi);
/* Answer an open; if the reader is gone the handle goes too. h NULL: -ENOMEM. */
void fs_reply_open(fuse_req_t req, struct handle *h, struct fuse_file_info *fi);
void fs_reply_text(fuse_req_t req, const struct buf *text, size_t size, off_t off);

void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void fs_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t off,
	      struct fuse_file_info *fi);
/* r as of struct kind's write. */
void fs_reply_written(fuse_req_t req, const struct handle *h, size_t size, int r);
void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void fs_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph);
/* Wake who polls a node whose data this is; NULL: all of them, for their handles at the kernel must
 * not be used after the session. */
void handles_wake_poll(struct fs *fs, const void *data);

/* --- fs_folders.c: names --- */

void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void fs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi);
void fs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void fs_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name);
void fs_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void fs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	       const char *newname, unsigned int flags);

/* --- fs_attr.c: attributes, plain and extended --- */

void fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi);
void fs_access(fuse_req_t req, fuse_ino_t ino, int mask);
void fs_readlink(fuse_req_t req, fuse_ino_t ino);
void fs_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		 int flags);
void fs_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void fs_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void fs_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/* --- fs_requests.c, fs_pictures.c --- */

/* Open the one that was just made, for writing. NULL when out of memory. */
struct handle *requests_handle(fuse_req_t req, struct node *node, struct fuse_file_info *fi);
/* For the waiters. */
void pictures_finish(fuse_req_t req, void *payload, int r, void *data);

/* --- fs_texts.c --- */

/* For the commands. */
void command_finish(fuse_req_t req, void *payload, int r, void *data);

/* --- fs_live.c --- */

#define PROGRESS_MS 500 /* from one frame to the next */
/* For the watchers. */
void progress_finish(fuse_req_t req, void *payload, int r, void *data);

#endif
