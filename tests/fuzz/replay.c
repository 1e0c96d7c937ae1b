/*
 * replay: a fuzz target's corpus, input by input, without a fuzzer.
 *
 * Each file named, and each in the folders named, goes through the target once. The name is printed
 * first, so that the last line tells which input the target died of.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned inputs;

static int replay_bytes(int fd, size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1);
	ssize_t got;

	if (!bytes)
		return -ENOMEM;
	got = read(fd, bytes, size);
	if (got == (ssize_t)size)
		LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
	return got == (ssize_t)size ? 0 : -EIO;
}

static int replay_folder(const char *path)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort), r = n < 0 ? -errno : 0;
	char inside[4096];

	for (int i = 0; i < n; i++) {
		if (r == 0 && names[i]->d_name[0] != '.') {
			snprintf(inside, sizeof(inside), "%s/%s", path, names[i]->d_name);
			r = replay_path(inside);
		}
		free(names[i]);
	}
	free(names);
	return r;
}

int replay_path(const char *path)
{
	struct stat st;
	int r = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
	} else if (S_ISDIR(st.st_mode)) {
		r = replay_folder(path);
	} else {
		printf("# %s\n", path);
		inputs++;
		r = replay_bytes(fd, (size_t)st.st_size);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

int main(int argc, char **argv)
{
	int r = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("1..1");
	for (int i = 1; r == 0 && i < argc; i++) {
		r = replay_path(argv[i]);
		if (r < 0)
			printf("# %s: %s\n", argv[i], strerror(-r));
	}
	printf("%s 1 - %u inputs\n", r == 0 && inputs ? "ok" : "not ok", inputs);
	return r == 0 && inputs ? 0 : 1;
}
