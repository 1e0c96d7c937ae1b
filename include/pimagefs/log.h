/* log: lines for the person who runs the mount. Layer 0. Its level and target are the program's
 * only mutable globals. No caller passes a secret; nothing here can tell. */
#ifndef PIMAGEFS_LOG_H
#define PIMAGEFS_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* target: "stderr", "syslog" or a file's absolute path (opened 0600, appended to).
 * 0 or a negative errno; on failure the earlier target stays. Before the first call: stderr, info.
 */
int log_open(const char *target, enum log_level level);
/* True if a line of this level would be written. */
int log_wants(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
