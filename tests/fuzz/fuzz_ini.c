/* Settings files: the bytes up to the first NUL are one -o option, what is behind it is the INI. A
 * key_command is never run: the key comes from a file that an option names, or there is none. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pimagefs/config.h"
#include "pimagefs/utf8.h"

#define KEY "sk-fuzz-5f1a6c0e9b7d"
#define LONGEST_LINE 199 /* of an INI */

struct memory_file {
	int fd;
	char path[32];
};

static void fill(struct memory_file *f, const char *text, size_t size)
{
	f->fd = memfd_create("fuzz", MFD_CLOEXEC);
	promise(f->fd >= 0 && fchmod(f->fd, 0600) == 0);
	promise(write(f->fd, text, size) == (ssize_t)size);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
}

static int load(const char *file, const char *option, bool demo, struct settings **out,
		struct error *err)
{
	static struct memory_file key;
	char by_file[64];
	const char *options[] = { option, "library.path=/l", "library.state=/s", by_file };
	struct config_sources from = { .file = file, .overrides = options, .demo = demo };

	if (!key.path[0])
		fill(&key, KEY "\n", sizeof(KEY));
	snprintf(by_file, sizeof(by_file), "api.key_file=%s", key.path);
	from.n_overrides = demo ? 3 : 4;
	if (!*option) {
		from.overrides++;
		from.n_overrides--;
	}
	return config_load(out, &from, err);
}

static bool fits_an_ini(const char *text)
{
	/* "key=;x" has a value; with a space before the ';' it is a comment. */
	if (strstr(text, " ;"))
		return false;
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (strcspn(text, "\n") > LONGEST_LINE)
			return false;
	return true;
}

static void without_comments(char *text)
{
	char *to = text;

	while (*text) {
		size_t size = strcspn(text, "\n");

		size += text[size] == '\n';
		if (*text != '#') {
			memmove(to, text, size);
			to += size;
		}
		text += size;
	}
	*to = '\0';
}

/* What is shown as in force says the same when it is read again. */
static void check_again(struct buf *shown)
{
	struct memory_file copy;
	struct buf again = BUF_INIT;
	struct settings *s;
	struct error err;

	if (!fits_an_ini(buf_text(shown)))
		return;
	fill(&copy, shown->data, shown->size);
	promise(load(copy.path, "", true, &s, &err) == 0);
	promise(settings_write(s, &again) == 0);
	without_comments(shown->data);
	without_comments(again.data);
	promise(strcmp(shown->data, again.data) == 0);
	buf_release(&again);
	settings_free(s);
	close(copy.fd);
}

static void check(struct settings *s, bool demo, bool all_of_it)
{
	struct buf shown = BUF_INIT;

	promise(s->poll.min_ms <= s->poll.max_ms && s->limits.concurrent >= 1);
	promise(s->limits.creates_per_minute >= 1 && s->limits.window_s >= 1);
	promise(strcmp(s->library.path, s->library.state) != 0);
	promise(strcmp(s->api.key, demo ? "" : KEY) == 0);
	promise(settings_write(s, &shown) == 0);
	promise(!strstr(shown.data, KEY));
	if (all_of_it)
		check_again(&shown);
	buf_release(&shown);
}

static void run(const char *file, const char *option, bool demo)
{
	struct settings *s = NULL;
	struct error err;
	int r;

	memset(&err, 0, sizeof(err));
	r = load(file, option, demo, &s, &err);
	if (r == 0) {
		/* A field that an option invents may have a name that no INI can hold. */
		check(s, demo, demo && !*option);
	} else {
		promise(!s && (r == -EINVAL || r == -ENOMEM || r == -EFBIG));
		promise(err.message[0] && !utf8_has_control(err.message, strlen(err.message)));
		promise(utf8_valid(err.message, strlen(err.message)));
	}
	settings_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const uint8_t *nul = memchr(bytes, 0, size);
	size_t before = nul ? (size_t)(nul - bytes) : 0;
	char *option = strndup((const char *)bytes, before);
	struct memory_file file;

	if (!option)
		return 0;
	/* Found in what is shown it must have come from the key's file. */
	if (memmem(bytes, size, KEY, strlen(KEY))) {
		free(option);
		return 0;
	}
	setenv("HOME", "/nowhere", 1);
	before += nul != NULL;
	fill(&file, (const char *)bytes + before, size - before);
	run(file.path, option, false);
	run(file.path, option, true);
	close(file.fd);
	free(option);
	return 0;
}
