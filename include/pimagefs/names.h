/* names: from a path below requests/ to an id, and which names are drafts. Floor 1, pure. */
#ifndef PIMAGEFS_NAMES_H
#define PIMAGEFS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* The longest ending that the tree gives an id, so that every name of the tree fits into 255 bytes.
 */
#define NAMES_LONGEST_ENDING ".error.txt"
#define NAMES_MAX 255
#define NAMES_PATH_MAX 4000 /* bytes of a whole path below requests/ */

/* May a file or folder be called so in requests/? 0, -ENAMETOOLONG, -EINVAL (not UTF-8, control
 * characters). A draft's name (draft true) needs no room for an ending. */
int names_check(const char *name, bool draft);
/* As names_check, and -EINVAL for a folder whose name would hide a file of images/ or status/
 * (it ends with .png, .jpg, .webp, .json or .error.txt). */
int names_check_folder(const char *name);
enum names_last { NAMES_REQUEST, NAMES_DRAFT, NAMES_FOLDER };
/* May this be a path below requests/ that ends in such a name? 0, -ENAMETOOLONG or -EINVAL. */
int names_check_path(const char *path, enum names_last last);
/* Length of the path without a known ending of its last part (.txt .json .prompt .prompts .md, any
 * case kept as is: only lower case counts). */
size_t names_id_length(const char *path);
/* Length of the path without an ending that the tree gives an id (.png .jpg .webp .json
 * .error.txt).
 */
size_t names_made_length(const char *path);
/* True if a part of path matches one of the fnmatch patterns, or the last one has nothing before
 * its ending. */
bool names_is_draft(const char *path, char *const *patterns, size_t n);
/* One prompt a line: it ends in .prompts. */
bool names_is_list(const char *path);
/* True for a name that desktops look for in every folder (".hidden", ".Trash-1000", ".directory",
 * ...).
 */
bool names_is_probed(const char *name);
/* True for a text of the network that may stand as one file name: 1..max bytes of [A-Za-z0-9._-],
 * not beginning with '.'. */
bool names_is_plain(const char *text, size_t max);

#endif
