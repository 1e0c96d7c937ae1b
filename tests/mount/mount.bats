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
	grep -qxF "    cd $M" "$M/README.txt"
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
	# It is not waited for: that one is mounted.
	run -1 timeout "$LIMIT" "$PIMAGEFS" -c "$T/ini" -o api.grace=600 "$T/other" </dev/null 3>&- 4>&-
	matches "$output" "$T/state"
	not_mounted "$T/other"
	ask fox "a fox"
	got fox "a fox"
}

# Out of the tree, and not yet at its end: stopped, as a busy machine does it.
@test "a start right after fusermount3 -u waits for the one that is ending" {
	mount_front
	ask fox "a fox"
	got fox "a fox"
	former=$FRONT
	kill -STOP "$former"
	fusermount3 -u "$M"
	background "$PIMAGEFS" -c "$T/ini" -f -o api.grace="$LIMIT" "$M"
	wait_for sleeps_or_ended "$BG"
	kill -CONT "$former"
	wait_for is_mounted
	got fox "a fox"
	wait "$former"
	kill "$BG"
	background_ends 0
}

@test "a start right after fusermount3 -u waits while the former one waits for an answer to a create" {
	stub_script '{"on":"create","nth":1,"do":{"hold":true}}'
	mount_front -o api.grace="$LIMIT"
	ask fox "a fox"
	stub_wait create 1
	former=$FRONT
	fusermount3 -u "$M"
	background "$PIMAGEFS" -c "$T/ini" -f -o api.grace="$LIMIT" "$M"
	wait_for sleeps_or_ended "$BG"
	sleep 3 # it is patient
	refute gone "$BG"
	stub_release
	wait_for is_mounted
	got fox "a fox"
	asked "a fox"
	wait "$former"
	kill "$BG"
	background_ends 0
}

# Between two looks at the lock, or at the end of all.
sleeps_or_ended() {
	gone "$1" || grep -qE 'poll_schedule_timeout|do_sys_poll' "/proc/$1/wchan"
}

@test "the lock names the mount, so that only one that is gone is waited for" {
	mount_up
	equal "$(awk -v at="$M" '$5 == at { print $3, at }' /proc/self/mountinfo)" "$(sed -n 2p "$T/state/lock")"
	mount_down
	exec 8<"$T/state/lock"
	flock -x 8
	start_fails -c "$T/ini" "$M"
	matches "$output" "uses the state folder $T/state"
	exec 8>&-
	mount_up
}

@test "the number of a mount that is gone is soon another's: its state is waited for all the same" {
	mount_up
	mkdir "$T/second" "$T/second.state"
	exec 8<>"$T/second.state/lock"
	flock -x 8
	awk -v at="$M" '$5 == at { print 1; print $3, at "-that-was" }' /proc/self/mountinfo >&8
	background "$PIMAGEFS" -c "$T/ini" -f -o api.grace="$LIMIT" -o library.path="$T/second.library" \
		-o library.state="$T/second.state" "$T/second"
	wait_for sleeps_or_ended "$BG"
	refute gone "$BG"
	exec 8>&-
	wait_for is_mounted "$T/second"
	fusermount3 -u "$T/second"
	background_ends 0
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
	kill_daemon
	matches "$(errno_of stat "$M")" '^(ENOTCONN|ECONNABORTED)$' # the latter while a thread of it still ends
	mount_up
	equal "$(grep -cF " $M " /proc/self/mountinfo)" 1
	got fox "a fox"
}

@test "a start that has asked the former one just when it ended takes its place" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	former=$(daemon_pids)
	# shellcheck disable=SC2086 # several: its helper, too
	kill -STOP $former
	background "$PIMAGEFS" -c "$T/ini" "$M"
	wait_for waits_inside "$BG"
	# shellcheck disable=SC2086
	kill -9 $former
	background_ends 0
	is_mounted
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

@test "fusermount3 -uz: a picture that is open can be read to its end, also where the page cache has it not" {
	stub_start
	stub_script '{"on":"prediction","do":{"picture":"png","pixels":[600,500]}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
	remount # nothing of it is in the kernel's cache of ours
	"$PYTHON" - "$M" "$T" <<-'PY'
		import glob, os, subprocess, sys, time
		mount, folder = sys.argv[1:]
		library = os.open(glob.glob(folder + "/library/*/*-fox.png")[0], os.O_RDONLY)
		os.fsync(library)
		picture = open(mount + "/images/fox.png", "rb", 0)
		begin = picture.read(10)
		subprocess.run(["fusermount3", "-uz", mount], check=True)
		while "readers are let go" not in open(folder + "/log").read():
		    time.sleep(0.02)
		os.posix_fadvise(library, 0, 0, os.POSIX_FADV_DONTNEED)
		open(folder + "/read", "wb").write(begin + picture.readall())
	PY
	cmp "$T/read" "$T/wanted"
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
		timeout "$LIMIT" cat "$M/images/fox.png" >"$T/user.png"
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
	export T M LIMIT
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

@test "a copy of the mount in somebody else's namespace does not keep the program from its end" {
	need_root
	need unshare
	mount_up
	# Whoever made a namespace of mounts has ours in it, as a container may.
	unshare -m --propagation private sh -c 'echo made; exec sleep 1000' >"$T/made" 2>/dev/null 3>&- 4>&- &
	PIDS+=($!)
	wait_for test -s "$T/made"
	fusermount3 -u "$M"
	wait_for no_daemon
}

faults() {
	echo "${PIMAGEFS_HELPERS:-$(dirname "$PIMAGEFS")/mount}/faults.so"
}

# A FIFO that keeps the loop from turning until it is opened for writing.
hold() {
	mkfifo "$T/hold"
	echo "$T/hold"
}

# The child of this one waits: for a command, or inside the mount.
helper_waits() {
	local child
	child=$(cat "/proc/$1/task/$1/children")
	[ -n "$child" ] && grep -qE 'unix_stream|request_wait_answer' "/proc/${child% }/wchan"
}

@test "an unmount while the helper starts is not refused, also where it has no tree of its own" {
	unshare -Urm true || skip "needs namespaces of users"
	prepare
	cat >"$T/inside" <<-'SCRIPT'
		set -e
		echo 0 >/proc/sys/user/max_mnt_namespaces
		refute unshare -m true 2>/dev/null
		FAULTS_HOLD=$1 LD_PRELOAD=$2 "$PIMAGEFS" -c "$T/ini" "$M"
		wait_for helper_waits "$(head -n 1 "$T/state/lock")"
		fusermount3 -u "$M"
		: >"$1"
	SCRIPT
	export T M PIMAGEFS LIMIT
	export -f wait_for helper_waits refute
	run -0 unshare -Urm bash "$T/inside" "$(hold)" "$(faults)" </dev/null 3>&- 4>&-
	wait_for no_daemon
}

@test "an unmount before the loop has begun to turn ends the program too" {
	need_root
	need unshare
	FAULTS_HOLD=$(hold) LD_PRELOAD=$(faults) mount_up
	background unshare -m --propagation private sh -c 'echo made; exec sleep 1000'
	wait_for test -s "$T/bg.out"
	fusermount3 -u "$M"
	: >"$T/hold"
	wait_for no_daemon
	wait_for no_daemon
}
