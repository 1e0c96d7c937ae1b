#!/usr/bin/env bats
# The contract's table of errors, row by row: errno, class, and words.
# shellcheck disable=SC2016 # scripts get their own $0, and $ID and $LINK are the stand-in's

load ../lib/mount

# fails_with RULE ERRNO CLASS
fails_with() {
	stub_script "$1"
	mount_up
	ask fox "a fox"
	open_says fox "$2"
	equal "$(field fox .error.class)" "$3"
	[ -n "$(field fox '.error.message // ""')" ]
	if [ -e "$M/images/fox.error.txt" ]; then
		grep -qF "$(field fox .error.message)" "$M/images/fox.error.txt"
	fi
}

@test "errno: 400 is EINVAL, class invalid" {
	fails_with '{"on":"create","do":{"status":400,"body":{"status":"error","message":"Invalid input","details":"seed"}}}' \
		EINVAL invalid
	equal "$(field fox .error.http_status)" 400
	matches "$(field fox '.error.message + .error.details')" 'seed'
	equal "$(stub_count create)" 1
}

@test "errno: 422 is EINVAL, class invalid" {
	fails_with '{"on":"create","do":{"status":422,"body":{"detail":"no"}}}' EINVAL invalid
}

@test "errno: 401 is EACCES, class auth" {
	fails_with '{"on":"create","do":{"status":401,"body":{"status":"error","message":"Unauthorized"}}}' EACCES auth
}

@test "errno: 403 is EACCES, class auth" {
	fails_with '{"on":"create","do":{"status":403,"body":{"error":"Forbidden"}}}' EACCES auth
}

@test "errno: 402 is EDQUOT, class payment" {
	fails_with '{"on":"create","do":{"status":402,"body":{"error":"Insufficient balance"}}}' EDQUOT payment
}

@test "402 stops the queue, as 401 does, until it is retried" {
	stub_script '{"on":"create","nth":1,"do":{"status":402,"body":{"error":"Insufficient balance"}}}'
	mount_up -o limits.concurrent=1
	for i in 1 2 3; do ask fox$i "fox $i"; done
	wait_state fox1 failed
	for i in 2 3; do
		wait_state fox$i held
		equal "$(field fox$i .error.class)" payment
	done
	equal "$(stub_count create)" 1
	echo "retry failed" >"$M/control/ctl"
	for i in 1 2 3; do got fox$i "fox $i"; done
}

@test "errno: 404 for the model is ENXIO, class model" {
	fails_with '{"on":"create","do":{"status":404,"body":{"status":"error","message":"model not found"}}}' ENXIO model
}

@test "errno: refused by the safety checker is EPERM, class moderation" {
	fails_with '{"on":"poll","do":{"answer":{"status":"error","message":"NSFW content detected by the safety checker"}}}' \
		EPERM moderation
}

@test "errno: 5xx after the retries is EIO, class service" {
	fails_with '{"on":"create","do":{"status":503,"body":{}}}' EIO service
	equal "$(stub_count create)" 3 # retries = 2
}

@test "errno: a failed prediction is EIO, class service" {
	fails_with '{"on":"poll","do":{"answer":{"status":"error","message":"CUDA out of memory"}}}' EIO service
	matches "$(field fox '.error.message + (.error.details // "" | tostring)')" 'CUDA out of memory'
}

@test "errno: a create that was sent and never answered is EIO, class uncertain, held" {
	fails_with '{"on":"create","prompt":"fox","do":{"drop":true}}' EIO uncertain
	has_state fox held
	matches "$(field fox .error.hint)" 'retry'
	asked "a fox"
}

@test "errno: no picture in the download is EIO, class download" {
	fails_with '{"on":"prediction","do":{"picture":"html"}}' EIO download
	matches "$(field fox .error.message)" 'html'
}

@test "errno: cancelled is ECANCELED, class cancelled" {
	held_predictions
	mount_up
	ask fox "a fox"
	wait_state fox processing
	echo "cancel fox" >"$M/control/ctl"
	wait_state fox cancelled
	open_says fox ECANCELED
	equal "$(field fox .error.class)" cancelled
}

@test "errno: refused here is EINVAL" {
	mount_up
	run ! bash -c 'echo "{\"prompt\": 1}" >"$0"' "$M/requests/a.json"
	wait_state a invalid
	open_says a EINVAL
}

@test "errno: no connection, after the retries with offline = fail, is EIO, class network" {
	mount_up -o api.offline=fail -o api.base_url=http://127.0.0.1:9/v1
	ask fox "a fox"
	open_says fox EIO
	equal "$(field fox .error.class)" network
}

@test "ended at the service: ECANCELED" {
	fails_with '{"on":"poll","do":{"answer":{"status":"canceled","output":null}}}' ECANCELED cancelled
}
