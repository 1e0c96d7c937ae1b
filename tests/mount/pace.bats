#!/usr/bin/env bats
# How close to the service's limits we come, without ever earning a 429; and a key that others use, too.

load ../lib/mount

# written N: the requests 1 to N are there, but none has left yet.
written() {
	local i
	echo pause >"$M/control/ctl"
	for ((i = 1; i <= $1; i++)); do ask "$i" "fox $i"; done
}

finished() {
	LIMIT=$((LIMIT * 4)) wait_for count_is ready "$1"
}

# finish_ms N: from the first create to the last download, as the service saw them, in milliseconds.
finish_ms() {
	echo resume >"$M/control/ctl"
	finished "$1" >&2
	jq -s 'map(select(.kind == "create" or .kind == "download").time) | (max - min) * 1000 | floor' "$T/calls"
}

# told TOOK LEAST: prints how near it came, which machines decide, and wants that nothing was refused.
told() {
	awk -v took="$1" -v least="$2" 'BEGIN { printf "# %d ms; the limits allow %d ms; ratio %.3f\n", took, least, took / least }' >&3
	equal "$(stub_count refused)" 0
}

@test "300 requests against the window of creates: all made, and no 429" {
	stub_start --duration-ms 200
	stub_limits '{"creates":30,"window_ms":1000,"running":30}'
	mount_up -o limits.creates_per_minute=30 -o limits.window=1 -o limits.concurrent=30 -o poll.max=1000
	written 300
	# The last of the ten groups of 30 may leave after nine windows.
	told "$(finish_ms 300)" $((9 * 1000 + 200))
}

@test "100 requests against the number running: all made, and no 429" {
	stub_start --duration-ms 200
	stub_limits '{"creates":1000,"window_ms":1000,"running":5}'
	mount_up -o limits.creates_per_minute=1000 -o limits.window=1 -o limits.concurrent=5 -o poll.max=1000
	written 100
	told "$(finish_ms 100)" $((100 * 200 / 5))
	[ "$(curl -fsS "$STUB/control/stats" | jq .peak)" -le 5 ]
}

running_limit() {
	jq .rate.running_limit "$M/control/stats.json"
}

limit_is_below() {
	[ "$(running_limit)" -lt "$1" ]
}

limit_is() {
	[ "$(running_limit)" = "$1" ]
}

@test "somebody else uses the key: fewer run at once, and more again when he is gone; nothing fails" {
	stub_start --duration-ms 30
	stub_control script '{"options":{"limits":{"running":8,"retry_after":1},"others":5}}'
	mount_up -o limits.concurrent=8 -o limits.creates_per_minute=1000
	written 150
	echo resume >"$M/control/ctl"
	wait_for limit_is_below 5
	[ "$(stub_count refused)" -ge 1 ]
	equal "$(jq '.states.failed + .states.held' "$M/control/stats.json")" 0
	stub_control script '{"options":{"others":0}}'
	wait_for limit_is 8
	finished 150
	equal "$(curl -fsS "$STUB/control/taken" | wc -l)" 150
}

@test "somebody else uses up most of the window: 429s come, it waits, nothing fails" {
	stub_start
	stub_control script '{"options":{"limits":{"creates":20,"window_ms":1000,"retry_after":1},"others":15}}'
	mount_up -o limits.creates_per_minute=20 -o limits.window=1
	written 25
	echo resume >"$M/control/ctl"
	finished 25
	[ "$(stub_count refused)" -ge 1 ]
	equal "$(curl -fsS "$STUB/control/taken" | wc -l)" 25
	equal "$(jq '.states.failed + .states.held' "$M/control/stats.json")" 0
}
