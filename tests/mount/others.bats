#!/usr/bin/env bats
# A mount that others may enter: they look and read, they spend nothing, and secrets are not theirs. And what
# the daemon keeps in its memory is nobody's, not even of other programs of its own user.
# shellcheck disable=SC2016 # scripts get their own $0

load ../lib/mount

TOKEN=hf_SecretSecretSecret42

setup() {
	need_root
	need setpriv
	sandbox_make
	chmod 755 "$T"
}

# Who is not the owner: neither root nor in any of its groups.
as_other() {
	timeout "$LIMIT" setpriv --reuid=nobody --regid=nogroup --clear-groups --bounding-set=-all "$@"
}

# refused COMMAND...: as another user it fails for want of permission, in whatever words.
refused() {
	run ! as_other "$@"
	matches "$output" 'permission denied|not permitted|cannot access|refused'
}

# A mount for all, with a picture of "a fox".
mount_for_all() {
	mount_up -o allow_other "$@"
	ask fox "a fox"
	got fox "a fox"
}

with_token() {
	printf '{"prompt": "%s", "lora_weights": "huggingface.co/a/b", "hf_api_token": "%s"}\n' "$2" "$TOKEN" >"$M/requests/$1"
}

@test "others can list, and read pictures, status and requests" {
	mount_for_all
	mkdir "$M/requests/cats"
	ask cats/tabby "a tabby"
	got cats/tabby "a tabby"
	equal "$(as_other ls "$M/images")" "$(ls "$M/images")"
	as_other cat "$M/images/fox.png" | cmp - "$M/images/fox.png"
	as_other cat "$M/images/cats/tabby.png" | cmp - "$M/images/cats/tabby.png"
	equal "$(as_other cat "$M/status/fox.json" | jq -r .state)" ready
	equal "$(as_other cat "$M/requests/fox")" "a fox"
	as_other cat "$M/README.txt" "$M/control/stats.json" >"$T/shown"
	[ -s "$T/shown" ]
	equal "$(stub_count create)" 2
}

@test "others can wait for a picture" {
	held_predictions
	mount_up -o allow_other
	ask fox "a fox"
	stub_wait create 1
	background setpriv --reuid=nobody --regid=nogroup --clear-groups cat "$M/images/fox.png"
	wait_for waits_inside "$BG"
	stub_release
	background_ends 0
	stub_picture "a fox" | cmp - "$T/bg.out"
}

@test "others can write no request, in whatever way" {
	mount_for_all
	mkdir "$M/requests/cats"
	echo draft >"$M/requests/.draft"
	refused sh -c 'echo "an owl" >"$0"' "$M/requests/owl"
	refused sh -c 'echo "an owl" >"$0"' "$M/requests/.owl"
	refused sh -c 'echo "an owl" >"$0"' "$M/requests/cats/owl"
	refused sh -c 'echo "an owl" >"$0"' "$M/requests/fox"
	refused sh -c 'echo "more" >>"$0"' "$M/requests/fox"
	refused truncate -s 1 "$M/requests/fox"
	refused cp "$M/README.txt" "$M/requests/owl"
	refused mv "$M/requests/.draft" "$M/requests/owl"
	refused mv "$M/requests/fox" "$M/requests/owl"
	refused mkdir "$M/requests/dogs"
	refused chmod 666 "$M/requests/fox"
	refused chmod 777 "$M/requests"
	refused touch -d 2000-01-01 "$M/requests/fox"
	asked "a fox"
	equal "$(cat "$M/requests/fox")" "a fox"
}

@test "others can remove nothing" {
	mount_for_all
	mkdir "$M/requests/cats"
	refused rm -f "$M/requests/fox"
	refused rm -f "$M/images/fox.png"
	refused rm -f "$M/status/fox.json"
	refused rmdir "$M/requests/cats"
	refused mv -f "$M/images/fox.png" "$T/mnt/images/owl.png"
	got fox "a fox"
	test -e "$M/requests/fox" -a -d "$M/requests/cats"
}

@test "allow_other in other letters is allow_other" {
	for option in 'allow\_other' 'allow\137other' '\allow_othe\r'; do
		mount_up -o "$option"
		matches "$(grep -F " $M " /proc/self/mountinfo)" 'default_permissions,allow_other'
		ask fox "a fox"
		got fox "a fox"
		equal "$(as_other cat "$M/requests/fox")" "a fox"
		chmod 600 "$M/requests/fox"
		refused cat "$M/requests/fox"
		refused sh -c 'echo pause >"$0"' "$M/control/ctl"
		rm "$M/requests/fox"
		mount_down
	done
}

@test "others can cancel nothing and give no command" {
	held_predictions
	mount_up -o allow_other
	ask fox "a fox"
	wait_state fox processing
	refused rm -f "$M/requests/fox"
	refused rm -f "$M/images/fox.png"
	refused sh -c 'echo "cancel all" >"$0"' "$M/control/ctl"
	refused sh -c 'echo pause >>"$0"' "$M/control/ctl"
	stub_script '{"on":"prediction","do":{"hold":false}}'
	stub_release
	got fox "a fox"
	ask owl "an owl"
	got owl "an owl"
	equal "$(stub_count cancel)" 0
}

@test "a request with a token in it is its owner's alone, whatever its mode" {
	mount_for_all
	with_token owl.json "an owl"
	got owl "an owl"
	printf '{"prompt": "an elk", "hf_api_tok\\u0065n": "%s"}\n' "$TOKEN" >"$M/requests/elk.json"
	got elk "an elk"
	chmod 666 "$M/requests/owl.json" "$M/requests/elk.json"
	refused cat "$M/requests/owl.json"
	refused cat "$M/requests/elk.json"
	grep -qF "$TOKEN" "$M/requests/owl.json"
	equal "$(as_other cat "$M/status/owl.json" | jq -r .request.hf_api_token)" "***"
}

@test "a draft with a token in it is its owner's alone" {
	mount_for_all
	with_token .owl.json "an owl"
	with_token owl.json.part "an owl"
	refused cat "$M/requests/.owl.json"
	refused cat "$M/requests/owl.json.part"
}

@test "nobody else reads a request while it is being written" {
	mount_for_all
	exec 7>"$M/requests/owl.json"
	printf '{"prompt": "an owl", ' >&7
	refused cat "$M/requests/owl.json"
	printf '"hf_api_token": "%s"}' "$TOKEN" >&7
	refused cat "$M/requests/owl.json"
	exec 7>&-
	got owl "an owl"
	refused cat "$M/requests/owl.json"
}

@test "who opened a request before a token came into it does not see it" {
	mount_for_all
	mkfifo "$T/go"
	chmod 666 "$T/go"
	background setpriv --reuid=nobody --regid=nogroup --clear-groups \
		sh -c 'exec 3<"$0"; head -c 2 <&3; read -r go <"$1"; cat <&3' "$M/requests/fox" "$T/go"
	wait_for test -s "$T/bg.out"
	with_token other.json "another"
	cat "$M/requests/other.json" >"$M/requests/fox"
	echo go >"$T/go"
	background_ends 1
	refute grep -qF "$TOKEN" "$T/bg.out"
	matches "$(cat "$T/bg.err")" 'permission denied'
}

@test "to others the key and the token are nowhere" {
	printf '[defaults]\nhf_api_token = %s\n' "$TOKEN" >"$T/more"
	prepare
	cat "$T/more" >>"$T/ini"
	chmod 600 "$T/ini"
	rm "$T/more"
	mount_for_all
	with_token owl.json "an owl"
	got owl "an owl"
	stub_script '{"on":"create","do":{"status":400,"body":{"message":"bad token '"$TOKEN"' for '"$KEY"'"}}}'
	with_token elk.json "an elk"
	wait_state elk failed
	# The mount, the library, the state, the log, the settings, and what the daemon's processes show.
	run as_other grep -raFs -e "$KEY" -e "$TOKEN" "$M" "$T/library" "$T/state" "$T/log" "$T/ini" "$T/home"
	equal "$output" ""
	find "$T/library" -name '*.png' | grep -q .
	refused ls "$T/library"
	refused ls "$T/state"
	refused cat "$T/log"
	for pid in $(daemon_pids); do
		refused cat "/proc/$pid/environ"
		refute as_other grep -qaF -e "$KEY" -e "$TOKEN" "/proc/$pid/cmdline"
	done
}

@test "an ordinary user needs user_allow_other in /etc/fuse.conf, and is told so" {
	need unshare
	for_nobody
	run -0 in_a_namespace 'if "$T/pimagefs" -c "$T/ini" -o allow_other "$M"; then exit 1; fi' \
		': >"$T/fuse.conf"; mount --bind "$T/fuse.conf" /etc/fuse.conf'
	matches "$output" 'user_allow_other'
	no_daemon
}

# The daemon's memory.

# A copy of the program that nobody can run, on a service that is there.
for_nobody() {
	case $PIMAGEFS in
	*/build/asan/*) skip "a sanitizer's program must be dumpable" ;;
	*valgrind.sh) skip "under valgrind it is valgrind's memory" ;;
	esac
	stub_start
	ini_write
	cp "$PIMAGEFS" "$T/pimagefs"
	chown -R nobody "$T"
}

# in_a_namespace SCRIPT [ROOT_SCRIPT]: as nobody, with a /dev/fuse for all that is this test's only.
in_a_namespace() {
	printf 'set -e\n%s\n' "$1" >"$T/as-user"
	cat >"$T/as-root" <<-SCRIPT
		set -e
		mknod -m 666 "\$T/fuse" c 10 229
		mount --bind "\$T/fuse" /dev/fuse
		${2:-}
		setpriv --reuid=nobody --regid=nogroup --clear-groups bash "\$T/as-user"
	SCRIPT
	export T M LIMIT KEY
	timeout $((LIMIT * 2)) unshare --mount --propagation private bash "$T/as-root" </dev/null 3>&- 4>&-
}

@test "the daemon's memory and environment are closed to other programs of its own user" {
	need unshare
	for_nobody
	run -0 in_a_namespace '
		export EACHLABS_API_KEY=$KEY
		sed -i /key_file/d "$T/ini"
		"$T/pimagefs" -c "$T/ini" "$M"
		unset EACHLABS_API_KEY
		pids=$(grep -lzFxf "$T/pattern" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3)
		for pid in $pids; do
			[ "$(stat -c %U "/proc/$pid/environ")" = root ] # what cannot be dumped belongs to root there
			for file in environ mem maps fd/0; do
				if cat "/proc/$pid/$file" >/dev/null 2>"$T/said"; then
					echo "$file of $pid can be read"
					exit 1
				fi
				grep -q "denied" "$T/said"
			done
			if command -v gcore >/dev/null && timeout "$LIMIT" gcore -o "$T/core" "$pid" >"$T/said" 2>&1; then
				echo "gcore could"
				exit 1
			fi
		done
		[ -n "$pids" ]
		fusermount3 -u "$M"'
	equal "$(find "$T" -maxdepth 1 -name 'core*')" ""
	wait_for no_daemon
}

@test "a crash leaves no core file" {
	need unshare
	for_nobody
	case $(cat /proc/sys/kernel/core_pattern) in
	[/\|]*) skip "core files do not go to the current folder here" ;;
	esac
	run -0 in_a_namespace '
		ulimit -c unlimited
		mkdir "$T/here"
		cd "$T/here"
		bash -c "kill -SEGV \$\$" || :
		ls | grep -q core || { echo "not even sh leaves a core"; exit 0; }
		rm -f core*
		"$T/pimagefs" -c "$T/ini" -f "$M" 2>"$T/start.out" &
		pid=$!
		end=$((SECONDS + LIMIT))
		until [ -e "$M/README.txt" ]; do [ $SECONDS -lt $end ]; sleep 0.02; done
		kill -SEGV $pid
		wait $pid || [ $? = 139 ]
		if ls | grep core; then exit 1; fi
		fusermount3 -uz "$M"'
	case $output in *"not even"*) skip "no program leaves a core file here" ;; esac
	wait_for no_daemon
}
