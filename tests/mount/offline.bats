#!/usr/bin/env bats
# No network: at the start, in the middle, now and then, or one that only leads to a sign-in page. All requests are
# made in the end, each with one create taken, and none fails.

load ../lib/mount

# The service leaves the network, with both its ports, and comes back on the same ones.
network_down() {
	kill -USR1 "$STUB_PID"
	wait_for test ! -e "$T/port"
}

network_up() {
	kill -USR2 "$STUB_PID"
	wait_for test -e "$T/port"
}

# made N: the requests 1 to N are there, each taken once and no other.
made() {
	local i
	for ((i = 1; i <= $1; i++)); do got "fox$i" "fox $i"; done
	curl -fsS "$STUB/control/taken" | jq -r .prompt | sort >"$T/taken"
	diff <(seq -f 'fox %g' "$1" | sort) "$T/taken"
	equal "$(jq '.states.failed + .states.held' "$M/control/stats.json")" 0
}

ask_foxes() {
	local i
	for ((i = $1; i <= $2; i++)); do ask "fox$i" "fox $i"; done
}

# says ID WORDS: its error does.
says() {
	field "$1" '.error | tostring' 2>/dev/null | grep -qF "$2"
}

says_why() {
	[ "$(field "$1" '.error.class // ""')" = network ]
}

@test "no service at the start: requests wait, say why, and are made when it comes" {
	stub_start
	network_down
	mount_up
	ask_foxes 1 20
	wait_for says_why fox1
	wait_state fox1 queued
	has_state fox20 queued
	equal "$(jq '.calls.busy' "$M/control/stats.json")" 0
	network_up
	made 20
	equal "$(stub_count create)" 20
}

@test "the service goes while predictions run, and comes back: they are polled on" {
	held_predictions
	mount_up
	ask_foxes 1 15
	wait_for count_is processing 10
	network_down
	wait_for says_why fox1
	ask_foxes 16 20
	has_state fox1 processing
	has_state fox20 queued
	stub_polls_before=$(grep -c '"kind": "poll"' "$T/calls")
	network_up
	stub_script '{"on":"prediction","do":{"hold":false}}'
	stub_release
	made 20
	equal "$(stub_count create)" 20
	[ "$(stub_count poll)" -gt "$stub_polls_before" ]
}

@test "the service goes while a picture is on its way: it is downloaded anew" {
	stub_script '{"on":"download","times":1,"do":{"cut":100,"stall":true}}'
	mount_up
	ask_foxes 1 1
	stub_wait download 1
	network_down
	wait_for says_why fox1
	network_up
	made 1
	equal "$(stub_count create)" 1
}

@test "longer than all tries together: still nothing fails" {
	stub_start
	network_down
	mount_up -o api.retries=0 -o api.retry_max=1
	ask_foxes 1 3
	wait_for grep -q "trying again" "$T/log"
	wait_for says_why fox1
	remount -o api.retries=0 -o api.retry_max=1
	wait_for says_why fox1
	matches "$(field fox3 .state)" '^(queued|creating)$'
	network_up
	made 3
}

@test "time without the service does not count for a prediction's deadline" {
	stub_start --duration-ms 9000
	mount_up -o poll.deadline=8
	ask_foxes 1 1
	wait_state fox1 processing
	network_down
	sleep 9 # the deadline itself is what is tested
	has_state fox1 processing
	network_up
	made 1
}

@test "a network that comes and goes: nothing is asked twice, what was lost on the way is held" {
	stub_start --duration-ms 50
	mount_up -o api.retry_max=1 -o limits.creates_per_minute=1000
	for round in 1 2 3 4 5; do
		network_down
		ask_foxes $((round * 10 - 9)) $((round * 10))
		network_up
		stub_wait create $((round * 3))
	done
	for i in {1..50}; do wait_for ended "fox$i"; done
	curl -fsS "$STUB/control/taken" | jq -r .prompt | sort >"$T/taken"
	equal "$(uniq -d "$T/taken")" ""
	equal "$(jq .states.failed "$M/control/stats.json")" 0
	# Only a create that was cut off on its way may wait for a decision.
	for i in {1..50}; do
		has_state "fox$i" ready || equal "$(field "fox$i" .error.class)" uncertain
	done
	[ "$(jq .states.ready "$M/control/stats.json")" -ge 10 ] # at least those after the last time
}

@test "a captive portal answers everything with 200 and its page, then lets us through" {
	stub_start
	portal='"status":200,"type":"text/html","body":"<html><head><title>Sign in</title></head><body>Wi-Fi</body></html>"'
	stub_script '{"on":"any","do":{'"$portal"',"untaken":true}}'
	mount_up
	ask_foxes 1 10
	stub_wait create 2
	wait_for says fox1 "Sign in"
	wait_state fox1 queued
	stub_control reset '{}'
	made 10
}

@test "a captive portal in the middle: polls and downloads wait for the service too" {
	held_predictions
	mount_up
	ask_foxes 1 5
	wait_for count_is processing 5
	portal='"status":200,"type":"text/html","body":"<html><head><title>Sign in</title></head><body>Wi-Fi</body></html>"'
	stub_script '{"on":"any","do":{'"$portal"',"untaken":true}}'
	polls=$(stub_count poll)
	stub_wait poll $((polls + 8))
	has_state fox1 processing
	stub_control reset '{}'
	stub_release
	made 5
	equal "$(stub_count create)" 5
}
