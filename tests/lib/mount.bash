# shellcheck shell=bash
# Helpers of the tests on a real mount: each test has a folder, a stand-in service and a mount of its own, and leaves nothing.
#
# A test file says `load ../lib/mount`; setup and teardown are here. $T is the private folder, $M the mountpoint.
# PIMAGEFS names the program (default build/release/pimagefs). TEST_PATIENCE multiplies every time limit (valgrind, say).

bats_require_minimum_version 1.5.0

HERE=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
PIMAGEFS=${PIMAGEFS:-$HERE/../build/release/pimagefs}
[[ $PIMAGEFS == /* ]] || PIMAGEFS=$(cd "$HERE/.." && realpath "$PIMAGEFS")
LIMIT=$((60 * ${TEST_PATIENCE:-1})) # seconds that anything may take
# A shared machine may stand still for seconds in the middle of a test: CI tries what failed once more, and says so.
BATS_TEST_RETRIES=${TEST_RETRIES:-0}

# Once a file: what stands behind python3 may be a slow wrapper.
setup_file() {
	PYTHON=$(python3 -c 'import sys; print(sys.executable)')
	export PYTHON
}

setup() {
	sandbox_make
}

teardown() {
	sandbox_remove
}

# Sandbox.

sandbox_make() {
	[ -x "$PIMAGEFS" ] || { echo "no program at $PIMAGEFS: make it first, or set PIMAGEFS"; return 1; }
	[ "$BATS_TEST_TRY_NUMBER" = 1 ] || echo "# tried again: $BATS_TEST_DESCRIPTION" >&3
	T=$(mktemp -d "${TMPDIR:-/tmp}/pimagefs-test.XXXXXX")
	M=$T/mnt
	KEY=sk-test-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
	PIDS=()
	STUB=
	STUB_PID=
	mkdir "$M" "$T/home"
	printf '%s' "$M" >"$T/pattern"
	(umask 077 && echo "$KEY" >"$T/key")
	export HOME=$T/home XDG_DATA_HOME=$T/home/data XDG_STATE_HOME=$T/home/state
	export XDG_CONFIG_HOME=$T/home/config PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
	unset EACHLABS_API_KEY PIMAGEFS_CONFIG http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
	cd /
}

# End everything that the test started, and fail if the program did not end by itself.
sandbox_remove() {
	local left=0 pid
	[ -n "${T:-}" ] || return 0
	exec 7>&- 8>&- # what a failed test still held open
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tell_of_failure
	for pid in "${PIDS[@]}"; do kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || :; done
	is_mounted && fusermount3 -uz "$M"
	wait_for no_daemon || { echo "still running after unmount:"; daemons_end; left=1; }
	[ -z "$STUB_PID" ] || { kill "$STUB_PID" || :; wait "$STUB_PID" 2>/dev/null || :; }
	if grep -F " $T/" /proc/self/mountinfo; then
		echo "still mounted"
		umount -l "$M"
		left=1
	fi
	rm -rf --one-file-system "$T" || left=1
	return $left
}

tell_what_happened() {
	echo "--- the program's own words:"
	cat "$T/start.out" 2>/dev/null || :
	tail -n 25 "$T/log" 2>/dev/null || :
	cat "$T/stub.out" 2>/dev/null || :
	echo "--- the calls:"
	tail -n 12 "$T/calls" 2>/dev/null | cut -c 1-300 || :
}

# bats tells only of the last try.
tell_of_failure() {
	local trace
	[ "$BATS_TEST_TRY_NUMBER" -le "$BATS_TEST_RETRIES" ] || { tell_what_happened; return 0; }
	bats_get_failure_stack_trace trace
	{
		echo "failed at first: $BATS_TEST_DESCRIPTION"
		bats_print_stack_trace "${trace[@]}"
		bats_print_failed_command "${trace[@]}"
		tell_what_happened
	} | sed 's/^#* */# /' >&3
}

daemons_end() {
	local pid
	for pid in $(daemon_pids); do
		tr '\0' ' ' <"/proc/$pid/cmdline" && echo " ($pid)"
		kill -9 "$pid" || :
	done
}

# Processes with our mountpoint among their arguments: the daemon and its helpers.
daemon_pids() {
	grep -lzFxf "$T/pattern" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3
}

no_daemon() {
	[ -z "$(daemon_pids)" ]
}

is_mounted() {
	grep -qF " ${1:-$M} " /proc/self/mountinfo
}

not_mounted() {
	! is_mounted "$@"
}

# Service.

# stub_start [OPTION...]: the stand-in, with this test's key.
stub_start() {
	"$PYTHON" "$HERE/stub/stub.py" --port-file "$T/port" --log "$T/calls" --key "$T/key" --parent $$ "$@" \
		>"$T/stub.out" 2>&1 </dev/null 3>&- 4>&- &
	STUB_PID=$!
	wait_for test -s "$T/port"
	STUB=http://127.0.0.1:$(cat "$T/port")
}

# stub_script JSON: one rule, or several with commas between them (see stub.py).
stub_script() {
	stub_control script "{\"rules\":[$1]}"
}

stub_limits() {
	stub_control script "{\"options\":{\"limits\":$1}}"
}

# stub_release [PROMPT]: let what is held go.
stub_release() {
	stub_control release "{\"prompt\":\"${1:-}\"}"
}

stub_control() {
	[ -n "$STUB" ] || stub_start
	curl -fsS -o "$T/control.out" --data-binary "$2" "$STUB/control/$1"
}

# stub_count KIND [PROMPT]
stub_count() {
	curl -fsS -G "$STUB/control/count" --data-urlencode "kind=$1" --data-urlencode "prompt=${2:-}"
}

# stub_wait KIND N [PROMPT]: until so many such calls came.
stub_wait() {
	curl -sS -G "$STUB/control/wait" --data-urlencode "kind=$1" --data-urlencode "n=$2" \
		--data-urlencode "prompt=${3:-}" -d "timeout=$LIMIT" -f -o /dev/null ||
		{ echo "waited for $2 $1 calls, saw $(stub_count "$1" "${3:-}")"; return 1; }
}

# stub_picture PROMPT: the bytes that the last such request is worth.
stub_picture() {
	curl -fsS -G "$STUB/control/picture" --data-urlencode "prompt=$1"
}

# The body of the last create, as one line of JSON.
stub_last_create() {
	curl -fsS "$STUB/control/creates" | tail -n 1
}

# asked PROMPT...: exactly these prompts were created, in this order. (What may be out at once can come in another order:
# such a test mounts with limits.concurrent=1.) A last request, which the queue puts behind everything that was submitted
# before, proves that nothing more is on its way.
asked() {
	local want=
	settle
	[ $# = 0 ] || want=$(printf '%s\n' "$@" | jq -R .)
	equal "$(curl -fsS "$STUB/control/prompts" | grep -v '^"settle ')" "$want"
}

SETTLED=0
settle() {
	SETTLED=$((SETTLED + 1))
	ask "settle-$SETTLED" "settle $SETTLED"
	stub_wait create 1 "settle $SETTLED"
	# What left before it by another connection has come by now, too.
	wait_for has_prediction "settle-$SETTLED"
}

has_prediction() {
	[ "$(field "$1" 'has("prediction_id")' 2>/dev/null)" = true ]
}

# Mount.

ini_write() {
	cat >"$T/ini" <<-INI
		[api]
		base_url = ${STUB:-http://127.0.0.1:9}/v1
		key_file = $T/key
		retries = 2
		retry_max = 1
		connect_timeout = 2
		idle_timeout = 20
		timeout = 60
		busy_pause = 1
		grace = 1
		[poll]
		first = 20
		min = 20
		max = 100
		deadline = 60
		[library]
		path = $T/library
		state = $T/state
		[log]
		level = debug
		target = $T/log
	INI
}

# mount_up [OPTION...]: returns when the program said that it is mounted.
mount_up() {
	prepare
	timeout "$LIMIT" "$PIMAGEFS" -c "$T/ini" "$@" "$M" >"$T/start.out" 2>&1 </dev/null 3>&- 4>&- || {
		echo "exit status $?: $(cat "$T/start.out")"
		return 1
	}
	is_mounted
}

# mount_front [OPTION...]: with -f, in the background; FRONT is its pid.
mount_front() {
	prepare
	"$PIMAGEFS" -c "$T/ini" -f "$@" "$M" >"$T/start.out" 2>&1 </dev/null 3>&- 4>&- &
	FRONT=$!
	PIDS+=("$FRONT")
	wait_for is_mounted
}

# front_ends: its exit status is 0 and the mount is gone.
front_ends() {
	local status=0
	wait_for gone "$FRONT" || { echo "process $FRONT goes on"; return 1; }
	wait "$FRONT" || status=$?
	equal "$status" 0
	not_mounted
}

prepare() {
	[ -n "$STUB" ] || stub_start
	[ -e "$T/ini" ] || ini_write
}

# start_fails [ARGUMENT...]: the program refuses to start and mounts nothing; its words are in $output.
start_fails() {
	run ! timeout "$LIMIT" "$PIMAGEFS" "$@" </dev/null 3>&- 4>&-
	not_mounted
	no_daemon
}

mount_down() {
	fusermount3 -u "$M"
	wait_for no_daemon
}

remount() {
	mount_down
	mount_up "$@"
}

# Requests and pictures.

# ask ID PROMPT
ask() {
	printf '%s\n' "$2" >"$M/requests/$1"
}

# field ID FILTER: of its status, as jq prints it.
field() {
	jq -r "$2" "$M/status/$1.json"
}

# wait_state ID STATE
wait_state() {
	wait_for has_state "$@" ||
		{ echo "$1 is not $2:"; cat "$M/status/$1.json"; return 1; }
}

has_state() {
	[ "$(field "$1" .state 2>/dev/null)" = "$2" ]
}

# get ID: the picture's bytes; waits for it.
get() {
	timeout "$LIMIT" cat "$M/images/$1.png"
}

# got ID PROMPT: the picture is exactly what the service made of the prompt.
got() {
	get "$1" >"$T/got"
	stub_picture "$2" >"$T/wanted"
	[ -s "$T/wanted" ] && cmp "$T/got" "$T/wanted"
}

# ended ID: it has come to an end, or waits for a decision.
ended() {
	matches "$(field "$1" .state)" '^(ready|failed|held|cancelled|invalid)$' >/dev/null
}

# served RULE: with it the picture comes all the same.
served() {
	stub_script "$1"
	mount_up
	ask fox "a fox"
	got fox "a fox"
}

# fails RULE CLASS WORDS: with it the request fails so, and says so.
fails() {
	stub_script "$1"
	mount_up
	ask fox "a fox"
	wait_state fox failed
	equal "$(field fox .error.class)" "$2"
	matches "$(field fox '.error | [.message, .details, .hint] | map(tostring) | join(" ")')" "$3"
}

# held_predictions: from now on no prediction ends before stub_release.
held_predictions() {
	stub_script '{"on":"prediction","do":{"hold":true}}'
}

# Processes.

# background COMMAND...: its output goes to $T/bg.out, its pid is BG. It does not keep a test's own files (7, 8) open.
background() {
	: >"$T/bg.out" # now: the process comes to it later, and who waits must not see that of the one before
	"$@" >"$T/bg.out" 2>"$T/bg.err" </dev/null 3>&- 4>&- 7>&- 8>&- &
	BG=$!
	PIDS+=("$BG")
}

# background_ends STATUS
background_ends() {
	local status=0
	wait_for gone "$BG" || { echo "process $BG goes on"; return 1; }
	wait "$BG" || status=$?
	equal "$status" "$1"
}

gone() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

# reader ID: a cat that waits inside open() when this returns.
reader() {
	background cat "$M/images/$1.png"
	wait_for waits_inside "$BG"
}

waits_inside() {
	grep -q request_wait_answer "/proc/$1/wchan"
}

syscalls() {
	timeout $((LIMIT * 4)) "$PYTHON" "$HERE/lib/syscalls.py" "$@"
}

# errno_of CALL ARG...: OK or the errno's name, of a call of Python's os module.
errno_of() {
	syscalls os "$@"
}

# open_says ID ERRNO: opening its picture.
open_says() {
	equal "$(errno_of open "$M/images/$1.png" O_RDONLY)" "$2"
}

kill_daemon() {
	local pid
	for pid in $(daemon_pids); do kill -9 "$pid" 2>/dev/null || :; done
	wait_for no_daemon
}

# What stats.json counts: so many requests are in that state; the transactions of the state.
count_is() {
	[ "$(jq ".states.$1" "$M/control/stats.json")" = "$2" ]
}

commits() {
	jq .calls.commits "$M/control/stats.json"
}

# Waiting and asserting.

# wait_for COMMAND...: until it is true, or the limit has passed.
wait_for() {
	local end=$((SECONDS + LIMIT))
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "waited in vain for: $*"; return 1; }
		sleep 0.02
	done
}

# stays COMMAND...: what it says does not change for a moment.
stays() {
	local before
	before=$("$@")
	sleep 0.5
	[ "$("$@")" = "$before" ]
}

equal() {
	[ "$1" = "$2" ] || { printf 'got    %.2000s\nwanted %.2000s\n' "$1" "$2"; return 1; }
}

# matches TEXT REGEX: extended, without regard to case.
matches() {
	grep -qiE -- "$2" <<<"$1" || { printf 'got    %.2000s\nwanted a match of %s\n' "$1" "$2"; return 1; }
}

# refute COMMAND...: it must fail. (bats does not see a plain "!".)
refute() {
	if "$@"; then
		echo "succeeded: $*"
		return 1
	fi
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

need() {
	command -v "$1" >/dev/null || skip "needs $1"
}
