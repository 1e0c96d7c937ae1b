#!/bin/bash
# What no source of the program calls: ways to end it, threads and locks, and what cannot be told
# how much room there is.
set -u
cd "$(dirname "$0")/../.." || exit 2

never='exit|abort|assert|quick_exit|err|errx|system|popen|gets|sprintf|vsprintf|strcpy|strcat|stpcpy'
never+='|strncpy|strncat|strtok|atoi|atol|atoll|atof|alloca|tmpnam|mktemp|tempnam|rand|srand|random'
never+='|ctime|asctime|readdir_r|vfork|longjmp|setjmp'
never+='|pthread_[a-z_]+|thrd_[a-z]+|mtx_[a-z]+|sem_[a-z]+|uv_queue_work'
never+='|uv_(mutex|rwlock|sem|cond|thread|barrier|key)_[a-z]+'

# _exit ends a process that was only forked, where processes are forked.
forks='^src/(app/|demo/process|mount/courier)'
# The one place that hands work to libuv's pool.
pool='^src/app/real_world'
# libpng reports its errors by a long jump.
jumps='^src/demo/painter'

awk -f tests/lint/strip.awk src/*/*.[ch] include/pimagefs/*.h |
	awk -F: -v never="(^|[^A-Za-z0-9_>.])($never)[ \t]*\\\\(" -v forks="$forks" \
		-v jumps="$jumps" -v pool="$pool" '
	function bad(why) { print $1 ":" $2 ": " why; failed = 1 }
	{ text = $0; sub(/^[^:]*:[^:]*:/, "", text) }
	match(text, never) {
		word = substr(text, RSTART, RLENGTH)
		gsub(/[^A-Za-z0-9_]/, "", word)
		if ((word !~ /jmp$/ || $1 !~ jumps) && (word != "uv_queue_work" || $1 !~ pool))
			bad(word "() has no place in src")
	}
	text ~ /(^|[^A-Za-z0-9_])_exit[ \t]*\(/ && $1 !~ forks { bad("_exit() where nothing forks") }
	text ~ /(^|[^A-Za-z0-9_])(O_RDONLY|O_WRONLY|O_RDWR|O_PATH)([^A-Za-z0-9_]|$)/ &&
		text ~ /(^|[^a-z_>])(open|openat)\(/ && text ~ /\)[^()]*;/ && text !~ /O_CLOEXEC/ {
		bad("a descriptor without O_CLOEXEC")
	}
	text ~ /(^|[^A-Za-z0-9_])(pipe|dup|epoll_create|inotify_init)[ \t]*\(/ {
		bad("use the call that takes CLOEXEC")
	}
	END { exit failed }'
