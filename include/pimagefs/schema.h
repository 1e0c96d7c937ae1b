/* schema: a model's input fields as data, and what they allow. Floor 1, pure. */
#ifndef PIMAGEFS_SCHEMA_H
#define PIMAGEFS_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pimagefs/error.h"

#define SCHEMA_MOST_FIELDS 32 /* of one model */
#define SCHEMA_MASK "***"     /* what is shown of a secret; as its value it is refused */

/* Texts first. */
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
	int64_t min, max, multiple; /* of an integer; multiple: 0 for any */
	double least, most;         /* of a number */
	const char *const *choices; /* NULL at the end */
};

/* Where field has this value its members must be there, and nowhere else; all of them without field
 * mean it. */
struct size_rule {
	const char *field, *value;
	const char *members[2];
};

struct schema {
	const char *slug;              /* the service's name for the model */
	const struct field *fields;    /* a NULL name at the end */
	const struct size_rule *sizes; /* NULL: each field stands for itself */
};

/* The field of this name, or NULL. */
const struct field *schema_field(const struct schema *s, const char *name);
/* Check one field's value: 0, -ENOMEM, or -EINVAL with a sentence that names the field, the value
 * (never a secret's), what is allowed and the nearest right name. An unknown field is -EINVAL too.
 */
int schema_check_field(const struct schema *s, const char *field, const json_t *value,
		       struct error *err);
/* Check a whole input, fields and how they go together (prompt there; width and height with custom;
 * ...). */
int schema_check(const struct schema *s, const json_t *input, struct error *err);
/* Only how the fields go together, each being right by itself; *culprit (may be NULL) is then a
 * field to name. */
int schema_check_together(const struct schema *s, const json_t *input, const char **culprit,
			  struct error *err);
/* Put copies of those defaults into input that it does not speak of itself (sizes and the aspect
 * ratio speak of the same thing), and what sizes alone mean: aspect_ratio = custom. 0 or -ENOMEM.
 */
int schema_merge(const struct schema *s, json_t *input, const json_t *defaults);
/* The value that a text (of an INI file or an option) means for this field: 0 and *out is the
 * caller's, -EINVAL with a sentence, or -ENOMEM. */
int schema_value_of_text(const struct schema *s, const char *field, const char *text, json_t **out,
			 struct error *err);

#endif
