#!/usr/bin/env bats
# What README.md, the longer page, the mounted README.txt and the demo's last words show works when it is pasted, in order.
#
# Every indented or fenced block is run as it stands. One that cannot be is in INSTEAD, by its exact text, with what is run in its
# place; so is every command that stands within a sentence, in INLINE. A block or command that is new is run, or fails.
# shellcheck disable=SC2016,SC2088 # texts of the documents, which another shell expands

load ../lib/mount

SOURCE=$HERE/..

setup() {
	sandbox_make
	unset XDG_DATA_HOME XDG_STATE_HOME XDG_CONFIG_HOME MOUNT PREFIX
	F=$HOME/pictures-to-be
	printf '%s\n' "$F" "$HOME/pimagefs-demo" "$HOME/work-pictures" "$HOME/it's a demo" >"$T/pattern"
	program=${PIMAGEFS_PROGRAM:-$PIMAGEFS}
	FLAVOUR=$(basename "$(dirname "$program")")
	export FLAVOUR DESTDIR=$T/root OPENED=$T/opened PATH=$T/bin:$T/root/usr/local/bin:$PATH
	: >"$OPENED"
	stand_ins
}

teardown() {
	local mount
	cd /
	awk -v below="$T/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo |
		while read -r mount; do fusermount3 -uz "$(printf '%b' "$mount")"; done
	sandbox_remove
}

# What the examples call and a test cannot: root, and a screen.
stand_ins() {
	mkdir "$T/bin"
	printf '#!/bin/sh\nexec "$@"\n' >"$T/bin/sudo"
	cat >"$T/bin/xdg-open" <<-'SCRIPT'
		#!/bin/sh
		# As GIO: what has no bytes is text, and opens in an editor.
		type=$(stat -L -c '%F, %s bytes' "$1" && file -bL --mime-type "$1")
		case $type in
		directory*) ls "$1" >/dev/null ;;
		*" 0 bytes"*) echo "xdg-open: $1 would be opened in an editor" >&2; exit 1 ;;
		*image/* | *text/html) cat "$1" >/dev/null ;;
		*) echo "xdg-open: $1: $type" >&2; exit 1 ;;
		esac && echo "$1" >>"$OPENED"
	SCRIPT
	chmod +x "$T/bin/sudo" "$T/bin/xdg-open"
}

# Blocks that need more than pasting. $BLOCK is the block itself.
declare -gA INSTEAD=(
	['make check      # installs what the tests need and runs all of them']=': # this is part of it'
	['sudo make install
mkdir -p ~/.config/pimagefs && cp config/pimagefs.ini ~/.config/pimagefs/
sed -i '\''s|^#key_file =.*|key_file = ~/.config/pimagefs/key|'\'' ~/.config/pimagefs/pimagefs.ini
(umask 077; cat > ~/.config/pimagefs/key)        # paste the key, Enter, Ctrl-D']='
		eval "$BLOCK" <"$T/key"
		settings_of_the_test'
	['inotifywait -q -m -e moved_to --format %f images |
    while read -r name; do if [ -s "images/$name" ]; then echo "there: $name"; fi; done']='
		(eval "$BLOCK") >"$T/there" 2>&1 &
		n=0
		until [ -s "$T/there" ]; do # names of their own: one that is asked again at once is pending when its watcher looks
			echo "a watched fox" >requests/watched-$((n += 1))
			cat images/watched-$n.png >"$T/watched.png"
		done
		kill "$(pgrep -P $! -x inotifywait)"
		grep -q "^there: watched-[0-9]*.png\$" "$T/there"'
	['```ini
[pictures]
    path = /srv/pictures
    read only = no
    force user = you
```']=': # for Samba'
)

# The service is the stand-in, and the log is the test'\''s.
settings_of_the_test() {
	sed -i -e "/^\[api\]/a base_url = $STUB/v1" -e "/^\[log\]/a target = $T/log" \
		-e '/^\[poll\]/a first = 20' ~/.config/pimagefs/pimagefs.ini
}

# blocks FILE: each that is indented by four or more, or fenced, after an empty line; a NUL behind each.
blocks() {
	awk '
		function put() { if (block != "") printf "%s%c", block, 0; block = ""; }
		fence { block = block "\n" $0; if (/^ *```/) { fence = 0; put() } next }
		/^```/ { put(); fence = 1; block = $0; next }
		/^ *$/ { put(); empty = 1; next }
		/^    / && (empty || block != "") && !/^           [^ ]/ {
			if (block == "") { match($0, /^ */); indent = RLENGTH }
			line = substr($0, 1, indent) ~ /^ *$/ ? substr($0, indent + 1) : $0
			block = block (block == "" ? "" : "\n") line
			next
		}
		{ put(); empty = 0 }
		END { put() }' "$1"
}

# paste_blocks FILE FOLDER: its blocks in one shell, that begins there; the first command that fails ends it.
paste_blocks() {
	local block n=0
	while IFS= read -r -d '' block; do
		n=$((n + 1))
		printf 'BLOCK=%q\necho "--- block %d: ${BLOCK%%%%$'"'\\\\n'"'*}"\n' "$block" "$n"
		printf '%s\n' "${INSTEAD[$block]:-$block}"
	done < <(blocks "$1") >"$T/paste"
	[ "$n" -gt 0 ]
	export T STUB
	export -f settings_of_the_test
	sed -i "1i cd $(printf %q "$2")" "$T/paste"
	timeout $((LIMIT * 8)) bash -e -o pipefail "$T/paste" </dev/null >"$T/pasted" 2>&1 3>&- 4>&- || {
		echo "exit status $? in $1:"
		tail -n 25 "$T/pasted"
		return 1
	}
}

# commands FILE: those within its sentences that write somewhere, or move something.
commands() {
	grep -oE '`[^`]+`' "$1" | tr -d '`' | grep -E '^[^ ]+ .*> |^(cp|mv|rm) .*(requests|images|control)/|^(cp|mv) /'
}

# A folder as README leaves it before it is unmounted.
as_readme_leaves_it() {
	stub_start
	sed '/^4\. End it/,/fusermount3/d' "$SOURCE/README.md" >"$T/README.md"
	paste_blocks "$T/README.md" "$SOURCE"
	is_mounted "$F"
	fusermount3 -u "$HOME/pimagefs-demo"
}

@test "README.md: every block, in order" {
	stub_start
	paste_blocks "$SOURCE/README.md" "$SOURCE"
	equal "$(cat "$OPENED")" "$(printf '%s\n' images/fox.png gallery.html)"
	matches "$(file "$HOME/red-fox.png")" 'PNG image data'
	equal "$(stub_count create)" 1
	equal "$(stat -c %a "$HOME/.config/pimagefs/key")" 600
	not_mounted "$F"
	test -e "$T/root/usr/local/share/man/man1/pimagefs.1" -a -e "$T/root/usr/local/share/doc/pimagefs/pimagefs.md"
	fusermount3 -u "$HOME/pimagefs-demo"
	make -s -C "$SOURCE" uninstall
	equal "$(find "$T/root" -type f)" ""
}

@test "config/doc/pimagefs.md: every block, in order, after README.md" {
	as_readme_leaves_it
	paste_blocks "$SOURCE/config/doc/pimagefs.md" "$F"
	matches "$(file "$HOME/owl.png")" 'PNG image data'
	test -e "$HOME/backup/state/pimagefs.db" -a -e "$HOME/my-pictures/.pimagefs-library"
	ls "$HOME"/backup/library/*/*-fox.png
	is_mounted "$F"
	cmp "$F/images/fox.png" "$HOME/fox.png"
}

@test "README.txt: every block, in order" {
	as_readme_leaves_it
	cp "$F/README.txt" "$T/README.txt"
	: >"$OPENED"
	paste_blocks "$T/README.txt" "$HOME"
	equal "$(cat "$OPENED")" images/red.png
	matches "$(file "$HOME/fox.png")" 'PNG image data'
	not_mounted "$F"
}

@test "the demo's last words, also for a folder with a blank and a quote in its name" {
	timeout $((LIMIT * 4)) "$SOURCE/config/demo.sh" "$program" "$HOME/it's a demo" >"$T/words" 3>&- 4>&-
	cp "$HOME/it's a demo/README.txt" "$T/README.txt"
	sed -i '/^To unmount/,$d' "$T/README.txt"
	paste_blocks "$T/README.txt" "$HOME"
	: >"$OPENED"
	paste_blocks "$T/words" "$HOME"
	equal "$(cat "$OPENED")" "$HOME/it's a demo/images"
	matches "$(file "$HOME/lake.png")" 'PNG image data'
	equal "$(grep -c 'it.s\\040a' /proc/self/mountinfo)" 0
}

# Each with what it should come to: its exit status, or - for what cannot be run here.
declare -gA INLINE=(
	['cp status/fox.json requests/again.json']=0
	['echo retry failed > control/ctl']=0
	['echo resume > control/ctl']=0
	['echo reload > control/ctl']=0
	['mv requests/fox requests/cat']=0
	['mv images/fox.png images/cat.png']=1
	['echo "a red fox" > requests/fox']=0
	['cp /usr/local/share/pimagefs/templates/* "$(xdg-user-dir TEMPLATES)"']=- # it is installed elsewhere
	['rm images/fox.png']=0
	['mv other.png images/fox.png']=1
	['rm requests/fox']=0
	['echo '\''{"prompt": "x"'\'' > requests/x']=0
)

@test "the commands within the sentences" {
	local document command status
	as_readme_leaves_it
	for document in README.md config/doc/pimagefs.md; do
		while IFS= read -r command; do
			[ -n "${INLINE[$command]:-}" ] || { echo "in no list: $command"; return 1; }
			[ "${INLINE[$command]}" != - ] || continue
			cd "$F"
			rm -rf requests/*
			echo "a red fox" >requests/fox
			timeout "$LIMIT" cat images/fox.png >other.png 2>/dev/null || timeout "$LIMIT" cat images/fox.png >"$T/other.png"
			status=0
			(eval "${command/other.png/$T/other.png}") </dev/null || status=$?
			equal "$command: $status" "$command: ${INLINE[$command]}"
		done < <(commands "$SOURCE/$document")
	done
}

@test "every mark in this test is of a block or command that is still there" {
	local key all
	all=$(for key in README.md config/doc/pimagefs.md; do blocks "$SOURCE/$key" | tr '\0' '\n'; commands "$SOURCE/$key"; done)
	for key in "${!INSTEAD[@]}" "${!INLINE[@]}"; do
		[[ $all == *"$key"* ]] || { echo "not there any more: $key"; return 1; }
	done
}
