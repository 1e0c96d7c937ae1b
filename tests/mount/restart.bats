#!/usr/bin/env bats
# What survives the end of the daemon, clean or not.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

@test "a clean restart finds pictures, requests, folders and statuses" {
	mount_up
	mkdir "$M/requests/cats" "$M/requests/empty"
	ask fox "a fox"
	ask cats/tabby.txt "a tabby"
	ask .draft "a draft"
	chmod 600 "$M/requests/fox"
	touch -d 2020-01-01T00:00:00Z "$M/requests/fox"
	got fox "a fox"
	got cats/tabby "a tabby"
	cp "$M/status/fox.json" "$T/before.json"
	find "$M/requests" "$M/images" "$M/status" | sort >"$T/before"
	remount
	find "$M/requests" "$M/images" "$M/status" | sort | diff "$T/before" -
	got fox "a fox"
	got cats/tabby "a tabby"
	equal "$(cat "$M/requests/cats/tabby.txt" "$M/requests/.draft" | paste -sd,)" "a tabby,a draft"
	equal "$(stat -c '%a %Y' "$M/requests/fox")" "600 1577836800"
	diff <(jq -S . "$T/before.json") <(jq -S . "$M/status/fox.json")
	asked "a fox" "a tabby"
}

@test "a running prediction is polled on after a restart, without a new create" {
	held_predictions
	mount_up
	ask fox "a fox"
	wait_state fox processing
	remount
	has_state fox processing
	polls=$(stub_count poll)
	stub_wait poll $((polls + 1))
	stub_release
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "a running prediction survives kill -9, without a new create" {
	held_predictions
	mount_up
	ask fox "a fox"
	wait_state fox processing
	kill_daemon
	mount_up
	has_state fox processing
	stub_release
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "the queue survives kill -9 in its order" {
	held_predictions
	mount_up -o limits.concurrent=1
	for i in 1 2 3 4 5; do ask "fox$i" "fox $i"; done
	wait_state fox1 processing
	kill_daemon
	mount_up -o limits.concurrent=1
	has_state fox4 queued
	stub_script '{"on":"prediction","do":{"hold":false}}'
	stub_release
	got fox5 "fox 5"
	asked "fox 1" "fox 2" "fox 3" "fox 4" "fox 5"
}

@test "kill -9 while a create is out: uncertain, held, not sent again" {
	stub_script '{"on":"create","prompt":"fox","do":{"hold":true}}'
	mount_up
	ask fox "a fox"
	stub_wait create 1
	kill_daemon
	mount_up
	wait_state fox held
	equal "$(field fox .error.class)" uncertain
	asked "a fox"
}

@test "SIGTERM while a create is out: its answer within the grace time is kept" {
	stub_script '{"on":"create","do":{"hold":true}}'
	mount_front -o api.grace=10
	ask fox "a fox"
	stub_wait create 1
	kill -TERM "$FRONT"
	wait_for not_mounted
	stub_release
	front_ends
	mount_up
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "kill -9 during a download: downloaded again, one create" {
	stub_script '{"on":"download","nth":1,"do":{"cut":100,"stall":true}}'
	mount_up
	ask fox "a fox"
	stub_wait download 1
	kill_daemon
	mount_up
	got fox "a fox"
	equal "$(stub_count create)" 1
	equal "$(find "$T/library" -name '*.png' | wc -l)" 1
	equal "$(find "$T/library/.tmp" -type f | wc -l)" 0
}

@test "a written file is there after kill -9 as soon as its close returned" {
	mount_up
	for i in 1 2 3 4 5 6 7 8; do ask "fox$i" "fox $i"; done
	kill_daemon
	mount_up
	for i in 1 2 3 4 5 6 7 8; do equal "$(cat "$M/requests/fox$i")" "fox $i"; done
	for i in 1 2 3 4 5 6 7 8; do wait_for ended "fox$i"; done
	equal "$(curl -fsS "$STUB/control/prompts" | sort | uniq -d)" ""
}

@test "a file that was flushed and never released is held for a decision" {
	mount_up
	exec 7>"$M/requests/fox"
	printf 'half a fo' >&7
	bash -c ':' 7>&7
	kill_daemon
	exec 7>&- || :
	mount_up
	wait_state fox held
	equal "$(field fox .error.class)" interrupted
	[ -n "$(field fox .error.hint)" ]
	equal "$(cat "$M/requests/fox")" "half a fo"
	equal "$(stub_count create)" 0
	echo "retry fox" >"$M/control/ctl"
	got fox "half a fo"
}

# within COMMAND...: in the program's own namespace, of which no other process has a copy.
within() {
	nsenter -t "$FRONT" -m "$@"
}

@test "an unmount that overtakes the release of what was closed: it is sent by the next start" {
	need_root
	cat >"$T/mapper.py" <<-'PY'
		import ctypes, os, signal, sys
		fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
		os.write(fd, b"a fox")
		libc = ctypes.CDLL(None)
		libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
		libc.mmap(None, 5, 1, 1, fd, 0) # read, shared: it alone keeps the file open when fd is closed
		os.close(fd)
		os.close(os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY))
		signal.pause()
	PY
	prepare
	background unshare -m --propagation private "$PIMAGEFS" -c "$T/ini" -f "$M"
	FRONT=$BG
	wait_for grep -qs 'refreshed by process' "$T/log"
	background nsenter -t "$FRONT" -m "$PYTHON" "$T/mapper.py" "$M/requests/fox" "$T/closed"
	wait_for test -e "$T/closed"
	kill -STOP "$FRONT"
	helper=$(sed -n 's/.*refreshed by process //p' "$T/log" | tail -n 1)
	kill -9 "$BG" "$helper" # which has a copy of the mount, with which the kernel would go on
	wait_for gone "$BG"
	wait_for gone "$helper"
	within fusermount3 -u "$M"
	kill -CONT "$FRONT"
	wait_for gone "$FRONT"
	grep -q 'unmounted: ending' "$T/log"
	mount_up
	got fox "a fox"
	asked "a fox"
}

@test "failures and cancellations are remembered" {
	stub_script '{"on":"create","prompt":"bad","do":{"status":400,"body":{"message":"not this one"}}}'
	stub_script '{"on":"prediction","prompt":"long","do":{"hold":true}}'
	mount_up
	ask bad "a bad one"
	ask long "a long one"
	wait_state bad failed
	wait_state long processing
	echo "cancel long" >"$M/control/ctl"
	wait_state long cancelled
	remount
	has_state bad failed
	has_state long cancelled
	open_says bad EINVAL
	open_says long ECANCELED
	matches "$(cat "$M/images/bad.error.txt")" 'not this one'
	equal "$(stub_count create)" 2
}

@test "the window of creates survives a restart" {
	# The service's window is the shorter one by what a slow machine may need from the sending to the taking.
	stub_limits '{"creates":2,"window_ms":1500}'
	mount_up -o limits.creates_per_minute=2 -o limits.window=3
	ask one one
	ask two two
	got one one
	got two two
	remount -o limits.creates_per_minute=2 -o limits.window=3
	ask three three
	got three three
	equal "$(stub_count refused)" 0
}

@test "earlier pictures stay in the library when a name is asked again" {
	mount_up
	ask fox "first"
	got fox "first"
	ask fox "second"
	got fox "second"
	remount
	got fox "second"
	equal "$(find "$T/library" -name '*.png' | wc -l)" 2
}

@test "a picture that somebody removed from the library is an error, not a hang" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	mount_down
	find "$T/library" -name '*.png' -delete
	mount_up
	matches "$(errno_of open "$M/images/fox.png" O_RDONLY)" '^(ENOENT|EIO|ESTALE)$'
	ask owl "an owl"
	got owl "an owl"
}

@test "a state database and a library of version 1 are mounted with all that is in them" {
	cp -r "$HERE/data/first-house/state" "$T/state"
	cp -r "$HERE/data/first-house/pictures" "$T/library"
	for _ in 1 2; do
		mount_up
		cmp "$M/images/fox.png" "$T/library/2026-11-24/054158-fox.png"
		cmp "$M/images/cats/tabby.png" "$T/library/2026-11-24/054158-cats-tabby.png"
		equal "$(find "$M/requests" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | paste -sd,)" \
			".draft,bad.json,bear,blank,cats,empty,fox,hidden,json-later,later,owl,whale,wolf"
		equal "$(stat -c '%a %Y' "$M/requests/fox")" "600 1577836800"
		has_state bear failed
		has_state wolf held
		has_state owl cancelled
		has_state later queued
		has_state json-later queued
		matches "$(cat "$M/images/wolf.error.txt")" "retry wolf"
		mount_down
	done
	equal "$(stub_count create)" 0 # round $round: it was paused
}
