/*
 * measure: how long things take on a mount, in milliseconds.
 *
 *     measure picture REQUEST PROMPT PICTURE   from the close of the request to the last byte
 *     measure submit FOLDER N                  writing the requests 1..N, all together
 *     measure listing FOLDER TIMES             names and attributes, as ls -l: min median max
 *
 * The first failure is said on stderr and ends it with status 1.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int fail(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	return 1;
}

/* The descriptor of a request that is written but not yet closed. */
static int write_request(const char *path, const char *prompt)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t size = (ssize_t)strlen(prompt);

	if (fd >= 0 && write(fd, prompt, (size_t)size) != size) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int measure_picture(const char *request, const char *prompt, const char *picture)
{
	static char bytes[1 << 16];
	ssize_t n;
	double start;
	int fd = write_request(request, prompt);

	if (fd < 0)
		return fail(request);
	start = now_ms();
	if (close(fd) < 0)
		return fail(request);
	fd = open(picture, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(picture);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		;
	if (n < 0)
		return fail(picture);
	printf("%.1f\n", now_ms() - start);
	return 0;
}

static int measure_submit(const char *folder, int n)
{
	char path[4096], prompt[64];
	double start = now_ms();

	for (int i = 1; i <= n; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%d", folder, i);
		snprintf(prompt, sizeof(prompt), "picture number %d", i);
		fd = write_request(path, prompt);
		if (fd < 0 || close(fd) < 0)
			return fail(path);
	}
	printf("%.1f\n", now_ms() - start);
	return 0;
}

static int list(const char *folder, unsigned *entries)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	struct stat st;

	if (!dir)
		return -1;
	*entries = 0;
	while ((e = readdir(dir)))
		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			++*entries;
	return closedir(dir);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int measure_listing(const char *folder, int times)
{
	double *took = calloc((size_t)times, sizeof(*took));
	unsigned entries = 0;

	if (!took)
		return fail("memory");
	for (int i = 0; i < times; i++) {
		double start = now_ms();

		if (list(folder, &entries) < 0) {
			free(took);
			return fail(folder);
		}
		took[i] = now_ms() - start;
	}
	qsort(took, (size_t)times, sizeof(*took), by_size);
	printf("%.2f %.2f %.2f %u\n", took[0], took[times / 2], took[times - 1], entries);
	free(took);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "picture"))
		return measure_picture(argv[2], argv[3], argv[4]);
	if (argc == 4 && !strcmp(argv[1], "submit") && atoi(argv[3]) > 0)
		return measure_submit(argv[2], atoi(argv[3]));
	if (argc == 4 && !strcmp(argv[1], "listing") && atoi(argv[3]) > 0)
		return measure_listing(argv[2], atoi(argv[3]));
	fprintf(stderr, "usage: measure picture REQUEST PROMPT PICTURE | submit FOLDER N |"
			" listing FOLDER TIMES\n");
	return 2;
}
