/* config: where settings come from, which of them wins, and what is refused with which words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/key_command.h"
#include "oom.h"
#include "pimagefs/config.h"
#include "pimagefs/log.h"
#include "pimagefs/secret.h"
#include "scratch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MOST_OPTIONS 4

static char folder[SCRATCH_PATH];

static int setup(void **state)
{
	static const char *const variables[] = { "PIMAGEFS_CONFIG", "XDG_CONFIG_HOME",
						 "XDG_DATA_HOME", "XDG_STATE_HOME" };

	(void)state;
	scratch_make(folder);
	for (size_t i = 0; i < COUNT(variables); i++)
		unsetenv(variables[i]);
	setenv("HOME", folder, 1);
	setenv("EACHLABS_API_KEY", "env-key", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(folder);
	unsetenv("EACHLABS_API_KEY");
	return 0;
}

static const char *write_ini(const char *text, size_t size, mode_t mode)
{
	scratch_write(folder, "x.ini", text, size);
	assert_int_equal(chmod(scratch_path(folder, "x.ini"), mode), 0);
	return scratch_path(folder, "x.ini");
}

static const char *ini(const char *text)
{
	return write_ini(text, strlen(text), 0600);
}

static bool is_secret(const char *field)
{
	return strcmp(field, "hf_api_token") == 0;
}

static int run_command(void *data, const char *command, char **out, struct error *err)
{
	(void)data;
	return key_command_run(command, SECRET_COMMAND_MS, out, err);
}

/* -c FILE (or NULL) and options, NULL at the end. */
static int load(struct settings **out, const char *file, const char *const *options,
		struct error *err)
{
	struct config_sources from = { .file = file,
				       .overrides = options,
				       .is_secret = is_secret,
				       .read_command = run_command };

	*out = NULL;
	err->message[0] = '\0';
	while (options && from.n_overrides < MOST_OPTIONS && options[from.n_overrides])
		from.n_overrides++;
	return config_load(out, &from, err);
}

static struct settings *loaded(const char *file, const char *const *options)
{
	struct settings *s;
	struct error err;

	if (load(&s, file, options, &err) < 0)
		fail_msg("%s", err.message);
	return s;
}

static void built_in_values(void **state)
{
	struct settings *s = loaded(ini(""), NULL);

	(void)state;
	assert_string_equal(s->api.base_url, "https://api.eachlabs.ai/v1");
	assert_string_equal(s->api.key, "env-key");
	assert_string_equal(s->key_origin, "EACHLABS_API_KEY");
	assert_int_equal(s->api.auth, CONFIG_AUTH_X_API_KEY);
	assert_int_equal(s->api.ambiguous_create, CONFIG_AMBIGUOUS_FAIL);
	assert_int_equal(s->api.offline, CONFIG_OFFLINE_WAIT);
	assert_int_equal(s->api.connect_timeout_s, 10);
	assert_int_equal(s->api.idle_timeout_s, 30);
	assert_int_equal(s->api.timeout_s, 300);
	assert_int_equal(s->api.retries, 8);
	assert_int_equal(s->api.retry_max_s, 60);
	assert_int_equal(s->api.busy_pause_s, 105);
	assert_int_equal(s->api.grace_s, 10);
	assert_string_equal(s->model.slug, "p-image-lora-text-to-image");
	assert_int_equal(s->n_defaults, 0);
	assert_int_equal(s->limits.creates_per_minute, 100);
	assert_int_equal(s->limits.window_s, 60);
	assert_int_equal(s->limits.concurrent, 10);
	assert_int_equal(s->limits.downloads, 8);
	assert_int_equal(s->limits.queue, 10000);
	assert_int_equal(s->limits.daily_images, 0);
	assert_true(s->limits.daily_cost == 0 && s->limits.cost_per_image == 0);
	assert_int_equal(s->limits.max_image_bytes, 67108864);
	assert_int_equal(s->limits.max_request_bytes, 262144);
	assert_int_equal(s->limits.all_request_bytes, 268435456);
	assert_int_equal(s->limits.min_free_bytes, 16777216);
	assert_int_equal(s->poll.first_ms, 1000);
	assert_int_equal(s->poll.min_ms, 200);
	assert_int_equal(s->poll.max_ms, 5000);
	assert_int_equal(s->poll.deadline_s, 600);
	assert_int_equal(s->poll.deadline_counts, CONFIG_DEADLINE_REACHABLE);
	assert_int_equal(s->requests.reuse, CONFIG_REUSE_OFF);
	assert_true(s->requests.options);
	assert_int_equal(s->limits.expand, 40);
	assert_int_equal(s->n_loras, 0);
	assert_int_equal(s->requests.n_ignore, 13);
	assert_string_equal(s->requests.ignore[0], ".*");
	assert_string_equal(s->requests.ignore[9], "#*#");
	assert_int_equal(s->images.wait_timeout_s, 600);
	assert_true(s->images.list_pending);
	assert_int_equal(s->images.embed, CONFIG_EMBED_OFF);
	assert_string_equal(s->library.path, scratch_path(folder, ".local/share/pimagefs"));
	assert_string_equal(s->library.state, scratch_path(folder, ".local/state/pimagefs"));
	assert_int_equal(s->log.level, LOG_LEVEL_INFO);
	assert_string_equal(s->log.target, "auto");
	assert_false(s->demo);
	settings_free(s);
	settings_free(NULL);
}

static void every_type_is_read(void **state)
{
	struct settings *s = loaded(ini("\xef\xbb\xbf; a comment\r\n"
					"[api]\r\n"
					"base_url = http://127.0.0.1:8080/v1//\n"
					"auth=bearer\n"
					"key_file =   \n"
					"retries : 0 ; none\n"
					"[limits]  # text behind\n"
					"max_image_bytes = 2M\n"
					"max_request_bytes = 1000\n"
					"min_free_bytes = 1g\n"
					"[requests]\n"
					"ignore = *.a\t*.b   c\n"
					"[images]\n"
					"list_pending = Off\n"
					"embed = all\n"
					"[library]\n"
					"path = ~/pictures/\n"
					"state = /tmp/state of mine\n"
					"[log]\n"
					"level = debug\n"
					"target = ~/log\n"
					"[limits]\n"
					"queue = 7"),
				    NULL);

	(void)state;
	assert_string_equal(s->api.base_url, "http://127.0.0.1:8080/v1");
	assert_int_equal(s->api.auth, CONFIG_AUTH_BEARER);
	assert_int_equal(s->api.retries, 0);
	assert_int_equal(s->limits.max_image_bytes, 2 << 20);
	assert_int_equal(s->limits.max_request_bytes, 1000);
	assert_int_equal(s->limits.min_free_bytes, 1 << 30);
	assert_int_equal(s->requests.n_ignore, 3);
	assert_string_equal(s->requests.ignore[2], "c");
	assert_false(s->images.list_pending);
	assert_int_equal(s->images.embed, CONFIG_EMBED_ALL);
	assert_string_equal(s->library.path, scratch_path(folder, "pictures"));
	assert_string_equal(s->library.state, "/tmp/state of mine");
	assert_int_equal(s->log.level, LOG_LEVEL_DEBUG);
	assert_string_equal(s->log.target, scratch_path(folder, "log"));
	assert_int_equal(s->limits.queue, 7);
	assert_string_equal(s->file, scratch_path(folder, "x.ini"));
	settings_free(s);
}

static void amounts_are_written_as_they_are_read(void **state)
{
	static const char *const amounts[] = { "0",  "0.000000001",      "0.1",    "2.5",
					       "20", "999999.999999999", "1000000" };

	(void)state;
	for (size_t i = 0; i < sizeof(amounts) / sizeof(*amounts); i++) {
		char text[100], line[100];
		struct buf out = BUF_INIT;
		struct settings *s;

		snprintf(text, sizeof(text), "[limits]\ndaily_cost = %s\n", amounts[i]);
		setenv("EACHLABS_API_KEY", "env-key", 1);
		s = loaded(ini(text), NULL);
		assert_true(s->limits.daily_cost == strtod(amounts[i], NULL));
		assert_int_equal(settings_write(s, &out), 0);
		snprintf(line, sizeof(line), "\ndaily_cost = %s\n", amounts[i]);
		if (!strstr(buf_text(&out), line))
			fail_msg("%s is not in %s", line, buf_text(&out));
		buf_release(&out);
		settings_free(s);
	}
}

static void an_option_wins_over_the_file(void **state)
{
	const char *const options[] = { "limits.concurrent=3", "defaults.seed = 7 ",
					"limits.concurrent=4", "defaults.aspect_ratio=1:1", NULL };
	struct settings *s = loaded(
		ini("[limits]\nconcurrent = 2\nqueue = 5\n[defaults]\nseed = random\n"), options);

	(void)state;
	assert_int_equal(s->limits.concurrent, 4);
	assert_int_equal(s->limits.queue, 5);
	assert_int_equal(s->n_defaults, 2);
	assert_string_equal(s->defaults[0].key, "seed");
	assert_string_equal(s->defaults[0].value, "7");
	assert_string_equal(s->defaults[0].where, "-o defaults.seed");
	assert_string_equal(config_origin(s, "limits.concurrent"), "-o limits.concurrent");
	assert_non_null(strstr(config_origin(s, "limits.queue"), "/x.ini:3"));
	assert_string_equal(config_origin(s, "limits.window"), "built-in");
	assert_string_equal(config_origin(s, "no.such"), "built-in");
	settings_free(s);
}

struct bad {
	const char *text, *says;
	int r;
};

static void check_bad(const struct bad *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct settings *s;
		struct error err;
		int r = load(&s, ini(rows[i].text), NULL, &err);

		if (r != rows[i].r || !strstr(err.message, rows[i].says))
			fail_msg("%s: %d \"%s\"", rows[i].text, r, err.message);
		assert_null(s);
		assert_non_null(strstr(err.message, "/x.ini"));
		setenv("EACHLABS_API_KEY", "env-key", 1);
	}
}

static const struct bad wrong_lines[] = {
	{ "[limit]\n", "/x.ini:1: there is no section [limit]; did you mean [limits]?", -EINVAL },
	{ "[webhook]\nlisten = x\n", "there is no section [webhook]; there are api", -EINVAL },
	{ "[limits]\nexpand = 0\n", "from 1 to 1000 pictures", -EINVAL },
	{ "[limits]\n\nconcurent = 1\n",
	  "/x.ini:3: there is no setting limits.concurent; did you mean limits.concurrent?",
	  -EINVAL },
	{ "[limits]\nweekly_money = 1\n", "there is no setting limits.weekly_money", -EINVAL },
	{ "[limits]\ndaily_image = 1\n", "did you mean limits.daily_images", -EINVAL },
	{ "[limits]\ndaily_images = 0.5\n", "from 0 to 1000000 creates", -EINVAL },
	{ "[limits]\ndaily_cost = -1\n", "a number from 0 to 1000000 USD", -EINVAL },
	{ "[limits]\ndaily_cost = 1,50\n", "\"1,50\" is not allowed", -EINVAL },
	{ "[limits]\ndaily_cost = 1e3\n", "\"1e3\" is not allowed", -EINVAL },
	{ "[limits]\ndaily_cost = inf\n", "\"inf\" is not allowed", -EINVAL },
	{ "[limits]\ndaily_cost = .5\n", "\".5\" is not allowed", -EINVAL },
	{ "[limits]\ndaily_cost = 5.\n", "\"5.\" is not allowed", -EINVAL },
	{ "[limits]\ndaily_cost = 1000000.000000001\n", "is not allowed", -EINVAL },
	{ "[limits]\ndaily_cost = 0.0000000001\n", "9 digits behind the point", -EINVAL },
	{ "[limits]\ncost_per_image = 1001\n", "from 0 to 1000 USD", -EINVAL },
	{ "[poll]\ndeadline_counts = never\n", "use one of reachable, always", -EINVAL },
	{ "[requests]\noptions = --ar\n", "requests.options: \"--ar\" is not allowed", -EINVAL },
	{ "[requests]\nreuse = yes\n", "use one of off, same-seed", -EINVAL },
	{ "[requests]\nreuse = same_seed\n", "Did you mean \"same-seed\"?", -EINVAL },
	{ "[images]\nembed = yes\n", "use one of off, parameters, xmp, all", -EINVAL },
	{ "[images]\nthumbnails = yes\n", "there is no setting images.thumbnails", -EINVAL },
	{ "[api]\nconcurrent = 1\n", "did you mean limits.concurrent?", -EINVAL },
	{ "queue = 1\n", ":1: \"queue\" stands before any [section]", -EINVAL },
	{ "[limits]\nqueue = 1\nqueue = 2\n", ":3: limits.queue is given twice, first at ",
	  -EINVAL },
	{ "[limits]\nqueue = 1\n[api]\n[limits]\nqueue = 1\n", ":5: limits.queue is given twice",
	  -EINVAL },
	{ "[defaults]\nseed = 1\nseed = 2\n", ":3: defaults.seed is given twice", -EINVAL },
	{ "[limits]\nqueue\n", ":2: neither a [section] nor \"key = value\"", -EINVAL },
	{ "[limits]\n= 1\n", ":2: there is no key", -EINVAL },
	{ "[limits\n", ":1: the ']'", -EINVAL },
	{ "[limits] queue = 1\n", ":1: nothing may follow", -EINVAL },
	{ "[limits]\nqueue = 1\n  2\n", ":3: the line begins with a space", -EINVAL },
	{ "[limits]\n\tqueue = 1\n", ":2: the line begins with a space", -EINVAL },
	{ "[limits]\nqueue = \n", "limits.queue: is empty", -EINVAL },
	{ "[limits]\nqueue = 0\n",
	  ":2: limits.queue: \"0\" is not allowed; give a whole number from 1 to "
	  "1000000 requests",
	  -EINVAL },
	{ "[limits]\nqueue = 1000001\n", "from 1 to 1000000", -EINVAL },
	{ "[limits]\nqueue = 99999999999999999999\n", "from 1 to 1000000", -EINVAL },
	{ "[limits]\nqueue = -1\n", "\"-1\" is not allowed", -EINVAL },
	{ "[limits]\nqueue = 1.5\n", "\"1.5\" is not allowed", -EINVAL },
	{ "[limits]\nqueue = 0x10\n", "not allowed", -EINVAL },
	{ "[limits]\nqueue = 5K\n", "\"5K\" is not allowed", -EINVAL },
	{ "[limits]\nwindow = 10s\n", "from 1 to 3600 seconds", -EINVAL },
	{ "[limits]\nmax_image_bytes = 5T\n", "bytes (K, M or G may follow: 64M)", -EINVAL },
	{ "[limits]\nmax_image_bytes = 9999999999G\n", "not allowed", -EINVAL },
	{ "[limits]\nmax_image_bytes = 64MB\n", "not allowed", -EINVAL },
	{ "[limits]\nmax_request_bytes = 100\n", "from 256 to", -EINVAL },
	{ "[images]\nlist_pending = maybe\n", "\"maybe\" is not allowed; write yes or no",
	  -EINVAL },
	{ "[api]\nauth = baerer\n",
	  "\"baerer\" is not allowed; use one of x-api-key, bearer. Did you mean "
	  "\"bearer\"?",
	  -EINVAL },
	{ "[log]\nlevel = warning\n", "Did you mean \"warn\"?", -EINVAL },
	{ "[log]\ntarget = file\n", "use auto, stderr, syslog or a file's whole path", -EINVAL },
	{ "[library]\npath = pictures\n", "begins with / or ~/", -EINVAL },
	{ "[library]\npath = ~other/pictures\n", "begins with / or ~/", -EINVAL },
	{ "[library]\npath =\n", "is empty", -EINVAL },
	{ "[poll]\nmin = 300\nmax = 200\n", "/x.ini:2) is longer than poll.max (200 milliseconds",
	  -EINVAL },
	{ "[library]\npath = /a/b\nstate = /a/b/\n", "are one folder", -EINVAL },
	{ "[model]\nslug = a\x01z\n", "control character", -EINVAL },
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
	(void)state;
	check_bad(wrong_lines, COUNT(wrong_lines));
}

static void only_a_safe_base_url_is_taken(void **state)
{
	static const char *const good[] = {
		"https://api.example.com", "https://api.example.com:8443/v1",
		"http://localhost:1/v1",   "http://127.0.0.1/v1",
		"http://127.1.2.3:80",     "http://[::1]:8080/v1",
		"https://[2001:db8::1]/v1"
	};
	static const struct bad bad[] = {
		{ "[api]\nbase_url = http://api.example.com/v1\n", "use https://", -EINVAL },
		{ "[api]\nbase_url = http://127.0.0.1.example.com/v1\n", "use https://", -EINVAL },
		{ "[api]\nbase_url = http://192.168.1.1/v1\n", "use https://", -EINVAL },
		{ "[api]\nbase_url = ftp://api.example.com\n", "must begin with https://",
		  -EINVAL },
		{ "[api]\nbase_url = api.example.com\n", "must begin with https://", -EINVAL },
		{ "[api]\nbase_url = https://\n", "https://HOST", -EINVAL },
		{ "[api]\nbase_url = https:///v1\n", "https://HOST", -EINVAL },
		{ "[api]\nbase_url = https://a b/v1\n", "https://HOST", -EINVAL },
		{ "[api]\nbase_url = https://a\\b/v1\n", "https://HOST", -EINVAL },
		{ "[api]\nbase_url = https://a:0/v1\n", "https://HOST", -EINVAL },
		{ "[api]\nbase_url = https://a:65536/v1\n", "https://HOST", -EINVAL },
		{ "[api]\nbase_url = https://a:/v1\n", "https://HOST", -EINVAL },
		{ "[api]\nbase_url = https://[::1/v1\n", "https://HOST", -EINVAL },
		{ "[api]\nbase_url = https://a/v1?x=1\n", "query", -EINVAL },
		{ "[api]\nbase_url = https://a?x=1\n", "query", -EINVAL },
		{ "[api]\nbase_url = https://a/v1#x\n", "fragment", -EINVAL },
		{ "[api]\nbase_url = https://me:SECRET@a/v1\n", "user name or password", -EINVAL },
		{ "[api]\nbase_url = http://me@127.0.0.1/v1\n", "user name or password", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		char text[100];
		struct settings *s;

		snprintf(text, sizeof(text), "[api]\nbase_url = %s/\n", good[i]);
		s = loaded(ini(text), NULL);
		assert_string_equal(s->api.base_url, good[i]);
		settings_free(s);
		setenv("EACHLABS_API_KEY", "env-key", 1);
	}
	check_bad(bad, COUNT(bad));
}

static void lines_are_as_long_as_the_parser_takes(void **state)
{
	char text[400] = "[model]\nslug = ";
	struct settings *s;
	struct error err;
	size_t n = strlen(text);

	(void)state;
	/* 199 bytes of the second line; then one more. */
	memset(text + n, 'x', 199 - 7);
	text[n + 192] = '\n';
	s = loaded(ini(text), NULL);
	assert_int_equal(strlen(s->model.slug), 192);
	settings_free(s);
	text[n + 192] = 'x';
	text[n + 193] = '\n';
	assert_int_equal(load(&s, ini(text), NULL, &err), -EINVAL);
	assert_non_null(strstr(err.message, ":2: the line has 200 bytes; at most 199 are allowed"));
	/* A comment may be longer. */
	memcpy(text + 8, "#", 1);
	setenv("EACHLABS_API_KEY", "env-key", 1);
	settings_free(loaded(ini(text), NULL));
}

static void names_are_as_long_as_the_parser_takes(void **state)
{
	static const char text[] =
		"[defaults]\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx = 1\n";
	struct settings *s = loaded(ini(text), NULL);
	struct error err;

	(void)state;
	assert_int_equal(strlen(s->defaults[0].key), 49);
	settings_free(s);
	assert_int_equal(
		load(&s,
		     ini("[defaults]\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx = 1\n"),
		     NULL, &err),
		-EINVAL);
	assert_non_null(strstr(err.message, ":2: the key is longer than the 49 bytes"));
	assert_int_equal(load(&s, ini("[xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]\n"),
			      NULL, &err),
			 -EINVAL);
	assert_non_null(strstr(err.message, ":1: the section's name is longer than the 49 bytes"));
}

static void a_nul_is_refused(void **state)
{
	static const char text[] = "[limits]\nqueue = 5\0000\n";
	struct settings *s;
	struct error err;

	(void)state;
	assert_int_equal(load(&s, write_ini(text, sizeof(text) - 1, 0600), NULL, &err), -EINVAL);
	assert_non_null(strstr(err.message, ":2: there is a NUL"));
}

static void a_file_has_an_end(void **state)
{
	size_t size = 300000;
	char *text = malloc(size);
	struct settings *s;
	struct error err;

	(void)state;
	memset(text, '\n', size);
	assert_int_equal(load(&s, write_ini(text, size, 0600), NULL, &err), -EFBIG);
	assert_non_null(strstr(err.message, "x.ini: "));
	free(text);
}

static void which_file_is_read(void **state)
{
	const char *const folders[] = { ".config", ".config/pimagefs", "xdg", "xdg/pimagefs" };
	struct settings *s;
	struct error err;

	(void)state;
	assert_int_equal(load(&s, scratch_path(folder, "none.ini"), NULL, &err), -ENOENT);
	assert_non_null(strstr(err.message, "none.ini: No such file"));
	setenv("EACHLABS_API_KEY", "env-key", 1);
	setenv("PIMAGEFS_CONFIG", scratch_path(folder, "none.ini"), 1);
	assert_int_equal(load(&s, NULL, NULL, &err), -ENOENT);

	for (size_t i = 0; i < COUNT(folders); i++)
		assert_int_equal(mkdir(scratch_path(folder, folders[i]), 0700), 0);
	scratch_write(folder, ".config/pimagefs/pimagefs.ini", "[limits]\nqueue=1\n", 17);
	scratch_write(folder, "xdg/pimagefs/pimagefs.ini", "[limits]\nqueue=2\n", 17);
	scratch_write(folder, "env.ini", "[limits]\nqueue=3\n", 17);
	unsetenv("PIMAGEFS_CONFIG");
	for (int want = 1; want <= 4; want++) {
		setenv("EACHLABS_API_KEY", "env-key", 1);
		if (want == 2)
			setenv("XDG_CONFIG_HOME", scratch_path(folder, "xdg"), 1);
		if (want == 3)
			setenv("PIMAGEFS_CONFIG", scratch_path(folder, "env.ini"), 1);
		s = loaded(want == 4 ? ini("[limits]\nqueue=4\n") : NULL, NULL);
		assert_int_equal(s->limits.queue, want);
		settings_free(s);
	}
}

static void folders_follow_xdg(void **state)
{
	struct settings *s;

	(void)state;
	setenv("XDG_DATA_HOME", "/tmp/data", 1);
	setenv("XDG_STATE_HOME", "not/absolute", 1);
	s = loaded(ini(""), NULL);
	assert_string_equal(s->library.path, "/tmp/data/pimagefs");
	assert_string_equal(s->library.state, scratch_path(folder, ".local/state/pimagefs"));
	settings_free(s);
}

static void a_demo_keeps_to_itself(void **state)
{
	const char *const options[] = { "library.state=/tmp/mine" };
	struct config_sources from = {
		.file = ini("[library]\npath = /tmp/pictures\n[api]\nkey_file = /none\n"),
		.overrides = options,
		.n_overrides = 1,
		.demo = true
	};
	struct settings *s;
	struct error err;

	(void)state;
	assert_int_equal(config_load(&s, &from, &err), 0);
	assert_true(s->demo);
	assert_string_equal(s->library.path, "/tmp/pictures-demo");
	assert_string_equal(s->library.state, "/tmp/mine");
	assert_string_equal(s->api.key, "");
	assert_string_equal(s->key_origin, "none");
	assert_null(getenv("EACHLABS_API_KEY"));
	settings_free(s);
	from.n_overrides = 0;
	from.file = ini("");
	assert_int_equal(config_load(&s, &from, &err), 0);
	assert_string_equal(s->library.state, scratch_path(folder, ".local/state/pimagefs-demo"));
	settings_free(s);
}

static void the_best_key_wins(void **state)
{
	const char *const option[] = { "api.key_command=echo option-key", NULL };
	struct settings *s;

	(void)state;
	scratch_write(folder, "key", "file-key\n", 9);
	chmod(scratch_path(folder, "key"), 0600);

	s = loaded(ini("[api]\nkey_file = ~/key\n"), option);
	assert_string_equal(s->api.key, "option-key");
	assert_string_equal(s->key_origin, "key_command");
	assert_string_equal(s->api.key_file, "");
	assert_null(getenv("EACHLABS_API_KEY"));
	settings_free(s);

	setenv("EACHLABS_API_KEY", "env-key", 1);
	s = loaded(ini("[api]\nkey_file = /none/at/all\n"), NULL);
	assert_string_equal(s->api.key, "env-key");
	assert_string_equal(config_origin(s, "api.key"), "EACHLABS_API_KEY");
	settings_free(s);

	s = loaded(ini("[api]\nkey_file = ~/key\n"), NULL);
	assert_string_equal(s->api.key, "file-key");
	assert_string_equal(s->key_origin, "key_file");
	settings_free(s);

	s = loaded(ini("[api]\nkey_command = echo command-key\n"), NULL);
	assert_string_equal(s->api.key, "command-key");
	settings_free(s);

	s = loaded(ini("[api]\nkey = ini-key\n"), NULL);
	assert_string_equal(s->api.key, "ini-key");
	assert_string_equal(s->key_origin, "key");
	settings_free(s);
}

static void no_key_or_no_good_one_is_told(void **state)
{
	static const struct bad rows[] = {
		{ "[api]\nkey = a\nkey_command = echo b\n", "give only one of api.key (", -EINVAL },
		{ "[api]\nkey = two SECRETS\n", ":2: api.key: is no key", -EINVAL },
		{ "[api]\nkey_file = /none/at/all\n", "/x.ini:2: /none/at/all: No such file",
		  -ENOENT },
		{ "[api]\nkey_file = key\n", "begins with / or ~/", -EINVAL },
		{ "[api]\nkey_command = exit 4\n",
		  "/x.ini:2: key_command: failed with exit status 4", -EINVAL },
	};
	struct settings *s;
	struct error err;

	(void)state;
	unsetenv("EACHLABS_API_KEY");
	for (size_t i = 0; i < COUNT(rows); i++) {
		check_bad(&rows[i], 1);
		unsetenv("EACHLABS_API_KEY");
	}
	assert_int_equal(load(&s, ini(""), NULL, &err), -ENOENT);
	assert_non_null(strstr(err.message, "EACHLABS_API_KEY"));
	assert_non_null(strstr(err.message, "key_file"));
	assert_non_null(strstr(err.message, "key_command"));
	assert_non_null(strstr(err.message, "key = KEY"));
	assert_non_null(strstr(err.message, "--demo"));
	setenv("EACHLABS_API_KEY", "two SECRETS", 1);
	assert_int_equal(load(&s, ini(""), NULL, &err), -EINVAL);
	assert_non_null(strstr(err.message, "EACHLABS_API_KEY is no key"));
	assert_null(strstr(err.message, "SECRET"));
}

static void a_file_with_a_secret_must_be_private(void **state)
{
	static const char *const texts[] = { "[api]\nkey = the-key\n",
					     "[defaults]\nhf_api_token = hf_x\n" };
	struct settings *s;
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(load(&s, write_ini(texts[i], strlen(texts[i]), 0640), NULL, &err),
				 -EACCES);
		assert_non_null(strstr(err.message, "chmod 600"));
		setenv("EACHLABS_API_KEY", "env-key", 1);
		settings_free(loaded(ini(texts[i]), NULL));
		setenv("EACHLABS_API_KEY", "env-key", 1);
	}
	settings_free(loaded(write_ini("[api]\nkey =\n", 12, 0644), NULL));
}

static void options_are_checked_too(void **state)
{
	static const struct {
		const char *option, *says;
	} rows[] = {
		{ "limits.concurrent=0",
		  "-o limits.concurrent: \"0\" is not allowed; give a whole number from 1 to "
		  "1000" },
		{ "limits.concurent=1",
		  "there is no setting limits.concurent; did you mean limits.concurrent?" },
		{ "limit.concurrent=1", "did you mean [limits]?" },
		{ "limits.concurrent",
		  "-o limits.concurrent: a setting is written as section.key=value" },
		{ "api.key=SECRET", "-o api.key: everyone can see a key" },
		{ "defaults.hf_api_token=hf_SECRET", "-o defaults.hf_api_token: everyone can see" },
		{ "api.key_file=key", "-o api.key_file: \"key\" is not allowed" },
		{ "library.path=", "is empty" },
		{ "lora.a b.scale=1", "[lora.a b]: the name of a LoRA" },
		{ "lora.scale=1", "[lora] has no name" },
		{ "lora.ink.hue=1", "there is no setting lora.ink.hue" },
		{ "library.path=/a\nb", "control character" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *const options[] = { rows[i].option, NULL };
		struct settings *s;
		struct error err;

		assert_int_equal(load(&s, ini(""), options, &err), -EINVAL);
		if (!strstr(err.message, rows[i].says))
			fail_msg("%s: %s", rows[i].option, err.message);
		assert_null(strstr(err.message, "SECRET"));
		setenv("EACHLABS_API_KEY", "env-key", 1);
	}
}

static void settings_are_told_from_mount_options(void **state)
{
	(void)state;
	assert_true(config_is_override("limits.concurrent=4"));
	assert_true(config_is_override("defaults.seed=1"));
	assert_true(config_is_override("api.nonsense=1"));
	assert_true(config_is_override("limits.concurrent"));
	assert_true(config_is_override("lora.ink.scale=1"));
	assert_false(config_is_override("lora=1"));
	assert_false(config_is_override("allow_other"));
	assert_false(config_is_override("fsname=limits.x"));
	assert_false(config_is_override("context=api.key"));
	assert_false(config_is_override("limit.concurrent=4"));
	assert_false(config_is_override("api"));
	assert_false(config_is_override(""));
	assert_false(config_is_override(".x=1"));
}

static void what_is_in_force_is_written(void **state)
{
	const char *const options[] = { "limits.concurrent=3", "defaults.seed=7", NULL };
	struct settings *s = loaded(
		ini("[api]\nbase_url = https://a.example/v1\n[defaults]\nhf_api_token = hf_SECRET\n"
		    "lora_scale = 0.7\n[limits]\nmax_image_bytes = 1500\n"),
		options);
	struct buf out = BUF_INIT;
	char place[SCRATCH_PATH + 100];
	const char *text;

	(void)state;
	assert_int_equal(settings_write(s, &out), 0);
	text = buf_text(&out);
	snprintf(place, sizeof(place), "# from %s/x.ini:2\nbase_url = https://a.example/v1\n",
		 folder);
	assert_non_null(strstr(text, place));
	assert_non_null(strstr(text, "# environment\nkey = ***\n"));
	assert_non_null(strstr(text, "# option\nconcurrent = 3\n"));
	assert_non_null(strstr(text, "# built-in\nqueue = 10000\n"));
	assert_non_null(strstr(text, "# built-in\nmax_request_bytes = 256K\n"));
	assert_non_null(strstr(text, "\nmax_image_bytes = 1500\n"));
	snprintf(place, sizeof(place), "# from %s/x.ini:4\nhf_api_token = ***\n", folder);
	assert_non_null(strstr(text, place));
	assert_non_null(strstr(text, "# option\nseed = 7\n"));
	assert_null(strstr(text, "SECRET"));
	assert_null(strstr(text, "env-key"));
	buf_release(&out);
	settings_free(s);
}

/* What was written is an INI that gives the same settings. */
static void what_is_written_can_be_read(void **state)
{
	static const char text[] =
		"[api]\nkey_file = ~/key\nauth = bearer\n[images]\nlist_pending = no\n"
		"[requests]\nignore = a* b*\noptions = no\n[log]\nlevel = error\ntarget = /tmp/l\n"
		"[lora.ink]\nweights = a/b\nscale = 1\n[lora.pix]\nweights = c/d\n";
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct settings *s;

	(void)state;
	unsetenv("EACHLABS_API_KEY");
	scratch_write(folder, "key", "file-key\n", 9);
	chmod(scratch_path(folder, "key"), 0600);
	s = loaded(ini(text), NULL);
	assert_int_equal(settings_write(s, &first), 0);
	assert_null(strstr(buf_text(&first), "file-key"));
	settings_free(s);
	s = loaded(ini(buf_text(&first)), NULL);
	assert_int_equal(s->api.auth, CONFIG_AUTH_BEARER);
	assert_string_equal(s->api.key, "file-key");
	assert_false(s->images.list_pending);
	assert_int_equal(s->requests.n_ignore, 2);
	assert_int_equal(s->log.level, LOG_LEVEL_ERROR);
	assert_false(s->requests.options);
	assert_int_equal(s->n_loras, 2);
	assert_string_equal(s->loras[0].scale.value, "1");
	assert_string_equal(s->loras[1].name, "pix");
	assert_null(s->loras[1].scale.value);
	assert_int_equal(settings_write(s, &second), 0);
	settings_free(s);
	buf_release(&first);
	buf_release(&second);
}

static void memory_may_run_out_anywhere(void **state)
{
	static const char text[] =
		"[api]\nkey = the-key\n[defaults]\nseed = 1\nlora_scale = 1\n[requests]\n"
		"ignore = a b c\n[library]\npath = ~/a\n[lora.ink]\nweights = a/b\n";
	const char *const options[] = { "limits.concurrent=3", "defaults.seed=2",
					"log.target=/tmp/l" };
	struct config_sources from = { .file = ini(text),
				       .overrides = options,
				       .n_overrides = COUNT(options) };
	unsigned failed = 1;

	(void)state;
	unsetenv("EACHLABS_API_KEY");
	for (unsigned n = 0; failed; n++) {
		struct settings *s = NULL;
		struct buf out = BUF_INIT;
		struct error err;
		int r;

		oom_fail_after(n);
		r = config_load(&s, &from, &err);
		if (r == 0)
			r = settings_write(s, &out);
		failed = oom_off();
		if (r != (failed ? -ENOMEM : 0))
			fail_msg("allocation %u: %d %s", n, r, err.message);
		buf_release(&out);
		settings_free(s);
	}
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(built_in_values),
		test(every_type_is_read),
		test(amounts_are_written_as_they_are_read),
		test(an_option_wins_over_the_file),
		test(what_is_wrong_is_said_with_its_line),
		test(only_a_safe_base_url_is_taken),
		test(lines_are_as_long_as_the_parser_takes),
		test(names_are_as_long_as_the_parser_takes),
		test(a_nul_is_refused),
		test(a_file_has_an_end),
		test(which_file_is_read),
		test(folders_follow_xdg),
		test(a_demo_keeps_to_itself),
		test(the_best_key_wins),
		test(no_key_or_no_good_one_is_told),
		test(a_file_with_a_secret_must_be_private),
		test(options_are_checked_too),
		test(settings_are_told_from_mount_options),
		test(what_is_in_force_is_written),
		test(what_is_written_can_be_read),
		test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
