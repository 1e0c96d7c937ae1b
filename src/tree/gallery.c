/*
 * gallery.html: the page of all pictures and their requests.
 *
 * The jobs are cut by their numbers into blocks; a block's piece is the JSON text of its jobs, made
 * once and shared by all pages until one of its jobs changes. A page is the static beginning, what
 * is told of the mount, the pieces from the newest to the oldest, and the static end.
 *
 * Happy path: a change only marks its block. Who asks for the size lets up to GALLERY_TURN jobs be
 * told anew at once, which is all there is to do after a few changes, and gets a new page; the rest
 * is done by a timer, a turn at a time, and is on the next page. A page whose size was told lately
 * is not replaced, for its reader comes with an open and reads so much; but its size is not told
 * for longer than HELD_MS, should someone look all the time.
 *
 * Failures: without memory the newest page stays, or there is none.
 *
 * On close (gallery_stop) the timers go; pages go with their last reader.
 */
#include "pimagefs/gallery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gallery_internal.h"

#define BLOCK 32                    /* jobs */
#define TURN (GALLERY_TURN / BLOCK) /* blocks */
#define HELD_MS 2000
#define KEPT_MS INT64_C(300000) /* after the last who asked */

/* What several pages share. */
struct piece {
	unsigned refs;
	struct buf text;
};

struct part {
	const char *bytes;
	size_t size;
	struct piece *piece; /* NULL: static bytes */
};

struct gallery_page {
	unsigned refs;
	size_t size;
	size_t n;
	struct part part[];
};

struct block {
	struct piece *piece; /* NULL: never made */
	bool stale;
};

struct gallery {
	struct gallery_ground on;
	struct node *node;
	struct timer *turn, *rest;
	struct block *blocks;
	size_t n;      /* blocks that there are */
	size_t stale;  /* of them */
	uint64_t last; /* the newest job's number */
	bool remade;   /* a block, since the page was made */
	struct gallery_page *page;
	unsigned pages;             /* that somebody has open, or that are the newest */
	int64_t first_ms, shown_ms; /* monotonic: when the page's size was told */
};

/* --- pieces and pages --- */

static void piece_drop(struct piece *piece)
{
	if (!piece || --piece->refs)
		return;
	buf_release(&piece->text);
	free(piece);
}

static void page_drop(struct gallery *g, struct gallery_page *page)
{
	if (!page || --page->refs)
		return;
	for (size_t i = 0; i < page->n; i++)
		piece_drop(page->part[i].piece);
	free(page);
	g->pages--;
}

static void add_part(struct gallery_page *page, const char *bytes, size_t size, struct piece *piece)
{
	if (piece)
		piece->refs++;
	page->part[page->n++] = (struct part){ bytes, size, piece };
	page->size += size;
}

static void add_blocks(struct gallery_page *page, const struct gallery *g)
{
	size_t skip = 1; /* the comma before the first job */

	for (size_t i = g->n; i-- > 0;) {
		struct piece *piece = g->blocks[i].piece;

		if (!piece || !piece->text.size)
			continue;
		add_part(page, piece->text.data + skip, piece->text.size - skip, piece);
		skip = 0;
	}
}

/* A page of what is there. NULL when out of memory. */
static struct gallery_page *page_new(struct gallery *g)
{
	struct gallery_page *page = calloc(1, sizeof(*page) + (g->n + 4) * sizeof(page->part[0]));
	struct piece *preface = calloc(1, sizeof(*preface));

	if (!page || !preface ||
	    gallery_preface(g->on.mountpoint, world_wall_ms(g->on.world), !g->stale,
			    &preface->text) < 0) {
		if (preface)
			buf_release(&preface->text);
		free(preface);
		free(page);
		return NULL;
	}
	page->refs = 1;
	g->pages++;
	add_part(page, gallery_head, gallery_head_size, NULL);
	add_part(page, preface->text.data, preface->text.size, preface);
	add_blocks(page, g);
	add_part(page, "\n]}\n", 4, NULL);
	add_part(page, gallery_tail, gallery_tail_size, NULL);
	return page;
}

/* --- what has changed --- */

static void on_job(struct job *job, enum jobs_change change, void *data)
{
	struct gallery *g = data;
	size_t i = job->number / BLOCK;

	(void)change;
	if (job->number > g->last)
		g->last = job->number;
	if (i >= g->n || g->blocks[i].stale)
		return;
	g->blocks[i].stale = true;
	g->stale++;
}

/* Blocks for all jobs that there are. */
static int grow(struct gallery *g)
{
	size_t n = g->last / BLOCK + 1;
	struct block *blocks;

	if (n <= g->n)
		return 0;
	blocks = realloc(g->blocks, n * sizeof(*blocks));
	if (!blocks)
		return -ENOMEM;
	for (size_t i = g->n; i < n; i++)
		blocks[i] = (struct block){ NULL, true };
	g->blocks = blocks;
	g->stale += n - g->n;
	g->n = n;
	return 0;
}

static int make_block(struct gallery *g, size_t i)
{
	struct piece *piece = calloc(1, sizeof(*piece));
	int r = piece ? 0 : -ENOMEM;

	for (uint64_t n = BLOCK; r == 0 && n-- > 0;) {
		const struct job *job = engine_find_number(g->on.engine, i * BLOCK + n);

		if (job)
			r = gallery_record(job, &piece->text);
	}
	if (r < 0) {
		if (piece)
			buf_release(&piece->text);
		free(piece);
		return r;
	}
	piece->refs = 1;
	piece_drop(g->blocks[i].piece);
	g->blocks[i] = (struct block){ piece, false };
	g->stale--;
	g->remade = true;
	return 0;
}

/* One turn's work, the newest first. */
static int work(struct gallery *g)
{
	size_t most = TURN;
	int r = grow(g);

	for (size_t i = g->n; r == 0 && most && g->stale && i-- > 0;) {
		if (!g->blocks[i].stale)
			continue;
		r = make_block(g, i);
		most--;
	}
	return r;
}

static void go_on(struct gallery *g)
{
	if (g->stale && g->turn)
		g->on.world->timer_start(g->turn, 0);
}

static void on_turn(void *data)
{
	struct gallery *g = data;

	if (work(g) == 0) /* else when somebody asks again */
		go_on(g);
}

static void let_go(struct gallery *g)
{
	page_drop(g, g->page);
	g->page = NULL;
	for (size_t i = 0; i < g->n; i++)
		piece_drop(g->blocks[i].piece);
	free(g->blocks);
	g->blocks = NULL;
	g->n = g->stale = 0;
}

/* Nobody has asked for some time: all is made anew when somebody does. */
static void on_rest(void *data)
{
	struct gallery *g = data;

	g->on.world->timer_stop(g->turn);
	let_go(g);
}

/* --- who asks --- */

static bool is_stale(const struct gallery *g)
{
	return !g->page || g->remade || g->stale || g->last / BLOCK >= g->n;
}

/* Somebody may be on the way with the size of the page. */
static bool is_awaited(const struct gallery *g, int64_t now)
{
	return g->page && now - g->shown_ms < GALLERY_SHOWN_MS;
}

static bool is_held(const struct gallery *g, int64_t now)
{
	return is_awaited(g, now) && now - g->first_ms < HELD_MS;
}

/* The page that is the newest from now on; NULL when out of memory. */
static struct gallery_page *newest(struct gallery *g, bool stays)
{
	struct gallery_page *page;

	if (g->rest)
		g->on.world->timer_start(g->rest, KEPT_MS);
	if (is_stale(g) && !stays && g->pages < GALLERY_PAGES && g->turn) {
		work(g);
		page = page_new(g);
		if (page) {
			page_drop(g, g->page);
			g->page = page;
			g->remade = false;
			g->first_ms = world_mono_ms(g->on.world);
			node_touch(g->node, world_wall_ms(g->on.world) * 1000000);
		}
	}
	go_on(g);
	return g->page;
}

int64_t gallery_size(struct gallery *g)
{
	const struct gallery_page *page = newest(g, is_held(g, world_mono_ms(g->on.world)));

	g->shown_ms = world_mono_ms(g->on.world);
	return page ? (int64_t)page->size : 0;
}

int gallery_open(struct gallery *g, struct gallery_page **out)
{
	struct gallery_page *page = newest(g, is_awaited(g, world_mono_ms(g->on.world)));

	if (!page)
		return -ENOMEM;
	page->refs++;
	*out = page;
	return 0;
}

void gallery_close(struct gallery *g, struct gallery_page *page)
{
	page_drop(g, page);
}

int gallery_read(const struct gallery_page *page, size_t offset, size_t size, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < page->n && size && r == 0; i++) {
		const struct part *part = &page->part[i];
		size_t left = offset < part->size ? part->size - offset : 0;
		size_t n = left < size ? left : size;

		if (n)
			r = buf_append(out, part->bytes + offset, n);
		offset -= n ? offset : part->size;
		size -= n;
	}
	return r;
}

/* --- life --- */

static int plant(struct gallery *g)
{
	int r = tree_make(g->on.root->tree, NODE_GALLERY, AREA_ROOT, 0444, &g->node);

	if (r < 0)
		return r;
	r = tree_link(g->on.root, "gallery.html", g->node, true, NULL);
	if (r == 0)
		g->node->data = g;
	node_unpin(g->node);
	return r;
}

int gallery_new(struct gallery **out, const struct gallery_ground *ground)
{
	const struct world *world = ground->world;
	struct gallery *g = calloc(1, sizeof(*g));
	int r = -ENOMEM;

	if (!g)
		return r;
	g->on = *ground;
	g->turn = world->timer_new(world->self, on_turn, g);
	g->rest = world->timer_new(world->self, on_rest, g);
	if (g->turn && g->rest)
		r = plant(g);
	if (r == 0)
		r = engine_listen(ground->engine, on_job, g);
	if (r < 0)
		gallery_free(g);
	else
		*out = g;
	return r;
}

void gallery_stop(struct gallery *g)
{
	if (!g)
		return;
	g->on.world->timer_free(g->turn);
	g->on.world->timer_free(g->rest);
	g->turn = g->rest = NULL;
}

void gallery_free(struct gallery *g)
{
	if (!g)
		return;
	gallery_stop(g);
	let_go(g);
	free(g);
}
