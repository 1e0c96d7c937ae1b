/* What schema.c (tables, how fields go together) and schema_value.c (one field's value) share. */
#ifndef PIMAGEFS_SCHEMA_INTERNAL_H
#define PIMAGEFS_SCHEMA_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "pimagefs/schema.h"

#define MOST_FIELDS 32 /* of one model */

enum field_kind {
	FIELD_PROMPT, /* text that says something, without control characters but tab and line ends
		       */
	FIELD_TEXT,   /* one word */
	FIELD_LORA,   /* the address of weights at Hugging Face */
	FIELD_CHOICE,
	FIELD_INTEGER,
	FIELD_NUMBER,
	FIELD_BOOLEAN,
};

struct field {
	const char *name;
	enum field_kind kind;
	bool required, secret;
	int64_t min, max, multiple; /* multiple: 0 for any number */
	const char *const *choices; /* NULL at the end */
};

struct schema {
	const char *slug;
	const struct field *fields; /* a NULL name at the end */
	/* Where field has this value its members must be there, and nowhere else; all of them
	 * without field mean it. */
	struct {
		const char *field, *value;
		const char *members[2];
	} rule;
};

const struct field *schema_field_find(const struct schema *s, const char *name);
/* -EINVAL: there is no field of this name; the nearest right one. */
int schema_refuse_field(const struct schema *s, const char *name, struct error *err);
/* The check of a FIELD_LORA's text. */
int schema_check_lora(const struct field *f, const json_t *value, struct error *err);

#endif
