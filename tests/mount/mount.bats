#!/usr/bin/env bats
# Starting and ending: refusals with their words, signals, unmounting, stale mounts.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

# with_setting SECTION KEY VALUE: the usual INI with one more line.
with_setting() {
	prepare
	sed -i "/^\[$1\]/a $2 = $3" "$T/ini"
	grep -q "^\[$1\]" "$T/ini" || printf '[%s]\n%s = %s\n' "$1" "$2" "$3" >>"$T/ini"
}

@test "start: exit status 0 means mounted, with the tree of the contract" {
	mount_up
	for name in README.txt requests images status control; do
		ls "$M" | grep -qx "$name"
	done
	for name in ctl stats.json config.ini; do
		ls "$M/control" | grep -qx "$name"
	done
	equal "$(find "$M/requests" "$M/images" "$M/status" -mindepth 1)" ""
	equal "$(stub_count create)" 0
}

@test "start: README.txt names this mount's own paths" {
	mount_up
	grep -qxF "  cd $M" "$M/README.txt"
	grep -qF "$T/library" "$M/README.txt"
	grep -qF "fusermount3 -u $M" "$M/README.txt"
}

@test "start: the daemon keeps no terminal, no pipe of its starter, and stands in /" {
	mount_up
	for pid in $(daemon_pids); do
		equal "$(readlink "/proc/$pid/cwd")" /
		for fd in 0 1 2; do
			matches "$(readlink "/proc/$pid/fd/$fd")" '^/dev/null$|/log$'
		done
	done
}

@test "-V says name and version" {
	run -0 "$PIMAGEFS" -V
	matches "$output" '^pimagefs [0-9]+\.[0-9]+'
}

@test "-h says how to use it, on standard output" {
	run -0 --separate-stderr "$PIMAGEFS" -h
	matches "$output" 'usage'
	matches "$output" 'mountpoint'
	matches "$output" '--demo'
	matches "$output" '--check-config'
	equal "$stderr" ""
}

@test "--check-config accepts good settings, mounts nothing and calls nobody" {
	prepare
	run -0 timeout "$LIMIT" "$PIMAGEFS" -c "$T/ini" --check-config "$M"
	not_mounted
	refute test -e "$T/state"
	run -0 timeout "$LIMIT" "$PIMAGEFS" -c "$T/ini" --check-config
	equal "$(stub_count poll)$(stub_count other)$(stub_count create)" 000
}

@test "--check-config refuses bad settings with file and line" {
	with_setting limits concurent 3
	start_fails -c "$T/ini" --check-config
	matches "$output" "$T/ini:[0-9]+"
	matches "$output" 'concurrent'
}

@test "start fails: no mountpoint given" {
	prepare
	start_fails -c "$T/ini"
	matches "$output" 'mountpoint'
}

@test "start fails: unknown option" {
	prepare
	start_fails -c "$T/ini" --nonsense "$M"
	matches "$output" 'nonsense'
}

@test "start fails: mountpoint missing" {
	prepare
	start_fails -c "$T/ini" "$T/nowhere"
	matches "$output" "$T/nowhere"
	matches "$output" 'no such|not exist|missing'
}

@test "start fails: mountpoint is a file" {
	prepare
	touch "$T/file"
	start_fails -c "$T/ini" "$T/file"
	matches "$output" '(not a|no) (directory|folder)'
}

@test "start fails: the mountpoint is in use" {
	mount_up
	run ! timeout "$LIMIT" "$PIMAGEFS" -c "$T/ini" -o "library.state=$T/state2" -o "library.path=$T/library2" \
		"$M" </dev/null 3>&- 4>&-
	matches "$output" "$M"
	matches "$output" 'mounted|in use|busy'
	equal "$(grep -cF " $M " /proc/self/mountinfo)" 1
	ask fox "a fox"
	got fox "a fox"
}

@test "start fails: another pimagefs holds the state folder" {
	mount_up
	mkdir "$T/other"
	run ! timeout "$LIMIT" "$PIMAGEFS" -c "$T/ini" "$T/other" </dev/null 3>&- 4>&-
	matches "$output" "$T/state"
	not_mounted "$T/other"
	ask fox "a fox"
	got fox "a fox"
}

@test "start fails: unknown setting, with file, line and the nearest right name" {
	with_setting limits concurent 3
	start_fails -c "$T/ini" "$M"
	matches "$output" "$T/ini:[0-9]+"
	matches "$output" 'concurent.*concurrent'
}

@test "start fails: unknown section" {
	printf '[lmits]\nconcurrent = 3\n' >"$T/ini"
	start_fails -c "$T/ini" "$M"
	matches "$output" "$T/ini:[12]"
	matches "$output" 'lmits.*limits'
}

@test "start fails: a value out of its range names the range" {
	with_setting limits concurrent 0
	start_fails -c "$T/ini" "$M"
	matches "$output" "$T/ini:[0-9]+.*concurrent"
	matches "$output" '0.*1'
}

@test "start fails: a line longer than the INI reader takes" {
	with_setting model slug "$(printf 'x%.0s' {1..300})"
	start_fails -c "$T/ini" "$M"
	matches "$output" "$T/ini:[0-9]+"
}

@test "start fails: a default that the model does not know" {
	with_setting defaults aspect_ration 1:1
	start_fails -c "$T/ini" "$M"
	matches "$output" 'aspect_ration.*aspect_ratio'
}

@test "start fails: a bad -o setting" {
	prepare
	start_fails -c "$T/ini" -o limits.concurrent=many "$M"
	matches "$output" 'limits\.concurrent'
}

@test "start fails: the key is not taken from the command line" {
	prepare
	start_fails -c "$T/ini" -o "api.key=$KEY" "$M"
	matches "$output" 'api\.key'
	refute grep -qF "$KEY" <<<"$output"
}

@test "start fails: the settings file that -c names is missing" {
	start_fails -c "$T/none.ini" "$M"
	matches "$output" "$T/none.ini"
}

@test "start fails: no key anywhere" {
	prepare
	sed -i /key_file/d "$T/ini"
	start_fails -c "$T/ini" "$M"
	matches "$output" 'key_file'
	matches "$output" 'EACHLABS_API_KEY'
}

@test "start fails: a key file that others can read" {
	prepare
	chmod 644 "$T/key"
	start_fails -c "$T/ini" "$M"
	matches "$output" "$T/key"
	matches "$output" 'chmod|others|readable|private'
	refute grep -qF "$KEY" <<<"$output"
}

@test "start fails: an INI with the key in it that others can read" {
	prepare
	sed -i "s|^key_file.*|key = $KEY|" "$T/ini"
	chmod 644 "$T/ini"
	start_fails -c "$T/ini" "$M"
	matches "$output" "$T/ini"
	refute grep -qF "$KEY" <<<"$output"
	chmod 600 "$T/ini"
	mount_up
}

@test "start fails: plain http to another machine" {
	prepare
	start_fails -c "$T/ini" -o api.base_url=http://api.example.org/v1 "$M"
	matches "$output" 'base_url'
	matches "$output" 'https'
}

@test "start fails: the library cannot be made" {
	prepare
	touch "$T/library"
	start_fails -c "$T/ini" "$M"
	matches "$output" "$T/library"
}

@test "start: a damaged state file is told and set aside as it is" {
	prepare
	mkdir -m 700 "$T/state"
	head -c 8192 /dev/urandom >"$T/state/pimagefs.db"
	before=$(sha256sum <"$T/state/pimagefs.db")
	mount_up
	equal "$(sha256sum <"$(echo "$T"/state/pimagefs.db.damaged-*)")" "$before"
	ask fox "a fox"
	got fox "a fox"
}

@test "the key comes from EACHLABS_API_KEY, and stays out of the daemon's environment" {
	prepare
	sed -i /key_file/d "$T/ini"
	EACHLABS_API_KEY=$KEY mount_up
	ask fox "a fox"
	got fox "a fox"
	for pid in $(daemon_pids); do
		refute grep -qF "$KEY" "/proc/$pid/environ"
	done
}

@test "the key comes from key_command" {
	prepare
	sed -i "s|^key_file.*|key_command = cat $T/key|" "$T/ini"
	mount_up
	ask fox "a fox"
	got fox "a fox"
}

@test "a stale mount that kill -9 left is cleaned at the next start" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	for pid in $(daemon_pids); do kill -9 "$pid" 2>/dev/null || :; done
	wait_for no_daemon
	equal "$(errno_of stat "$M")" ENOTCONN
	mount_up
	equal "$(grep -cF " $M " /proc/self/mountinfo)" 1
	got fox "a fox"
}

@test "SIGTERM: waiting readers are answered, the mount is gone, exit status 0" {
	held_predictions
	mount_front
	ask fox "a fox"
	stub_wait create 1
	reader fox
	kill -TERM "$FRONT"
	front_ends
	background_ends 1
	test ! -s "$T/bg.out"
}

@test "SIGINT: waiting readers are answered, the mount is gone, exit status 0" {
	held_predictions
	mount_front
	ask fox "a fox"
	stub_wait create 1
	reader fox
	kill -INT "$FRONT"
	front_ends
	background_ends 1
}

@test "SIGHUP: as SIGTERM" {
	mount_front
	kill -HUP "$FRONT"
	front_ends
}

@test "SIGTERM while somebody stands in the folder ends it all the same" {
	mount_front
	background sh -c "cd '$M/images' && exec sleep 1000"
	wait_for stands_in_images
	kill -TERM "$FRONT"
	front_ends
}

stands_in_images() {
	[ "$(readlink "/proc/$BG/cwd")" = "$M/images" ]
}

@test "fusermount3 -u: the daemon ends with exit status 0" {
	mount_front
	ask fox "a fox"
	got fox "a fox"
	fusermount3 -u "$M"
	front_ends
}

@test "fusermount3 -u with a waiting reader is refused and does no harm" {
	held_predictions
	mount_front
	ask fox "a fox"
	stub_wait create 1
	reader fox
	run ! fusermount3 -u "$M"
	is_mounted
	stub_release
	background_ends 0
	stub_picture "a fox" | cmp - "$T/bg.out"
	fusermount3 -u "$M"
	front_ends
}

@test "fusermount3 -uz with waiting readers: they get an error, exit status 0" {
	held_predictions
	mount_front
	ask fox "a fox"
	stub_wait create 1
	reader fox
	fusermount3 -uz "$M"
	front_ends
	background_ends 1
	test ! -s "$T/bg.out"
}

@test "a terminated daemon leaves its work for the next start" {
	held_predictions
	mount_front
	ask fox "a fox"
	wait_state fox processing
	kill -TERM "$FRONT"
	front_ends
	stub_release
	mount_up
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "as an ordinary user: mount, ask, read, unmount" {
	need_root
	need setpriv
	need unshare
	stub_start
	ini_write
	cp "$PIMAGEFS" "$T/pimagefs" # where it was built may be nobody's business
	chown -R nobody "$T"
	chmod 711 "$T"
	cat >"$T/as-user" <<-'SCRIPT'
		set -e
		"$T/pimagefs" -c "$T/ini" "$M"
		echo "a fox" >"$M/requests/fox"
		timeout 20 cat "$M/images/fox.png" >"$T/user.png"
		stat -c %U "$M/images/fox.png" >"$T/owner"
		fusermount3 -u "$M"
	SCRIPT
	# The device is opened to everybody in a mount namespace of this test only.
	cat >"$T/as-root" <<-'SCRIPT'
		set -e
		mknod -m 666 "$T/fuse" c 10 229
		mount --bind "$T/fuse" /dev/fuse
		setpriv --reuid=nobody --regid=nogroup --clear-groups bash "$T/as-user"
		if ls "$M" | grep .; then exit 1; fi
	SCRIPT
	export T M
	run -0 unshare --mount --propagation private bash "$T/as-root" </dev/null 3>&- 4>&-
	stub_picture "a fox" | cmp - "$T/user.png"
	equal "$(cat "$T/owner")" nobody
	wait_for no_daemon
}

@test "only the user who mounted it can enter" {
	need_root
	need setpriv
	mount_up
	chmod 711 "$T"
	run ! setpriv --reuid=nobody --regid=nogroup --clear-groups ls "$M"
	matches "$output" 'permission denied'
}
