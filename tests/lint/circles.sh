#!/bin/bash
# No circle of files in engine, mount or tree: if a file's functions need another file's, that one
# does without it, also by way of others. (What is handed over as a table or a callback is no need.)
set -u
cd "$(dirname "$0")/../.." || exit 2
objects=build/release/src
bad=0

for folder in engine mount tree; do
	circle=$(for o in "$objects/$folder"/*.o; do
		nm --defined-only -g "$o" | awk -v f="$(basename "$o" .o)" '{ print "has", f, $3 }'
		nm -u "$o" | awk -v f="$(basename "$o" .o)" '{ print "needs", f, $2 }'
	done | awk '
		$1 == "has" { home[$3] = $2 }
		$1 == "needs" { need[++n] = $2 " " $3 }
		END {
			for (i = 1; i <= n; i++) {
				split(need[i], p, " ")
				if (p[2] in home && home[p[2]] != p[1])
					print p[1], home[p[2]]
			}
		}' | sort -u | tsort 2>&1 >/dev/null | grep '^tsort:')
	if [ -n "$circle" ]; then
		echo "src/$folder: files that need each other:"
		echo "$circle"
		bad=1
	fi
done
exit $bad
