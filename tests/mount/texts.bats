#!/usr/bin/env bats
# Texts that are made when they are opened: looking makes none, and every tool gets the whole.

load ../lib/mount

# same FILE: it is the text of NAME, whole.
same() {
	equal "$(jq -r .prompt "$1")" "$prompt"
	equal "$(tr -dc '\0' <"$1" | wc -c)" 0
	equal "$(tail -c 2 "$1")" "}"
}

@test "status and reasons reach every tool whole" {
	mount_up
	prompt="a fox $(printf 'in the "snow" %.0s' {1..200})" # its text is longer than a page
	jq -n --arg p "$prompt" '{prompt: $p}' >"$M/requests/fox.json"
	wait_state fox ready
	local from=$M/status/fox.json
	cp "$from" "$T/cp"
	same "$T/cp"
	remount
	cp "$from" "$T/cp2"
	same "$T/cp2"
	remount
	rsync "$from" "$T/rsync"
	same "$T/rsync"
	remount
	tar -C "$M/status" -cf "$T/tar" fox.json
	tar -xOf "$T/tar" fox.json >"$T/untar"
	same "$T/untar"
	remount
	dd if="$from" of="$T/dd" bs=100 status=none
	same "$T/dd"
	remount
	python3 -c 'import shutil, sys; shutil.copyfile(*sys.argv[1:])' "$from" "$T/py"
	same "$T/py"
	remount
	python3 -c 'import mmap, sys; f = open(sys.argv[1], "rb"); open(sys.argv[2], "wb").write(f.read())' "$from" "$T/py2"
	same "$T/py2"
	remount
	equal "$(wc -c <"$from")" "$(wc -m <<<"$(cat "$from")")"
	remount
	head -c 10 "$from" >/dev/null
	gio copy "$from" "$T/gio"
	same "$T/gio"
}

@test "statting all of status/ makes no text, and is linear" {
	held_predictions
	mount_up -o limits.queue=100000
	for i in $(seq 300); do echo "fox $i" >"$M/requests/fox$i"; done
	local all; all=$(find "$M/status" -type f -size +0 | wc -l)
	equal "$all" 300
	# What a stat says is a bound, in whole pages.
	find "$M/status" -type f -printf '%s\n' | awk '$1 % 4096 { exit 1 }'
}
