/*
 * embed: what a picture was made from, written into its file.
 *
 * Happy path: the format looks at what is there; the texts that are wanted and not there yet are
 * made, cut until they fit; the format puts them into a copy.
 *
 * Failures: no memory. Whatever speaks against a change (a signature, an odd structure, a text of
 * its own) leaves the picture as it is.
 */
#include "pimagefs/embed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "embed_internal.h"
#include "pimagefs/utf8.h"

void embed_facts_release(struct embed_facts *facts)
{
	free(facts->prompt);
	free(facts->model);
	free(facts->system);
	free(facts->lora);
}

void embed_found_xmp(struct embed_found *f, const void *xmp, size_t size)
{
	static const char elsewhere[] = "dcterms:provenance";

	f->xmp = true;
	/* C2PA's manifest may lie in the network, with its address here. */
	if (memmem(xmp, size, elsewhere, sizeof(elsewhere) - 1))
		f->sealed = true;
}

static const struct embed_format *format_of(enum picture_kind kind)
{
	switch (kind) {
	case PICTURE_PNG:
		return &embed_png;
	case PICTURE_JPEG:
		return &embed_jpeg;
	case PICTURE_WEBP:
		return &embed_webp;
	case PICTURE_NONE:
		break;
	}
	return NULL;
}

/* With as much of the prompt as fits; nothing, if even the rest does not. */
static int write_to_fit(embed_write_fn write, const struct embed_words *w, size_t room,
			struct buf *out)
{
	const struct buf *prompt = &w->prompt;
	size_t keep = utf8_cut(prompt->data, prompt->size, room);
	int r;

	for (;;) {
		r = write(w, keep, out);
		if (r < 0 || out->size <= room)
			return r;
		out->size = 0;
		if (!keep)
			return 0;
		keep = utf8_cut(prompt->data, prompt->size, keep - keep / 8 - 1);
	}
}

static int embed_words(const struct embed_format *f, const struct embed_found *found,
		       const struct embed_words *w, struct buf *parameters, struct buf *xmp)
{
	enum config_embed what = w->facts->what;
	int r = 0;

	if ((what & CONFIG_EMBED_PARAMETERS) && !found->parameters)
		r = write_to_fit(f->parameters, w, f->room, parameters);
	if (r == 0 && (what & CONFIG_EMBED_XMP) && !found->xmp)
		r = write_to_fit(embed_xmp, w, f->room, xmp);
	return r;
}

int embed(const struct embed_facts *facts, const void *bytes, size_t size,
	  const struct picture *picture, struct buf *out)
{
	const struct embed_format *f = format_of(picture->kind);
	struct embed_words w = { .facts = facts, .picture = picture, .prompt = BUF_INIT };
	struct buf parameters = BUF_INIT, xmp = BUF_INIT, with = BUF_INIT;
	struct embed_found found = { .sealed = false };
	int r;

	if (!f || facts->what == CONFIG_EMBED_OFF)
		return 0;
	f->look(bytes, size, picture, &found);
	if (found.sealed)
		return 0;
	r = embed_clean(&w.prompt, facts->prompt ? facts->prompt : "");
	if (r == 0)
		r = embed_words(f, &found, &w, &parameters, &xmp);
	if (r == 0 && (parameters.size || xmp.size))
		r = f->put(bytes, size, &found, picture, &parameters, &xmp, &with);
	if (r == 0 && with.size) {
		*out = with;
		with = (struct buf)BUF_INIT;
		r = 1;
	}
	buf_release(&with);
	buf_release(&parameters);
	buf_release(&xmp);
	buf_release(&w.prompt);
	return r;
}
