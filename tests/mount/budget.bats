#!/usr/bin/env bats
# The day's budget: limits.daily_images, limits.daily_cost. (The next day: unit tests of budget and engine.)
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's

load ../lib/mount

# budget KEY: of control/stats.json.
budget() {
	jq -r ".budget.$1" "$M/control/stats.json"
}

# opening WHAT FLAGS ERRNO: a request's file.
opening() {
	equal "$(errno_of open "$M/requests/$1" "$2")" "$3"
}

two_were_made() {
	mount_up -o limits.daily_images=2 "$@"
	for id in 1 2; do ask $id "fox $id"; done
	for id in 1 2; do got $id "fox $id"; done
}

@test "used up: create and open for writing of a proper name say EDQUOT" {
	two_were_made
	opening fox 'O_WRONLY|O_CREAT' EDQUOT
	opening 1 O_WRONLY EDQUOT
	opening 1 'O_RDWR|O_TRUNC' EDQUOT
	run ! bash -c 'echo "a fox" >"$0"' "$M/requests/fox"
	matches "$output" 'quota exceeded'
	[ ! -e "$M/requests/fox" ]
	equal "$(cat "$M/requests/1")" "fox 1"
	equal "$(stub_count create)" 2
}

@test "used up: stats.json says so, the log when it begins, and the kernel what README.txt explains" {
	two_were_made
	equal "$(jq -r .stopped "$M/control/stats.json")" "today's budget of 2 pictures is used up (limits.daily_images)"
	matches "$(jq -r .stopped_hint "$M/control/stats.json")" 'after midnight.*echo resume > control/ctl'
	wait_for grep -q "nothing is sent: today's budget of 2 pictures is used up" "$T/log"
	run ! bash -c 'echo "a fox" >"$0"' "$M/requests/fox"
	grep -q "$(sed 's/.*: //' <<<"$output")" "$M/README.txt"
	echo resume >"$M/control/ctl"
	equal "$(jq -r .stopped "$M/control/stats.json")" ""
	wait_for grep -q "next day's budget is over; requests are sent again" "$T/log"
}

@test "used up: reading, drafts, folders, rm and touch go on" {
	two_were_made
	cat "$M/requests/1" "$M/images/2.png" "$M/status/1.json" >"$T/read"
	ask .draft "a draft"
	mkdir "$M/requests/cats"
	touch "$M/requests/1"
	equal "$(errno_of rename "$M/requests/.draft" "$M/requests/fox")" EDQUOT
	equal "$(cat "$M/requests/.draft")" "a draft"
	mv "$M/requests/1" "$M/requests/one"
	got one "fox 1"
	rm "$M/requests/one"
	equal "$(stub_count create)" 2
}

@test "what was accepted before waits in the queue, and says for what" {
	held_predictions
	mount_up -o limits.daily_images=2 -o limits.concurrent=1
	for id in 1 2 3 4; do ask $id "fox $id"; done
	stub_wait create 1
	stub_release
	stub_wait create 2
	stub_release
	got 2 "fox 2"
	has_state 3 queued
	equal "$(field 3 .queue_position)" 1
	equal "$(field 4 .error.class)" payment
	matches "$(field 4 .error.message)" "today's budget of 2 pictures is used up"
	matches "$(field 4 .error.hint)" 'after midnight.*echo resume > control/ctl'
	equal "$(budget images_today)" 2
	equal "$(budget images_limit)" 2
	equal "$(stub_count create)" 2
}

@test "echo resume lifts it for the rest of the day, also over a restart" {
	two_were_made
	echo resume >"$M/control/ctl"
	equal "$(budget lifted)" true
	ask 3 "fox 3"
	got 3 "fox 3"
	equal "$(budget images_today)" 3
	remount -o limits.daily_images=2
	ask 4 "fox 4"
	got 4 "fox 4"
	equal "$(budget images_today)" 4
}

@test "resume lets what waited go" {
	mount_up -o limits.daily_images=1
	echo pause >"$M/control/ctl"
	for id in 1 2 3; do ask $id "fox $id"; done
	echo resume >"$M/control/ctl"
	got 1 "fox 1"
	has_state 2 queued
	equal "$(budget lifted)" false
	echo resume >"$M/control/ctl"
	got 2 "fox 2"
	got 3 "fox 3"
}

@test "a restart changes nothing" {
	two_were_made
	remount -o limits.daily_images=2
	opening fox 'O_WRONLY|O_CREAT' EDQUOT
	equal "$(budget images_today)" 2
	remount -o limits.daily_images=3
	ask 3 "fox 3"
	got 3 "fox 3"
	equal "$(stub_count create)" 3
}

@test "an endless loop of failing requests meets the limit, also over a restart" {
	stub_script '{"on":"poll","do":{"answer":{"status":"error","message":"no luck"}}}'
	mount_up -o limits.daily_images=3
	ask fox "a fox"
	wait_state fox failed
	echo "retry fox" >"$M/control/ctl"
	stub_wait create 2
	wait_state fox failed
	equal "$(budget images_today)" 2
	remount -o limits.daily_images=3
	equal "$(budget images_today)" 2
	ask owl "an owl"
	wait_state owl failed
	opening elk 'O_WRONLY|O_CREAT' EDQUOT
	echo "retry failed" >"$M/control/ctl"
	has_state fox queued
	has_state owl queued
	equal "$(budget images_today)" 3
	equal "$(stub_count create)" 3
}

@test "what was not taken, or was cancelled, is given back" {
	stub_script '{"on":"create","prompt":"refused","do":{"status":400,"body":{"message":"no"}}}'
	stub_script '{"on":"prediction","prompt":"slow","do":{"hold":true}}'
	mount_up -o limits.daily_images=1
	ask a "refused"
	wait_state a failed
	ask c "slow"
	wait_state c processing
	opening fox 'O_WRONLY|O_CREAT' EDQUOT
	echo "cancel c" >"$M/control/ctl"
	wait_for eval '[ "$(budget images_today)" = 0 ]' # when the service has taken the cancel
	ask fox "a fox"
	got fox "a fox"
	equal "$(budget images_today)" 1
}

@test "a create without an answer counts, since it may be billed" {
	stub_script '{"on":"create","do":{"drop":true}}'
	mount_up -o limits.daily_images=1
	ask fox "a fox"
	wait_state fox held
	opening owl 'O_WRONLY|O_CREAT' EDQUOT
	echo "retry fox" >"$M/control/ctl"
	has_state fox queued
	equal "$(stub_count create)" 1
}

@test "daily_cost: by what the service tells" {
	stub_script '{"on":"poll","do":{"answer":{"status":"success","output":"$LINK","metrics":{"cost":0.04}}}}'
	mount_up -o limits.daily_cost=0.08
	ask 1 "fox 1"
	got 1 "fox 1"
	equal "$(budget cost_today)" 0.04
	ask 2 "fox 2"
	got 2 "fox 2"
	equal "$(budget cost_today)" 0.08
	equal "$(budget cost_limit)" 0.08
	opening fox 'O_WRONLY|O_CREAT' EDQUOT
}

@test "daily_cost: by cost_per_image where the service tells nothing" {
	stub_script '{"on":"poll","do":{"answer":{"status":"success","output":"$LINK"}}}'
	mount_up -o limits.daily_cost=1 -o limits.cost_per_image=0.5
	for id in 1 2; do
		ask $id "fox $id"
		got $id "fox $id"
	done
	equal "$(budget cost_today)" 1
	opening fox 'O_WRONLY|O_CREAT' EDQUOT
}
