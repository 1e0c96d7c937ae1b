/* Request files: the first byte chooses the ending, the rest is the text. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "pimagefs/models.h"
#include "pimagefs/request.h"
#include "pimagefs/utf8.h"

static struct request_rules *rules(void)
{
	static struct request_rules *made;
	struct settings settings;
	struct error err;
	char slug[] = "p-image-lora-text-to-image";

	if (made)
		return made;
	memset(&settings, 0, sizeof(settings));
	settings.model.slug = slug;
	promise(request_rules_new(&made, &settings, &err) == 0);
	return made;
}

static void check_error(const struct error *err)
{
	promise(err->message[0] != '\0');
	promise(utf8_valid(err->message, strlen(err->message)));
	promise(!utf8_has_control(err->message, strlen(err->message)));
}

static void check(const struct request *r)
{
	json_t *input, *masked;

	promise(r->prompt && r->prompt[0] && utf8_valid(r->prompt, strlen(r->prompt)));
	input = json_loads(r->input, 0, NULL);
	promise(json_is_object(input));
	promise(schema_check(models_find(r->model), input, NULL) == 0);
	promise(!json_is_string(json_object_get(input, "hf_api_token")) ||
		strcmp(json_string_value(json_object_get(input, "hf_api_token")), SCHEMA_MASK));
	masked = request_masked(r->input);
	promise(masked != NULL);
	json_decref(masked);
	json_decref(input);
}

/* \{ begins a prompt with a brace, under any name but one in .json. */
static void check_literal(const char *name, const char *text, size_t size, const struct request *r)
{
	if (strcmp(name, "a.json") != 0 && size > 2 && memcmp(text, "\\{", 2) == 0) {
		size_t length = strlen(r->prompt);

		promise(length < size && memcmp(r->prompt, text + 1, length) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const names[] = { "a", "a.txt", "a.json", "a.prompt", "a.md" };
	const char *name = names[size ? bytes[0] % 5 : 0];
	const char *text = (const char *)bytes + (size > 0);
	struct request request, early = { .input = NULL };
	struct error err;
	int r, part;

	size -= size > 0;
	memset(&err, 0, sizeof(err));
	r = request_parse(rules(), name, text, size, &request, &err);
	part = request_check_part(rules(), name, text, size, &early, NULL);
	request_release(&early);
	if (r == 0) {
		/* What is right as a whole was never refused on the way. */
		promise(part >= 0);
		check(&request);
		check_literal(name, text, size, &request);
		if (!request.has_seed && request_set_seed(&request, 7) == 0)
			promise(request.has_seed && request.seed == 7);
		request_release(&request);
	} else {
		promise(r == -EINVAL || r == -EILSEQ || r == -ENOMEM);
		check_error(&err);
	}
	return 0;
}
