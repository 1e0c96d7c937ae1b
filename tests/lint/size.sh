#!/bin/bash
# Functions of at most 60 lines, files of at most 500 (tests: 800), lines of at most 100 columns,
# and no variable of a file's own that can change, but the log's and one more.
set -u
cd "$(dirname "$0")/../.." || exit 2
bad=0

report() {
	if [ -n "$1" ]; then
		echo "$1"
		bad=1
	fi
}

sources=$(find src tests -name '*.c' | sort)
all="$sources $(find include src tests -name '*.h' | sort)"

# shellcheck disable=SC2086 # lists of files
{
	report "$(ctags -x --c-kinds=f --_xformat='%F %n %{end} %N' $sources 2>/dev/null |
		awk '$3 - $2 + 1 > 60 { printf "%s:%d: %s has %d lines\n", $1, $2, $4, $3 - $2 + 1 }')"
	report "$(wc -l $all | awk '$2 != "total" && $1 > ($2 ~ /^tests/ ? 800 : 500) {
		print $2 ": " $1 " lines"
	}')"
	report "$(expand -t 8 $all >/dev/null && for file in $all; do
		expand -t 8 "$file" | awk -v file="$file" '
			{ gsub(/[\200-\277]/, "") }
			length > 100 && !n++ { first = NR ": " length " columns" }
			END { if (n) print file ":" first (n > 1 ? ", and " n - 1 " lines more" : "") }'
	done)"
	report "$(awk -f tests/lint/strip.awk src/*/*.c | grep -v '^src/base/log\.c:' | awk -F: '
		{ text = $0; sub(/^[^:]*:[^:]*:/, "", text) }
		# A declaration that begins a line (or a static within a function) and is no function.
		text ~ /^[ \t]+static / || text ~ /^(static|struct|enum|int|unsigned|bool|char|size_t|u?int[0-9]+_t|volatile|_Thread_local) / {
			head = text
			sub(/[={].*/, "", head)
			if (text ~ /^[ \t]*static (inline|_Noreturn)/ || head ~ /\(/ || text !~ /[=;]|\[/)
				next
			if (text ~ /^(struct|enum) [a-z_0-9]+ (\{|;)/ || text ~ /^(struct|enum) [a-z_0-9]+;/)
				next
			constant = head ~ /\*/ ? head ~ /\*[ ]*const/ : head ~ /(^|[^a-z_])const /
			if (!constant)
				list[++n] = $1 ":" $2 ": can change:" text
		}
		END { if (n > 1) for (i = 1; i <= n; i++) print list[i] }')"
}
exit $bad
