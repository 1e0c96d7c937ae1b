#!/usr/bin/env bats
# What a picture says of itself in extended attributes, and what the user may say of it: tags, a comment, a rating.
# shellcheck disable=SC2016 # the words are for eval, and for another program

load ../lib/mount

attr() {
	getfattr --absolute-names --only-values -n "user.$1" "$M/images/${2:-fox}.png"
}

mark() {
	setfattr -n "user.$1" -v "$2" "$M/images/${3:-fox}.png"
}

unmark() {
	setfattr -x "user.$1" "$M/images/fox.png"
}

says() {
	run ! "${@:2}"
	matches "$output" "$1"
}

fox() {
	mount_up "$@"
	jq -n '{prompt: "a fox", seed: 7, lora_weights: "huggingface.co/o/r", lora_scale: 0.5, hf_api_token: "hf_abcdefgh12345"}' \
		>"$M/requests/fox.json"
	get fox >/dev/null
}

sidecar() {
	cat "$T"/library/*/*-fox.json
}

@test "a picture says what it is and where it came from, and no secret" {
	fox
	equal "$(attr mime_type)" image/png
	equal "$(attr xdg.comment)" "a fox"
	equal "$(attr dublincore.title)" fox
	equal "$(attr dublincore.date)" "$(field fox .completed_at)"
	equal "$(attr dublincore.identifier)" "$(field fox .prediction_id)"
	matches "$(attr dublincore.source)" "$(field fox .model)"
	equal "$(attr ai.eachlabs.model)" "$(field fox .model)"
	equal "$(attr ai.eachlabs.seed)" 7
	equal "$(attr ai.eachlabs.lora)" huggingface.co/o/r
	equal "$(attr ai.eachlabs.lora_scale)" 0.5
	equal "$(attr ai.eachlabs.request | jq -S .)" "$(field fox '.request' | jq -S .)"
	refute grep -rq hf_abcdefgh12345 <(getfattr -d -m - --absolute-names "$M/images/fox.png")
	for unknown in xdg.tags baloo.rating xdg.origin.url nothing ai.eachlabs.nothing; do
		says 'No such attribute' attr "$unknown"
	done
	equal "$(errno_of getxattr "$M/images/fox.png" user.nothing)" ENODATA
	equal "$(errno_of getxattr "$M/images/fox.png" system.posix_acl_access)" ENOTSUP
}

@test "the service's link only if the setting allows it" {
	fox -o images.origin_url=yes
	matches "$(attr xdg.origin.url)" '^http://127.0.0.2:'
}

@test "tags, comment and rating can be written, and are there after restarts and in the sidecar" {
	fox
	mark xdg.tags "best,of all"
	mark xdg.comment 'so "red"'
	mark baloo.rating 8
	marked
	equal "$(field fox '.tags | join("+")')" "best+of all"
	equal "$(field fox .comment)" 'so "red"'
	equal "$(field fox .rating)" 8
	wait_for eval '[ "$(sidecar | jq -r "[.tags[1], .comment, .rating] | join(\"+\")")" = "of all+so \"red\"+8" ]'
	remount
	marked
	kill -9 "$(daemon_pids | head -n 1)"
	wait_for no_daemon
	mount_up
	marked
	equal "$(stub_count create)" 1
}

marked() {
	equal "$(attr xdg.tags)" "best,of all"
	equal "$(attr xdg.comment)" 'so "red"'
	equal "$(attr baloo.rating)" 8
}

@test "what is written is answered when it is on disk: kill -9 loses nothing" {
	fox
	for n in 1 2 3 4 5; do
		mark baloo.rating "$n"
		kill -9 "$(daemon_pids | head -n 1)"
		wait_for no_daemon
		mount_up
		equal "$(attr baloo.rating)" "$n"
		wait_for eval '[ "$(sidecar | jq .rating)" = '"$n"' ]'
	done
}

@test "a lost state folder: they come back from the sidecars" {
	fox
	mark xdg.tags "best"
	unmark xdg.comment
	wait_for eval '[ "$(sidecar | jq -r "[.tags[0], .comment] | @json")" = "[\"best\",\"\"]" ]'
	mount_down
	rm -r "$T/state"
	mount_up
	equal "$(attr xdg.tags)" best
	says 'No such attribute' attr xdg.comment
}

@test "they can be removed; what makes no sense is refused, what is ours cannot be written" {
	fox
	mark baloo.rating 10
	unmark baloo.rating
	says 'No such attribute' attr baloo.rating
	says 'No such attribute' unmark baloo.rating
	says 'Invalid argument' mark baloo.rating 11
	says 'Invalid argument' mark baloo.rating good
	says 'Invalid argument' mark xdg.tags 0x0a
	unmark xdg.comment
	says 'No such attribute' attr xdg.comment
	for ours in mime_type dublincore.title ai.eachlabs.seed whatever; do
		says 'Operation not permitted' mark "$ours" 1
	done
	says 'Operation not permitted' unmark mime_type
	says 'No data available' attr_call XATTR_REPLACE images/fox.png
	attr_call XATTR_CREATE images/fox.png
	says 'File exists' attr_call XATTR_CREATE images/fox.png
	attr_call XATTR_REPLACE images/fox.png
	says 'Operation not permitted' attr_call XATTR_CREATE status/fox.json
}

attr_call() {
	"$PYTHON" -c 'import os, sys
os.setxattr(sys.argv[2], "user.xdg.tags", b"b", getattr(os, sys.argv[1]))' "$1" "$M/$2"
}

@test "a picture that is not there yet cannot be marked, and says what was asked" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	equal "$(attr xdg.comment)" "a fox"
	says 'No such attribute' attr mime_type
	says 'Operation not permitted' mark baloo.rating 5
}

@test "cp --preserve=xattr takes them along" {
	touch "$T/x" && setfattr -n user.a -v b "$T/x" 2>/dev/null || skip "needs extended attributes below TMPDIR"
	fox
	mark xdg.tags best
	cp --preserve=xattr "$M/images/fox.png" "$T/fox.png"
	equal "$(getfattr --absolute-names --only-values -n user.xdg.tags "$T/fox.png")" best
	equal "$(getfattr --absolute-names --only-values -n user.ai.eachlabs.seed "$T/fox.png")" 7
	cmp "$M/images/fox.png" "$T/fox.png"
}

@test "marks stay with the picture when its name moves or is asked again" {
	fox
	mark xdg.tags best
	mv "$M/requests/fox.json" "$M/requests/wolf.json"
	equal "$(attr xdg.tags wolf)" best
	id=$(field wolf .prediction_id)
	ask wolf "another"
	get wolf >/dev/null
	says 'No such attribute' attr xdg.tags wolf
	equal "$(attr xdg.tags "$id")" best
}
