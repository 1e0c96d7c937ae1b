/*
 * The symbolic links of by-date/ and by-id/, as the kernel asks for them.
 *
 * Happy path: reading one tells where it leads to now; removing one is refused, or, if
 * images.unlink_links says so, removes the picture as removing its name in images/ does.
 *
 * Failures: a link whose job is gone is -ENOENT.
 */
#include <errno.h>

#include "fs_internal.h"

static int64_t link_size(const struct fs *fs, const struct node *node, double *timeout_s)
{
	struct buf target = BUF_INIT;
	int64_t size;

	(void)fs;
	(void)timeout_s;
	links_target(node, &target);
	size = (int64_t)target.size;
	buf_release(&target);
	return size;
}

static int unlink_name(struct fs *fs, struct node *folder, const char *name)
{
	const struct entry *entry = tree_entry(folder, name);

	if (!entry)
		return -ENOENT;
	if (entry->node->kind == NODE_FOLDER)
		return -EISDIR;
	if (!fs->on.settings->images.unlink_links)
		return -EPERM;
	return entry->node->data ? images_dismiss(fs->on.engine, entry->node->data) : -ENOENT;
}

const struct kind kind_link = {
	.size = link_size,
	.readlink = links_target,
};

const struct kind kind_links_folder = {
	.unlink = unlink_name,
};
