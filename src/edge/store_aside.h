/* What a database consists of on the disk, and finding one that was put aside. */
#ifndef STORE_ASIDE_H
#define STORE_ASIDE_H

#define STORE_ENDINGS 3
extern const char *const store_endings[STORE_ENDINGS]; /* the database's own first */

/* The newest one's name, the caller's. 0, -ENOENT, or a negative errno. */
int store_find_aside(int folder_fd, char **aside);

#endif
