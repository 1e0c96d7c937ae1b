/* failing_writes: see failing_writes.h. */
#include "failing_writes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>
#include <sqlite3.h>

int writes_left = -1;

static int write_errno;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

static ssize_t failing_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	if (writes_left >= 0 && writes_left-- == 0) {
		writes_left = 0;
		errno = write_errno;
		return -1;
	}
	return real_pwrite(fd, bytes, size, offset);
}

void writes_watch(int number)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	const char *name = vfs->xGetSystemCall(vfs, "pwrite64") ? "pwrite64" : "pwrite";
	sqlite3_syscall_ptr real = vfs->xGetSystemCall(vfs, name);

	write_errno = number;
	writes_left = -1;
	if (real == (sqlite3_syscall_ptr)failing_pwrite)
		return;
	assert_non_null(real);
	memcpy(&real_pwrite, &real, sizeof(real_pwrite));
	assert_int_equal(vfs->xSetSystemCall(vfs, name, (sqlite3_syscall_ptr)failing_pwrite),
			 SQLITE_OK);
}

void writes_unwatch(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	writes_left = -1;
	vfs->xSetSystemCall(vfs, "pwrite64", NULL);
	vfs->xSetSystemCall(vfs, "pwrite", NULL);
}
