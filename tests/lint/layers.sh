#!/bin/bash
# Dependencies point down only, and each third-party header has its few places.
set -u
cd "$(dirname "$0")/../.." || exit 2

# A module's header lives in include/pimagefs, its source in src/FOLDER; these have no source of
# their own name.
homes='list base
salvage edge
demo demo'

# Which sources and headers may include a third-party header: a pattern on FOLDER/NAME.
third_party='^ini\.h$                ^parts/config
^curl/                  ^parts/http
^sqlite3\.h$            ^edge/store
^jansson\.h$            ^(edge/(schema|request|api|answer)|demo/|core/)
^openssl/               ^parts/digest
^ut(hash|list|array|string|ringbuffer)\.h$ ^base/map
^(microhttpd|png)\.h$   ^demo/
^fuse                   ^(mount/|app/session)
^uv\.h$                 ^(parts/http|edge/api|core/|mount/|app/|demo/)
^(pthread|threads|semaphore|stdatomic|assert|cmocka)\.h$ ^$'

# The core modules that know nothing of their neighbours or of JSON.
alone='^core/(library|tree)'

{
	echo "$homes" | sed 's/^/home /'
	for header in include/pimagefs/*.h; do
		name=$(basename "$header" .h)
		source=$(find src -name "$name.c" -path 'src/*/*' | head -n 2)
		case $(echo "$source" | grep -c .) in
		0) echo "nohome $name" ;;
		1) echo "home $name $(basename "$(dirname "$source")")" ;;
		*) echo "twohomes $name" ;;
		esac
	done
	echo "$third_party" | sed 's/^/third /'
	grep -nE '^[[:space:]]*#[[:space:]]*include' src/*/*.[ch] include/pimagefs/*.h |
		sed -E 's/^([^:]+):([0-9]+):[^"<]*(["<])([^">]+).*/include \1 \2 \3 \4/'
} | awk -v alone="$alone" '
function bad(text)
{
	print at ": " text
	failed = 1
}

BEGIN {
	rank["base"] = 1; rank["parts"] = 2; rank["edge"] = 3
	rank["core"] = 4; rank["mount"] = 5; rank["app"] = 6
	at = "include/pimagefs"
}

$1 == "home" { home[$2] = $3; next }
$1 == "nohome" { if (!($2 in home)) orphan[$2] = 1; next }
$1 == "twohomes" { bad($2 ".h: two folders have a " $2 ".c"); next }
$1 == "third" { rule[++rules] = $2; place[rules] = $3; next }

# In a header the module is the header itself; in a source it is the file.
{
	at = $2 ":" $3
	n = split($2, part, "/")
	name = part[n]
	sub(/\.[ch]$/, "", name)
	folder = $2 ~ /^include/ ? home[name] : part[2]
	here = folder "/" name
	if (folder == "")
		next
}

$4 == "<" {
	for (i = 1; i <= rules; i++)
		if ($5 ~ rule[i] && here !~ place[i])
			bad("<" $5 "> does not belong into " here)
	if ($5 == "jansson.h" && here ~ alone)
		bad("<" $5 "> does not belong into " here)
	next
}

$5 !~ /^pimagefs\// {
	if ($5 ~ /\//)
		bad("\"" $5 "\": a private header is of the same folder; any other is in include/pimagefs")
	next
}

{
	target = $5
	gsub(/^pimagefs\/|\.h$/, "", target)
	to = home[target]
	if (to == "" || target == name || index(name, target "_") == 1)
		next
	if (to == "demo" && folder != "app" && folder != "demo")
		bad("only app starts the demo")
	else if (to != "demo" && folder == "demo" && rank[to] > rank["parts"])
		bad("demo may use base and parts, not " to "/" target)
	else if (to != "demo" && folder != "demo" && rank[to] > rank[folder])
		bad(here " looks up to " to "/" target)
	else if (here ~ alone && to == folder)
		bad(here " must know nothing of " to "/" target)
}

END {
	at = "include/pimagefs"
	for (name in orphan)
		bad(name ".h: no src/*/" name ".c")
	exit failed
}'
