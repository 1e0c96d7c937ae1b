/* Request files: the first byte chooses the ending, the rest is the text. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

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
	promise(schema_check(schema_find(request_model(rules())), input, NULL) == 0);
	masked = request_masked(rules(), r->input);
	promise(masked != NULL);
	json_decref(masked);
	json_decref(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const names[] = { "a", "a.txt", "a.json", "a.prompt", "a.md" };
	const char *name = names[size ? bytes[0] % 5 : 0];
	const char *text = (const char *)bytes + (size > 0);
	struct request request;
	struct error err;
	int r, part;

	size -= size > 0;
	memset(&err, 0, sizeof(err));
	r = request_parse(rules(), name, text, size, &request, &err);
	part = request_check_part(rules(), name, text, size, NULL);
	if (r == 0) {
		/* What is right as a whole was never refused on the way. */
		promise(part == 0);
		check(&request);
		if (request_set_seed(&request, 7) == 0)
			promise(request.has_seed && request.seed == 7);
		request_release(&request);
	} else {
		promise(r == -EINVAL || r == -EILSEQ || r == -ENOMEM);
		check_error(&err);
	}
	return 0;
}
