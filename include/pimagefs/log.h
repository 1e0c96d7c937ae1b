/* log: lines for the person who runs the mount. Floor 0. Its level and target are the program's
 * only mutable globals. No caller passes a secret; nothing here can tell. */
#ifndef PIMAGEFS_LOG_H
#define PIMAGEFS_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* target: "stderr", "syslog" or a file's absolute path (opened 0600, appended to).
 * 0 or a negative errno; on failure the earlier target stays. Before the first call: stderr, info.
 */
int log_open(const char *target, enum log_level level);
/* Open the same file once more: what was there may have been renamed (log rotation). Another
 * target goes on as it is. 0 or a negative errno, and then the file that was open stays so. */
int log_reopen(void);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
