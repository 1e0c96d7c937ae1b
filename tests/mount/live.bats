#!/usr/bin/env bats
# The files of control/ that go on: events, progress; and metrics.
# shellcheck disable=SC2016,SC2030,SC2031 # words for eval; each test is a subshell of its own

load ../lib/mount

states() {
	jq -r --arg id "$1" 'select(.id == $id) | .state' "${2:-$M/control/events}" | paste -sd' '
}

@test "events: a line of JSON for each change of a state, and reading never waits" {
	held_predictions
	mount_up
	equal "$(timeout "$LIMIT" cat "$M/control/events")" ""
	ask fox "a fox"
	stub_wait poll 1
	equal "$(timeout "$LIMIT" cat "$M/control/events" | jq -r .state | paste -sd' ')" "queued creating processing"
	stub_release
	get fox >/dev/null
	equal "$(states fox)" "queued creating processing downloading ready"
	jq -es 'map(.ts, .event, .id, .state | type == "string") | all' "$M/control/events" >"$T/out"
	equal "$(jq -r 'select(.state == "ready") | .prediction_id' "$M/control/events")" "$(field fox .prediction_id)"
	equal "$(jq -r 'select(.state == "ready") | .bytes' "$M/control/events")" "$(stat -c %s "$M/images/fox.png")"
	equal "$(stat -c %s "$M/control/events")" "$(wc -c <"$M/control/events")"
	equal "$(errno_of open "$M/control/events" O_WRONLY)" EPERM
}

@test "events: tail -f follows, by polling too; a failure says why" {
	stub_script '{"on":"poll","prompt":"an owl","do":{"answer":{"status":"error","message":"out of paint"}}}'
	mount_up
	ask fox "a fox"
	get fox >/dev/null
	background tail -n +1 -f -s 0.1 "$M/control/events"
	local plain=$BG
	wait_for grep -q '"ready"' "$T/bg.out"
	cp "$T/bg.out" "$T/first"
	ask owl "an owl"
	wait_state owl failed
	wait_for eval '[ "$(states owl "$T/bg.out")" = "queued creating processing failed" ]'
	equal "$(states fox "$T/bg.out")" "queued creating processing downloading ready"
	equal "$(jq -r 'select(.state == "failed") | .error.message' "$T/bg.out")" "$(field owl .error.message)"
	kill "$plain"
	equal "$(tail -n 1 "$M/control/events" | jq -r '.id + .state')" owlfailed
	equal "$(tail -c +$(($(wc -c <"$T/first") + 1)) "$M/control/events" | jq -r .id | sort -u)" owl
	equal "$(cat "$T/bg.err")" ""
}

@test "events: what is no longer kept is passed over, each line comes once, and following goes on" {
	mount_up
	background tail -n +1 -f -s 0.05 "$M/control/events"
	exec 7<"$M/control/events"
	# Pausing changes no state, a cancelled request does: two lines each.
	echo pause >"$M/control/ctl"
	mkdir "$M/requests/$(printf 'a%.0s' {1..200})"
	"$PYTHON" - "$M" <<-'PY'
		import os, sys
		mount, folder = sys.argv[1], "a" * 200
		for i in range(1500):
		    path = "%s/requests/%s/%s%04d" % (mount, folder, "b" * 180, i)
		    with open(path, "w") as f:
		        f.write("a fox")
		    os.unlink(path)
	PY
	size=$(stat -c %s "$M/control/events")
	[ "$size" -gt $((600 * 1024)) ]
	timeout "$LIMIT" cat "$M/control/events" >"$T/kept"
	[ "$(wc -c <"$T/kept")" -le $((512 * 1024)) ]
	jq -r '.id + .state' "$T/kept" >"$T/lines" # all whole
	equal "$(sort "$T/lines" | uniq -d)" ""
	matches "$(tail -n 1 "$T/lines")" 'b1499cancelled$'
	timeout "$LIMIT" cat <&7 | cmp - "$T/kept" # who opened it before, too
	exec 7<&-
	wait_for grep -q 'b1499.*cancelled' "$T/bg.out"
	equal "$(jq -r '.id + .state' "$T/bg.out" | sort | uniq -d)" ""
	equal "$(cat "$T/bg.err")" ""
	timeout "$LIMIT" tail -n 3 "$M/control/events" | jq -e .id >/dev/null
}

# What was drawn, a line a frame, without the times.
frames() {
	awk '/ of 2/ { if (f) print f; f = $1 $2 $3 $4 + 0; next } { f = f " " $1 " " $2 } END { print f }' "$T/bg.out"
}

@test "progress: a bar and a line per running request, until nothing is left to wait for" {
	held_predictions
	mount_up
	ask fox "a fox"
	ask cat "a cat"
	wait_state fox processing
	wait_state cat processing
	background cat "$M/control/progress"
	wait_for grep -q processing "$T/bg.out"
	wait_for waits_inside "$BG"
	matches "$(cat "$T/bg.out")" '^\[-+\] 0 of 2'
	matches "$(cat "$T/bg.out")" '^  fox +processing .*[0-9]\.[0-9] s'
	stub_release "a fox"
	get fox >/dev/null
	wait_for grep -q '1 of 2' "$T/bg.out"
	wait_for waits_inside "$BG"
	stub_release
	background_ends 0
	matches "$(tail -n 1 "$T/bg.out")" '^\[#+\] 2 of 2'
	refute grep -q $'\e' "$T/bg.out" # it is no terminal
	# Nothing has changed but the time: nothing is said.
	equal "$(frames | uniq -d)" ""
}

@test "progress: on a terminal the next frame is drawn over the one before" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait poll 1
	script -qec "cat $M/control/progress" /dev/null >"$T/terminal" </dev/null &
	PIDS+=($!)
	wait_for grep -q $'\e\\[2A\e\\[J\\[' "$T/terminal"
	stub_release
	wait_for grep -q '1 of 1' "$T/terminal"
	wait_for gone $!
}

@test "progress: nothing to wait for ends at once: idle, paused, O_NONBLOCK" {
	held_predictions
	mount_up
	matches "$(timeout "$LIMIT" cat "$M/control/progress")" '^nothing runs: 0 ready'
	echo pause >"$M/control/ctl"
	ask fox "a fox"
	matches "$(timeout "$LIMIT" cat "$M/control/progress" | tail -n 1)" '^paused: nothing is sent'
	echo resume >"$M/control/ctl"
	stub_wait poll 1
	matches "$(timeout "$LIMIT" dd if="$M/control/progress" iflag=nonblock status=none)" '  fox +processing'
}

@test "progress: a reader that waits can be interrupted, is no longer than wait_timeout, and goes with the mount" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait poll 1
	background cat "$M/control/progress"
	wait_for waits_inside "$BG"
	kill -INT "$BG" || :
	kill -TERM "$BG"
	background_ends 143
	remount -o images.wait_timeout=2
	matches "$(timeout "$LIMIT" cat "$M/control/progress")" 'processing' # until then
	remount -o images.wait_timeout=0
	background cat "$M/control/progress"
	wait_for waits_inside "$BG"
	kill -TERM "$(daemon_pids | head -n 1)"
	wait_for gone "$BG" # its close may find that there is no daemon any more
	wait_for no_daemon
}

@test "many, slow and leaving readers of events and progress cost nothing" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait poll 1
	daemon=$(daemon_pids)
	before=$(awk '/VmRSS/ { print $2 }' "/proc/$daemon/status")
	threads=$(find "/proc/$daemon/task" -mindepth 1 -maxdepth 1 | wc -l)
	"$PYTHON" - "$M" >"$T/bg.out" 2>&1 <<-'PY' &
		import os, sys, time
		fds = [os.open(sys.argv[1] + "/control/" + name, os.O_RDONLY)
		       for _ in range(400) for name in ("events", "progress")]
		for fd in fds[::3]:
		    os.read(fd, 1)
		for fd in fds[::5]:
		    os.close(fd)
		print("open", flush=True)
		time.sleep(60)
	PY
	PIDS+=($!)
	wait_for grep -q open "$T/bg.out"
	equal "$(find "/proc/$daemon/task" -mindepth 1 -maxdepth 1 | wc -l)" "$threads"
	after=$(awk '/VmRSS/ { print $2 }' "/proc/$daemon/status")
	[ "${TEST_PATIENCE:-1}" != 1 ] || [ $((after - before)) -lt 4096 ] # not what watches it
	kill -9 $!
	stub_release
	got fox "a fox"
	matches "$(timeout "$LIMIT" cat "$M/control/progress")" '^nothing runs: 1 ready'
}

@test "cp -r, grep -r and tar of the mount end, also while something is made" {
	mount_up
	ask fox "a fox"
	get fox >/dev/null
	timeout "$LIMIT" cp -r "$M" "$T/copy"
	equal "$(jq -r .state "$T/copy/control/events" | tail -n 1)" ready
	matches "$(timeout "$LIMIT" grep -rl "a fox" "$M")" status/fox.json
	held_predictions
	ask owl "an owl"
	stub_wait create 1 "an owl"
	(sleep 2; stub_release) &
	PIDS+=($!)
	timeout "$LIMIT" cp -r "$M" "$T/copy2"
	cmp "$T/copy2/images/owl.png" <(stub_picture "an owl")
}

@test "rsync and tar of the mount take the first frame of progress, without an error" {
	need rsync
	mount_up
	ask fox "a fox"
	get fox >/dev/null
	wait_state fox ready
	timeout "$LIMIT" rsync -a "$M/" "$T/rsync"
	timeout "$LIMIT" tar cf "$T/tar" -C "$M" .
	matches "$(cat "$T/rsync/control/progress")" "nothing runs: 1 ready"
	matches "$(tar xf "$T/tar" -O ./control/progress)" "nothing runs: 1 ready"
	cmp "$T/rsync/images/fox.png" "$M/images/fox.png"
	held_predictions
	ask owl "an owl"
	stub_wait create 2
	timeout "$LIMIT" rsync -a "$M/control/" "$T/running"
	matches "$(cat "$T/running/progress")" "owl +(creating|processing)"
}

@test "metrics: Prometheus text without times" {
	mount_up
	ask fox "a fox"
	get fox >/dev/null
	cp "$M/control/metrics.prom" "$T/a.prom"
	grep -qx 'pimagefs_jobs{state="ready"} 1' "$T/a.prom"
	grep -qx 'pimagefs_creates_total 1' "$T/a.prom"
	grep -qx 'pimagefs_latency_seconds_count 1' "$T/a.prom"
	equal "$(grep -v '^#' "$T/a.prom" | grep -cvE '^pimagefs_[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9.e+-]+$' || :)" 0
	equal "$(grep '^# TYPE' "$T/a.prom")" "$(grep '^# TYPE' "$M/control/metrics")"
	equal "$(stub_count create) $(stub_count download)" "1 1"
}
