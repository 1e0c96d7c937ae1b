#!/usr/bin/env bats
# Disks that are full, read-only, failing or damaged: nothing is lost, nothing is asked for twice.
# shellcheck disable=SC2016 # scripts get their own $0

load ../lib/mount

teardown() {
	local disk
	for disk in "${DISKS[@]}"; do umount -l "$disk" || :; done
	sandbox_remove
}

DISKS=()

# small_disk FOLDER SIZE: a file system of its own there.
small_disk() {
	need_root
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2,mode=700" tmpfs "$1" || skip "cannot mount a tmpfs"
	DISKS+=("$1")
}

fill() {
	head -c 64M /dev/zero >"$1/filler" 2>/dev/null || :
	refute truncate_works "$1/more"
}

truncate_works() {
	head -c 4096 /dev/zero 2>/dev/null >"$1"
}

# faulty_mount FOLDER [OPTION...]: calls below $T/FOLDER can be made to fail.
faulty_mount() {
	local folder=$1
	shift
	FAULTS=$(dirname "$PIMAGEFS")/mount/faults.so
	[ -n "${PIMAGEFS_HELPERS:-}" ] && FAULTS=$PIMAGEFS_HELPERS/faults.so
	[ -e "$FAULTS" ] || skip "needs $FAULTS: make helper-programs"
	FAULTS_FOLDER=$(realpath "$T")/$folder FAULTS_CONTROL=$T/faults LD_PRELOAD=$FAULTS mount_up "$@"
}

# fault LINE...: from now on. mended: no more.
fault() {
	printf '%s\n' "$@" >"$T/faults.new"
	mv "$T/faults.new" "$T/faults"
}

mended() {
	rm "$T/faults"
}

has_failed() {
	[ "$(stat -c %s "$T/faults.failed" 2>/dev/null || echo 0)" -ge "$1" ]
}

# written ID PROMPT: what open, write and close say.
written() {
	syscalls write "$M/requests/$1" 'O_WRONLY|O_CREAT|O_TRUNC' "$2"
}

damage_header() {
	dd if=/dev/urandom of="$T/state/pimagefs.db" bs=4096 count=1 conv=notrunc status=none
}

# An index that lies nowhere: damage, but each row can be read.
damage_index() {
	sqlite3 "$T/state/pimagefs.db" "PRAGMA writable_schema = ON;
		UPDATE sqlite_schema SET rootpage = 1000 WHERE name = 'create_sent_wall_ms'" >/dev/null
}

aside() {
	find "$T/state" -name 'pimagefs.db.damaged-*' ! -name '*-wal' ! -name '*-shm'
}

# The state folder fails.

state_fails() { # ERRNO COMMAND-THAT-BREAKS COMMAND-THAT-MENDS
	local before
	ask before "a first one"
	got before "a first one"
	ask .draft "a draft"
	ask other "an other one"
	got other "an other one"
	before=$(stub_count create)
	wait_for stays commits # what was done before is on disk
	$2
	equal "$(written cat "a cat")" "open=OK write=OK close=$1"
	equal "$(cat "$M/requests/cat")" "a cat"
	# From now on it is known.
	equal "$(written owl "an owl")" "open=$1"
	equal "$(errno_of mkdir "$M/requests/folder")" "$1"
	equal "$(errno_of rename "$M/requests/.draft" "$M/requests/draft")" "$1"
	equal "$(errno_of rename "$M/requests/other" "$M/requests/renamed")" "$1"
	refute test -e "$M/requests/folder"
	equal "$(cat "$M/requests/.draft" "$M/requests/other" | paste -sd,)" "a draft,an other one"
	got before "a first one"
	equal "$(stub_count create)" "$before"
	$3
	wait_for mkdir "$M/requests/folder"
	# What close() answered with an error is not done, also now; writing it again does it.
	equal "$(stub_count create)" "$before"
	has_state cat invalid
	matches "$(field cat .error.message)" "was not sent"
	ask cat "a cat"
	got cat "a cat"
	mv "$M/requests/.draft" "$M/requests/draft"
	mv "$M/requests/other" "$M/requests/renamed"
	got draft "a draft"
	equal "$(stub_count create)" $((before + 2))
	kill_daemon
	mount_up
	got cat "a cat"
	got draft "a draft"
	got renamed "an other one"
	equal "$(cat "$M/requests/renamed")" "an other one"
	test -d "$M/requests/folder"
	equal "$(stub_count create)" $((before + 2))
	refute grep -i 'left out\|damaged' "$T/log"
}

fill_state() { fill "$T/state"; }
empty_state() { rm -f "$T/state/filler" "$T/state/more"; }

@test "state folder full: ENOSPC where it can be seen, and nothing is lost" {
	small_disk "$T/state" 1M
	mount_up
	state_fails ENOSPC fill_state empty_state
}

break_write() { fault "write EIO"; }
break_fsync() { fault "fsync EIO"; }
break_read_only() { fault "write EROFS" "open EROFS" "rename EROFS"; }

@test "state folder: EIO of write" {
	faulty_mount state
	state_fails EIO break_write mended
}

@test "state folder: EIO of fsync" {
	faulty_mount state
	state_fails EIO break_fsync mended
}

@test "state folder read-only: EROFS" {
	faulty_mount state
	state_fails EROFS break_read_only mended
}

@test "state folder moved away, or removed: nothing is promised or bought that no start would find" {
	mount_up
	state_fails EIO 'mv '"$T/state $T/away" 'mv '"$T/away $T/state"
	rm -r "$T/state"
	equal "$(written dog "a dog")" "open=OK write=OK close=EIO"
	matches "$(jq -r .stopped "$M/control/stats.json")" 'state folder'
	refute grep -qx '"a dog"' <(curl -fsS "$STUB/control/prompts")
}

@test "state folder: what a failed fsync answered with an error is not done after kill -9 either" {
	faulty_mount state
	stub_script '{"on":"create","prompt":"bad","times":1,"do":{"status":422,"body":{"detail":"no"}}}'
	ask bad "a bad one"
	wait_state bad failed
	ask fox "a fox"
	got fox "a fox"
	ask .draft "a draft"
	# Each is the last that reaches the log before the end.
	for command in 'echo retry bad >control/ctl' 'echo again fox >control/ctl' 'echo delete fox >control/ctl' \
		'mv requests/.draft requests/draft' 'mkdir requests/folder' 'echo pause >control/ctl'; do
		fault "fsync EIO"
		refute bash -c 'cd "$0" && eval "$1"' "$M" "$command"
		kill_daemon
		mended
		faulty_mount state
	done
	has_state bad failed
	equal "$(find "$M/requests" -mindepth 1 -printf '%P\n' | sort | paste -sd' ')" ".draft bad fox"
	equal "$(jq .paused "$M/control/stats.json")" false
	got fox "a fox"
	asked "a bad one" "a fox"
}

@test "state folder: a line of ctl that failed has changed nothing, and given once more it is done" {
	faulty_mount state
	ask fox "a fox"
	got fox "a fox"
	ask owl "an owl"
	got owl "an owl"
	rm "$M/images/owl.png"
	wait_for eval '[ -n "$(find "$T" -path "*/.trash/*-owl.png")" ]'
	echo pause >"$M/control/ctl"
	ask bear "a bear"
	fault "write EIO"
	for command in 'cancel bear' 'cancel all' 'delete fox' 'again fox' 'restore owl' 'resume'; do
		refute bash -c 'echo "$0" >"$1"' "$command" "$M/control/ctl"
		matches "$(tail -n 1 "$M/control/ctl")" "$command: nothing was done: the state folder: Input/output error"
		equal "$(for id in fox owl bear; do field "$id" .state; done | paste -sd' ')" "ready ready queued"
		equal "$(cd "$M" && find images requests -type f | sort | paste -sd' ')" \
			"images/bear.png images/fox.png requests/bear requests/fox requests/owl"
		equal "$(jq .paused "$M/control/stats.json")" true
	done
	got fox "a fox"
	mended
	equal "$(stub_count create)" 2
	for command in 'restore owl' 'delete fox' 'cancel bear' 'resume'; do
		wait_for bash -c 'echo "$0" >"$1"' "$command" "$M/control/ctl"
	done
	got owl "an owl"
	equal "$(cd "$M" && find images requests -type f | sort | paste -sd' ')" "images/owl.png requests/bear requests/owl"
	has_state bear cancelled
	asked "a fox" "an owl"
}

@test "state folder: a failed mkdir leaves nothing" {
	faulty_mount state
	fault "write EIO"
	equal "$(errno_of mkdir "$M/requests/folder")" EIO
	refute test -e "$M/requests/folder"
	mended
	wait_for mkdir "$M/requests/folder"
}

@test "state folder: a failed mv leaves the old name, and nothing is sent later" {
	faulty_mount state
	ask .draft "a draft"
	fault "write EIO"
	equal "$(errno_of rename "$M/requests/.draft" "$M/requests/fox")" EIO
	refute test -e "$M/requests/fox"
	equal "$(cat "$M/requests/.draft")" "a draft"
	mended
	wait_for mv "$M/requests/.draft" "$M/requests/fox"
	got fox "a draft"
	remount
	equal "$(cat "$M/requests/fox")" "a draft"
	equal "$(stub_count create)" 1
}

@test "state folder: while it fails nothing is sent, and the window is not used up" {
	stub_limits '{"creates":4,"window_ms":60000}'
	faulty_mount state -o limits.creates_per_minute=4
	echo pause >"$M/control/ctl"
	ask fox "a fox"
	ask owl "an owl"
	fault "write EIO"
	refute sh -c 'echo resume >"$0"' "$M/control/ctl" # what cannot be stored is not done
	wait_for has_failed 4 # it is tried again each second
	equal "$(stub_count create)" 0
	mended
	wait_for sh -c 'echo resume >"$0"' "$M/control/ctl"
	got fox "a fox"
	got owl "an owl"
	equal "$(stub_count create)" 2
}


@test "a running prediction survives a full state folder and kill -9" {
	small_disk "$T/state" 1M
	held_predictions
	mount_up
	ask fox "a fox"
	wait_state fox processing
	fill "$T/state"
	stub_release
	got fox "a fox"
	kill_daemon
	empty_state
	mount_up
	got fox "a fox"
	equal "$(stub_count create)" 1
}

# The library fails.

library_fails() { # ERRNO COMMAND-THAT-BREAKS COMMAND-THAT-MENDS
	held_predictions
	ask fox "a fox"
	ask owl "an owl"
	wait_state fox processing
	wait_state owl processing
	$2
	stub_release
	wait_for waits_for_disk fox
	wait_for waits_for_disk owl
	has_state fox downloading
	matches "$(field fox .error.hint)" "room again"
	equal "$(find "$T/library" -name '*.png' | wc -l)" 0
	$3
	got fox "a fox"
	got owl "an owl"
	equal "$(stub_count create)" 2
	equal "$(find "$T/library" -name '*.png' | wc -l)" 2
	equal "$(find "$T/library" -name '*.json' | wc -l)" 2
	equal "$(find "$T/library/.tmp" -type f | wc -l)" 0
}

waits_for_disk() {
	matches "$(field "$1" .error.message)" "cannot be written to the library" >/dev/null
}

fill_library() { fill "$T/library"; }
empty_library() { rm -f "$T/library/filler" "$T/library/more"; }
freeze_library() { wait_for mount -o remount,ro "$T/library"; }
thaw_library() { mount -o remount,rw "$T/library"; }

# says ID PROMPT WORDS: what is known of the library's disk is of the last second.
says() {
	[ "$(written "$1" "$2")" = "$3" ]
}

@test "library full: ENOSPC at open, running jobs wait for room" {
	small_disk "$T/library" 1M
	mount_up -o limits.min_free_bytes=64K
	library_fails ENOSPC fill_library empty_library
	fill_library
	wait_for says cat "a cat" "open=ENOSPC"
	rm "$T/library/filler" "$T/library/more"
	wait_for says cat "a cat" "open=OK write=OK close=OK"
}

@test "library read-only: EROFS at open, running jobs wait" {
	small_disk "$T/library" 4M
	mount_up -o limits.min_free_bytes=64K
	library_fails EROFS freeze_library thaw_library
	freeze_library
	wait_for says cat "a cat" "open=EROFS"
	got fox "a fox"
	# What cannot be done as a whole is not begun.
	refute bash -c 'echo delete fox >"$0"' "$M/control/ctl"
	matches "$(tail -n 1 "$M/control/ctl")" 'delete fox: nothing was done: Read-only file system'
	[ -e "$M/requests/fox" ]
	thaw_library
	stub_control reset '{}'
	wait_for says cat "a cat" "open=OK write=OK close=OK"
	got cat "a cat"
}

break_rename() { fault "rename EIO"; }
break_open() { fault "open EIO"; }

@test "library: EIO of write" {
	faulty_mount library
	library_fails EIO break_write mended
}

@test "library: EIO of fsync" {
	faulty_mount library
	library_fails EIO break_fsync mended
}

@test "library: EIO of rename" {
	faulty_mount library
	library_fails EIO break_rename mended
}

@test "library: EIO of open" {
	faulty_mount library
	library_fails EIO break_open mended
}

@test "a failing disk costs no try of the download" {
	faulty_mount library -o api.retries=1
	held_predictions
	ask fox "a fox"
	wait_state fox processing
	fault "write EIO"
	stub_release
	stub_wait download 4
	stub_script '{"on":"download","times":1,"do":{"cut":100}}'
	mended
	got fox "a fox"
	equal "$(stub_count create)" 1
}

# Damage.

@test "a database whose beginning is gone: kept aside, pictures are back by their sidecars" {
	mount_up
	ask fox "first"
	got fox "first"
	ask fox "a fox"
	mkdir "$M/requests/cats"
	got fox "a fox"
	ask cats/tabby.json '{"prompt": "a tabby", "seed": 7, "hf_api_token": "hf_secret"}'
	got cats/tabby "a tabby"
	cp "$M/status/cats/tabby.json" "$T/tabby.json"
	mount_down
	damage_header
	cp "$T/state/pimagefs.db" "$T/damaged"
	mount_up
	equal "$(aside | wc -l)" 1
	cmp "$(aside)" "$T/damaged"
	equal "$(stat -c %a "$(aside)")" 600
	matches "$(cat "$T/start.out")" "damaged.*$(aside | sed 's/.*\.db\.//')"
	matches "$(cat "$T/log")" "damaged.*3 pictures"
	got fox "a fox"
	got cats/tabby "a tabby"
	diff <(jq -S 'del(.submitted_at, .attempts, .polls, .request_file)' "$T/tabby.json") \
		<(jq -S 'del(.submitted_at, .attempts, .polls, .request_file)' "$M/status/cats/tabby.json")
	refute grep -r hf_secret "$T/library"
	equal "$(stub_count create)" 3
	equal "$(find "$T/state" -name '*salvage*' | wc -l)" 0
	# Not again at the next start, and nothing is overwritten by the next damage.
	remount
	equal "$(aside | wc -l)" 1
	mount_down
	damage_header
	mount_up
	equal "$(aside | wc -l)" 2
	got fox "a fox"
}

@test "a database with a damaged page: requests and running predictions are taken over" {
	held_predictions
	mount_up -o limits.concurrent=1
	ask running "a running one"
	wait_state running processing
	ask queued "a queued one"
	ask .draft "a draft"
	mkdir "$M/requests/cats"
	mount_down
	damage_index
	mount_up
	equal "$(aside | wc -l)" 1
	equal "$(cat "$M/requests/running" "$M/requests/queued" "$M/requests/.draft" | paste -sd,)" \
		"a running one,a queued one,a draft"
	test -d "$M/requests/cats"
	has_state running processing
	wait_state queued held
	matches "$(field queued '.error | .message + .hint')" "damaged.*retry queued"
	open_says queued EIO
	stub_control reset '{}'
	stub_release
	got running "a running one"
	asked "a running one"
	echo "retry queued" >"$M/control/ctl"
	got queued "a queued one"
	touch "$M/requests/running" "$M/requests/queued"
	asked "a running one" "a queued one"
}

@test "no room to mend a damaged database: the next start does it" {
	small_disk "$T/state" 1M
	mount_up
	ask fox "a fox"
	got fox "a fox"
	mount_down
	damage_index
	fill "$T/state"
	start_fails -c "$T/ini" "$M"
	matches "$output" "No space left"
	empty_state
	mount_up
	equal "$(aside | wc -l)" 1
	got fox "a fox"
	equal "$(cat "$M/requests/fox")" "a fox"
	touch "$M/requests/fox"
	asked "a fox"
}

@test "a lost state folder: pictures are back by their sidecars" {
	mount_up
	ask fox "a fox"
	ask cats "some cats"
	got fox "a fox"
	got cats "some cats"
	cp "$M/status/fox.json" "$T/fox.json"
	mount_down
	rm -r "$T/state"
	mount_up
	matches "$(cat "$T/start.out")" "2 pictures"
	got fox "a fox"
	got cats "some cats"
	equal "$(find "$M/requests" -type f | wc -l)" 0
	equal "$(field fox .seed)" "$(jq -r .seed "$T/fox.json")"
	equal "$(field fox .image.sha256)" "$(jq -r .image.sha256 "$T/fox.json")"
	equal "$(stub_count create)" 2
	remount
	refute grep -q pictures "$T/start.out"
	got fox "a fox"
}

# The names in images/fox/.
of_fox() {
	find "$M/images/fox" -type f -printf '%f\n' 2>/dev/null | sort | paste -sd' '
}

@test "a lost state folder: the pictures of one request are back under their numbers, and as parts of it" {
	mount_up -o limits.concurrent=1
	ask fox "a {red, blue} fox"
	wait_state fox ready
	printf 'a small owl\na large owl\n' >"$M/requests/owls.prompts"
	wait_state owls ready
	equal "$(jq -s 'map(.part) | sort' -c "$T"/library/*/*fox*.json)" '[1,2]'
	mount_down
	rm -r "$T/state"
	mount_up -o limits.concurrent=1
	got fox/01 "a red fox"
	got fox/02 "a blue fox"
	equal "$(of_fox)" "01.png 02.png"
	printf 'a round owl\n' >"$M/requests/owls.prompts"
	got owls/03 "a round owl"
	got owls/01 "a small owl"
	ask fox "a green fox"
	got fox "a green fox"
	equal "$(of_fox)" ""
	asked "a red fox" "a blue fox" "a small owl" "a large owl" "a round owl" "a green fox"
}

@test "a lost state folder: pictures whose sidecars do not tell their number are back, too" {
	mount_up
	ask fox "a {red, blue} fox"
	wait_state fox ready
	mount_down
	rm -r "$T/state"
	sed -i '/"part"/d' "$T"/library/*/*fox*.json
	mount_up
	got fox/01 "a red fox"
	got fox/02 "a blue fox"
	equal "$(stub_count create)" 2
}

@test "sidecars that are broken or hostile are left out" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	mount_down
	rm -r "$T/state"
	(
		cd "$T/library/"*-*-*/ || exit 1
		picture=$(ls ./*-fox.png)
		for id in '../../etc/x' '/x' 'a//b' '' '.' 'x\u0000y' 'x\ny' 'a.png/b'; do
			n=$((n + 1))
			cp "$picture" "000000-bad$n.png"
			printf '{"id": "%s", "input": {"prompt": "x"}}' "$id" >"000000-bad$n.json"
		done
		cp "$picture" 000000-cut.png
		printf '{"id": "cu' >000000-cut.json
		cp "$picture" 000000-deep.png
		head -c 100000 /dev/zero | tr '\0' '[' >000000-deep.json
		cp "$picture" 000000-large.png
		head -c 5M /dev/zero | tr '\0' ' ' >000000-large.json
		mkfifo 000000-pipe.png
		ln -s /etc/passwd 000000-link.png
		printf '{"id": "empty"}' >000000-empty.json
		: >000000-empty.png
		cp "$picture" 000000-odd.png
		printf '{"id": "odd", "seed": "x", "created_at": 5, "predict_time": -1, "cost": 1e999, "input": [],
			"image": {"mime": "image/png", "width": -1, "bytes": 9e99, "sha256": "zz"}}' >000000-odd1.json
		printf '{"id": "odd", "seed": "x", "created_at": 5, "predict_time": -1, "cost": "much", "input": [],
			"image": {"mime": "image/png", "width": -1, "bytes": 9, "sha256": "zz"}}' >000000-odd.json
	)
	mount_up
	matches "$(cat "$T/start.out")" "2 pictures.*12 without"
	got fox "a fox"
	get odd >"$T/odd"
	cmp "$T/odd" "$T/got"
	equal "$(find "$M/images" -type f | wc -l)" 2
	equal "$(stub_count create)" 1
}
