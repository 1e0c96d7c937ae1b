/* What the files of embed share: the words on one side, the formats on the other. */
#ifndef PIMAGEFS_EMBED_INTERNAL_H
#define PIMAGEFS_EMBED_INTERNAL_H

#include "pimagefs/embed.h"

/* --- words --- */

struct embed_words {
	const struct embed_facts *facts;
	const struct picture *picture;
	struct buf prompt; /* clean, as embed_clean leaves it */
};

/* Append any text as whole characters that XML, a terminal and a PNG can have. 0 or -ENOMEM. */
int embed_clean(struct buf *out, const char *text);
/* Append the prompt's first `keep` bytes, and a sign if that is not all of it. */
int embed_prompt(const struct embed_words *w, size_t keep, struct buf *out);

/* Each appends the facts in one form, with so much of the prompt; 0 or -ENOMEM. */
typedef int (*embed_write_fn)(const struct embed_words *w, size_t keep, struct buf *out);

int embed_parameters(const struct embed_words *w, size_t keep, struct buf *out); /* UTF-8 */
int embed_exif(const struct embed_words *w, size_t keep, struct buf *out); /* the same, as TIFF */
int embed_xmp(const struct embed_words *w, size_t keep, struct buf *out);  /* a packet */

/* --- formats --- */

struct embed_found {
	bool parameters, xmp; /* it has some of its own */
	bool sealed;          /* signed, or odd: not a byte may change */
	size_t at;            /* where what is new goes */
	/* WebP's. */
	bool extended, alpha;
};

/* It has this XMP. */
void embed_found_xmp(struct embed_found *f, const void *xmp, size_t size);

struct embed_format {
	/* What is in it, of bytes that picture_check took. */
	void (*look)(const unsigned char *bytes, size_t size, const struct picture *picture,
		     struct embed_found *out);
	/* Both texts into it, either of which may be empty. 0 or -ENOMEM; out stays empty where
	 * they do not fit. */
	int (*put)(const unsigned char *bytes, size_t size, const struct embed_found *found,
		   const struct picture *picture, const struct buf *parameters,
		   const struct buf *xmp, struct buf *out);
	embed_write_fn parameters;
	size_t room; /* bytes that a text may have */
};

#define EMBED_ROOM ((size_t)1 << 20) /* more than that, some readers pass over */

extern const struct embed_format embed_png, embed_jpeg, embed_webp;

#endif
