/* Finding a database that was put aside. */
#ifndef STORE_ASIDE_H
#define STORE_ASIDE_H

/* The newest one's name, the caller's. 0, -ENOENT, or a negative errno. */
int store_find_aside(int folder_fd, char **aside);

#endif
