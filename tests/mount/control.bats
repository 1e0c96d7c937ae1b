#!/usr/bin/env bats
# status/ and control/: what they tell, and what ctl does.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

RFC3339='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$'

tell() {
	echo "$*" >"$M/control/ctl"
}

@test "status of a ready request: every field of the contract" {
	mount_up
	echo '{"prompt": "a fox", "seed": 42}' >"$M/requests/fox"
	get fox >"$T/got"
	equal "$(field fox '[.id, .state, .prompt, .seed, .attempts] | map(tostring) | join("|")')" "fox|ready|a fox|42|1"
	equal "$(field fox .prediction_id)" pred-000001
	for key in created_at submitted_at completed_at; do
		matches "$(field fox ".$key")" "$RFC3339"
	done
	[ "$(field fox '.submitted_at <= .completed_at')" = true ]
	[ "$(field fox '.polls >= 1')" = true ]
	equal "$(field fox '.predict_time, .cost' | paste -sd' ')" "0.25 0.005"
	equal "$(field fox '.image | .bytes, .mime, .width, .height' | paste -sd' ')" "$(stat -c %s "$T/got") image/png 48 27"
	equal "$(field fox .image.sha256)" "$(sha256sum <"$T/got" | cut -d' ' -f1)"
	equal "$(field fox .request.prompt)" "a fox"
	equal "$(field fox .request.seed)" 42
	equal "$(field fox 'has("error")')" false
	equal "$(field fox 'has("queue_position")')" false
}

@test "status: image.path names the file in the library" {
	mount_up
	ask fox "a fox"
	get fox >"$T/got"
	path=$(field fox .image.path)
	[[ $path == /* ]] || path=$T/library/$path
	cmp "$T/got" "$path"
	matches "$path" '/[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{6}-fox\.png$'
}

@test "status: a seed that the user did not give is told, and is the one that was sent" {
	mount_up
	ask fox "a fox"
	get fox >"$T/got"
	equal "$(field fox .seed)" "$(stub_last_create | jq .input.seed)"
}

@test "status of a draft: known while the file is open" {
	mount_up
	exec 7>"$M/requests/fox"
	printf 'a fox' >&7
	bash -c ':' 7>&7
	has_state fox draft
	exec 7>&-
	wait_state fox ready
}

# tells_size ID: of what is read from its status now.
tells_size() {
	local r=0
	exec 8<"$M/status/$1.json"
	[ "$(stat -L -c %s /dev/fd/8)" = "$(cat <&8 | wc -c)" ] || r=1
	exec 8<&-
	return $r
}

@test "status never waits, has its true size, and absent means unknown" {
	held_predictions
	mount_up -o limits.concurrent=1
	ask fox "a fox"
	wait_state fox processing
	equal "$(timeout "$LIMIT" cat "$M/status/fox.json" | jq 'has("completed_at"), has("image"), has("cost")' | paste -sd' ')" \
		"false false false"
	# Before it was read a stat says a bound, for it makes no text; then the true size. (Of one that
	# waits: what runs tells how often it was polled.)
	ask owl "an owl"
	[ "$(stat -c %s "$M/status/owl.json")" -ge "$(wc -m <<<"$(cat "$M/status/owl.json")")" ]
	tells_size owl
	equal "$(timeout "$LIMIT" cp "$M/status/fox.json" "$T/copy" && jq -r .id "$T/copy")" fox
	# Of one that the kernel keeps, too, when its request has another name.
	stub_release
	wait_state fox ready
	mv "$M/requests/fox" "$M/requests/fox.prompt"
	wait_for tells_size fox # news to the kernel hold up nobody for long
	equal "$(field fox .request_file)" requests/fox.prompt
}

@test "status: queue_position tells the place in the queue" {
	held_predictions
	mount_up -o limits.concurrent=1
	ask one "one"
	wait_state one processing
	for id in two three four; do ask $id $id; done
	before=$(field two .queue_position)
	equal "$(field three .queue_position)" $((before + 1))
	equal "$(field four .queue_position)" $((before + 2))
	rm "$M/requests/two"
	equal "$(field three .queue_position)" "$before"
}

@test "stats.json: counts by state, queue, rate budget, version, uptime" {
	mount_up
	ask fox "a fox"
	get fox >"$T/got"
	jq -e . "$M/control/stats.json" >"$T/stats"
	grep -q '"ready": *1' "$T/stats"
	equal "$(jq -r '.. | .version? // empty' "$T/stats")" "$("$PIMAGEFS" -V | head -n 1 | sed 's/^pimagefs //')"
	matches "$(cat "$T/stats")" '"uptime'
	matches "$(cat "$T/stats")" '"queue'
	matches "$(cat "$T/stats")" '"cost'
}

@test "config.ini: the settings in force, where each came from, secrets masked" {
	mount_up -o limits.concurrent=7
	cat "$M/control/config.ini" >"$T/seen"
	grep -qE '^concurrent *= *7' "$T/seen"
	grep -qE '^max *= *100' "$T/seen"
	matches "$(cat "$T/seen")" "$T/ini:[0-9]+"
	matches "$(cat "$T/seen")" 'option|-o'
	matches "$(cat "$T/seen")" 'built-in'
	refute grep -qF "$KEY" "$T/seen"
}

@test "config.ini is a settings file that the program takes" {
	mount_up
	grep -v '\*\*\*' "$M/control/config.ini" >"$T/again.ini"
	run -0 "$PIMAGEFS" -c "$T/again.ini" --check-config
}

@test "ctl retry ID: a failed request is asked again" {
	stub_script '{"on":"poll","times":1,"do":{"answer":{"status":"error","message":"bad luck"}}}'
	mount_up
	ask fox "a fox"
	open_says fox EIO
	tell retry fox
	got fox "a fox"
	equal "$(stub_count create)" 2
	equal "$(field fox .attempts)" 2
	equal "$(ls "$M/images")" fox.png
	equal "$(field fox 'has("error")')" false
}

@test "ctl retry failed: all that failed and are held" {
	stub_script '{"on":"create","times":2,"do":{"status":400,"body":{"message":"no"}}}'
	mount_up
	ask one "one"
	ask two "two"
	wait_state one failed
	wait_state two failed
	ask three "three"
	got three three
	tell retry failed
	got one one
	got two two
	settle
	equal "$(stub_count create)" 6
}

@test "ctl retry of an uncertain create asks again" {
	stub_script '{"on":"create","times":1,"do":{"drop":true}}'
	mount_up
	ask fox "a fox"
	wait_state fox held
	tell retry fox
	got fox "a fox"
}

@test "401 fails that one and holds the others until retry" {
	stub_script '{"on":"create","nth":1,"do":{"status":401,"body":{"message":"bad key"}}}'
	mount_up -o limits.concurrent=1
	ask one "one"
	ask two "two"
	open_says one EACCES
	wait_state two held
	equal "$(field two .error.class)" auth
	equal "$(stub_count create)" 1
	tell retry failed
	got one one
	got two two
}

@test "ctl cancel ID and cancel all" {
	held_predictions
	mount_up
	for id in one two three; do ask $id $id; wait_state $id processing; done
	tell cancel one
	wait_state one cancelled
	has_state two processing
	tell cancel all
	wait_state two cancelled
	wait_state three cancelled
	stub_wait cancel 3
}

@test "ctl retry of a cancelled request asks again" {
	held_predictions
	mount_up
	ask fox "a fox"
	wait_state fox processing
	tell cancel fox
	wait_state fox cancelled
	stub_script '{"on":"prediction","do":{"hold":false}}'
	tell retry fox
	got fox "a fox"
}

@test "ctl pause and resume" {
	mount_up
	tell pause
	ask fox "a fox"
	ask owl "an owl"
	wait_state fox queued
	equal "$(stub_count create)" 0
	tell resume
	got fox "a fox"
	got owl "an owl"
}

@test "ctl pause survives a restart" {
	mount_up
	tell pause
	ask fox "a fox"
	wait_state fox queued
	remount
	has_state fox queued
	equal "$(stub_count create)" 0
	tell resume
	got fox "a fox"
}

@test "ctl takes several lines in one write, also ids in subfolders" {
	held_predictions
	mount_up
	mkdir "$M/requests/cats"
	ask cats/tabby "a tabby"
	ask fox "a fox"
	wait_state cats/tabby processing
	wait_state fox processing
	printf 'cancel cats/tabby\ncancel fox\n' >"$M/control/ctl"
	wait_state cats/tabby cancelled
	wait_state fox cancelled
}

@test "ctl: what was done before a line that is refused is bytes that were written" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	words=$'cancel fox\ncancel owl\n'
	equal "$("$PYTHON" -c 'import os, sys
print(os.write(os.open(sys.argv[1], os.O_WRONLY), sys.argv[2].encode()))' "$M/control/ctl" "$words")" 11
	has_state fox cancelled
	ask fox "a fox"
	stub_wait create 2
	run ! sh -c 'printf "cancel fox\ncancel owl\n" >"$0"' "$M/control/ctl"
	has_state fox cancelled
}

@test "ctl: an unknown command, id or form is EINVAL (or ENOENT) at write" {
	mount_up
	ask fox "a fox"
	get fox >"$T/got"
	ctl_says 'nonsense' EINVAL
	ctl_says 'retry' EINVAL
	ctl_says 'pause now' EINVAL
	ctl_says 'retry nobody' 'ENOENT|EINVAL'
	ctl_says 'cancel nobody' 'ENOENT|EINVAL'
	matches "$(ctl_write "$(head -c 100000 /dev/zero | tr '\0' x)")" 'EINVAL|E2BIG|EFBIG'
	has_state fox ready
	asked "a fox"
}

ctl_write() {
	syscalls write "$M/control/ctl" O_WRONLY "$1"$'\n'
}

ctl_says() {
	matches "$(ctl_write "$1")" "^open=OK write=($2) "
}

@test "ctl takes the names that people see" {
	mount_up
	tell pause
	mkdir "$M/requests/cats"
	ask cats/tabby.txt "a tabby"
	ask v1.png "a drawing"
	for name in tabby tabby.txt tabby.png tabby.error.txt; do
		tell "cancel cats/$name"
		wait_state cats/tabby cancelled
		tell "retry cats/$name"
		wait_state cats/tabby queued
	done
	for name in requests/cats/tabby.txt images/cats/tabby.png status/cats/tabby.json; do
		tell "cancel $name"
		wait_state cats/tabby cancelled
		tell "retry $M/$name"
		wait_state cats/tabby queued
	done
	tell cancel v1.png
	wait_state v1.png cancelled
	ctl_says 'cancel cats/tabby.gif' ENOENT
	has_state cats/tabby queued
}

@test "cat control/ctl ends with what came of the last commands, and why" {
	mount_up
	tell pause
	ask fox "a fox"
	tell cancel images/fox.png
	ctl_says 'cancel fox.txt' EINVAL
	ctl_says 'retry owl' ENOENT
	ctl_says "$KEY" EINVAL
	tail -n 5 "$M/control/ctl" >"$T/answers"
	sed -i -E 's/^# [0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z /# /' "$T/answers"
	equal "$(cat "$T/answers")" "# pause: done
# cancel images/fox.png: done: it is cancelled
# cancel fox.txt: refused: it is cancelled, and there is nothing to cancel
# retry owl: refused: no request has this name; see status/
# (not shown): refused: no command begins so; nothing was done"
	equal "$(stat -c %s "$M/control/ctl")" "$(wc -c <"$M/control/ctl")"
	for n in $(seq 30); do ctl_says "retry nobody-$n" ENOENT; done
	equal "$(grep -c 'nobody' "$M/control/ctl")" 16
	matches "$(tail -n 1 "$M/control/ctl")" 'nobody-30'
	tell resume
}

@test "what stops the creates is told: stats.json, README.txt, and the log when it begins and ends" {
	mount_up
	equal "$(jq -r .stopped "$M/control/stats.json")" ""
	tell pause
	wait_for grep -q 'nothing is sent: paused' "$T/log"
	equal "$(jq -r .stopped "$M/control/stats.json")" "paused: nothing is sent"
	matches "$(jq -r .stopped_hint "$M/control/stats.json")" 'echo resume'
	tell resume
	wait_for grep -q 'the pause is over; requests are sent again' "$T/log"
	equal "$(jq -r '.stopped, has("stopped_hint")' "$M/control/stats.json" | paste -sd' ')" " false"
	for words in "today's budget" paused refused 'no room' download 429 'never answered' 'queue is full'; do
		grep -qi "$words" "$M/README.txt"
	done
}

@test "a key that is refused, and too many requests, are told in stopped and in the log" {
	stub_script '{"on":"create","prompt":"busy","times":1,"do":{"status":429,"headers":{"Retry-After":"600"},"body":{}}}'
	stub_script '{"on":"create","prompt":"key","times":1,"do":{"status":401,"body":{"message":"bad key"}}}'
	mount_up
	ask one key
	wait_state one failed
	matches "$(jq -r .stopped "$M/control/stats.json")" 'key'
	wait_for grep -q 'nothing is sent: .*key' "$T/log"
	tell retry one.txt
	got one key
	wait_for grep -q 'the refusal of the key or the balance is over' "$T/log"
	ask two busy
	wait_for grep -q 'nothing is sent: too many requests, the service says (429)' "$T/log"
	matches "$(jq -r .stopped "$M/control/stats.json")" '429.*tried in [0-9]+ s'
	ask three "behind it"
	matches "$(field three .error.message)" 429
}

@test "ctl: an empty line does nothing, and reading it gives no secrets" {
	mount_up
	equal "$(ctl_write '')" "open=OK write=OK close=OK"
	refute grep -qF "$KEY" "$M/control/ctl"
}

@test "ctl reload takes settings that can change while mounted, or says that it cannot" {
	mount_up
	matches "$(ctl_write reload)" '^open=OK write=(OK|EINVAL|EOPNOTSUPP|ENOTSUP) '
	ask fox "a fox"
	got fox "a fox"
}

@test "df tells the library's file system" {
	mount_up
	equal "$(stat -f -c %b "$M" | wc -l)" 1
	[ "$(df --output=size "$M" | tail -n 1)" -gt 0 ]
}
