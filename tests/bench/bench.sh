#!/bin/bash
# Measure on this machine, against the tests' stand-in service at one second a prediction:
# the time from the close of a request to the picture's last byte, beside a shell loop that does the
# same with curl, sleep 1 and jq; how close many requests come to what the limits allow; and what
# many waiting readers cost.
# usage: bench.sh FOLDER_OF_THE_BUILD [READERS]   (1000)
set -eu -o pipefail
cd "$(dirname "$0")/../.."
build=$1
readers=${2:-1000}
pairs=${PAIRS:-5}

scratch=$(mktemp -d "${TMPDIR:-/tmp}/pimagefs-bench.XXXXXX")
mount=$scratch/mnt
stub=
daemon=
export HOME=$scratch XDG_DATA_HOME=$scratch/data XDG_STATE_HOME=$scratch/state LC_ALL=C.UTF-8
export XDG_CONFIG_HOME=$scratch/config PYTHONDONTWRITEBYTECODE=1
unset EACHLABS_API_KEY PIMAGEFS_CONFIG http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY

clean_up() {
	if [ -n "$daemon" ]; then
		fusermount3 -u -z "$mount" 2>/dev/null || :
		kill "$daemon" 2>/dev/null || :
		wait "$daemon" 2>/dev/null || :
	fi
	[ -z "$stub" ] || kill "$stub" 2>/dev/null || :
	rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

wait_for() {
	local tries=500
	until "$@" 2>/dev/null; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { echo "bench: waited in vain for: $*" >&2; exit 1; }
		sleep 0.02
	done
}

now_us() {
	echo "${EPOCHREALTIME/[^0-9]/}"
}

measure() {
	"$build/bench/measure" "$@"
}

start() {
	(umask 077 && od -An -N12 -tx1 /dev/urandom | tr -d ' \n' >"$scratch/key")
	python3 tests/stub/stub.py --port-file "$scratch/port" --key "$scratch/key" \
		--duration-ms 1000 --parent $$ >"$scratch/stub.out" 2>&1 &
	stub=$!
	wait_for test -s "$scratch/port"
	api=http://127.0.0.1:$(cat "$scratch/port")
	cat >"$scratch/ini" <<-INI
		[api]
		base_url = $api/v1
		key_file = $scratch/key
		[library]
		path = $scratch/library
		state = $scratch/state
		[limits]
		creates_per_minute = 1000
		[log]
		target = $scratch/log
	INI
	mkdir "$mount"
	"$build/pimagefs" -c "$scratch/ini" -f "$mount" >"$scratch/out" 2>&1 &
	daemon=$!
	wait_for test -e "$mount/requests"
}

# What people write instead: create, sleep 1 and ask until it is there, download. In milliseconds.
shell_loop() {
	local prompt=$1 start id answer link
	start=$(now_us)
	id=$(jq -cn --arg prompt "$prompt" \
		'{model: "p-image-lora-text-to-image", input: {prompt: $prompt}}' |
		curl -fsS -H "X-API-Key: $(cat "$scratch/key")" -H 'Content-Type: application/json' \
			--data-binary @- "$api/v1/prediction/" | jq -r .predictionID)
	while :; do
		sleep 1
		answer=$(curl -fsS -H "X-API-Key: $(cat "$scratch/key")" "$api/v1/prediction/$id")
		[ "$(jq -r .status <<<"$answer")" != success ] || break
	done
	link=$(jq -r .output <<<"$answer")
	curl -fsS -o "$scratch/loop.png" "$link"
	awk -v us=$(($(now_us) - start)) 'BEGIN { printf "%.1f\n", us / 1000 }'
}

# Numbers, one a line: min median max.
spread() {
	sort -n | awk '{ v[NR] = $1 } END { print v[1], v[int((NR + 1) / 2)], v[NR] }'
}

row() {
	printf '%-42s %10s %10s %10s\n' "$@"
}

bench_latency() {
	local i
	for ((i = 1; i <= pairs; i++)); do
		measure picture "$mount/requests/pair-$i" "bench $i" "$mount/images/pair-$i.png" \
			>>"$scratch/mount.ms"
		shell_loop "loop $i" >>"$scratch/loop.ms"
	done
	echo "Request to picture, $pairs pairs in turn, 1000 ms a prediction (ms):"
	row '' min median max
	# shellcheck disable=SC2046 # three numbers
	row 'pimagefs: close to last byte' $(spread <"$scratch/mount.ms")
	# shellcheck disable=SC2046
	row 'shell loop: curl, sleep 1, jq, curl' $(spread <"$scratch/loop.ms")
	paste "$scratch/mount.ms" "$scratch/loop.ms" | awk '{ print $2 / $1 }' | spread |
		awk '{ printf "%-42s %10.2f %10.2f %10.2f\n", "ratio, loop to pimagefs", $1, $2, $3 }'
}

memory() {
	local rss pss
	rss=$(awk '/^VmRSS:/ { print $2 }' "/proc/$daemon/status")
	pss=$(awk '/^Pss:/ { print $2 }' "/proc/$daemon/smaps_rollup" 2>/dev/null || echo '?')
	row "$1" "$rss" "$pss" "$(awk '/^Threads:/ { print $2 }' "/proc/$daemon/status")"
}

listing() {
	local min median max entries
	read -r min median max entries < <(measure listing "$mount/images" 20)
	row "$1 ($entries entries)" "$min" "$median" "$max"
}

stub_script() {
	curl -fsS -o "$scratch/answer" --data-binary "$1" "$api/control/script"
}

# As many as run at once in ten seconds of the service's time, written before the first may leave.
bench_limits() {
	local n=100 started took i
	stub_script '{"options":{"limits":{"running":10}}}'
	echo pause >"$mount/control/ctl"
	mkdir "$mount/requests/limits"
	measure submit "$mount/requests/limits" $n >/dev/null
	started=$(now_us)
	echo resume >"$mount/control/ctl"
	for ((i = 1; i <= n; i++)); do cat "$mount/images/limits/$i.png" >/dev/null; done
	took=$((($(now_us) - started) / 1000))
	stub_script '{"options":{"limits":{}}}'
	echo
	awk -v n=$n -v took=$took -v least=$((n * 1000 / 10)) 'BEGIN {
		printf "%d requests, 10 at once: %d ms; the limits allow %d ms: %.1f %% more (goal: 5 %%)\n",
			n, took, least, (took / least - 1) * 100 }'
	echo "Refused by the service (429): $(curl -fsS "$api/control/count?kind=refused")"
}

bench_crowd() {
	local took
	stub_script '{"rules":[{"on":"prediction","do":{"hold":true}}]}'
	{
		memory 'idle'
		took=$(measure submit "$mount/requests" "$readers")
		memory "$readers requests"
		measure listing "$mount/images" 3 >/dev/null
		listing "0 waiting readers" >>"$scratch/ls"
		coproc CROWD { "$build/bench/readers" "$mount/images" "$readers"; }
		read -r _ waiting <&"${CROWD[0]}"
		memory "$readers requests, $waiting waiting readers"
		listing "$waiting waiting readers" >>"$scratch/ls"
	} >"$scratch/memory"
	echo
	row "Memory of the daemon (KiB)" VmRSS Pss threads
	cat "$scratch/memory"
	echo
	row "Listing images/ as ls -l does (ms)" min median max
	cat "$scratch/ls"
	echo
	echo "Writing the $readers requests took $took ms."
	took=$(now_us)
	echo 'cancel all' >"$mount/control/ctl"
	read -r _ ended <&"${CROWD[0]}"
	took=$((($(now_us) - took) / 1000))
	echo "Cancelling them all answered $ended readers within $took ms."
	[ "$waiting" = "$readers" ] || { echo "bench: only $waiting readers waited" >&2; exit 1; }
}

echo "$("$build/pimagefs" -V | head -n 1); $(uname -sr), $(nproc) processors"
start
bench_latency
bench_limits
bench_crowd
