#!/usr/bin/env bats
# What is removed from images/ lies in the library's trash; what is gone from the library's folder is lost, and fetched again.
# shellcheck disable=SC2016 # $ID is the stand-in's

load ../lib/mount

ctl() {
	printf '%s\n' "$@" >"$M/control/ctl"
}

in_trash() {
	compgen -G "$T/library/.trash/*/*-$1" >/dev/null
}

# A fox that is there.
fox() {
	mount_up "$@"
	ask fox "a red fox"
	got fox "a red fox"
}

@test "rm of a picture moves it to the library's trash with its sidecar; restore brings it back" {
	fox
	rm "$M/images/fox.png"
	refute ls "$M/images/fox.png"
	wait_for in_trash fox.png
	in_trash fox.json
	ctl 'restore fox'
	got fox "a red fox" # who opens it at once waits
	refute in_trash fox.png
	equal "$(stub_count create) $(stub_count download)" "1 1"
}

@test "removed, and the name asked again: restore by the prediction's id" {
	fox
	id=$(field fox .prediction_id)
	rm "$M/images/fox.png"
	ask fox "a blue fox"
	got fox "a blue fox"
	wait_for in_trash fox.png
	ctl "restore $id"
	wait_for test -e "$M/by-id/$id.png"
	stub_picture "a red fox" | cmp - "$M/by-id/$id.png"
	got fox "a blue fox"
	ctl "delete by-id/$id.png"
	wait_for in_trash 'fox*.png' # of the same second as the other, it has a number
	got fox "a blue fox"
	[ -e "$M/requests/fox" ]
	ctl "restore $M/by-id/$id.png"
	wait_for test -e "$M/images/$id.png"
	equal "$(stub_count create)" 2
}

put() {
	local how=$1
	shift
	# shellcheck disable=SC2086 # a command and its options
	$how "$@"
}

@test "cp -f, install and mv onto a picture fail, and what they removed first can be restored" {
	fox
	echo x >"$T/x"
	for try in 'cp -f' 'install' 'mv'; do
		echo x >"$T/x"
		refute put "$try" "$T/x" "$M/images/fox.png" 2>/dev/null
		[ -e "$M/images/fox.png" ] || ctl 'restore fox'
		wait_for got fox "a red fox"
	done
	equal "$(stub_count create)" 1
}

@test "a removed picture and its restored one survive kill -9" {
	fox
	rm "$M/images/fox.png"
	kill -9 "$(daemon_pids | head -n 1)"
	wait_for no_daemon
	mount_up
	refute ls "$M/images/fox.png"
	wait_for in_trash fox.png
	ctl 'restore fox'
	kill -9 "$(daemon_pids | head -n 1)"
	wait_for no_daemon
	mount_up
	wait_for got fox "a red fox"
	equal "$(stub_count create)" 1
}

@test "trash_days = 0: a removed picture is gone at once" {
	fox -o library.trash_days=0
	rm "$M/images/fox.png"
	wait_for no_file_of fox
	refute ctl 'restore fox'
}

no_file_of() {
	[ -z "$(find "$T/library" -name "*-$1.*")" ]
}

@test "copies of a picture can be written, and copied again" {
	fox
	mkdir "$T/out"
	cp "$M/images/fox.png" "$T/out/"
	equal "$(stat -c %a "$T/out/fox.png")" 644
	cp "$M/images/fox.png" "$T/out/"
	cp "$M/status/fox.json" "$T/out/"
	cp "$M/status/fox.json" "$T/out/"
	# A rule of make is remade when the picture is newer.
	printf 'out/f: %s\n\tcp $< $@\n' "$M/images/fox.png" >"$T/Makefile"
	make -sC "$T" out/f
	touch -d '2000-01-01' "$T/out/f"
	make -sC "$T" out/f
}

@test "a picture that was deleted in the library's folder is lost; retry downloads it again, retry failed does not" {
	fox
	rm "$T"/library/*/*-fox.png
	mount_down # the kernel forgets what it has read
	mount_up
	open_says fox ENOENT
	wait_state fox failed
	equal "$(field fox .error.class)" lost
	matches "$(field fox .error.hint)" 'retry fox'
	grep -q 'no longer in the library' "$M/images/fox.error.txt"
	ctl 'retry failed'
	has_state fox failed
	ctl 'retry fox'
	wait_state fox ready
	got fox "a red fox"
	equal "$(stub_count create) $(stub_count download)" "1 2"
}

@test "a lost picture that the service has no more is made anew by retry" {
	fox
	rm "$T"/library/*/*-fox.png
	remount
	open_says fox ENOENT
	stub_script '{"on":"poll","nth":1,"do":{"answer":{"status":"error","predictionID":"$ID","message":"expired"}}}'
	ctl 'retry fox'
	wait_state fox ready
	equal "$(stub_count create)" 2
}
