#!/usr/bin/env bats
# A library on a disk that hangs (a stopped FUSE mount stands for a share whose server is gone): what does not need that
# disk goes on as ever, nothing is bought, and when the disk is there again everything ends well.
# shellcheck disable=SC2016 # scripts get their own $0

load ../lib/mount

# The library's mount goes after the program that uses it.
teardown() {
	local r=0
	[ -z "${DISK:-}" ] || kill -CONT "$DISK" 2>/dev/null || :
	is_mounted && fusermount3 -uz "$M"
	wait_for no_daemon || r=1
	[ -z "${DISK:-}" ] || { fusermount3 -uz "$T/library"; wait_for gone "$DISK" || r=1; }
	sandbox_remove || r=1
	return $r
}

# A library on a mount of its own, whose process is $DISK.
slow_library() {
	need bindfs
	mkdir -p "$T/real" "$T/library"
	bindfs -f -o attr_timeout=0,entry_timeout=0 "$T/real" "$T/library" >"$T/disk.out" 2>&1 3>&- 4>&- &
	DISK=$!
	wait_for is_mounted "$T/library"
}

hang() {
	kill -STOP "$DISK"
}

answer() {
	kill -CONT "$DISK"
}

# quickly COMMAND...: it ends, though the disk does not.
quickly() {
	timeout -k 1 "$LIMIT" "$@"
}

is_held_up() {
	quickly cat "$M/status/$1.json" | jq -e '.state == "queued" and (.error.message | test("disk does not answer"))' >/dev/null
}

# the_next_is_held_up: one owl more; the ones before may have been bought.
OWL=0
the_next_is_held_up() {
	OWL=$((OWL + 1))
	quickly sh -c 'echo "owl $1" > "$0"' "$M/requests/owl-$OWL" "$OWL"
	wait_for is_decided "owl-$OWL"
	is_held_up "owl-$OWL"
}

# It is bought, or told why not.
is_decided() {
	quickly cat "$M/status/$1.json" | jq -e '.state != "queued" or .error' >/dev/null
}

# a_look_hangs: what is known of the disk is of the last second; then one more look at it does not come back.
a_look_hangs() {
	quickly stat -f "$M" >/dev/null
	cat "/proc/$1/task"/*/wchan | grep -q request_wait_answer
}

@test "looking, asking and removing go on while the library's disk hangs; nothing is bought until it answers" {
	slow_library
	stub_start
	mount_up
	ask fox "a red fox"
	got fox "a red fox"
	hang
	quickly ls -lR "$M" >/dev/null
	quickly stat "$M/images/fox.png" >/dev/null
	quickly cat "$M/status/fox.json" "$M/control/stats.json" "$M/README.txt" >/dev/null
	quickly df "$M" >/dev/null
	# What is known of the disk is of the last second; from then on nothing is bought.
	wait_for the_next_is_held_up
	bought=$OWL # fox, and all owls but the last
	stub_wait create "$bought"
	quickly sh -c 'echo "a grey wolf" > "$0"' "$M/requests/wolf"
	quickly cat "$M/requests/wolf"
	is_held_up wolf
	quickly mv "$M/requests/wolf" "$M/requests/dog"
	quickly rm "$M/requests/dog"
	quickly rm "$M/images/fox.png"
	quickly sh -c '! ls "$0" 2>/dev/null' "$M/images/fox.png"
	equal "$(stub_count create)" "$bought"
	answer
	got "owl-$OWL" "owl $OWL"
	equal "$(stub_count create)" $((OWL + 1))
	# What was removed meanwhile lies in the trash by now.
	wait_for sh -c 'ls "$0"/.trash/*/*-fox.png' "$T/real"
}

@test "a picture that comes while the disk hangs is kept when it answers, and asked for once" {
	slow_library
	stub_start
	stub_script '{"on":"download","nth":1,"do":{"hold":true}}'
	mount_up -o api.idle_timeout="$LIMIT"
	ask fox "a red fox"
	stub_wait download 1
	hang
	stub_release
	quickly ls "$M/images" >/dev/null
	background cat "$M/images/fox.png"
	quickly cat "$M/status/fox.json" >/dev/null
	answer
	background_ends 0
	stub_picture "a red fox" | cmp - "$T/bg.out"
	equal "$(stub_count create) $(stub_count download)" "1 1"
}

@test "who waits for a picture on a disk that hangs can be interrupted" {
	slow_library
	stub_start
	mount_up
	ask fox "a red fox"
	got fox "a red fox"
	hang
	background timeout -s INT 1 cat "$M/images/fox.png"
	background_ends 124
	answer
	got fox "a red fox"
}

@test "SIGTERM ends the program while the library's disk hangs, and the next start goes on" {
	slow_library
	stub_start
	stub_script '{"on":"download","nth":1,"do":{"hold":true}}'
	mount_up -o api.idle_timeout="$LIMIT"
	ask fox "a red fox"
	stub_wait download 1
	hang
	stub_release
	background cat "$M/images/fox.png"
	kill "$(daemon_pids | head -n 1)"
	wait_for no_daemon
	wait_for not_mounted
	background_ends 1
	answer
	mount_up
	got fox "a red fox"
	equal "$(stub_count create)" 1
}

@test "SIGTERM ends the program while only a look at the library's disk hangs" {
	slow_library
	stub_start
	mount_up
	ls "$M" >/dev/null # it turns: its helper has been started
	daemon=$(daemon_pids | head -n 1)
	hang
	wait_for a_look_hangs "$daemon"
	kill "$daemon"
	wait_for no_daemon
	not_mounted
}
