#!/usr/bin/env bats
# What the system around the mount does to it: a log that nobody reads, a limit on the size of files, a writer that dies;
# and what it may see of the library.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's

load ../lib/mount

@test "a log into a pipe that nobody reads stops nothing, and its reader learns what is missing" {
	prepare
	mkfifo "$T/err"
	exec 8<>"$T/err"
	head -c 65536 /dev/zero >&8 # all that a pipe holds
	"$PIMAGEFS" -c "$T/ini" -f -o log.target=stderr -o log.level=debug "$M" >"$T/start.out" 2>&8 </dev/null 3>&- 4>&- 8>&- &
	FRONT=$!
	PIDS+=("$FRONT")
	wait_for is_mounted
	ask fox "a fox"
	got fox "a fox"
	timeout "$LIMIT" ls -lR "$M" >"$T/list"
	head -c 65536 <&8 >"$T/read" # a reader, at last
	ask cat "a cat"
	got cat "a cat"
	mount_down
	front_ends
	exec 9<"$T/err" 8>&- # nobody writes any more
	cat <&9 >"$T/read"
	exec 9<&-
	matches "$(cat "$T/read")" '[0-9]+ lines could not be written here'
}

@test "a limit on the size of files that ends a start is told" {
	stub_start
	ini_write
	(
		ulimit -f 8
		start_fails -c "$T/ini" "$M"
		matches "$output" 'cannot use the state folder'
	)
}

@test "a limit on the size of files is an errno, not the end" {
	stub_start
	stub_script '{"on":"prediction","do":{"picture":"png","pixels":[600,500]}}'
	ini_write
	(
		ulimit -f 400 # KiB; the picture has 900
		mount_up
	)
	ask fox "a fox"
	wait_for waits_for_the_disk fox
	timeout "$LIMIT" ls -lR "$M" >"$T/list"
	equal "$(stub_count create)" 1
	remount
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "without a free descriptor a change elsewhere in the table of mounts is no unmount" {
	need_root
	need prlimit
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	reader fox
	daemon=$(daemon_pids | head -n 1)
	before=$(prlimit --pid "$daemon" --nofile --noheadings --raw --output SOFT)
	prlimit --pid "$daemon" --nofile=3:
	mkdir "$T/elsewhere"
	mount -t tmpfs none "$T/elsewhere"
	ls -l "$M/images" # a turn of the loop
	umount "$T/elsewhere"
	ls -l "$M/images"
	waits_inside "$BG"
	prlimit --pid "$daemon" --nofile="$before":
	stub_release
	background_ends 0
	refute grep -q unmounted "$T/log"
}

waits_for_the_disk() {
	grep -qi 'cannot be kept.*too large' "$T/log"
}

@test "a text that no close confirmed is a draft after kill -9: touching and moving it sends nothing" {
	mount_up
	exec 7>"$M/requests/fox"
	printf 'half a fo' >&7
	sync "$M/requests" || :
	kill_daemon
	exec 7>&- || :
	mount_up
	touch "$M/requests/fox"
	mv "$M/requests/fox" "$M/requests/bear"
	cat "$M/requests/bear"
	asked
	ask bear "a whole bear"
	got bear "a whole bear"
}

@test "a library that we make is private, and so is each sidecar; an existing one keeps its mode" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(stat -c %a "$T/library")" 700
	equal "$(stat -c %a "$T"/library/*/*.json)" 600
	chmod 755 "$T/library"
	remount
	equal "$(stat -c %a "$T/library")" 755
}
