/*
 * The command line: pimagefs [-c FILE] [--name NAME] [-f] [-d] [-o OPT,...] [--demo]
 * [--new-library] [--check-config [--online]] [-V] [-h] MOUNTPOINT
 *
 * An -o that names a setting (limits.concurrent=4) is one; anything else is the mount's own, and
 * libfuse judges it.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pimagefs/config.h"

const char options_help[] =
	"usage: pimagefs [options] MOUNTPOINT\n"
	"\n"
	"Mounts a folder in which a prompt written to requests/NAME becomes a picture,\n"
	"images/NAME.png.\n"
	"\n"
	"  -c FILE         settings; else $PIMAGEFS_CONFIG, ~/.config/pimagefs/pimagefs.ini,\n"
	"                  /etc/pimagefs.ini\n"
	"  --name NAME     a mount beside others: settings ~/.config/pimagefs/NAME.ini, and a\n"
	"                  library and state of its own (pimagefs-NAME)\n"
	"  -f              stay in the foreground\n"
	"  -d              as -f, and print each operation and debug lines\n"
	"  -o OPT[,OPT...] mount options (allow_other, ro, ...) or settings (limits.concurrent=4)\n"
	"  --demo          no account, no network: pictures drawn by the program itself, in a\n"
	"                  library of their own\n"
	"  --new-library   go on with a new library where the one with the earlier pictures is\n"
	"                  missing (without it, nothing is mounted then)\n"
	"  --check-config  check settings, key, folders and MOUNTPOINT (if given), say what is\n"
	"                  wrong, change nothing, and end\n"
	"  --online        with --check-config: try the key at the service, at no cost\n"
	"  -V              print the version\n"
	"  -h              print this\n"
	"\n"
	"The key comes from key_file or key_command in [api], or from $EACHLABS_API_KEY.\n"
	"To unmount: fusermount3 -u MOUNTPOINT\n"
	"\n"
	"Exit status: 0 mounted (with -f: ended), or all is fine; 1 not mounted, or something is\n"
	"wrong; 2 the command line; 3 --online got no answer that tells of the key; 129 (with -f)\n"
	"the terminal went away.\n";

enum { OPTION_DEMO = 256, OPTION_CHECK, OPTION_ONLINE, OPTION_NAME, OPTION_NEW_LIBRARY };

static const struct option longs[] = {
	{ "demo", no_argument, NULL, OPTION_DEMO },
	{ "check-config", no_argument, NULL, OPTION_CHECK },
	{ "online", no_argument, NULL, OPTION_ONLINE },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "new-library", no_argument, NULL, OPTION_NEW_LIBRARY },
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int add(const char ***list, size_t *n, const char *text)
{
	const char **grown = reallocarray(*list, *n + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	grown[(*n)++] = text;
	*list = grown;
	return 0;
}

static int add_list(struct options *o, const char *arg)
{
	char *copy = strdup(arg), *rest = copy, *one;
	int r = copy ? add((const char ***)&o->lists, &o->n_lists, copy) : -ENOMEM;

	if (r < 0)
		free(copy);
	while (r == 0 && (one = strsep(&rest, ","))) {
		if (!*one)
			continue;
		r = config_is_override(one) ? add(&o->settings, &o->n_settings, one)
					    : add(&o->mount, &o->n_mount, one);
	}
	return r;
}

/* The daemon goes to "/", so the mountpoint must not be relative. A stale one cannot be resolved,
 * but is named. */
static int set_mountpoint(struct options *o, const char *arg)
{
	char *cwd = NULL;

	o->mountpoint = realpath(arg, NULL);
	if (o->mountpoint)
		return 0;
	if (*arg == '/') {
		o->mountpoint = strdup(arg);
	} else if ((cwd = getcwd(NULL, 0))) {
		if (asprintf(&o->mountpoint, "%s/%s", cwd, arg) < 0)
			o->mountpoint = NULL;
		free(cwd);
	}
	if (!o->mountpoint)
		return -ENOMEM;
	for (size_t n = strlen(o->mountpoint); n > 1 && o->mountpoint[n - 1] == '/'; n--)
		o->mountpoint[n - 1] = '\0';
	return 0;
}

static int take(struct options *o, int option)
{
	switch (option) {
	case 'c':
		o->file = optarg;
		return 0;
	case 'd':
		o->debug = o->foreground = true;
		return 0;
	case 'f':
		o->foreground = true;
		return 0;
	case 'o':
		return add_list(o, optarg);
	case 'V':
		o->version = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	case OPTION_DEMO:
		o->demo = true;
		return 0;
	case OPTION_CHECK:
		o->check_config = true;
		return 0;
	case OPTION_ONLINE:
		o->online = true;
		return 0;
	case OPTION_NAME:
		o->name = optarg;
		return 0;
	case OPTION_NEW_LIBRARY:
		o->new_library = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int options_parse(struct options *o, int argc, char **argv, struct error *err)
{
	int option, r = 0;

	memset(o, 0, sizeof(*o));
	while (r == 0 && (option = getopt_long(argc, argv, "c:dfo:Vh", longs, NULL)) != -1)
		r = take(o, option);
	if (r < 0) {
		error_set(err, ERROR_INVALID, "%s",
			  r == -ENOMEM ? "out of memory" : "see pimagefs -h");
		return r;
	}
	if (o->help || o->version)
		return 0;
	if (o->online && !o->check_config)
		return error_invalid(err, "--online goes with --check-config; see pimagefs -h");
	if (optind < argc)
		r = set_mountpoint(o, argv[optind++]);
	if (r < 0)
		return r;
	if (optind < argc) {
		error_set(err, ERROR_INVALID, "one mountpoint, please: \"%s\" is too much",
			  argv[optind]);
		return -EINVAL;
	}
	if (!o->mountpoint && !o->check_config) {
		error_set(err, ERROR_INVALID, "no mountpoint was given; see pimagefs -h");
		return -EINVAL;
	}
	return 0;
}

static bool is_octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' &&
	       s[2] <= '7';
}

/* One character of an option, as libfuse reads it: \X is X, and \054 a comma. */
static char read_one(const char **at)
{
	const char *s = *at;

	if (s[0] != '\\' || !s[1]) {
		*at = s + 1;
		return s[0];
	}
	*at = s + (is_octal(s + 1) ? 4 : 2);
	return is_octal(s + 1) ? (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] - '0') : s[1];
}

/* A comma that was escaped is one again in what reaches the kernel. */
static bool lets_others_in(const char *option)
{
	static const char word[] = "allow_other";
	size_t n = 0; /* of its characters have come; more than it has: it is another one */

	while (*option) {
		char c = read_one(&option);

		if (c == ',' && n == sizeof(word) - 1)
			return true;
		if (c == ',')
			n = 0;
		else
			n = n < sizeof(word) - 1 && c == word[n] ? n + 1 : sizeof(word);
	}
	return n == sizeof(word) - 1;
}

bool options_are_shared(const struct options *o)
{
	for (size_t i = 0; i < o->n_mount; i++)
		if (lets_others_in(o->mount[i]))
			return true;
	return false;
}

void options_release(struct options *o)
{
	for (size_t i = 0; i < o->n_lists; i++)
		free(o->lists[i]);
	free(o->lists);
	free(o->settings);
	free(o->mount);
	free(o->mountpoint);
}
