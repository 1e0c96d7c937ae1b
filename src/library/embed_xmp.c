/*
 * XMP: what a picture was made from, for photo managers and for those who mark generated pictures
 * (IPTC Photo Metadata 2025.1).
 *
 * A fact that is unknown leaves its element out. The texts are clean before they come here, so that
 * only XML's own characters are left to be escaped.
 */
#include <string.h>

#include "embed_internal.h"

#define SOURCE_TYPE "http://cv.iptc.org/newscodes/digitalsourcetype/"

static const char head[] =
	"<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
	"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
	" <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
	"  <rdf:Description rdf:about=\"\"\n"
	"    xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n"
	"    xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">\n";
static const char tail[] = "  </rdf:Description>\n"
			   " </rdf:RDF>\n"
			   "</x:xmpmeta>\n"
			   "<?xpacket end=\"w\"?>";

static const char *escape_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	default:
		return NULL;
	}
}

static int put_escaped(struct buf *out, const struct buf *text)
{
	size_t at = 0, from = 0;
	int r = 0;

	for (; r == 0 && at < text->size; at++) {
		const char *escape = escape_of(text->data[at]);

		if (!escape)
			continue;
		if (at > from)
			r = buf_append(out, text->data + from, at - from);
		if (r == 0)
			r = buf_puts(out, escape);
		from = at + 1;
	}
	return r == 0 && at > from ? buf_append(out, text->data + from, at - from) : r;
}

static int put_element(struct buf *out, const char *before, const struct buf *text,
		       const char *behind)
{
	int r;

	if (!text->size)
		return 0;
	r = buf_printf(out, "   %s", before);
	if (r == 0)
		r = put_escaped(out, text);
	return r < 0 ? r : buf_printf(out, "%s\n", behind);
}

static int put_prompt(const struct embed_words *w, size_t keep, struct buf *out)
{
	struct buf text = BUF_INIT;
	int r = embed_prompt(w, keep, &text);

	if (r == 0)
		r = put_element(out, "<dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">",
				&text, "</rdf:li></rdf:Alt></dc:description>");
	if (r == 0)
		r = put_element(out, "<Iptc4xmpExt:AIPromptInformation>", &text,
				"</Iptc4xmpExt:AIPromptInformation>");
	buf_release(&text);
	return r;
}

static int put_system(const struct embed_words *w, struct buf *out)
{
	struct buf text = BUF_INIT;
	int r = embed_clean(&text, w->facts->system ? w->facts->system : "");

	if (r == 0)
		r = put_element(out, "<Iptc4xmpExt:AISystemUsed>", &text,
				"</Iptc4xmpExt:AISystemUsed>");
	buf_release(&text);
	return r;
}

int embed_xmp(const struct embed_words *w, size_t keep, struct buf *out)
{
	int r = buf_puts(out, head);

	if (r == 0)
		r = put_prompt(w, keep, out);
	if (r == 0)
		r = put_system(w, out);
	if (r == 0)
		r = buf_printf(out,
			       "   <Iptc4xmpExt:DigitalSourceType>" SOURCE_TYPE
			       "%s</Iptc4xmpExt:DigitalSourceType>\n",
			       w->facts->drawn ? "algorithmicMedia" : "trainedAlgorithmicMedia");
	return r < 0 ? r : buf_puts(out, tail);
}
