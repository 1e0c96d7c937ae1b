/* scratch: see scratch.h. */
#include "scratch.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void give_up(const char *what)
{
	perror(what);
	exit(99);
}

void scratch_make(char path[SCRATCH_PATH])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(path, SCRATCH_PATH, "%s/pimagefs-unit-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(path))
		give_up(path);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

void scratch_remove(const char *path)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS))
		give_up(path);
}

const char *scratch_path(const char *folder, const char *name)
{
	static char texts[4][PATH_MAX];
	static unsigned next;
	char *text = texts[next++ % 4];

	snprintf(text, PATH_MAX, "%s/%s", folder, name);
	return text;
}

void scratch_list(const char *folder, struct buf *out)
{
	char command[PATH_MAX + 64], line[PATH_MAX];
	FILE *p;

	snprintf(command, sizeof(command),
		 "cd '%s' && find . -type f -printf '%%P\\n' | LC_ALL=C sort", folder);
	p = popen(command, "re");
	if (!p)
		give_up("popen");
	while (fgets(line, sizeof(line), p))
		if (buf_puts(out, line))
			give_up("scratch_list");
	pclose(p);
}

void scratch_write(const char *folder, const char *name, const void *bytes, size_t size)
{
	FILE *f = fopen(scratch_path(folder, name), "we");

	if (!f || fwrite(bytes, 1, size, f) != size || fclose(f))
		give_up(name);
}

int scratch_read(const char *folder, const char *name, struct buf *out)
{
	FILE *f = fopen(scratch_path(folder, name), "re");
	char part[4096];
	size_t n;

	if (!f)
		return -1;
	while ((n = fread(part, 1, sizeof(part), f)))
		if (buf_append(out, part, n))
			give_up(name);
	fclose(f);
	return 0;
}
