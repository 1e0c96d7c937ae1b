#!/bin/bash
# Each header compiles alone, and twice.
set -u
cd "$(dirname "$0")/../.." || exit 2
flags=$(${PKG_CONFIG:-pkg-config} --cflags fuse3 libcurl jansson inih libuv sqlite3 libmicrohttpd \
	libpng libcrypto | sed 's/-I/-isystem /g')
bad=0
for header in include/pimagefs/*.h src/*/*.h; do
	[ -f "$header" ] || continue
	# shellcheck disable=SC2086 # a list of options
	printf '#include "%s"\n#include "%s"\n' "$PWD/$header" "$PWD/$header" |
		${CC:-cc} -std=c11 -D_GNU_SOURCE -DFUSE_USE_VERSION=314 -Wall -Wextra -Wstrict-prototypes \
			-Wundef -Werror -Iinclude $flags -fsyntax-only -x c - || bad=1
	grep -q '^#ifndef' "$header" || {
		echo "$header: no include guard"
		bad=1
	}
done
exit $bad
