/*
 * check: what a mount with these settings would find.
 *
 * Happy path: each folder is there and can be written to, or the nearest one above it can; the
 * library is the one of this state; the mountpoint is free. A line for each, and at the end what
 * was not checked.
 *
 * Failures: each is told, not only the first. What cannot be known without changing something (a
 * state that is in use, or of another version) is said to be unknown, and is no failure.
 *
 * On close: nothing was made, so nothing is left.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pimagefs/claim.h"
#include "pimagefs/real_world.h"
#include "pimagefs/session.h"

/* 1: it is there; 0: it can be made; or a negative errno with err. */
static int look_at_folder(const char *what, const char *path, struct error *err)
{
	char *at = strdup(path), *slash;
	struct stat st;
	int there = 1, r = at ? -ENOENT : -ENOMEM;

	while (at && at[0] && (r = stat(at, &st) < 0 ? -errno : 0) < 0) {
		slash = strrchr(at, '/');
		if ((r != -ENOENT && r != -ENOTDIR) || !slash || !at[1])
			break;
		there = 0;
		slash[slash == at] = '\0';
	}
	if (r == 0 && !S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	if (r == 0 && faccessat(AT_FDCWD, at, R_OK | W_OK | X_OK, AT_EACCESS) < 0)
		r = -errno;
	if (r < 0)
		error_set(err, ERROR_INVALID, "the %s folder %s cannot be %s: %s: %s", what, path,
			  there ? "used" : "made", at ? at : path, strerror(-r));
	free(at);
	return r < 0 ? r : there;
}

static int complain(const struct error *err)
{
	fprintf(stderr, "pimagefs: %s\n", err->message);
	return CHECK_WRONG;
}

static int check_folder(const char *what, const char *path)
{
	struct error err;
	int r = look_at_folder(what, path, &err);

	if (r < 0)
		return complain(&err);
	printf("%s: %s (%s)\n", what, path, r ? "is there" : "will be made");
	return CHECK_FINE;
}

/* Is the library the one of this state? */
static int check_claim(const struct options *options, const struct settings *settings)
{
	struct world world;
	struct claim_ground claim = {
		.world = &world,
		.library = settings->library.path,
		.state = settings->library.state,
		.new_library = options->new_library,
		.only_look = true,
	};
	struct error err = { .message = "" };
	int r = store_open_still(&claim.store, settings->library.state);

	if (r == -ENOENT)
		return CHECK_FINE;
	real_world_init(&world, NULL);
	if (r == 0) {
		r = claim_check(&claim, &err);
		store_close(claim.store);
	}
	if (r < 0 && err.message[0])
		return complain(&err);
	if (r < 0)
		printf("not checked: whether this library is the one of this state (%s)\n",
		       r == -EBUSY ? "the state is in use, or was not closed"
				   : "its database cannot be read as it is");
	return CHECK_FINE;
}

static int check_mountpoint(const char *mountpoint)
{
	struct error err;
	int r = mountpoint ? session_look(mountpoint, &err) : 0;

	if (r < 0 && r != -EALREADY && r != -ENOTCONN)
		return complain(&err);
	if (!mountpoint)
		printf("not checked: the mountpoint (none was given)\n");
	else
		printf("mountpoint: %s (%s)\n", mountpoint,
		       r == -EALREADY   ? "a pimagefs is mounted there now"
		       : r == -ENOTCONN ? "what a killed pimagefs left will be taken away"
		       : session_hides(mountpoint) ? "not empty: what is in it will be hidden"
						   : "is there");
	return CHECK_FINE;
}

static int check_account(const struct options *options, const struct settings *settings)
{
	struct error err;
	int status;

	if (settings->demo) {
		printf("key: a demo needs none\n");
		return CHECK_FINE;
	}
	if (!options->online) {
		printf("not checked: whether the service takes the key (from %s); --check-config "
		       "--online asks it, at no cost\n",
		       settings->key_origin);
		return CHECK_FINE;
	}
	status = check_key(settings, &err);
	if (status == CHECK_FINE)
		printf("key: the service takes it (from %s)\n", settings->key_origin);
	else
		complain(&err);
	return status;
}

int check_config(const struct options *options, const struct settings *settings)
{
	int status, account;

	printf("settings: %s\n", settings->file[0] ? settings->file : "the built-in ones");
	status = check_folder("library", settings->library.path);
	status |= check_folder("state", settings->library.state);
	status |= check_claim(options, settings);
	status |= check_mountpoint(options->mountpoint);
	account = check_account(options, settings);
	if (status == CHECK_FINE)
		status = account;
	if (status == CHECK_FINE)
		printf("the settings are fine\n");
	return status;
}
