#!/usr/bin/env bats
# Looking never costs money: no listing, stat or read anywhere makes a call to the service.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

# The numbers of all calls so far.
calls() {
	curl -fsS "$STUB/control/stats" | jq -c '.counts | del(.connection)'
}

populated() {
	stub_script '{"on":"create","prompt":"bad","do":{"status":400,"body":{"message":"no"}}}'
	mount_up "$@"
	mkdir "$M/requests/cats"
	ask fox "a fox"
	ask cats/tabby "a tabby"
	ask bad "a bad one"
	ask .draft "a draft"
	get fox >"$T/got"
	get cats/tabby >"$T/got"
	wait_state bad failed
	before=$(calls)
	count=$(stub_count create)
}

unchanged() {
	equal "$(calls)" "$before"
}

@test "ls -lR, find, du, stat, tree walks" {
	populated
	{
		ls -lR "$M"
		find "$M" -ls
		find "$M" -name '*.png' -size +0
		du -a "$M"
		find "$M" -exec stat {} +
	} >"$T/listing"
	grep -q tabby.png "$T/listing"
	unchanged
}

@test "file and cat of every picture, status and control file" {
	populated
	find "$M/images" "$M/status" -type f -exec file {} + >"$T/types"
	find "$M/images" "$M/status" "$M/requests" -type f -exec cat {} + >"$T/contents"
	cat "$M/README.txt" "$M/control/stats.json" "$M/control/config.ini" >>"$T/contents"
	grep -q 'PNG image data, 48 x 27' "$T/types"
	unchanged
}

@test "grep -r over the whole tree" {
	populated
	timeout "$LIMIT" grep -r -l tabby "$M/requests" "$M/status" "$M/images" "$M/README.txt" >"$T/found" || :
	grep -q requests/cats/tabby "$T/found"
	unchanged
}

@test "touch, chmod and utimens" {
	populated
	touch "$M/requests/fox"
	touch -d 2001-01-01 "$M/requests/cats/tabby"
	chmod 640 "$M/requests/fox"
	: >>"$M/requests/fox"
	unchanged
	asked_nothing_more
}

asked_nothing_more() {
	settle
	equal "$(stub_count create)" $((count + 1))
}

@test "opening a request for writing without a write" {
	populated
	exec 7<>"$M/requests/fox"
	exec 7>&-
	asked_nothing_more
}

@test "drafts, folders and empty files" {
	populated
	mkdir "$M/requests/new"
	: >"$M/requests/new/empty"
	echo text >"$M/requests/new/.hidden"
	echo text >"$M/requests/new/backup~"
	rm -r "$M/requests/new"
	asked_nothing_more
}

@test "names that nobody asked for" {
	populated
	for i in 1 2 3; do
		refute cat "$M/images/none-$i.png" 2>/dev/null
		refute cat "$M/images/pred-9999$i.png" 2>/dev/null
		refute cat "$M/status/none-$i.json" 2>/dev/null
	done
	unchanged
}

@test "reading a finished picture many times downloads it once" {
	populated
	downloads=$(stub_count download fox)
	for _ in 1 2 3 4 5; do cat "$M/images/fox.png" >"$T/got"; done
	equal "$(stub_count download fox)" "$downloads"
	equal "$downloads" 1
}

@test "opening a failed picture does not ask again" {
	populated
	for _ in 1 2 3; do open_says bad EINVAL; done
	unchanged
}

@test "waiting readers do not poll more often than one does" {
	held_predictions
	mount_up -o poll.first=200 -o poll.min=200 -o poll.max=200
	ask fox "a fox"
	stub_wait create 1
	background syscalls crowd 30 "$M/images/fox.png%.0s"
	wait_for grep -q waiting "$T/bg.out"
	began=$(date +%s%N)
	start=$(stub_count poll)
	stub_wait poll $((start + 4))
	[ $((($(date +%s%N) - began) / 1000000)) -ge 500 ]
	stub_release
	background_ends 0
}

@test "a mount that nobody asks anything makes no call" {
	mount_up
	ls -R "$M" >"$T/listing"
	mount_down
	equal "$(calls)" '{}'
}
