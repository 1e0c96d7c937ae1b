#!/usr/bin/env bats
# What an administrator does: SIGHUP, --check-config, mount options, several mounts.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own

load ../lib/mount

# SIGHUP.

in_log() {
	grep -qE -- "$1" "$T/log"
}

@test "SIGHUP to the daemon: a log that was rotated away is opened anew, and all goes on" {
	held_predictions
	mount_up
	ask fox "a fox"
	reader fox
	mv "$T/log" "$T/log.1"
	kill -HUP "$(daemon_pids)"
	wait_for in_log 'SIGHUP: the log goes on'
	refute grep -q SIGHUP "$T/log.1"
	stub_release
	background_ends 0
	stub_picture "a fox" | cmp - "$T/bg.out"
}

@test "SIGHUP in the foreground without a terminal: goes on" {
	mount_front
	kill -HUP "$FRONT"
	wait_for in_log 'SIGHUP: the log goes on'
	ask fox "a fox"
	got fox "a fox"
	kill -TERM "$FRONT"
	front_ends
}

@test "SIGHUP in the foreground of a living terminal: goes on" {
	prepare
	mkfifo "$T/stdin"
	"$PYTHON" "$HERE/lib/terminal.py" keep "$M" "$PIMAGEFS" -c "$T/ini" -f "$M" \
		<"$T/stdin" >"$T/status" 3>&- 4>&- &
	BG=$!
	PIDS+=("$BG")
	exec 7>"$T/stdin"
	wait_for in_log 'SIGHUP: the log goes on'
	ask fox "a fox"
	got fox "a fox"
	exec 7>&-
	background_ends 0
	equal "$(cat "$T/status")" 0
	not_mounted
}

@test "the terminal of a foreground mount goes away: it ends, and says so by 129" {
	prepare
	background "$PYTHON" "$HERE/lib/terminal.py" hang-up "$M" "$PIMAGEFS" -c "$T/ini" -f "$M"
	background_ends 0
	equal "$(cat "$T/bg.out")" 129
	in_log 'the terminal is gone: ending'
	not_mounted
}

@test "SIGHUP under nohup stays ignored, also when the terminal goes away" {
	prepare
	background "$PYTHON" "$HERE/lib/terminal.py" hang-up "$M" env --ignore-signal=HUP "$PIMAGEFS" -c "$T/ini" -f "$M"
	wait_for is_mounted
	ls "$M" >/dev/null # it turns: its helper has been started
	kill -HUP "$(program_pid)"
	ask fox "a fox"
	got fox "a fox"
	refute in_log SIGHUP
	kill -TERM "$(program_pid)"
	background_ends 0
	equal "$(cat "$T/bg.out")" 0
}

# The program itself, not who watches it.
program_pid() {
	local pid
	for pid in $(daemon_pids); do
		[ "$(cat "/proc/$pid/comm")" = python3 ] || [ "$pid" = "$BG" ] || echo "$pid"
	done
}

@test "the units reload by SIGHUP" {
	for unit in pimagefs pimagefs@; do
		# shellcheck disable=SC2016 # systemd's variable
		grep -qxF 'ExecReload=/bin/kill -HUP $MAINPID' "$HERE/../config/$unit.service"
	done
}

# --check-config.

# check_says STATUS WORDS [ARGUMENT...]: and it neither makes nor changes anything.
check_says() {
	local status_wanted=$1 words=$2 before
	shift 2
	prepare
	before=$(trace)
	run timeout "$LIMIT" "$PIMAGEFS" -c "$T/ini" --check-config "$@" </dev/null 3>&- 4>&-
	equal "$status" "$status_wanted"
	matches "$output" "$words"
	refute grep -qF "$KEY" <<<"$output"
	equal "$(trace)" "$before"
}

trace() {
	find "$T" -path "$M" -prune -o -name calls -prune -o -name stub.out -prune -o -printf '%p %s %T@ %m\n' | sort
}

@test "--check-config says what it found and what it did not check" {
	check_says 0 "the settings are fine" "$M"
	matches "$output" "library: $T/library .will be made"
	matches "$output" "state: $T/state .will be made"
	matches "$output" "mountpoint: $M .is there"
	matches "$output" "not checked: whether the service takes the key"
	check_says 0 "not checked: the mountpoint"
	equal "$(stub_count poll)$(stub_count other)$(stub_count create)" 000
}

@test "--check-config: a folder that cannot be made or used" {
	prepare
	touch "$T/file"
	check_says 1 "library folder $T/file/x cannot be made: $T/file: Not a directory" -o "library.path=$T/file/x"
	check_says 1 "state folder $T/file cannot be used" -o "library.state=$T/file"
	check_says 1 "mountpoint $T/nowhere" "$T/nowhere"
	refute grep -q "settings are fine" <<<"$output"
	check_says 0 "library: $T/a/b/c .will be made" -o "library.path=$T/a/b/c"
}

@test "--check-config: a folder that may not be written to" {
	need_root
	need setpriv
	prepare
	cp "$PIMAGEFS" "$T/pimagefs"
	mkdir "$T/library"
	chown nobody "$T/key"
	chmod 755 "$T"
	run ! setpriv --reuid=nobody --regid=nogroup --clear-groups "$T/pimagefs" -c "$T/ini" --check-config
	matches "$output" "library folder $T/library cannot be used: $T/library: Permission denied"
	matches "$output" "state folder $T/state cannot be made: $T: Permission denied"
}

@test "--check-config: a library that is missing, another one, or its own" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	mount_down
	check_says 0 "library: $T/library .is there" "$M"
	refute grep -q "whether this library" <<<"$output"
	mv "$T/library" "$T/elsewhere"
	check_says 1 "$T/library/.pimagefs-library is missing" "$M"
	check_says 0 "fine" --new-library "$M"
	mkdir "$T/library"
	echo 0123456789abcdef0123456789abcdef >"$T/library/.pimagefs-library"
	check_says 1 "another library" "$M"
}

@test "--check-config beside the mount that has these settings" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	wait_for stays trace # it has nothing more to write
	check_says 0 "a pimagefs is mounted there now" "$M"
	matches "$output" "not checked: whether this library is the one of this state .the state is in use"
}

@test "--check-config --online: a key that the service takes, at no cost" {
	check_says 0 "the service takes it" --online
	equal "$(stub_count create)" 0
}

@test "--check-config --online: a key that is refused" {
	prepare
	(umask 077 && echo sk-another-key >"$T/other-key")
	check_says 1 "does not accept the API key .HTTP 401" --online -o "api.key_file=$T/other-key"
	stub_script '{"on":"any","do":{"status":403,"body":{"message":"no"}}}'
	check_says 1 "HTTP 403" --online
	equal "$(stub_count create)" 0
}

@test "--check-config --online: no answer that tells of the key" {
	check_says 3 "not known whether .*no connection" --online -o api.base_url=http://127.0.0.1:9/v1
	stub_script '{"on":"any","do":{"status":503,"body":{}}}'
	check_says 3 "not known whether .*HTTP 503" --online
	stub_script '{"on":"any","do":{"status":404,"body":"<html>sign in</html>","type":"text/html"}}'
	check_says 3 "not known whether" --online
}

@test "--online alone is refused" {
	prepare
	run -2 "$PIMAGEFS" -c "$T/ini" --online "$M"
	matches "$output" "--check-config"
}

# The mountpoint and its options.

@test "a mountpoint that is not empty: mounted, with a warning" {
	touch "$M/letters"
	mount_up
	matches "$(cat "$T/start.out")" "$M is not empty.*hidden"
	refute test -e "$M/letters"
	mount_down
	test -e "$M/letters"
	rm "$M/letters"
	mount_up
	refute grep -q "not empty" "$T/start.out"
}

@test "a mount option that there is not is named, in one sentence" {
	prepare
	start_fails -c "$T/ini" -o ro,nonsense "$M"
	equal "$output" "pimagefs: -o nonsense is no mount option, and no setting (section.key=value)"
	start_fails -c "$T/ini" -o allow_othr "$M"
	matches "$output" "allow_othr.*did you mean allow_other"
	start_fails -c "$T/ini" -o max_read=much "$M"
	matches "$output" "max_read=much"
	equal "$(wc -l <<<"$output")" 1
}

# Two mounts.

@test "the message about a state folder in use says how to run two mounts" {
	mount_up
	mkdir "$T/other"
	run -1 timeout "$LIMIT" "$PIMAGEFS" -c "$T/ini" "$T/other" </dev/null 3>&- 4>&-
	matches "$output" "$T/state.*pimagefs --name NAME MOUNTPOINT"
}

@test "--name: two mounts side by side, each with its settings, library and state" {
	prepare
	mkdir -p "$XDG_CONFIG_HOME/pimagefs" "$T/other"
	sed '/^\[library\]/,/^state/d; s|/log$|/log.work|' "$T/ini" >"$XDG_CONFIG_HOME/pimagefs/work.ini"
	mount_up
	timeout "$LIMIT" "$PIMAGEFS" --name work "$T/other" >"$T/other.out" 2>&1 </dev/null 3>&- 4>&-
	ask fox "a fox"
	echo "a work fox" >"$T/other/requests/fox"
	got fox "a fox"
	timeout "$LIMIT" cat "$T/other/images/fox.png" >"$T/work"
	stub_picture "a work fox" | cmp - "$T/work"
	equal "$(find "$XDG_DATA_HOME/pimagefs-work" -name '*-fox.png' | wc -l)" 1
	test -e "$XDG_STATE_HOME/pimagefs-work/pimagefs.db"
	refute test -e "$XDG_DATA_HOME/pimagefs"
	grep -qF "$XDG_CONFIG_HOME/pimagefs/work.ini" "$T/other/control/config.ini"
	fusermount3 -u "$T/other"
	wait_for not_mounted "$T/other"
	wait_for refute pgrep -f "$T/other" # what it still writes lies below $T
	is_mounted
}

@test "--name: a missing settings file is told, and so is a name that cannot be one" {
	start_fails --name work "$M"
	matches "$output" "there is no $XDG_CONFIG_HOME/pimagefs/work.ini"
	for name in a/b .. "" "a b" demo -x; do
		start_fails "--name=$name" "$M"
		matches "$output" "--name"
	done
}
