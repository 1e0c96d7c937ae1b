#!/usr/bin/env bats
# Which library belongs to a mount: its marker, a disk that is not there, another one, a new one on purpose.

load ../lib/mount

MARKER=.pimagefs-library

# a_fox: a library with one picture, not mounted.
a_fox() {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	mount_down
}

# refused WORDS: no mount, nothing made or changed in the library's place, and the way out is named.
refused() {
	local before after
	before=$(find "$T" -path "$T/library*" -printf '%p %s %T@\n' | sort)
	start_fails -c "$T/ini" "$M"
	matches "$output" "$1"
	matches "$output" "$T/library"
	matches "$output" "--new-library"
	equal "$(wc -l <<<"$output")" 1
	after=$(find "$T" -path "$T/library*" -printf '%p %s %T@\n' | sort)
	equal "$after" "$before"
}

@test "a library gets a marker, and keeps it" {
	a_fox
	matches "$(head -n 1 "$T/library/$MARKER")" '^[0-9a-f]{32}$'
	cp "$T/library/$MARKER" "$T/marker"
	mount_up
	got fox "a fox"
	cmp "$T/library/$MARKER" "$T/marker"
}

@test "the library's disk is not mounted: nothing is mounted, nothing is made" {
	a_fox
	mv "$T/library" "$T/elsewhere"
	refused "$MARKER is missing"
	mkdir "$T/library"
	refused "$MARKER is missing"
	rmdir "$T/library"
	mv "$T/elsewhere" "$T/library"
	mount_up
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "another library is refused" {
	a_fox
	mv "$T/library" "$T/elsewhere"
	mkdir "$T/library"
	echo 0123456789abcdef0123456789abcdef >"$T/library/$MARKER"
	refused "another library"
}

@test "--new-library begins one on purpose, and deletes nothing" {
	a_fox
	mv "$T/library" "$T/elsewhere"
	mount_up --new-library
	ask owl "an owl"
	got owl "an owl"
	refute cmp -s "$T/library/$MARKER" "$T/elsewhere/$MARKER"
	equal "$(find "$T/elsewhere" -name '*-fox.png' | wc -l)" 1
	equal "$(cat "$M/requests/fox")" "a fox"
	refute cat "$M/images/fox.png"
	remount
	got owl "an owl"
	equal "$(stub_count create)" 2
}

@test "a state and a library from before there were markers: adopted once" {
	a_fox
	rm "$T/library/$MARKER"
	sqlite3 "$T/state/pimagefs.db" "DELETE FROM fact WHERE name = 'library'"
	mount_up
	got fox "a fox"
	test -s "$T/library/$MARKER"
	mount_down
	rm "$T/library/$MARKER"
	refused "$MARKER is missing"
}

@test "a state from before there were markers, and an empty place: refused" {
	a_fox
	mv "$T/library" "$T/elsewhere"
	sqlite3 "$T/state/pimagefs.db" "DELETE FROM fact WHERE name = 'library'"
	refused "$MARKER is missing"
	mkdir "$T/library"
	refused "$MARKER is missing"
}

@test "the state folder deleted: every picture is back, and the library keeps its id" {
	a_fox
	cp "$T/library/$MARKER" "$T/marker"
	rm -r "$T/state"
	mount_up
	got fox "a fox"
	cmp "$T/library/$MARKER" "$T/marker"
	mount_down
	mv "$T/library" "$T/elsewhere"
	refused "$MARKER is missing"
}
