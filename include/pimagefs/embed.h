/* embed: what a picture was made from, written into its file, for other programs to read. No pixel
 * changes. Floor 2, pure. */
#ifndef PIMAGEFS_EMBED_H
#define PIMAGEFS_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pimagefs/buf.h"
#include "pimagefs/config.h"
#include "pimagefs/picture.h"

/* What is known; nothing else is written. Texts are heap, NULL when unknown. No secret is among
 * them. */
struct embed_facts {
	enum config_embed what;
	char *prompt; /* any bytes: what is no text becomes U+FFFD, also control characters but tab
			 and line end */
	char *model;
	char *system; /* that made it, in words */
	char *lora;
	bool drawn; /* by a program that was not trained on anything */
	bool has_seed, has_lora_scale;
	int64_t seed;
	double lora_scale;
};

/* Takes one that is all zeros. */
void embed_facts_release(struct embed_facts *facts);

/* bytes are those in which picture_check found *picture. 1: *out, the caller's, is the file with
 * the facts in it. 0: it is best left as it is (what is wanted is in it already, it carries a C2PA
 * signature, which is over each of its bytes, or is put together in an odd way), and *out is
 * untouched. -ENOMEM.
 *
 * parameters: the text of AUTOMATIC1111's tools, in PNG as the text chunk "parameters", in JPEG and
 * WebP as EXIF's UserComment. xmp: a description and the IPTC's fields on generated pictures. What
 * does not fit into a segment of a JPEG, or is over a megabyte, has the prompt cut, with " [...]"
 * behind it. */
int embed(const struct embed_facts *facts, const void *bytes, size_t size,
	  const struct picture *picture, struct buf *out);

#endif
