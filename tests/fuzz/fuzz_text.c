/* Names and texts: UTF-8, what may be called so, ids, times. */
#include "fuzz.h"

#include <string.h>

#include "pimagefs/clock.h"
#include "pimagefs/error.h"
#include "pimagefs/names.h"
#include "pimagefs/suggest.h"
#include "pimagefs/utf8.h"

static void check_utf8(const char *text, size_t size)
{
	size_t valid = utf8_valid_prefix(text, size);

	promise(valid <= size);
	promise(utf8_valid(text, size) == (valid == size));
	promise(utf8_valid(text, valid));
	promise(!utf8_cut_short(text, valid));
	for (size_t limit = 0; limit <= size && limit < 64; limit++) {
		size_t n = utf8_cut(text, size, limit);

		promise(n <= limit);
		promise(valid < size || utf8_valid(text, n));
	}
}

static void check_names(const char *text)
{
	static const char *const candidates[] = { "prompt", "seed", "aspect_ratio", "lora_scale" };
	char *patterns[] = { (char[]){ ".*" }, (char[]){ "*~" }, (char[]){ "#*#" } };

	promise(names_id_length(text) <= strlen(text));
	promise(names_made_length(text) <= strlen(text));
	names_is_draft(text, patterns, 3);
	if (names_check(text, false) == 0) {
		promise(utf8_valid(text, strlen(text)) && !utf8_has_control(text, strlen(text)));
		promise(names_check(text, true) == 0);
	}
	if (names_is_plain(text, 40))
		promise(strlen(text) <= 40 && text[0] != '.' && !strchr(text, '/'));
	suggest(text, candidates, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1), out[CLOCK_TEXT], field[32];
	int64_t when;

	if (!text)
		return 0;
	memcpy(text, bytes, size);
	text[size] = '\0';
	check_utf8((const char *)bytes, size);
	check_names(text);
	error_text(field, sizeof(field), text);
	promise(strlen(field) < sizeof(field) && utf8_valid(field, strlen(field)));
	if (clock_parse_rfc3339(text, &when) == 0) {
		clock_rfc3339(when, out);
		promise(strcmp(out, text) == 0);
	}
	free(text);
	return 0;
}
