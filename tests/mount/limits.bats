#!/usr/bin/env bats
# The service's limits and its bad days: 429, 5xx, connections that drop, stall or never are.
# shellcheck disable=SC2016 # scripts get their own $0, and $ID and $LINK are the stand-in's

load ../lib/mount

# Limits.

@test "429 with Retry-After: it waits so long, and fails nothing" {
	stub_script '{"on":"create","nth":1,"do":{"status":429,"headers":{"Retry-After":"2"},"body":{"message":"slow down"}}}'
	mount_up -o api.busy_pause=600
	began=$(date +%s%N)
	ask fox "a fox"
	ask owl "an owl"
	got fox "a fox"
	got owl "an owl"
	[ $((($(date +%s%N) - began) / 1000000)) -ge 1900 ]
	equal "$(stub_count create)" 3
}

@test "429 with Retry-After as an HTTP date" {
	when=$(LC_ALL=C date -u -d '+2 seconds' '+%a, %d %b %Y %H:%M:%S GMT')
	served '{"on":"create","nth":1,"do":{"status":429,"headers":{"Retry-After":"'"$when"'"},"body":{}}}'
	equal "$(stub_count create)" 2
}

@test "429 without Retry-After: it pauses all creates for busy_pause" {
	stub_script '{"on":"create","nth":1,"do":{"status":429,"body":{"error":"Too many requests"}}}'
	mount_up
	began=$(date +%s%N)
	for id in 1 2 3; do ask $id "fox $id"; done
	for id in 1 2 3; do got $id "fox $id"; done
	[ $((($(date +%s%N) - began) / 1000000)) -ge 900 ]
	equal "$(stub_count create)" 4
}

@test "429 on a poll does no harm" {
	served '{"on":"poll","nth":[1,2],"do":{"status":429,"headers":{"Retry-After":"1"},"body":{}}}'
}

@test "never earn a 429: the window of creates is kept" {
	# The service's window is the shorter one by what a slow machine may need from the sending to the taking.
	stub_limits '{"creates":3,"window_ms":1000}'
	mount_up -o limits.creates_per_minute=3 -o limits.window=2
	for id in 1 2 3 4 5 6 7; do ask $id "fox $id"; done
	for id in 1 2 3 4 5 6 7; do got $id "fox $id"; done
	equal "$(stub_count refused)" 0
	equal "$(stub_count create)" 7
}

@test "never earn a 429: the number running at once is kept" {
	held_predictions
	stub_limits '{"running":2}'
	mount_up -o limits.concurrent=2
	for id in 1 2 3 4 5; do ask $id "fox $id"; done
	stub_wait create 2
	wait_state 2 processing
	stub_script '{"on":"prediction","do":{"hold":false}}'
	equal "$(stub_count create)" 2
	stub_release
	for id in 1 2 3 4 5; do got $id "fox $id"; done
	equal "$(stub_count refused)" 0
	[ "$(curl -fsS "$STUB/control/stats" | jq .peak)" -le 2 ]
}

@test "a service that allows less than we think: all come in the end" {
	stub_limits '{"creates":2,"window_ms":1500,"retry_after":1}'
	mount_up
	for id in 1 2 3 4; do ask $id "fox $id"; done
	for id in 1 2 3 4; do got $id "fox $id"; done
	[ "$(stub_count refused)" -ge 1 ]
}

# Trouble and lost connections.

@test "5xx on create: tried again" {
	served '{"on":"create","nth":[1,2],"do":{"status":500,"body":{"message":"oops"}}}'
	equal "$(stub_count create)" 3
	equal "$(field fox .attempts)" 3
}

@test "5xx, HTML and nonsense on polls: tried again, with one create" {
	stub_script '{"on":"poll","nth":1,"do":{"status":502,"type":"text/html","body":"<html>Bad gateway</html>"}}'
	stub_script '{"on":"poll","nth":2,"do":{"status":200,"type":"text/html","body":"<html>hello</html>"}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "404 on the first polls is lag; several of one moment decide nothing" {
	served '{"on":"poll","nth":1,"do":{"status":404,"body":{"message":"unknown prediction"}}}'
	stub_script '{"on":"poll","prompt":"owl","nth":[1,2,3,4,5,6],"do":{"status":404,"body":{"message":"unknown prediction"}}}'
	ask owl "an owl"
	got owl "an owl"
	equal "$(stub_count create)" 2
}

@test "a create that was sent and dropped is not sent again by default" {
	stub_script '{"on":"create","do":{"drop":true}}'
	mount_up
	ask fox "a fox"
	wait_state fox held
	equal "$(field fox .error.class)" uncertain
	asked_once
}

asked_once() {
	stub_script '{"on":"create","do":{}}'
	ask owl "an owl"
	got owl "an owl"
	equal "$(stub_count create fox)" 1
}

@test "a create on a kept-alive connection that dies is sent once" {
	stub_script '{"on":"create","nth":2,"do":{"drop":true}}'
	mount_up
	ask owl "an owl"
	got owl "an owl"
	ask fox "a fox"
	wait_state fox held
	equal "$(stub_count create fox)" 1
}

@test "a create that is reset or cut in its answer is uncertain too" {
	stub_script '{"on":"create","prompt":"reset","do":{"reset":true}}'
	stub_script '{"on":"create","prompt":"cut","do":{"cut":5}}'
	mount_up
	for id in reset cut; do
		ask $id "one $id"
		wait_state $id held
		equal "$(field $id .error.class)" uncertain
		equal "$(stub_count create "$id")" 1
	done
}

@test "a create without an answer within the idle timeout is uncertain" {
	stub_script '{"on":"create","do":{"hold":true}}'
	mount_up -o api.idle_timeout=1
	ask fox "a fox"
	wait_state fox held
	equal "$(field fox .error.class)" uncertain
	asked_once
}

@test "ambiguous_create = retry sends it again" {
	stub_script '{"on":"create","nth":1,"do":{"drop":true}}'
	mount_up -o api.ambiguous_create=retry
	ask fox "a fox"
	got fox "a fox"
	equal "$(stub_count create)" 2
}

@test "2xx on create without a predictionID is uncertain" {
	stub_script '{"on":"create","do":{"status":200,"body":{"status":"success"}}}'
	mount_up
	ask fox "a fox"
	wait_state fox held
	equal "$(field fox .error.class)" uncertain
	equal "$(stub_count create)" 1
}

@test "a captive portal's page instead of the service: it waits, and goes on" {
	stub_script '{"on":"create","nth":1,"do":{"status":200,"type":"text/html","body":"<html><title>Sign in</title></html>"}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
}

@test "no service at the start: requests wait and are served when it comes" {
	mount_up -o "api.base_url=http://127.0.0.1:$(free_port)/v1"
	ask fox "a fox"
	wait_state fox queued
	equal "$(stub_count create)" 0
	remount
	got fox "a fox"
}

# A port on which nobody listens.
free_port() {
	"$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

@test "dropped and reset polls: tried again" {
	stub_script '{"on":"poll","nth":1,"do":{"drop":true}}'
	stub_script '{"on":"poll","nth":2,"do":{"reset":true}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "a stalled poll: tried again after the idle timeout" {
	stub_script '{"on":"poll","nth":1,"do":{"hold":true}}'
	mount_up -o api.idle_timeout=1
	ask fox "a fox"
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "one stalled call does not hold up the others" {
	stub_script '{"on":"poll","prompt":"slow","nth":1,"do":{"hold":true}}'
	mount_up -o api.idle_timeout=$((3 * LIMIT))
	ask slow "a slow one"
	stub_wait poll 1 slow
	ask fox "a fox"
	got fox "a fox"
	timeout "$LIMIT" ls -l "$M/images" >/dev/null
	stub_release
	got slow "a slow one"
}

@test "an endless answer to a poll is cut off" {
	served '{"on":"poll","nth":1,"do":{"endless":true}}'
}
