/* library_keep, library_place: names, sidecars, what is refused, and failing system calls. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "oom.h"
#include "samples.h"
#include "shelf.h"

static void keeps(void **state)
{
	struct shelf *p = *state;
	struct library_entry entry = { 0 };
	char sum[DIGEST_HEX];
	struct stat st;

	assert_int_equal(shelf_keep(p, &p->png, "fox", SIDECAR, &entry, NULL), 0);
	assert_string_equal(entry.path, "2026-11-22/141503-fox.png");
	assert_int_equal(entry.picture.kind, PICTURE_PNG);
	assert_int_equal(entry.picture.width, 20);
	assert_int_equal(entry.picture.height, 10);
	assert_int_equal(entry.bytes, p->png.size);
	assert_int_equal(digest_sha256(p->png.data, p->png.size, sum), 0);
	assert_string_equal(entry.sha256, sum);
	shelf_assert_files(p, "2026-11-22/141503-fox.json\n2026-11-22/141503-fox.png\n");
	shelf_assert_content(p, entry.path, p->png.data, p->png.size);
	shelf_assert_content(p, "2026-11-22/141503-fox.json", SIDECAR, strlen(SIDECAR));
	assert_int_equal(stat(scratch_path(library_path(p->l), entry.path), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_mtim.tv_sec, WHEN / 1000);
	assert_int_equal(st.st_mtim.tv_nsec, 250000000);
	free(entry.path);
}

static void keeps_without_sidecar(void **state)
{
	struct shelf *p = *state;
	struct library_entry entry = { 0 };

	assert_int_equal(shelf_keep(p, &p->png, "fox", NULL, &entry, NULL), 0);
	shelf_assert_files(p, "2026-11-22/141503-fox.png\n");
	free(entry.path);
}

static void true_ending(void **state)
{
	static const char *const files[] = { "baseline.jpg", "lossy.webp" };
	struct shelf *p = *state;

	for (size_t i = 0; i < 2; i++) {
		struct library_entry entry = { 0 };
		struct buf b = BUF_INIT;

		sample_file(&b, files[i]);
		assert_int_equal(shelf_keep(p, &b, i ? "b" : "a", NULL, &entry, NULL), 0);
		assert_int_equal(entry.picture.width, 24);
		free(entry.path);
		buf_release(&b);
	}
	shelf_assert_files(p, "2026-11-22/141503-a.jpg\n2026-11-22/141503-b.webp\n");
}

static void never_overwrites(void **state)
{
	struct shelf *p = *state;
	struct buf jpeg = BUF_INIT;
	struct library_entry entry = { 0 };

	shelf_assert_kept_as(p, "fox", "2026-11-22/141503-fox.png");
	shelf_assert_kept_as(p, "fox", "2026-11-22/141503-fox-2.png");
	shelf_assert_kept_as(p, "fox", "2026-11-22/141503-fox-3.png");
	/* A name is taken for a picture of another kind too: its sidecar would be the same file. */
	sample_file(&jpeg, "baseline.jpg");
	assert_int_equal(shelf_keep(p, &jpeg, "fox", "other", &entry, NULL), 0);
	assert_string_equal(entry.path, "2026-11-22/141503-fox-4.jpg");
	shelf_assert_content(p, "2026-11-22/141503-fox.json", SIDECAR, strlen(SIDECAR));
	shelf_assert_content(p, "2026-11-22/141503-fox-4.json", "other", 5);
	free(entry.path);
	buf_release(&jpeg);
}

static unsigned lost;

/* Another thread has just moved the last picture out of the day's folder. */
static int rename_late(const struct disk *d, int from_dir, const char *from, int to_dir,
		       const char *to, unsigned flags)
{
	struct faulty_disk real;
	char folder[64], path[4096];
	ssize_t size;

	snprintf(folder, sizeof(folder), "/proc/self/fd/%d", to_dir);
	size = readlink(folder, path, sizeof(path) - 1);
	assert_true(size > 0);
	path[size] = '\0';
	if (lost) {
		lost--;
		assert_int_equal(rmdir(path), 0);
	}
	faulty_disk_init(&real);
	(void)d;
	return real.disk.rename(&real.disk, from_dir, from, to_dir, to, flags);
}

static void a_folder_that_goes_meanwhile_is_made_again(void **state)
{
	struct shelf *p = *state;

	p->disk.disk.rename = rename_late;
	for (unsigned times = 1; times <= 3; times++) {
		lost = times;
		shelf_assert_kept_as(p, "fox", "2026-11-22/141503-fox.png");
		assert_int_equal(lost, 0);
		assert_int_equal(library_remove(p->l, "2026-11-22/141503-fox.png"), 0);
	}
}

static void foreign_files_stay(void **state)
{
	struct shelf *p = *state;

	shelf_assert_kept_as(p, "first", "2026-11-22/141503-first.png");
	scratch_write(library_path(p->l), "2026-11-22/141503-a.json", "mine", 4);
	scratch_write(library_path(p->l), "2026-11-22/141503-b.png", "mine", 4);
	shelf_assert_kept_as(p, "a", "2026-11-22/141503-a-2.png");
	shelf_assert_kept_as(p, "b", "2026-11-22/141503-b-2.png");
	shelf_assert_content(p, "2026-11-22/141503-a.json", "mine", 4);
	shelf_assert_content(p, "2026-11-22/141503-b.png", "mine", 4);
	assert_int_equal(library_size(p->l, "2026-11-22/141503-a.png"), -ENOENT);
}

static void without_renameat2(void **state)
{
	struct shelf *p = *state;

	p->disk.old = true;
	shelf_assert_kept_as(p, "fox", "2026-11-22/141503-fox.png");
	shelf_assert_kept_as(p, "fox", "2026-11-22/141503-fox-2.png");
	shelf_assert_files(p, "2026-11-22/141503-fox-2.json\n2026-11-22/141503-fox-2.png\n"
			      "2026-11-22/141503-fox.json\n2026-11-22/141503-fox.png\n");
}

static void ids(void **state)
{
	struct shelf *p = *state;

	shelf_assert_kept_as(p, "cats/big/tabby", "2026-11-22/141503-cats-big-tabby.png");
	shelf_assert_kept_as(p, "../../etc/passwd", "2026-11-22/141503-..-..-etc-passwd.png");
	shelf_assert_kept_as(p, ".hidden", "2026-11-22/141503-.hidden.png");
	shelf_assert_kept_as(p, "ein schöner Fuchs 🦊",
			     "2026-11-22/141503-ein schöner Fuchs 🦊.png");
	shelf_assert_kept_as(p,
			     "a\nb\x7f"
			     "c",
			     "2026-11-22/141503-a_b_c.png");
	shelf_assert_kept_as(p, "v1.5", "2026-11-22/141503-v1.5.png");
	shelf_assert_kept_as(p, "", "2026-11-22/141503-.png");
}

static void long_ids(void **state)
{
	struct shelf *p = *state;
	struct library_entry entry = { 0 };
	char id[1000], *name;

	for (size_t i = 0; i < sizeof(id) - 1; i += 3)
		memcpy(id + i, "\xe2\x98\x83", 3);
	id[sizeof(id) - 1] = '\0';
	assert_int_equal(shelf_keep(p, &p->png, id, SIDECAR, &entry, NULL), 0);
	name = strchr(entry.path, '/') + 1;
	assert_int_equal(strlen(name), strlen("141503-") + 64 * 3 + strlen(".png"));
	assert_memory_equal(name + 7 + 63 * 3, "\xe2\x98\x83.png", 8);
	free(entry.path);
	assert_int_equal(shelf_keep(p, &p->png, id, SIDECAR, &entry, NULL), 0);
	assert_string_equal(entry.path + strlen(entry.path) - 6, "-2.png");
	assert_true(strlen(strchr(entry.path, '/') + 1) <= 255);
	free(entry.path);
}

static void assert_refused(struct shelf *p, const void *bytes, size_t size, int r,
			   const char *words)
{
	struct buf b = BUF_INIT;
	struct library_entry entry = { 0 };
	struct error err;

	assert_int_equal(size ? buf_append(&b, bytes, size) : 0, 0);
	assert_int_equal(shelf_keep(p, &b, "fox", SIDECAR, &entry, &err), r);
	assert_int_equal(err.class, ERROR_DOWNLOAD);
	assert_non_null(strstr(err.message, words));
	assert_null(entry.path);
	shelf_assert_files(p, "");
	buf_release(&b);
}

static void no_pictures(void **state)
{
	struct shelf *p = *state;
	static const struct {
		const char *text, *words;
	} known[] = {
		{ "<!DOCTYPE html><p>sign in", "an HTML page" },
		{ "\n \xef\xbb\xbf", "plain text" },
		{ "\xef\xbb\xbf  <HTML lang=en>", "an HTML page" },
		{ "<?xml version=\"1.0\"?><svg/>", "an XML document" },
		{ " {\"error\": \"gone\"}", "JSON" },
		{ "[]", "JSON" },
		{ "Bad gateway", "plain text" },
		{ "GIF89a\1", "a GIF picture" },
		{ "\x89PN", "data of unknown kind" },
		{ "\1\2\3\xff", "data of unknown kind" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		assert_refused(p, known[i].text, strlen(known[i].text), -EILSEQ, known[i].words);
	assert_refused(p,
		       "\0\0\0\x1c"
		       "ftypavif",
		       12, -EILSEQ, "an AVIF picture");
	assert_refused(p, "text\0with a NUL", 15, -EILSEQ, "data of unknown kind");
	assert_refused(p, "", 0, -EILSEQ, "nothing");
	assert_refused(p, p->png.data, p->png.size - 1, -ENODATA, "cut short");
}

/* A long page that is cut within a character where the look at it ends. */
static void long_page(void **state)
{
	struct buf b = BUF_INIT;

	assert_int_equal(buf_puts(&b, "<html>-"), 0);
	while (b.size < 3000)
		assert_int_equal(buf_puts(&b, "\xc3\xa4"), 0);
	assert_refused(*state, b.data, b.size, -EILSEQ, "an HTML page");
	buf_release(&b);
}

static void temporary_folder_vanished(void **state)
{
	struct shelf *p = *state;

	shelf_assert_kept_as(p, "a", "2026-11-22/141503-a.png");
	assert_int_equal(rmdir(scratch_path(library_path(p->l), ".tmp")), 0);
	shelf_assert_kept_as(p, "b", "2026-11-22/141503-b.png");
}

static void day_is_a_file(void **state)
{
	struct shelf *p = *state;
	struct library_entry entry = { 0 };

	scratch_write(library_path(p->l), "2026-11-22", "x", 1);
	assert_int_equal(shelf_keep(p, &p->png, "fox", SIDECAR, &entry, NULL), -ENOTDIR);
	shelf_assert_files(p, "2026-11-22\n");
}

/* Whichever call fails, nothing keeps its name, and the next try has the first choice of names. */
static void failing_calls(void **state)
{
	struct shelf *p = *state;
	int failed = 0;

	for (int n = 0;; n++, failed++) {
		struct library_entry entry = { 0 };
		int r;

		p->disk.left = n;
		r = shelf_keep(p, &p->png, "fox", SIDECAR, &entry, NULL);
		if (r == 0) {
			assert_string_equal(entry.path, "2026-11-22/141503-fox.png");
			free(entry.path);
			break;
		}
		assert_int_equal(r, -EIO);
		assert_null(entry.path);
		shelf_assert_files(p, "");
	}
	/* File, bytes, time and sync of the picture, file, bytes and sync of its sidecar, the day,
	 * two renames, a sync. */
	assert_true(failed >= 11);
}

/* A day's folder that was made, and not synced into the library, is not taken for one that lasts.
 */
static void a_day_that_was_not_synced(void **state)
{
	struct shelf *p = *state;
	struct library_entry entry = { 0 };

	p->disk.syncs_left = 2; /* of the picture, of its sidecar */
	assert_int_equal(shelf_keep(p, &p->png, "fox", SIDECAR, &entry, NULL), -EIO);
	p->disk.syncs_left = 2; /* now the library's fails again */
	assert_int_equal(shelf_keep(p, &p->png, "fox", SIDECAR, &entry, NULL), -EIO);
	p->disk.syncs_left = 3; /* and now the day's */
	assert_int_equal(shelf_keep(p, &p->png, "fox", SIDECAR, &entry, NULL), -EIO);
	p->disk.syncs_left = -1;
	shelf_assert_kept_as(p, "fox", "2026-11-22/141503-fox.png");
}

/* The folders that were synced, by their inodes. */
static ino_t synced[64];
static size_t n_synced;

static int note_sync(const struct disk *d, int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_true(n_synced < sizeof(synced) / sizeof(*synced));
	synced[n_synced++] = st.st_ino;
	return disk_real.sync(d, fd);
}

static bool was_synced(struct shelf *p, const char *name)
{
	struct stat st;

	assert_int_equal(stat(scratch_path(library_path(p->l), name), &st), 0);
	for (size_t i = 0; i < n_synced; i++)
		if (synced[i] == st.st_ino)
			return true;
	return false;
}

/* What leaves a folder that lasts goes only to one that does. */
static void every_folder_of_the_trash_is_synced(void **state)
{
	struct shelf *p = *state;
	char *path = NULL;

	shelf_assert_kept_as(p, "fox", "2026-11-22/141503-fox.png");
	p->disk.disk.sync = note_sync;
	n_synced = 0;
	assert_int_equal(library_trash(p->l, "2026-11-22/141503-fox.png", WHEN, &path), 0);
	assert_true(was_synced(p, "."));
	assert_true(was_synced(p, ".trash"));
	assert_true(was_synced(p, ".trash/2026-11-22"));
	free(path);
}

static void short_writes(void **state)
{
	struct shelf *p = *state;

	p->disk.most = 7;
	shelf_assert_kept_as(p, "fox", "2026-11-22/141503-fox.png");
	shelf_assert_content(p, "2026-11-22/141503-fox.png", p->png.data, p->png.size);
	shelf_assert_content(p, "2026-11-22/141503-fox.json", SIDECAR, strlen(SIDECAR));
}

static void file_too_large(void **state)
{
	struct shelf *p = *state;
	struct library_entry entry = { 0 };
	struct rlimit was, small;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	int r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = p->png.size - 1; /* part of it goes in */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	r = shelf_keep(p, &p->png, "fox", SIDECAR, &entry, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, handler);
	assert_int_equal(r, -EFBIG);
	shelf_assert_files(p, "");
}

static void no_memory(void **state)
{
	struct shelf *p = *state;
	unsigned failed = 1;

	for (unsigned n = 0; failed; n++) {
		struct library_entry entry = { 0 };
		int r;

		oom_fail_after(n);
		r = shelf_keep(p, &p->png, "fox", SIDECAR, &entry, NULL);
		failed = oom_off();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		if (failed)
			shelf_assert_files(p, "");
		free(entry.path);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, shelf_make, shelf_drop)

/* Whatever fails, the one or the other is there, whole. */
static void a_sidecar_is_written_anew(void **state)
{
	static const char anew[] = "{\"prompt\": \"a red fox\", \"rating\": 7}\n";
	static const char path[] = "2026-11-22/141503-fox.png",
			  beside[] = "2026-11-22/141503-fox.json";
	struct shelf *p = *state;
	int r = -EIO;

	shelf_assert_kept_as(p, "fox", path);
	for (int n = 0; r < 0; n++) {
		p->disk.left = n;
		r = library_write_sidecar(p->l, path, anew, (uint64_t)n);
		p->disk.left = -1;
		shelf_assert_files(p, "2026-11-22/141503-fox.json\n2026-11-22/141503-fox.png\n");
		if (r < 0)
			assert_int_equal(r, -EIO);
	}
	shelf_assert_content(p, beside, anew, strlen(anew));
	shelf_assert_content(p, path, p->png.data, p->png.size);
	assert_int_equal(library_write_sidecar(p->l, "2026-11-22/141503-no.png", anew, 1), -ENOENT);
	assert_int_equal(library_write_sidecar(p->l, "../fox.png", anew, 1), -EINVAL);
	shelf_assert_files(p, "2026-11-22/141503-fox.json\n2026-11-22/141503-fox.png\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps),
		TEST(keeps_without_sidecar),
		TEST(true_ending),
		TEST(never_overwrites),
		TEST(a_sidecar_is_written_anew),
		TEST(a_folder_that_goes_meanwhile_is_made_again),
		TEST(foreign_files_stay),
		TEST(without_renameat2),
		TEST(ids),
		TEST(long_ids),
		TEST(no_pictures),
		TEST(long_page),
		TEST(temporary_folder_vanished),
		TEST(day_is_a_file),
		TEST(failing_calls),
		TEST(a_day_that_was_not_synced),
		TEST(every_folder_of_the_trash_is_synced),
		TEST(short_writes),
		TEST(file_too_large),
		TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
