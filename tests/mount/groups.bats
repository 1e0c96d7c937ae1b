#!/usr/bin/env bats
# Many writers at once: what they wrote is made durable in groups, and nothing is lost or out of order for it.

load ../lib/mount

# writers PROCESSES EACH [PID]: see writers.c; what it said is in $T/closed.
writers() {
	timeout $((LIMIT * 5)) "${PIMAGEFS_HELPERS:-$HERE/../build/release/mount}/writers" "$1" "$2" "$M/requests" \
		"${@:3}" >"$T/closed" </dev/null 3>&- 4>&-
}

all_at_rest() {
	[ "$(jq '.states | .queued + .creating + .processing + .downloading' "$M/control/stats.json")" = 0 ]
}

@test "1,000 requests by 50 processes at once, then kill -9: all are there" {
	mount_front -o limits.creates_per_minute=10000
	writers 50 20 "$FRONT"
	wait_for gone "$FRONT"
	mount_up -o limits.creates_per_minute=10000
	equal "$(wc -l <"$T/closed")" 1000
	equal "$(find "$M/requests" -type f | wc -l)" 1000
	while IFS=- read -r p n; do echo "writer $p request $n"; done <"$T/closed" | sort >"$T/promised"
	cat "$M"/requests/* | sort | diff "$T/promised" -
	# What was on its way to the service is held, and so is what was closed in the last moment; all else is made.
	LIMIT=$((LIMIT * 5)) wait_for all_at_rest
	equal "$(jq '.states | .ready + .held' "$M/control/stats.json")" 1000
	[ "$(jq .states.held "$M/control/stats.json")" -le 60 ]
	equal "$(curl -fsS "$STUB/control/taken" | jq -r .prompt | sort | uniq -d)" ""
}

# How few they are depends on how fast the machine is.
@test "1,000 requests by 50 processes at once need fewer transactions than one after the other" {
	mount_up
	echo pause >"$M/control/ctl"
	before=$(commits)
	writers 1 100
	wait_for count_is queued 100
	alone=$(($(commits) - before))
	rm "$M"/requests/*
	before=$(commits)
	writers 50 20
	wait_for count_is queued 1000
	took=$(($(commits) - before))
	echo "# 1,000 requests took $took transactions, 100 one after the other $alone" >&3
	[ "$took" -lt $((alone * 10)) ]
}

@test "each writer's requests leave in the order in which they were closed" {
	mount_up -o limits.creates_per_minute=10000 -o limits.concurrent=1 -o poll.first=1 -o poll.min=1
	writers 20 10
	LIMIT=$((LIMIT * 5)) stub_wait create 200
	curl -fsS "$STUB/control/prompts" | tr -d '"' >"$T/order"
	equal "$(sort "$T/order" | uniq | wc -l)" 200
	equal "$(awk '$4 != ++n[$2] { print }' "$T/order")" ""
}

@test "requests leave in the order in which they were closed, whoever opened first" {
	mount_up -o limits.creates_per_minute=10000 -o limits.concurrent=1 -o poll.first=1 -o poll.min=1
	exec 7>"$M/requests/first" 8>"$M/requests/second"
	echo "opened first" >&7
	echo "opened second" >&8
	exec 8>&-
	wait_state second ready
	exec 7>&-
	asked "opened second" "opened first"
}
