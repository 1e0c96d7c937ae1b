/*
 * font: a small face of lines with round ends, for captions at any size. A glyph is a row of
 * strokes on a grid: each point is two hexadecimal digits, x from the left and y from the top of a
 * capital (0), over the top of an 'x' (3) and the baseline (9) down to the descenders (c). A stroke
 * that begins with '~' is rounded by spline_flatten, the others are straight; strokes are parted by
 * a space.
 *
 * Happy path: font_draw walks over ASCII text. A character without a glyph takes a space's room.
 */
#include <string.h>

#include "layers.h"

#define FIRST ' '
#define CAPITAL 9.0f
#define GAP 2.5f
#define STROKE_POINTS 16

struct glyph {
	unsigned char width;
	const char *strokes;
};

static const struct glyph glyphs[] = {
	{ 2, "" },                                   /* space */
	{ 0, "0006 0909" },                          /* ! */
	{ 2, "0002 2022" },                          /* " */
	{ 6, "2019 5049 0363 0666" },                /* # */
	{ 6, "~6160000465690908 303a" },             /* $ */
	{ 6, "6009 ~100003232010 ~564649696656" },   /* % */
	{ 6, "~691210404305094965" },                /* & */
	{ 0, "0002" },                               /* ' */
	{ 2, "~2004082b" },                          /* ( */
	{ 2, "~0024280b" },                          /* ) */
	{ 4, "2125 0244 0442" },                     /* * */
	{ 6, "3238 0565" },                          /* + */
	{ 1, "190b" },                               /* , */
	{ 4, "0646" },                               /* - */
	{ 0, "0909" },                               /* . */
	{ 5, "500a" },                               /* / */
	{ 6, "~300009696030" },                      /* 0 */
	{ 3, "023039" },                             /* 1 */
	{ 6, "~0200606409 0969" },                   /* 2 */
	{ 6, "~0100606424 ~2464690908" },            /* 3 */
	{ 6, "49400666" },                           /* 4 */
	{ 6, "600004 ~0463690908" },                 /* 5 */
	{ 6, "~340409696434 ~500106" },              /* 6 */
	{ 6, "006029" },                             /* 7 */
	{ 6, "~300004646030 ~340409696434" },        /* 8 */
	{ 6, "~300005656030 ~636819" },              /* 9 */
	{ 0, "0404 0909" },                          /* : */
	{ 1, "1414 190b" },                          /* ; */
	{ 5, "520558" },                             /* < */
	{ 5, "0454 0757" },                          /* = */
	{ 5, "025508" },                             /* > */
	{ 5, "~0200505426 2929" },                   /* ? */
	{ 6, "~59090060674743 ~43232646" },          /* @ */
	{ 6, "093069 1656" },                        /* A */
	{ 6, "0900 ~00606404 ~04646909" },           /* B */
	{ 6, "~616000096968" },                      /* C */
	{ 6, "0900 ~00606909" },                     /* D */
	{ 5, "50000959 0444" },                      /* E */
	{ 5, "500009 0444" },                        /* F */
	{ 6, "~616000096965 6535" },                 /* G */
	{ 6, "0009 6069 0464" },                     /* H */
	{ 0, "0009" },                               /* I */
	{ 4, "4046 ~46490907" },                     /* J */
	{ 6, "0009 6005 2369" },                     /* K */
	{ 5, "000959" },                             /* L */
	{ 6, "0900366069" },                         /* M */
	{ 6, "09006960" },                           /* N */
	{ 7, "~040979700004" },                      /* O */
	{ 6, "0900 ~00606505" },                     /* P */
	{ 7, "~040979700004 477a" },                 /* Q */
	{ 6, "0900 ~00606505 3569" },                /* R */
	{ 6, "~6160000465690908" },                  /* S */
	{ 6, "0060 3039" },                          /* T */
	{ 6, "0005 ~05096965 6560" },                /* U */
	{ 6, "003960" },                             /* V */
	{ 8, "0029426980" },                         /* W */
	{ 6, "0069 6009" },                          /* X */
	{ 6, "003460 3439" },                        /* Y */
	{ 6, "00600969" },                           /* Z */
	{ 2, "20000b2b" },                           /* [ */
	{ 5, "005a" },                               /* \ */
	{ 2, "00202b0b" },                           /* ] */
	{ 6, "133153" },                             /* ^ */
	{ 6, "0a6a" },                               /* _ */
	{ 2, "0022" },                               /* ` */
	{ 5, "5359 ~565303095956" },                 /* a */
	{ 5, "0009 ~060353590906" },                 /* b */
	{ 5, "~545303095958" },                      /* c */
	{ 5, "5059 ~565303095956" },                 /* d */
	{ 5, "0656 ~565303095958" },                 /* e */
	{ 3, "~401013 1319 0333" },                  /* f */
	{ 5, "5359 ~565303095956 ~595c0c0b" },       /* g */
	{ 5, "0009 ~06035356 5659" },                /* h */
	{ 0, "0309 0101" },                          /* i */
	{ 1, "131a ~1a1c0c 1111" },                  /* j */
	{ 4, "0009 4306 1549" },                     /* k */
	{ 0, "0009" },                               /* l */
	{ 8, "0309 ~06034346 4649 ~46438386 8689" }, /* m */
	{ 5, "0309 ~06035356 5659" },                /* n */
	{ 5, "~060959530306" },                      /* o */
	{ 5, "030c ~060353590906" },                 /* p */
	{ 5, "535c ~565303095956" },                 /* q */
	{ 3, "0309 ~060333" },                       /* r */
	{ 4, "~4443030646490908" },                  /* s */
	{ 3, "1017 ~171939 0333" },                  /* t */
	{ 5, "0306 ~06095956 5359" },                /* u */
	{ 4, "032943" },                             /* v */
	{ 8, "0329446983" },                         /* w */
	{ 4, "0349 4309" },                          /* x */
	{ 4, "0329 431c" },                          /* y */
	{ 4, "03430949" },                           /* z */
	{ 3, "~30101505 ~05151b3b" },                /* { */
	{ 0, "000b" },                               /* | */
	{ 3, "~00202535 ~35252b0b" },                /* } */
	{ 6, "~06144865" },                          /* ~ */
};

static const struct glyph *glyph_of(char c)
{
	size_t i = (size_t)((unsigned char)c - FIRST);

	return (unsigned char)c >= FIRST && i < sizeof(glyphs) / sizeof(glyphs[0]) ? &glyphs[i]
										   : &glyphs[0];
}

static float digit(char c)
{
	return (float)(c >= 'a' ? c - 'a' + 10 : c - '0');
}

/* Reads one stroke up to a space or the end; returns how many characters it took. */
static size_t read_stroke(const char *text, struct point at, float scale, struct point *out,
			  size_t *n)
{
	size_t i = 0;

	for (*n = 0; text[i] && text[i] != ' ' && text[i + 1] && *n < STROKE_POINTS; i += 2) {
		out[*n].x = at.x + digit(text[i]) * scale;
		out[*n].y = at.y + digit(text[i + 1]) * scale;
		++*n;
	}
	return i;
}

static void draw_strokes(struct canvas *c, const char *text, struct point at, float scale,
			 float weight, struct rgb ink, float alpha)
{
	struct point in[STROKE_POINTS], line[SPLINE_POINTS];

	while (*text) {
		bool round = *text == '~';
		size_t n;

		text += round;
		text += read_stroke(text, at, scale, in, &n);
		text += *text == ' ';
		if (round)
			n = spline_flatten(in, n, 6, line);
		else
			memcpy(line, in, n * sizeof(*in));
		for (size_t i = 1; i < n; i++)
			canvas_line(c, line[i - 1], line[i], weight, ink, alpha);
	}
}

float font_width(const char *text, float size)
{
	float width = 0;

	for (; *text; text++)
		width += (float)glyph_of(*text)->width + GAP;
	return width * size / CAPITAL;
}

void font_draw(struct canvas *c, const char *text, struct point at, float size, float weight,
	       struct rgb ink, float alpha)
{
	float scale = size / CAPITAL;

	for (; *text; text++) {
		const struct glyph *glyph = glyph_of(*text);

		draw_strokes(c, glyph->strokes, at, scale, weight, ink, alpha);
		at.x += ((float)glyph->width + GAP) * scale;
	}
}
