#!/usr/bin/env bats
# control/ctl: again, delete, reload; commands on a request that asked for several.
# shellcheck disable=SC2016 # scripts get their own $0

load ../lib/mount

ctl() {
	echo "$*" >"$M/control/ctl"
}

# last WORDS: what is told of the last command.
last() {
	matches "$(tail -n 1 "$M/control/ctl")" "$1"
}

@test "again: the same with the same seed; --seed random: with another; the earlier one stays in by-id/" {
	mount_up
	ask fox "a fox"
	wait_state fox ready
	seed=$(field fox .seed)
	ctl again fox
	last 'again fox: done'
	wait_state fox ready
	equal "$(stub_count create)" 2
	equal "$(field fox .seed)" "$seed"
	ctl again requests/fox --seed random
	stub_wait create 3
	wait_state fox ready
	refute [ "$(field fox .seed)" = "$seed" ]
	equal "$(field fox .request.seed)" "$(field fox .seed)"
	equal "$(find "$M/by-id" -name '*.png' | wc -l)" 3
	remount
	equal "$(field fox '.request_file, .state' | paste -sd' ')" "requests/fox ready"
	rm "$M/requests/fox"
	equal "$(stub_count create)" 3
}

@test "again and retry of a set, and of one of it" {
	stub_script '{"on":"poll","times":2,"do":{"answer":{"status":"failed","error":"no"}}}'
	mount_up -o limits.concurrent=1
	ask fox "a {red, blue} fox"
	wait_state fox failed
	ctl retry fox
	wait_state fox ready
	equal "$(stub_count create)" 4
	ctl again fox
	wait_state fox ready
	equal "$(stub_count create)" 6
	ctl again images/fox/02.png --seed random
	stub_wait create 7
	wait_state fox ready
	remount -o limits.concurrent=1
	equal "$(field fox '[.state, .pictures[].id] | join(" ")')" "ready fox/01 fox/02"
	asked "a red fox" "a blue fox" "a red fox" "a blue fox" "a red fox" "a blue fox" "a blue fox"
}

@test "again while a list is being written: what is there is asked once more, and the answer is true" {
	mount_up -o limits.concurrent=1
	printf '%s\n' "a red fox" "a blue fox" >"$M/requests/foxes.prompts"
	wait_state foxes ready
	exec 7>>"$M/requests/foxes.prompts"
	echo "a green fox" >&7
	bash -c ':' 7>&7
	ctl again foxes
	last 'again foxes: done'
	exec 7>&-
	wait_state foxes ready
	asked "a red fox" "a blue fox" "a red fox" "a blue fox" "a green fox"
	run ! ctl retry foxes
	last 'retry foxes: refused: it is ready, and there is nothing to retry'
}

@test "cancel of a set" {
	held_predictions
	mount_up -o limits.concurrent=1
	ask fox "a {red, blue, green} fox"
	wait_state fox/01 processing
	ctl cancel fox
	equal "$(field fox '.state, .counts.cancelled' | paste -sd' ')" "cancelled 3"
	equal "$(stub_count create)" 1
}

@test "delete: the request's file and its pictures go; of one of a set only its picture" {
	mount_up -o limits.concurrent=1
	ask owl "an owl"
	ask fox "a {red, blue} fox"
	wait_state fox ready
	wait_state owl ready
	ctl delete owl
	last "delete owl: done: its picture is in the library's trash"
	equal "$(errno_of open "$M/requests/owl" O_RDONLY)" ENOENT
	wait_for test ! -e "$M/images/owl.png"
	wait_for test ! -e "$M/status/owl.json"
	ctl delete fox/02
	test -e "$M/requests/fox"
	test -e "$M/images/fox/01.png"
	wait_for test ! -e "$M/images/fox/02.png"
	ctl delete fox.txt
	equal "$(errno_of open "$M/requests/fox" O_RDONLY)" ENOENT
	wait_for test ! -e "$M/images/fox/01.png"
	wait_for test ! -e "$M/status/fox.json"
	ctl restore owl
	got owl "an owl"
	run ! ctl delete nobody
	last 'no request has this name'
	asked "an owl" "a red fox" "a blue fox"
}

@test "retry failed leaves alone what was removed: the request and the reason, also after a restart" {
	stub_script '{"on":"create","times":3,"do":{"status":400,"body":{"message":"no"}}}'
	mount_up
	for id in one two three; do
		ask $id "$id"
		wait_state $id failed
	done
	ctl delete one
	rm "$M/requests/two" "$M/images/two.error.txt"
	ctl retry failed
	got three three
	remount
	ctl retry failed
	settle
	equal "$(stub_count create one) $(stub_count create two)" "1 1"
	ctl retry one # by its name it can still be had
	got one one
}

@test "what is written under a name right after its delete is a new request, and read it is gone" {
	mount_up
	ask fox "a fox"
	wait_state fox ready
	[ -e "$M/requests/fox" ] # the kernel keeps the name for a second
	ctl delete fox
	ask fox "another fox"
	got fox "another fox"
	equal "$(cat "$M/requests/fox")" "another fox"
	[ -e "$M/requests/fox" ]
	ctl delete fox
	equal "$(errno_of open "$M/requests/fox" O_RDONLY)" ENOENT
	asked "a fox" "another fox"
}

@test "several whose request was deleted or removed: their name still means all of them" {
	mount_up -o limits.concurrent=1
	ask fox "a {red, blue} fox"
	wait_state fox ready
	ctl delete fox
	ctl restore fox.txt
	got fox/01 "a red fox"
	got fox/02 "a blue fox"
	run ! ctl retry fox
	last 'retry fox: refused: it is ready, and there is nothing to retry'
	remount -o limits.concurrent=1
	ctl again images/fox.png
	wait_state fox/02 ready
	ctl delete fox
	wait_for test ! -e "$M/images/fox/01.png"
	wait_for test ! -e "$M/images/fox/02.png"
	refute ls "$M/status/fox"
	asked "a red fox" "a blue fox" "a red fox" "a blue fox"
}

@test "reload: key, limits, defaults and LoRAs; what cannot change says so" {
	mount_up
	echo "not-the-key" >"$T/key2" && chmod 600 "$T/key2"
	ini=$(cat "$T/ini")
	{
		echo "${ini/key_file = $T\/key/key_file = $T/key2}" | sed "s|path = $T/library|path = $T/other|"
		printf '[defaults]\nseed = 7\naspect_ratio = 1:1\n[limits]\ndaily_images = 5\n'
		printf '[lora.ink]\nweights = huggingface.co/me/ink\n[requests]\noptions = yes\n'
	} >"$T/ini"
	ctl reload
	last 'reload: done; not while mounted: library.path'
	equal "$(jq .budget.images_limit "$M/control/stats.json")" 5
	ask fox "a fox"
	wait_state fox failed
	equal "$(field fox .error.class)" auth
	sed -i "s|$T/key2|$T/key|" "$T/ini"
	ctl reload
	ask owl "an <lora:ink> owl"
	got owl "an owl"
	equal "$(stub_last_create | jq -cS .input)" \
		'{"aspect_ratio":"1:1","lora_weights":"huggingface.co/me/ink","prompt":"an owl","seed":7}'
	matches "$(cat "$M/control/config.ini")" 'daily_images = 5'
	ls "$T/library"/*/*owl.png
}

@test "reload: a wrong file changes nothing, and says where it is wrong" {
	mount_up
	printf '[defaults]\naspect_raito = 1:1\n' >>"$T/ini"
	run ! ctl reload
	last "reload: refused: $T/ini:[0-9]*: .*aspect_ratio.*; nothing has changed"
	ask fox "a fox"
	got fox "a fox"
}

@test "reload keeps the key that came from the environment" {
	prepare
	sed -i /key_file/d "$T/ini"
	EACHLABS_API_KEY=$KEY mount_up
	printf '[defaults]\nseed = 7\n' >>"$T/ini"
	ctl reload
	ctl reload
	ask fox "a fox"
	got fox "a fox"
	equal "$(field fox .seed)" 7
	matches "$(grep -B 1 '^key = ' "$M/control/config.ini")" environment
	refute grep -rF "$KEY" "$M/control" "$T/log"
}

@test "SIGHUP reads the settings anew" {
	mount_front
	printf '[defaults]\nseed = 7\n' >>"$T/ini"
	kill -HUP "$FRONT"
	wait_for grep -q "settings are read anew: done" "$T/log"
	ask fox "a fox"
	got fox "a fox"
	equal "$(field fox .seed)" 7
}

# The key's command says that it runs ($T/pid), and prints what is written to $T/gate.
slow_key() {
	mkfifo "$T/gate"
	sed -i "s|^key_file.*|key_command = echo \$\$ > $T/pid; exec cat $T/gate|" "$T/ini"
}

# While it runs: looking, asking and getting go on.
all_goes_on() {
	wait_for test -s "$T/pid"
	timeout "$LIMIT" ls "$M/status" "$M/images"
	timeout "$LIMIT" sh -c 'echo "an $1" >"$0"' "$M/requests/$1" "$1"
	got "$1" "an $1"
	timeout "$LIMIT" cat "$M/status/$1.json" "$M/control/stats.json"
}

@test "reload waits for the key's command, and nobody else does" {
	mount_up
	slow_key
	background bash -c 'echo reload >"$0"' "$M/control/ctl"
	all_goes_on owl
	refute gone "$BG"
	echo not-the-key >"$T/gate"
	background_ends 0
	last 'reload: done'
	ask fox "a fox"
	wait_state fox failed
	equal "$(field fox .error.class)" auth
	refute grep -rF not-the-key "$T/log" "$M/control/ctl" "$M/control/config.ini"
}

@test "reload with a key's command that gives none: said, and nothing changes" {
	mount_up
	cp "$T/ini" "$T/ini.0"
	for row in "echo $KEY; exit 4@failed with exit status 4" "kill -9 \$\$@ended by signal 9" \
		"echo two $KEY@is no key" "head -c 100000 ${PIMAGEFS_PROGRAM:-$PIMAGEFS}@is no key" "true@is no key"; do
		sed "s#^key_file.*#key_command = ${row%@*}#" "$T/ini.0" >"$T/ini"
		run ! ctl reload
		last "reload: refused: $T/ini:3: key_command: .*${row#*@}.*; nothing has changed"
	done
	refute grep -F "$KEY" "$T/log" "$M/control/ctl"
	ask fox "a fox"
	got fox "a fox"
}

@test "reload: its writer is interrupted: the key's command is ended, nothing changes, and the next one works" {
	mount_up
	slow_key
	background bash -c 'echo reload >"$0"' "$M/control/ctl"
	wait_for test -s "$T/pid"
	kill -9 "$BG"
	wait_for gone "$(cat "$T/pid")"
	ask fox "a fox"
	got fox "a fox"
	rm "$T/pid"
	background bash -c 'env printf "pause\nreload\nresume\nreload\n" >"$0"' "$M/control/ctl"
	wait_for test -s "$T/pid"
	cat "$T/key" >"$T/gate"
	background_ends 0
	last 'reload: done'
	ask owl "an owl"
	got owl "an owl"
}

@test "reload while one is under way: ctl is told so, another SIGHUP is done after it" {
	mount_front
	slow_key
	kill -HUP "$FRONT"
	all_goes_on owl
	equal "$(ctl_errno reload)" EBUSY
	last 'reload: refused: .* already; nothing was done'
	ctl pause
	ctl resume
	kill -HUP "$FRONT"
	wait_for two_hangups
	rm "$T/pid"
	echo not-the-key >"$T/gate"
	wait_for test -s "$T/pid"
	cat "$T/key" >"$T/gate"
	wait_for two_reloads
	ask fox "a fox"
	got fox "a fox"
}

ctl_errno() {
	"$PYTHON" -c 'import errno, sys
try:
    open(sys.argv[1], "wb", 0).write(sys.argv[2].encode())
except OSError as e:
    print(errno.errorcode[e.errno])' "$M/control/ctl" "$1"
}

two_hangups() {
	[ "$(grep -c 'SIGHUP: the log goes on' "$T/log")" = 2 ]
}

two_reloads() {
	[ "$(grep -c 'settings are read anew: done' "$T/log")" = 2 ]
}

@test "the end while the key's command runs: it is ended too, and who waits is answered" {
	mount_front
	slow_key
	background bash -c 'echo reload >"$0"' "$M/control/ctl"
	wait_for test -s "$T/pid"
	kill -TERM "$FRONT"
	background_ends 1
	matches "$(cat "$T/bg.err")" 'canceled'
	wait_for gone "$(cat "$T/pid")"
	front_ends
}
