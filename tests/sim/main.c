/*
 * sim: many lives, each from its seed, on all processors.
 *
 * Happy path: the seeds are dealt out to workers; at the end the figures are printed. A seed with a
 * violation is lived again with fewer and fewer faults, users and steps as long as the violation
 * stays; then the short one is told, and the command that repeats it.
 *
 * Failures: a worker that dies or hangs is a violation of the seed that it was living.
 *
 * usage: sim [--first N] [--seeds N] [--seconds N] [--story] [--faults LIST]
 *            [--verbs LIST] [--users N] [--steps N] [--workers N] [--stop N]
 */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define WORKERS 64
#define HANG_S 60
#define FINDS 64

struct find {
	uint64_t seed;
	char kind[200], violation[600]; /* kind "": it died */
};

/* A worker's, shared with the parent. */
struct share {
	struct counts counts;
	uint64_t seed, done;
	struct find finds[FINDS];
	unsigned n_finds;
};

struct run {
	uint64_t first, seeds;
	int workers, seconds, users, steps;
	unsigned stop; /* after so many finds */
	bool story, has_faults, has_verbs;
	unsigned faults, verbs;
	struct share *shares;
	int64_t end_s;
	char **argv;
};

/* For the store's lock, the one thing on the real disk. */
static char scratch[200];

static void make_scratch(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(scratch, sizeof(scratch), "%s/pimagefs-sim.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(scratch)) {
		perror(scratch);
		exit(2);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void expand(const struct run *run, uint64_t seed, struct options *o)
{
	options_expand(o, seed);
	if (run->has_faults)
		o->faults &= run->faults;
	if (run->has_verbs)
		o->verbs &= run->verbs;
	if (run->users && run->users < o->users)
		o->users = run->users;
	if (run->steps && run->steps < o->steps)
		o->steps = run->steps;
}

/* --- a worker --- */

static void work(struct run *run, int me)
{
	struct share *share = &run->shares[me];

	if (life_prepare(scratch) < 0)
		_exit(2);
	for (uint64_t i = share->done; i * (uint64_t)run->workers + (uint64_t)me < run->seeds;
	     i++) {
		struct outcome out;
		struct options o;

		share->seed = run->first + i * (uint64_t)run->workers + (uint64_t)me;
		share->done = i + 1;
		if ((run->end_s && now_s() >= run->end_s) || share->n_finds >= run->stop)
			break;
		expand(run, share->seed, &o);
		alarm(HANG_S);
		life(&o, &share->counts, false, &out);
		alarm(0);
		if (out.failed && share->n_finds < FINDS) {
			struct find *f = &share->finds[share->n_finds++];

			f->seed = share->seed;
			memcpy(f->kind, out.kind, sizeof(f->kind));
			memcpy(f->violation, out.violation, sizeof(f->violation));
		}
	}
	_exit(0);
}

static pid_t start(struct run *run, int me)
{
	pid_t pid = fork();

	if (pid == 0)
		work(run, me);
	return pid;
}

static void note_death(struct share *share, int status)
{
	struct find *f = &share->finds[share->n_finds++];

	f->seed = share->seed;
	snprintf(f->violation, sizeof(f->violation), "it died: %s",
		 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it hangs"
		 : WIFSIGNALED(status)                              ? strsignal(WTERMSIG(status))
								    : "it exited");
	share->counts.violations++;
}

static void live_all(struct run *run)
{
	pid_t pids[WORKERS];
	int left = run->workers, status;

	for (int i = 0; i < run->workers; i++)
		pids[i] = start(run, i);
	while (left) {
		pid_t pid = wait(&status);

		for (int i = 0; i < run->workers; i++) {
			if (pids[i] != pid)
				continue;
			if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
				left--;
			} else if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
				exit(2); /* it has said why */
			} else {
				note_death(&run->shares[i], status);
				if (run->shares[i].n_finds < FINDS)
					pids[i] = start(run, i);
				else
					left--;
			}
		}
	}
}

/* --- making it shorter --- */

/* Does this life go wrong in the same way? In a child, for it may die. */
static bool goes_wrong(const struct options *o, const char *kind)
{
	int pipes[2], status;
	struct outcome out = { .failed = false };
	struct counts counts = { 0 };
	pid_t pid;

	if (pipe(pipes) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		alarm(HANG_S);
		if (life_prepare(scratch) == 0)
			life(o, &counts, false, &out);
		_exit(write(pipes[1], &out, sizeof(out)) < 0);
	}
	close(pipes[1]);
	if (read(pipes[0], &out, sizeof(out)) != sizeof(out))
		out.failed = false;
	close(pipes[0]);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		return !*kind;
	return out.failed && strcmp(out.kind, kind) == 0;
}

static void shrink(struct options *o, const char *kind)
{
	struct options less;
	bool shorter = true;

	while (shorter) {
		shorter = false;
		for (int f = 0; f < FAULTS; f++) {
			less = *o;
			less.faults &= ~(1u << f);
			if (less.faults != o->faults && goes_wrong(&less, kind)) {
				*o = less;
				shorter = true;
			}
		}
		for (int v = 0; v < VERBS; v++) {
			less = *o;
			less.verbs &= ~(1u << v);
			if (less.verbs != o->verbs && goes_wrong(&less, kind)) {
				*o = less;
				shorter = true;
			}
		}
		for (less = *o; less.users > 1;) {
			less.users--;
			if (!goes_wrong(&less, kind))
				break;
			*o = less;
			shorter = true;
		}
		for (less = *o; less.steps > 1;) {
			less.steps--;
			if (!goes_wrong(&less, kind))
				break;
			*o = less;
			shorter = true;
		}
	}
}

static void print_command(const struct run *run, const struct options *o)
{
	const char *comma = "";

	printf("repeat it with: %s --story --first %llu --seeds 1 --users %d --steps %d --faults ",
	       run->argv[0], (unsigned long long)o->seed, o->users, o->steps);
	for (int f = 0; f < FAULTS; f++) {
		if (!options_has(o, (enum fault)f))
			continue;
		printf("%s%s", comma, fault_names[f]);
		comma = ",";
	}
	printf("%s --verbs ", o->faults ? "" : "none");
	comma = "";
	for (int v = 0; v < VERBS; v++) {
		if (!options_does(o, (enum verb)v))
			continue;
		printf("%s%s", comma, verb_names[v]);
		comma = ",";
	}
	printf("%s\n", o->verbs ? "" : "none");
}

static void story(const struct options *o)
{
	struct outcome out;
	struct counts counts = { 0 };
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(HANG_S);
		if (life_prepare(scratch) == 0)
			life(o, &counts, true, &out);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void explain(const struct run *run, const struct find *f)
{
	struct options o;

	expand(run, f->seed, &o);
	printf("seed %llu: %s\n", (unsigned long long)f->seed, f->violation);
	shrink(&o, f->kind);
	options_print(&o);
	story(&o);
	print_command(run, &o);
}

/* --- figures --- */

static void sum(const struct run *run, struct counts *all)
{
	const uint64_t *from;
	uint64_t *to = (uint64_t *)all;

	for (int i = 0; i < run->workers; i++) {
		from = (const uint64_t *)&run->shares[i].counts;
		for (size_t n = 0; n < sizeof(*all) / sizeof(*to); n++)
			to[n] += from[n];
	}
}

static void print_figures(const struct run *run)
{
	struct counts all = { 0 };

	sum(run, &all);
	printf("%llu seeds, %.1f simulated years, %llu events, %llu steps of users (%llu answered "
	       "with success, %llu with an error), %llu creates sent, %llu taken, %llu pictures, "
	       "%llu crashes, %llu clean restarts\n",
	       (unsigned long long)all.seeds, (double)all.ms / (365.25 * DAY),
	       (unsigned long long)all.events, (unsigned long long)all.steps,
	       (unsigned long long)all.acks, (unsigned long long)all.errors,
	       (unsigned long long)all.creates, (unsigned long long)all.accepted,
	       (unsigned long long)all.pictures, (unsigned long long)all.crashes,
	       (unsigned long long)all.restarts);
	printf("faults:");
	for (int f = 0; f < FAULTS; f++)
		printf(" %s %llu%s", fault_names[f], (unsigned long long)all.faults[f],
		       f + 1 < FAULTS ? "," : "\n");
	printf("violations: %llu\n", (unsigned long long)all.violations);
}

/* --- the command line --- */

static unsigned bits_of(const char *list, const char *const *names, int n)
{
	char *copy = strdup(list), *rest = copy, *one;
	unsigned bits = 0;

	while ((one = strsep(&rest, ",")))
		for (int i = 0; i < n; i++)
			if (strcmp(one, names[i]) == 0)
				bits |= 1u << i;
	free(copy);
	return bits;
}

static int read_options(struct run *run, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "0";

		if (strcmp(argv[i], "--story") == 0) {
			run->story = true;
			continue;
		}
		i++;
		if (strcmp(argv[i - 1], "--first") == 0)
			run->first = strtoull(value, NULL, 10);
		else if (strcmp(argv[i - 1], "--seeds") == 0)
			run->seeds = strtoull(value, NULL, 10);
		else if (strcmp(argv[i - 1], "--seconds") == 0)
			run->seconds = atoi(value);
		else if (strcmp(argv[i - 1], "--users") == 0)
			run->users = atoi(value);
		else if (strcmp(argv[i - 1], "--steps") == 0)
			run->steps = atoi(value);
		else if (strcmp(argv[i - 1], "--workers") == 0)
			run->workers = atoi(value);
		else if (strcmp(argv[i - 1], "--stop") == 0)
			run->stop = (unsigned)atoi(value);
		else if (strcmp(argv[i - 1], "--faults") == 0) {
			run->has_faults = true;
			run->faults = bits_of(value, fault_names, FAULTS);
		} else if (strcmp(argv[i - 1], "--verbs") == 0) {
			run->has_verbs = true;
			run->verbs = bits_of(value, verb_names, VERBS);
		} else
			return -EINVAL;
	}
	return run->workers < 1 || run->workers > WORKERS ? -EINVAL : 0;
}

int main(int argc, char **argv)
{
	struct run run = { .first = 1, .seeds = 1000, .stop = 3, .argv = argv };
	unsigned finds = 0, told = 0;

	run.workers = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (run.workers > WORKERS)
		run.workers = WORKERS;
	if (read_options(&run, argc, argv) < 0) {
		fprintf(stderr,
			"usage: sim [--first N] [--seeds N] [--seconds N] [--story]\n"
			"           [--faults LIST] [--verbs LIST] [--users N] [--steps N]\n"
			"           [--workers N] [--stop N]\n");
		return 2;
	}
	make_scratch();
	if (run.story) {
		struct options o;

		expand(&run, run.first, &o);
		options_print(&o);
		story(&o);
		nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
		return 0;
	}
	run.end_s = run.seconds ? now_s() + run.seconds : 0;
	run.shares = mmap(NULL, sizeof(*run.shares) * (size_t)run.workers, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	live_all(&run);
	for (int i = 0; i < run.workers; i++)
		finds += run.shares[i].n_finds;
	for (int i = 0; i < run.workers; i++)
		for (unsigned n = 0; n < run.shares[i].n_finds && told < run.stop; n++, told++)
			explain(&run, &run.shares[i].finds[n]);
	print_figures(&run);
	nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return finds ? 1 : 0;
}
