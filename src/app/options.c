/*
 * The command line: pimagefs [-c FILE] [-f] [-d] [-o OPT,...] [--demo] [--check-config] [-V] [-h]
 * MOUNTPOINT
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
	"  -f              stay in the foreground\n"
	"  -d              as -f, and print each operation and debug lines\n"
	"  -o OPT[,OPT...] mount options (allow_other, ro, ...) or settings (limits.concurrent=4)\n"
	"  --demo          no account, no network: pictures drawn by the program itself, in a\n"
	"                  library of their own\n"
	"  --check-config  check the settings and the key, say what is wrong, and end\n"
	"  -V              print the version\n"
	"  -h              print this\n"
	"\n"
	"The key comes from key_file or key_command in [api], or from $EACHLABS_API_KEY.\n"
	"To unmount: fusermount3 -u MOUNTPOINT\n";

enum { OPTION_DEMO = 256, OPTION_CHECK };

static const struct option longs[] = {
	{ "demo", no_argument, NULL, OPTION_DEMO },
	{ "check-config", no_argument, NULL, OPTION_CHECK },
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

void options_release(struct options *o)
{
	for (size_t i = 0; i < o->n_lists; i++)
		free(o->lists[i]);
	free(o->lists);
	free(o->settings);
	free(o->mount);
	free(o->mountpoint);
}
