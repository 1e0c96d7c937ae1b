#!/usr/bin/env bats
# Reading images/: waiting, ending the wait, what is served, and the errno of each failure.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

@test "pending: listed, size 0, mode 0640; nothing but open() waits" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	equal "$(timeout "$LIMIT" ls "$M/images")" fox.png
	equal "$(timeout "$LIMIT" stat -c '%s %a %F' "$M/images/fox.png")" "0 640 regular empty file"
	timeout "$LIMIT" ls -la "$M/images" >/dev/null
	timeout "$LIMIT" test -r "$M/images/fox.png"
	equal "$(errno_of access "$M/images/fox.png" 2)" "$([ "$(id -u)" = 0 ] && echo OK || echo EACCES)"
}

@test "list_pending = no: a pending picture is not listed, and resolves" {
	held_predictions
	mount_up -o images.list_pending=no
	ask fox "a fox"
	stub_wait create 1
	equal "$(ls "$M/images")" ""
	equal "$(stat -c %s "$M/images/fox.png")" 0
	stub_release
	got fox "a fox"
	equal "$(ls "$M/images")" fox.png
}

@test "open() waits until the picture is there" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	reader fox
	stub_wait poll 2
	wait_for waits_inside "$BG"
	stub_release
	background_ends 0
	stub_picture "a fox" | cmp - "$T/bg.out"
}

@test "many readers of one picture all get it" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	background syscalls crowd 20 "$M/images/fox.png%.0s"
	wait_for grep -q waiting "$T/bg.out"
	stub_release
	background_ends 0
	matches "$(tail -n 1 "$T/bg.out")" "^done $(stub_picture "a fox" | wc -c):20$"
	equal "$(stub_count download)" 1
}

@test "ready: the real size, mtime when it arrived" {
	mount_up
	before=$(date +%s)
	ask fox "a fox"
	get fox >"$T/got"
	equal "$(stat -c %s "$M/images/fox.png")" "$(stat -c %s "$T/got")"
	mtime=$(stat -c %Y "$M/images/fox.png")
	[ "$mtime" -ge "$before" ]
	[ "$mtime" -le "$(date +%s)" ]
	equal "$(date -d "$(field fox .completed_at)" +%s)" "$mtime"
}

@test "a picture once served never changes under its inode" {
	mount_up
	ask fox "a fox"
	get fox >"$T/first"
	inode=$(stat -c %i "$M/images/fox.png")
	exec 7<"$M/images/fox.png"
	ask fox "another fox"
	got fox "another fox"
	refute test "$(stat -c %i "$M/images/fox.png")" = "$inode"
	cmp "$T/first" - <&7
	exec 7<&-
}

@test "SIGINT ends a waiting cat at once" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	reader fox
	kill -TERM "$BG"
	background_ends 143
	# A shell's children in the background ignore SIGINT, so python gives it back to this one.
	background "$PYTHON" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("cat", ["cat", sys.argv[1]])' "$M/images/fox.png"
	wait_for waits_inside "$BG"
	kill -INT "$BG"
	background_ends 130
	wait_state fox processing
	stub_release
	got fox "a fox"
}

@test "a signal with a handler: open() says EINTR" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	background "$PYTHON" -c 'import errno, os, signal, sys
def stop(*_):
    raise InterruptedError
signal.signal(signal.SIGALRM, stop)
try:
    os.open(sys.argv[1], os.O_RDONLY)
except InterruptedError:
    print("EINTR")' "$M/images/fox.png"
	wait_for waits_inside "$BG"
	kill -ALRM "$BG"
	background_ends 0
	equal "$(cat "$T/bg.out")" EINTR
}

@test "kill -9 of a waiting reader leaves nothing behind" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	reader fox
	kill -9 "$BG"
	background_ends 137
	stub_release
	got fox "a fox"
	mount_down
}

nonblocking() {
	held_predictions
	mount_up -o images.nonblock=poll
	ask fox "a fox"
	stub_wait create 1
	background syscalls nonblock "$1" "$M/images/fox.png"
	wait_for grep -q '^read=' "$T/bg.out"
	stub_release
	background_ends 0
	equal "$(paste -sd' ' "$T/bg.out")" "open=OK read=EAGAIN readable $(stub_picture "a fox" | wc -c) $(
		stub_picture "a fox" | sha256sum | cut -d' ' -f1)"
}

@test "O_NONBLOCK on a pending picture: EAGAIN at once, and the next open waits" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	equal "$(errno_of open "$M/images/fox.png" 'O_RDONLY|O_NONBLOCK')" EAGAIN
	# tar opens so, and says what it did not get instead of storing an empty file.
	run -2 timeout "$LIMIT" tar -C "$M/images" -cf "$T/tar" fox.png
	matches "$output" 'fox.png.*temporarily unavailable'
	equal "$(tar -tf "$T/tar")" ""
	reader fox
	stub_release
	background_ends 0
	equal "$(errno_of open "$M/images/fox.png" 'O_RDONLY|O_NONBLOCK')" OK
	timeout "$LIMIT" tar -C "$M/images" -cf "$T/tar" fox.png
	tar -xOf "$T/tar" | cmp - <(stub_picture "a fox")
}

@test "nonblock = poll: open succeeds, read says EAGAIN, poll tells when" {
	nonblocking poll
}

@test "nonblock = poll: select tells when" {
	nonblocking select
}

@test "nonblock = poll: epoll tells when" {
	nonblocking epoll
}

@test "O_NONBLOCK on a picture that is there reads it" {
	mount_up
	ask fox "a fox"
	get fox >"$T/got"
	matches "$(syscalls nonblock poll "$M/images/fox.png" | tail -n 1)" "^[0-9]+ $(
		tail -c +11 "$T/got" | sha256sum | cut -d' ' -f1)"
}

@test "nonblock = poll: poll also ends when the picture fails, and read says why" {
	held_predictions
	stub_script '{"on":"poll","do":{"hold":true,"answer":{"status":"error","message":"out of paint"}}}'
	mount_up -o images.nonblock=poll
	ask fox "a fox"
	stub_wait poll 1
	background syscalls nonblock poll "$M/images/fox.png"
	wait_for grep -q '^read=' "$T/bg.out"
	stub_script '{"on":"poll","do":{"answer":{"status":"error","message":"out of paint"}}}' # should it have given up
	stub_release
	background_ends 0
	equal "$(paste -sd' ' "$T/bg.out")" "open=OK read=EAGAIN readable EIO"
}

@test "nonblock = poll: poll also ends when what was to be one picture becomes several, or the mount goes" {
	held_predictions
	mount_up -o images.nonblock=poll
	exec 7>"$M/requests/fox"
	printf 'a fox' >&7
	/bin/true # as it ends it closes its copy: FLUSH
	background syscalls nonblock poll "$M/images/fox.png"
	wait_for grep -q '^read=' "$T/bg.out"
	ask fox "a {red, blue} fox"
	background_ends 0
	equal "$(paste -sd' ' "$T/bg.out")" "open=OK read=EAGAIN readable ENOENT"
	exec 7>&-
	background syscalls nonblock poll "$M/images/fox/01.png"
	wait_for grep -q '^read=' "$T/bg.out"
	fusermount3 -uz "$M"
	background_ends 0
	equal "$(paste -sd' ' "$T/bg.out")" "open=OK read=EAGAIN readable ECANCELED"
}

@test "wait_timeout: open says ETIMEDOUT and the request goes on" {
	held_predictions
	mount_up -o images.wait_timeout=1
	ask fox "a fox"
	stub_wait create 1
	open_says fox ETIMEDOUT
	has_state fox processing
	stub_release
	wait_state fox ready
	got fox "a fox"
}

@test "deadline: a prediction that takes too long fails with ETIMEDOUT" {
	held_predictions
	mount_up -o poll.deadline=1
	ask fox "a fox"
	open_says fox ETIMEDOUT
	has_state fox failed
	equal "$(field fox .error.class)" timeout
}

@test "JPEG: the listed name has the true ending, <id>.png goes on resolving to it" {
	stub_script '{"on":"prediction","do":{"picture":"jpg"}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(ls "$M/images")" fox.jpg
	cmp "$M/images/fox.jpg" "$M/images/fox.png"
	equal "$(stat -c %i "$M/images/fox.jpg")" "$(stat -c %i "$M/images/fox.png")"
	equal "$(field fox .image.mime)" image/jpeg
	matches "$(field fox .image.path)" '\.jpg$'
}

@test "WebP: the listed name has the true ending" {
	stub_script '{"on":"prediction","do":{"picture":"webp"}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(ls "$M/images")" fox.webp
	equal "$(field fox .image.mime)" image/webp
	equal "$(errno_of stat "$M/images/fox.jpg")" ENOENT
}

@test "asking again with another kind of picture changes the listed name" {
	stub_script '{"on":"prediction","prompt":"photo","do":{"picture":"jpg"}}'
	mount_up
	ask fox "a photo"
	got fox "a photo"
	ask fox "a drawing"
	got fox "a drawing"
	equal "$(ls "$M/images")" fox.png
	wait_for refute test -e "$M/images/fox.jpg"
}

@test "images/<predictionID>.png resolves and is not listed" {
	mount_up
	ask fox "a fox"
	get fox >"$T/first"
	id=$(field fox .prediction_id)
	cmp "$T/first" "$M/images/$id.png"
	equal "$(ls "$M/images")" fox.png
	ask fox "another fox"
	got fox "another fox"
	cmp "$T/first" "$M/images/$id.png"
}

@test "failed: not listed, <id>.error.txt is there with the reason until it is asked again" {
	stub_script '{"on":"poll","prompt":"bad","do":{"answer":{"status":"error","message":"out of paint","details":"no red left"}}}'
	mount_up
	ask fox "a bad fox"
	open_says fox EIO
	equal "$(ls "$M/images")" fox.error.txt
	matches "$(cat "$M/images/fox.error.txt")" 'out of paint'
	matches "$(cat "$M/images/fox.error.txt")" 'no red left'
	equal "$(wc -c <"$M/images/fox.error.txt")" "$(wc -m <<<"$(cat "$M/images/fox.error.txt")")"
	equal "$(stat -c %s "$M/images/fox.error.txt")" "$(wc -c <"$M/images/fox.error.txt")"
	equal "$(stat -c %s "$M/images/fox.png")" 0
	ask fox "a good fox"
	got fox "a good fox"
	equal "$(ls "$M/images")" fox.png
	wait_for refute test -e "$M/images/fox.error.txt"
}

@test "a cancelled one has no .error.txt; a held one looks like a failed one" {
	stub_script '{"on":"prediction","prompt":"fox","do":{"hold":true}}'
	stub_script '{"on":"create","prompt":"owl","do":{"drop":true}}'
	mount_up
	ask fox "a fox"
	wait_state fox processing
	echo "cancel fox" >"$M/control/ctl"
	ask owl "an owl"
	wait_state owl held
	has_state fox cancelled
	equal "$(ls "$M/images")" owl.error.txt
	open_says fox ECANCELED
	open_says owl EIO
	matches "$(cat "$M/images/owl.error.txt")" 'retry owl'
}

@test "rm of .error.txt removes it, and the request stays failed" {
	stub_script '{"on":"create","do":{"status":400,"body":{"message":"no"}}}'
	mount_up
	ask fox "a fox"
	open_says fox EINVAL
	rm "$M/images/fox.error.txt"
	equal "$(ls "$M/images")" ""
	has_state fox failed
}

only_in_trash() {
	[ -z "$(find "$T/library" -path '*/.trash' -prune -o -name "*$1" -print)" ]
}

@test "rm of a picture deletes it; in the library only the trash has it" {
	mount_up
	ask fox "a fox"
	get fox >"$T/got"
	equal "$(find "$T/library" -name '*fox.png' | wc -l)" 1
	rm "$M/images/fox.png"
	equal "$(errno_of stat "$M/images/fox.png")" ENOENT
	equal "$(ls "$M/images")" ""
	asked "a fox"
	wait_for only_in_trash fox.png
}

@test "rm of a pending picture cancels it, and the name is gone" {
	held_predictions
	mount_up
	ask fox "a fox"
	wait_state fox processing
	reader fox
	rm "$M/images/fox.png"
	background_ends 1
	stub_wait cancel 1
	has_state fox cancelled
	open_says fox ENOENT
	equal "$(ls "$M/images")" ""
}

@test "mv images/fox.png elsewhere moves it" {
	mount_up
	ask fox "a fox"
	wait_state fox ready
	mv "$M/images/fox.png" "$T/fox.png"
	stub_picture "a fox" | cmp - "$T/fox.png"
	equal "$(errno_of stat "$M/images/fox.png")" ENOENT
}

@test "an open picture can be read to its end after rm" {
	mount_up
	ask fox "a fox"
	get fox >"$T/got"
	exec 7<"$M/images/fox.png"
	rm "$M/images/fox.png"
	cmp "$T/got" - <&7
	exec 7<&-
}

@test "creating and writing in images/ and status/: EPERM" {
	mount_up
	ask fox "a fox"
	get fox >"$T/got"
	equal "$(errno_of open "$M/images/new.png" 'O_WRONLY|O_CREAT')" EPERM
	equal "$(errno_of mkdir "$M/images/new")" EPERM
	matches "$(errno_of open "$M/images/fox.png" O_WRONLY)" 'EPERM|EACCES'
	matches "$(errno_of open "$M/images/fox.png" O_RDWR)" 'EPERM|EACCES'
	matches "$(errno_of truncate "$M/images/fox.png" 0)" 'EPERM|EACCES'
	equal "$(errno_of rename "$M/images/fox.png" "$M/images/fux.png")" EPERM
	equal "$(errno_of open "$M/status/new.json" 'O_WRONLY|O_CREAT')" EPERM
	matches "$(errno_of open "$M/status/fox.json" O_WRONLY)" 'EPERM|EACCES'
	matches "$(errno_of unlink "$M/control/ctl")" 'EPERM|EACCES'
	got fox "a fox"
}

@test "a name that nobody asked for: ENOENT" {
	mount_up
	open_says nothing ENOENT
	equal "$(errno_of stat "$M/images/a/b/c.png")" ENOENT
	equal "$(errno_of stat "$M/status/nothing.json")" ENOENT
}

@test "a program that did the look-up before the request was written finds the picture after" {
	mount_up
	open_says fox ENOENT
	equal "$(errno_of stat "$M/status/fox.json")" ENOENT
	ask fox "a fox"
	got fox "a fox"
}

# The whole picture, by every way of reading.

large() {
	stub_script '{"on":"prediction","do":{"pixels":[700,500],"hold":true}}'
	mount_up
	ask fox "a large fox"
	stub_wait create 1
}

whole() {
	background_ends 0
	stub_picture "a large fox" >"$T/wanted"
	[ "$(stat -c %s "$T/wanted")" -gt 1000000 ]
	cmp "$T/wanted" "$1"
}

@test "cp of a pending picture gets all of it" {
	large
	background cp "$M/images/fox.png" "$T/fox.png"
	wait_for waits_inside "$BG"
	stub_release
	whole "$T/fox.png"
}

@test "dd, head and tail of a pending picture" {
	large
	background dd if="$M/images/fox.png" of="$T/fox.png" bs=4097 status=none
	wait_for waits_inside "$BG"
	stub_release
	whole "$T/fox.png"
	cmp <(tail -c 5000 "$T/wanted") <(tail -c 5000 "$M/images/fox.png")
	cmp <(head -c 5000 "$T/wanted") <(head -c 5000 "$M/images/fox.png")
}

@test "mmap of a pending picture after open and fstat" {
	large
	background "$PYTHON" "$HERE/lib/syscalls.py" mmap "$M/images/fox.png"
	wait_for waits_inside "$BG"
	stub_release
	background_ends 0
	equal "$(cat "$T/bg.out")" "$(stub_picture "a large fox" | wc -c) $(stub_picture "a large fox" | sha256sum | cut -d' ' -f1)"
}

@test "python shutil.copyfile of a pending picture" {
	large
	background "$PYTHON" -c 'import shutil, sys; shutil.copyfile(*sys.argv[1:])' "$M/images/fox.png" "$T/fox.png"
	wait_for waits_inside "$BG"
	stub_release
	whole "$T/fox.png"
}

@test "tar of a picture that is there" {
	large
	stub_release
	wait_state fox ready
	background true
	tar -C "$M/images" -cf "$T/fox.tar" fox.png
	tar -C "$T" -xf "$T/fox.tar"
	whole "$T/fox.png"
}

@test "rsync of images/" {
	need rsync
	large
	stub_release
	wait_state fox ready
	background true
	rsync -a "$M/images/" "$T/out/"
	whole "$T/out/fox.png"
}

@test "a page-cached picture is read again from another descriptor, and after remount" {
	large
	stub_release
	background true
	get fox >"$T/fox.png"
	whole "$T/fox.png"
	cmp "$T/wanted" "$M/images/fox.png"
	remount
	cmp "$T/wanted" "$M/images/fox.png"
}

@test "rm -r of a folder whose pictures were cancelled" {
	stub_start
	held_predictions
	mount_up
	mkdir "$M/requests/cats"
	ask cats/tabby "a cat"
	stub_wait create 1 "a cat"
	rm "$M/requests/cats/tabby"
	equal "$(ls -A "$M/images/cats")" ""
	rmdir "$M/images/cats"
	refute test -e "$M/images/cats"
}
