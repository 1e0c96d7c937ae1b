#!/usr/bin/env bats
# Many at once: readers that wait, a long queue, and a folder that stays quick meanwhile.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

@test "200 waiting readers while ls answers at once; all get their bytes" {
	held_predictions
	mount_up -o limits.concurrent=50 -o limits.creates_per_minute=1000
	for i in {0..199}; do echo "fox $i" >"$M/requests/fox$i"; done
	background syscalls crowd 200 "$M/images/fox%d.png"
	wait_for grep -q waiting "$T/bg.out"
	# Nothing ends before stub_release, so what waited behind a reader would never answer.
	equal "$(timeout "$LIMIT" ls -l "$M/images" | wc -l)" 201
	timeout "$LIMIT" cat "$M/status/fox7.json" >"$T/status"
	threads=0
	for pid in $(daemon_pids); do threads=$((threads + $(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l))); done
	[ "$threads" -lt 20 ]
	stub_script '{"on":"prediction","do":{"hold":false}}'
	stub_release
	background_ends 0
	matches "$(tail -n 1 "$T/bg.out")" '^done '
	refute grep -qE '^done .*\bE[A-Z]+:' "$T/bg.out"
	equal "$(tail -n 1 "$T/bg.out" | grep -oE ':[0-9]+' | awk -F: '{ n += $2 } END { print n }')" 200
}

@test "200 waiting readers all end when the mount ends" {
	held_predictions
	mount_front
	for i in {0..199}; do echo "fox $i" >"$M/requests/fox$i"; done
	background syscalls crowd 200 "$M/images/fox%d.png"
	wait_for grep -q waiting "$T/bg.out"
	kill -TERM "$FRONT"
	front_ends
	background_ends 0
	refute grep -qE '[0-9]+:[0-9]' <(tail -n 1 "$T/bg.out" | sed 's/E[A-Z]*:[0-9]*//g')
}

@test "1,000 requests are all made, in their order" {
	mount_up -o limits.creates_per_minute=10000
	echo pause >"$M/control/ctl"
	for i in {1..1000}; do echo "fox $i" >"$M/requests/fox$i"; done
	equal "$(field fox1000 .queue_position)" $(($(field fox1 .queue_position) + 999))
	echo resume >"$M/control/ctl"
	LIMIT=$((LIMIT * 5)) stub_wait create 1000
	# Ten are on their way at once, by several connections, and may overtake one another there; none may fall further back.
	curl -fsS "$STUB/control/prompts" | tr -dc '0-9\n' >"$T/order"
	equal "$(sort -un "$T/order" | wc -l)" 1000
	equal "$(awk '{ d = $1 - NR } d > 10 || d < -10' "$T/order")" ""
	timeout $((LIMIT * 5)) cat "$M/images/fox1000.png" >"$T/got"
	stub_picture "fox 1000" | cmp - "$T/got"
}

@test "one at a time: 40 requests arrive exactly in their order" {
	mount_up -o limits.creates_per_minute=10000 -o limits.concurrent=1 -o poll.first=1 -o poll.min=1
	for i in {1..40}; do echo "fox $i" >"$M/requests/fox$i"; done
	stub_wait create 40
	equal "$(curl -fsS "$STUB/control/prompts" | tr -dc '0-9\n')" "$(seq 40)"
}

@test "ten writers at once lose nothing" {
	mount_up -o limits.creates_per_minute=10000
	for w in {1..10}; do
		(for i in {1..10}; do echo "fox $w $i" >"$M/requests/fox-$w-$i"; done) &
		writers[w]=$!
	done
	wait "${writers[@]}"
	stub_wait create 100
	equal "$(curl -fsS "$STUB/control/prompts" | sort | uniq | wc -l)" 100
	for w in 1 5 10; do got "fox-$w-10" "fox $w 10"; done
}
