/* Words into pictures of the network: what was a picture is the same one afterwards, and has them
 * once. The input: what, the prompt's length in two bytes, the prompt, the picture. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "pimagefs/embed.h"

#define HEAD 3

static char *prompt_of(const uint8_t **bytes, size_t *size)
{
	size_t length = (size_t)(*bytes)[1] << 8 | (*bytes)[2];
	char *prompt;

	*bytes += HEAD;
	*size -= HEAD;
	if (length > *size)
		length = *size;
	prompt = strndup((const char *)*bytes, length);
	*bytes += length;
	*size -= length;
	return prompt;
}

static void check(const struct embed_facts *facts, const uint8_t *bytes, size_t size,
		  const struct picture *before)
{
	struct buf out = BUF_INIT, again = BUF_INIT;
	int r = embed(facts, bytes, size, before, &out);
	struct picture after;

	promise(r == 0 || r == 1 || r == -ENOMEM);
	promise((r == 1) == (out.data != NULL));
	if (r == 1) {
		promise(out.size > size);
		promise(picture_check(out.data, out.size, &after) == 0);
		promise(after.kind == before->kind && after.width == before->width &&
			after.height == before->height);
		promise(embed(facts, out.data, out.size, &after, &again) <= 0 && !again.data);
	}
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct embed_facts facts = { .model = "model", .lora = "https://lora", .system = "a & b" };
	struct picture before;

	if (size < HEAD)
		return 0;
	facts.what = bytes[0] & 3;
	facts.has_seed = bytes[0] & 4;
	facts.drawn = bytes[0] & 8;
	facts.has_lora_scale = bytes[0] & 16;
	facts.prompt = prompt_of(&bytes, &size);
	if (picture_check(bytes, size, &before) == 0)
		check(&facts, bytes, size, &before);
	free(facts.prompt);
	return 0;
}
