/*
 * For whom a picture that becomes ready has to go and come: PCManFM.
 *
 * libfm 1.3 and 1.4 ask for no thumbnail of a file of size 0, as pending pictures are, and never
 * again while they know that file: what changes it or is renamed onto it does not help (in
 * fm-folder-model.c nothing takes thumbnail_failed back). Thunar and Nautilus show the picture by
 * its MOVED_TO alone, and take one that goes for gone: they select the picture beside it, and Eye
 * of GNOME shows the next. So it goes only where PCManFM has listed a view, and still runs.
 *
 * Happy path: a process is known by its name in /proc; that waits for nobody.
 *
 * Failures: one that cannot be looked up is another program.
 */
#include <stdio.h>
#include <string.h>

#include "courier_internal.h"

#define NAME "pcmanfm\n"

static FILE *open_proc(pid_t pid, const char *file)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return fopen(path, "re");
}

/* A request has the number of the thread: libfm lists in one of its own. */
static pid_t process_of(pid_t thread)
{
	FILE *f = open_proc(thread, "status");
	char line[128];
	int pid = 0;

	while (f && !pid && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &pid) != 1)
			pid = 0;
	if (f)
		fclose(f);
	return pid;
}

bool courier_libfm_runs(pid_t pid)
{
	FILE *f = pid > 0 ? open_proc(pid, "comm") : NULL;
	char name[32] = "";
	bool is = f && fgets(name, sizeof(name), f) && strcmp(name, NAME) == 0;

	if (f)
		fclose(f);
	return is;
}

pid_t courier_libfm_of(pid_t thread)
{
	pid_t pid = thread > 0 ? process_of(thread) : 0;

	return courier_libfm_runs(pid) ? pid : 0;
}
