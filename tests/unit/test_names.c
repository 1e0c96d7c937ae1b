/* names: ids, drafts and refusals, at the edges of each limit. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pimagefs/names.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char *const patterns[] = { (char *)".*",           (char *)"*~",    (char *)"*.swp",
				  (char *)"*.swx",        (char *)"*.tmp", (char *)"*.part",
				  (char *)"*.crdownload", (char *)"4913",  (char *)"#*#" };

/* A name of n letters and the ending. */
static const char *long_name(size_t n, const char *ending)
{
	static char name[400];

	memset(name, 'a', n);
	strcpy(name + n, ending);
	return name;
}

static void a_usual_name_is_taken(void **state)
{
	static const char *const names[] = { "fox",
					     "fox.txt",
					     "ein Fuchs",
					     "f\xc3\xbc"
					     "chse.json",
					     "a.b.c",
					     ".x",
					     "...",
					     "-rf" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(names_check(names[i], false), 0);
}

static void what_no_name_can_be_is_refused(void **state)
{
	static const char *const names[] = { "",     ".",    "..",       "a/b",
					     "/",    "a\nb", "a\tb",     "\x7f",
					     "\xff", "\xc3", "\xc2\x85", "\xed\xa0\x80" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(names_check(names[i], false), -EINVAL);
		assert_int_equal(names_check(names[i], true), -EINVAL);
		assert_int_equal(names_check_folder(names[i]), -EINVAL);
	}
}

static void every_name_of_the_tree_fits(void **state)
{
	(void)state;
	assert_int_equal(names_check(long_name(245, ""), false), 0);
	assert_int_equal(names_check(long_name(246, ""), false), -ENAMETOOLONG);
	assert_int_equal(names_check(long_name(245, ".txt"), false), 0);
	assert_int_equal(names_check(long_name(246, ".txt"), false), -ENAMETOOLONG);
	assert_int_equal(names_check(long_name(245, ".prompt"), false), 0);
	/* An ending that is not known belongs to the id. */
	assert_int_equal(names_check(long_name(245, ".doc"), false), -ENAMETOOLONG);
	assert_int_equal(names_check(long_name(251, ".tmp"), true), 0);
	assert_int_equal(names_check(long_name(252, ".tmp"), true), -ENAMETOOLONG);
	assert_int_equal(names_check(long_name(256, ""), true), -ENAMETOOLONG);
}

static void a_folder_hides_no_file(void **state)
{
	static const char *const bad[] = { "a.png", "a.jpg", "a.webp", "a.json", "a.error.txt" };
	static const char *const good[] = { "a",     "a.txt",   "png",   ".png",
					    ".json", "a.png.d", "a.PNG", "error.txt" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(names_check_folder(bad[i]), -EINVAL);
	for (size_t i = 0; i < COUNT(good); i++)
		assert_int_equal(names_check_folder(good[i]), 0);
	assert_int_equal(names_check_folder(long_name(255, "")), 0);
	assert_int_equal(names_check_folder(long_name(256, "")), -ENAMETOOLONG);
	assert_int_equal(names_check_path("cats/big.ones/fox", NAMES_REQUEST), 0);
	assert_int_equal(names_check_path("cats", NAMES_FOLDER), 0);
	assert_int_equal(names_check_path("cats.png/fox", NAMES_REQUEST), -EINVAL);
	assert_int_equal(names_check_path("cats/fox.png", NAMES_FOLDER), -EINVAL);
	assert_int_equal(names_check_path("", NAMES_REQUEST), -EINVAL);
	assert_int_equal(names_check_path("cats//fox", NAMES_REQUEST), -EINVAL);
	assert_int_equal(names_check_path("../fox", NAMES_REQUEST), -EINVAL);
	assert_int_equal(names_check_path(long_name(252, ""), NAMES_DRAFT), 0);
	assert_int_equal(names_check_path(long_name(252, ""), NAMES_REQUEST), -ENAMETOOLONG);
	assert_int_equal(names_check_path(long_name(257, ""), NAMES_DRAFT), -ENAMETOOLONG);
}

static void the_id_is_the_path_without_a_known_ending(void **state)
{
	static const struct {
		const char *path, *id;
	} rows[] = {
		{ "fox", "fox" },
		{ "fox.txt", "fox" },
		{ "fox.json", "fox" },
		{ "fox.prompt", "fox" },
		{ "fox.prompts", "fox" },
		{ "fox.md", "fox" },
		{ "fox.TXT", "fox.TXT" },
		{ "fox.png", "fox.png" },
		{ "fox.txt.txt", "fox.txt" },
		{ "fox.json.md", "fox.json" },
		{ "foxtxt", "foxtxt" },
		{ "cats/tabby.json", "cats/tabby" },
		{ "cats.txt/tabby", "cats.txt/tabby" },
		{ ".txt", ".txt" },
		{ "cats/.json", "cats/.json" },
		{ "a.", "a." },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(names_id_length(rows[i].path), strlen(rows[i].id));
}

static void drafts_are_known_by_their_parts(void **state)
{
	static const char *const drafts[] = {
		".fox.txt.swp", ".goutputstream-ABC123",
		"fox~",         "fox.swp",
		"fox.swx",      "a/b.tmp",
		"fox.txt.part", "x.crdownload",
		"4913",         "a/4913",
		"#fox#",        ".fox.txt.X8a2Qz",
		".txt",         "a/.json",
		".md",          "a~/fox",
		".git/a/fox",
	};
	static const char *const others[] = { "fox",  "fox.txt",      "4913.txt", "14913", "#fox",
					      "fox#", "fox.part.txt", "tmp",      "a.tmpx" };

	(void)state;
	for (size_t i = 0; i < COUNT(drafts); i++)
		assert_true(names_is_draft(drafts[i], patterns, COUNT(patterns)));
	for (size_t i = 0; i < COUNT(others); i++)
		assert_false(names_is_draft(others[i], patterns, COUNT(patterns)));
}

static void without_patterns_only_a_bare_ending_is_a_draft(void **state)
{
	(void)state;
	assert_false(names_is_draft(".fox", NULL, 0));
	assert_false(names_is_draft("fox~", NULL, 0));
	assert_true(names_is_draft("a/.txt", NULL, 0));
	assert_true(names_is_draft(".prompt", NULL, 0));
}

static void a_text_of_the_network_is_plain_or_not(void **state)
{
	static const char *const plain[] = { "a", "A-b_c.d", "0", "a.", "12345678" };
	static const char *const others[] = {
		"",    ".",   "..",       ".a",        "a/b", "../a",
		"a b", "a\n", "\xc3\xa4", "123456789", "a:b", "a%2f"
	};

	(void)state;
	for (size_t i = 0; i < COUNT(plain); i++)
		assert_true(names_is_plain(plain[i], 8));
	for (size_t i = 0; i < COUNT(others); i++)
		assert_false(names_is_plain(others[i], 8));
}

static void endings_that_the_tree_gives(void **state)
{
	static const struct {
		const char *path;
		size_t length;
	} rows[] = {
		{ "fox.png", 3 },
		{ "a.b/fox.jpg", 7 },
		{ "fox.webp", 3 },
		{ "fox.json", 3 },
		{ "fox.error.txt", 3 },
		{ "fox.txt", 7 },
		{ "fox", 3 },
		{ "a.png/fox", 9 },
		{ ".png", 4 },
		{ "a/.png", 6 },
		{ "", 0 },
		{ "fox.png.png", 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(names_made_length(rows[i].path), rows[i].length);
}

static void what_desktops_look_for(void **state)
{
	static const char *const probed[] = { ".hidden",         ".Trash",     ".Trash-0",
					      ".Trash-1000",     ".directory", "autorun.inf",
					      ".xdg-volume-info" };
	static const char *const others[] = { "",        ".Trash-",    ".Trash-x", ".Trash-1x",
					      "hidden",  ".hidden2",   "fox.png",  ".fox",
					      "Trash-1", "AUTORUN.INF" };

	(void)state;
	for (size_t i = 0; i < sizeof(probed) / sizeof(*probed); i++)
		assert_true(names_is_probed(probed[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(names_is_probed(others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endings_that_the_tree_gives),
		cmocka_unit_test(a_usual_name_is_taken),
		cmocka_unit_test(what_no_name_can_be_is_refused),
		cmocka_unit_test(every_name_of_the_tree_fits),
		cmocka_unit_test(a_folder_hides_no_file),
		cmocka_unit_test(the_id_is_the_path_without_a_known_ending),
		cmocka_unit_test(drafts_are_known_by_their_parts),
		cmocka_unit_test(without_patterns_only_a_bare_ending_is_a_draft),
		cmocka_unit_test(a_text_of_the_network_is_plain_or_not),
		cmocka_unit_test(what_desktops_look_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
