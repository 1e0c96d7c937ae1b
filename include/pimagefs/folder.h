/* folder: make a folder of the disk, durably. Floor 0. */
#ifndef PIMAGEFS_FOLDER_H
#define PIMAGEFS_FOLDER_H

#include <sys/types.h>

/* Make the folder and those above it that are missing, with this mode (less the umask), each synced
 * into the one that holds it, and open it (O_DIRECTORY | O_CLOEXEC). An existing one keeps its
 * mode. The descriptor or a negative errno. */
int folder_make(const char *path, mode_t mode);

#endif
