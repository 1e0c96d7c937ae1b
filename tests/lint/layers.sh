#!/bin/bash
# Dependencies point down only, and each third-party header has its few places.
set -u
cd "$(dirname "$0")/../.." || exit 2

# A module's header lives in include/pimagefs, its source in src/FOLDER; these have no source of
# their own name.
homes='list base
service service
salvage state
demo demo'

# Which sources and headers may include a third-party header: a pattern on FOLDER/NAME.
third_party='^ini\.h$                ^config/config
^curl/                  ^http/
^sqlite3\.h$            ^state/store
^jansson\.h$            ^(request/|service/|demo/|state/(sidecar|fields|facts)|tree/(report|stats|gallery_record|attributes|events))
^openssl/               ^base/digest
^ut(hash|list|array|string|ringbuffer)\.h$ ^base/map
^(microhttpd|png)\.h$   ^demo/
^fuse                   ^(mount/|app/session)
^uv\.h$                 ^(http/|service/|app/|mount/courier)
^(pthread|threads|semaphore|stdatomic|assert|cmocka)\.h$ ^$'

# Modules that know nothing of their own folder.
alone='^tree/tree$'

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
	# The floors of the table in README. Rooms side by side know nothing of each other, but that a
	# request is checked against the settings.
	rank["base"] = 1; rank["http"] = 2; rank["config"] = 3; rank["request"] = 4
	rank["library"] = rank["service"] = 5; rank["state"] = 6
	rank["engine"] = 7; rank["tree"] = 8; rank["mount"] = 9; rank["app"] = 10
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
	else if (to != "demo" && folder == "demo" && rank[to] > rank["request"])
		bad("demo may use base, config, http and request, not " to "/" target)
	else if (to != "demo" && folder != "demo" && rank[to] > rank[folder])
		bad(here " looks up to " to "/" target)
	else if (to != folder && rank[to] == rank[folder])
		bad(here " looks aside to " to "/" target)
	else if (here ~ alone && to == folder)
		bad(here " must know nothing of " to "/" target)
}

END {
	at = "include/pimagefs"
	for (name in orphan)
		bad(name ".h: no src/*/" name ".c")
	exit failed
}'
