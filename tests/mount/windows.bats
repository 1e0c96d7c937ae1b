#!/usr/bin/env bats
# Open windows refresh by themselves: what a watcher of the mount is told (inotify), and what the kernel keeps meanwhile.

load ../lib/mount

# watch FOLDER...: what happens there from now on goes to $T/events, a line each: FOLDER/NAME EVENTS.
watch() {
	need inotifywait
	inotifywait -q -m --format '%w%f %e' "${@/#/$M/}" >>"$T/events" 2>"$T/watch.err" 3>&- 4>&- &
	PIDS+=($!)
	# It has begun when it tells of something: of a folder of its own that is looked into.
	wait_for watching "$M/$1"
}

watching() {
	ls "$1" >/dev/null
	grep -qF "$1/ " "$T/events"
}

# told PATTERN: a line of what the watcher saw; paths from the mount on.
told() {
	sed "s|^$M/||" "$T/events" | grep -qE -- "$1"
}

courier_pid() {
	local daemon
	daemon=$(daemon_pids | head -n 1)
	[ -z "$daemon" ] || pgrep -P "$daemon" -x pimagefs-window || :
}

courier_is_up() {
	[ -n "$(courier_pid)" ]
}

@test "images/ and status/: MOVED_TO when a name comes and when its picture is ready, DELETE when it goes" {
	held_predictions
	mount_up
	wait_for courier_is_up
	watch images status
	ask fox "a red fox"
	wait_for told '^images/fox.png MOVED_TO$'
	wait_for told '^status/fox.json MOVED_TO$'
	: >"$T/events"
	stub_release
	wait_for told '^images/fox.png MOVED_TO$'
	wait_for told '^status/fox.json ATTRIB$'
	got fox "a red fox"
	: >"$T/events"
	mv "$M/requests/fox" "$M/requests/cat"
	wait_for told '^images/fox.png DELETE$'
	wait_for told '^images/cat.png MOVED_TO$'
	wait_for told '^status/fox.json DELETE$'
	# What the user's own call tells of is told once.
	: >"$T/events"
	rm "$M/images/cat.png" "$M/requests/cat"
	wait_for told '^status/cat.json DELETE$'
	equal "$(grep -c 'cat.png DELETE' "$T/events")" 1
}

@test "a failed one: its name goes and .error.txt comes; a JPEG comes under its true ending; folders come and go" {
	mount_up
	wait_for courier_is_up
	watch images
	ask owl "a [fail] owl"
	stub_script '{"on":"prediction","prompt":"jpeg","do":{"picture":"jpg"}},{"on":"poll","prompt":"bad","do":{"answer":{"status":"error","message":"no"}}}'
	ask bad "a bad owl"
	wait_for told '^images/bad.png DELETE$'
	wait_for told '^images/bad.error.txt MOVED_TO$'
	ask photo "a jpeg of a fox"
	wait_for told '^images/photo.jpg MOVED_TO$'
	wait_for told '^images/photo.png DELETE$'
	mkdir "$M/requests/cats"
	ask cats/tabby "a cat"
	wait_for told '^images/cats (CREATE|ATTRIB),ISDIR$'
	got cats/tabby "a cat"
}

# pcmanfm: a process of that name lists images/ as it does, in a thread, and stays until descriptor 7 is closed.
pcmanfm() {
	mkfifo "$T/line"
	"$PYTHON" -c 'import os, sys, threading
open("/proc/self/comm", "w").write("pcmanfm")
lister = threading.Thread(target=os.listdir, args=(sys.argv[1],))
lister.start()
lister.join()
print("listed", flush=True)
sys.stdin.read()' "$M/images" <"$T/line" >"$T/pcmanfm.out" 3>&- 4>&- &
	LISTER=$!
	PIDS+=("$LISTER")
	exec 7>"$T/line"
	wait_for grep -q listed "$T/pcmanfm.out"
}

@test "where PCManFM looks, a picture that becomes ready goes and comes anew, and who waits for it gets it; elsewhere it stays" {
	held_predictions
	mount_up
	wait_for courier_is_up
	watch images
	for id in fox owl; do
		ask "$id" "a red $id"
		wait_for told "^images/$id.png MOVED_TO\$"
	done
	pcmanfm
	reader fox
	: >"$T/events"
	stub_release "a red fox"
	wait "$BG"
	wait_for told '^images/fox.png MOVED_TO$'
	equal "$(grep -oE 'fox.png (DELETE|ATTRIB|MOVED_TO)$' "$T/events" | paste -sd ' ')" \
		"fox.png DELETE fox.png ATTRIB fox.png MOVED_TO"
	cmp "$T/bg.out" <(stub_picture "a red fox")
	got fox "a red fox"
	exec 7>&-
	wait_for gone "$LISTER"
	: >"$T/events"
	stub_release "a red owl"
	got owl "a red owl"
	wait_for told '^images/owl.png MOVED_TO$'
	refute told '^images/owl.png (DELETE|ATTRIB)'
}

@test "by-id/ and by-date/: links are told as they come and go, and day folders too" {
	mount_up
	wait_for courier_is_up
	watch by-id by-date
	ask fox "a red fox"
	got fox "a red fox"
	id=$(field fox .prediction_id)
	wait_for told "^by-id/$id.png MOVED_TO\$"
	wait_for told '^by-date/[-0-9]{10} (CREATE|ATTRIB),ISDIR$'
	day=$(ls "$M/by-date")
	watch "by-date/$day"
	ask owl "an owl"
	got owl "an owl"
	wait_for told "^by-date/$day/[0-9]{6}-owl.png MOVED_TO\$"
	rm "$M/images/owl.png"
	wait_for told "^by-date/$day/[0-9]{6}-owl.png DELETE\$"
	wait_for told "^by-id/[^ ]* DELETE\$"
}

@test "names and attributes that were told are answered by the kernel; a change is seen at once all the same" {
	mount_up
	wait_for courier_is_up
	ask fox "a red fox"
	got fox "a red fox"
	wait_for kept
	size=$(stat -c %s "$M/images/fox.png")
	stub_script '{"on":"prediction","do":{"hold":true}}'
	ask fox "another fox"
	# An open by the old name finds the new one, at once, and waits for it.
	equal "$(errno_of open "$M/images/fox.png" 'O_RDONLY|O_NONBLOCK')" EAGAIN
	wait_for shows_size 0
	stub_release
	got fox "another fox"
	wait_for shows_size "$size"
	rm "$M/images/fox.png"
	refute stat "$M/images/fox.png"
	# A name that could come is never kept as missing.
	refute stat "$M/images/owl.png"
	ask owl "an owl"
	stat "$M/images/owl.png"
}

shows_size() {
	[ "$(stat -c %s "$M/images/fox.png")" = "$1" ]
}

# Two looks without a question to the daemon: it is stopped meanwhile.
kept() {
	local pid r=0
	pid=$(daemon_pids | head -n 1)
	stat "$M/images/fox.png" "$M/images" "$M" >/dev/null
	kill -STOP "$pid"
	timeout 1 "$PYTHON" -c 'import os, sys
fd = os.open(sys.argv[1], os.O_PATH)' "$M/images/fox.png" || r=1
	kill -CONT "$pid"
	return $r
}

@test "where the mount is read-only nothing can be told, and so no name is kept" {
	mount_up
	ask fox "a red fox"
	got fox "a red fox"
	remount -o ro
	sleep 0.3 # as long as a helper would take to be up
	shows_size "$(stub_picture "a red fox" | wc -c)"
	rm "$(find "$T/library" -name '*fox*.png')"
	open_says fox ENOENT # and now it is lost
	shows_size 0
}

@test "a helper that is killed or stopped is replaced, and what was missed is told" {
	mount_up
	wait_for courier_is_up
	watch images
	first=$(courier_pid)
	kill -STOP "$first"
	ask fox "a red fox"
	got fox "a red fox"
	timeout "$LIMIT" ls -l "$M/images" >/dev/null
	wait_for told '^images/fox.png MOVED_TO$'
	wait_for gone "$first"
	wait_for courier_is_up
	second=$(courier_pid)
	kill -9 "$second"
	ask owl "an owl"
	wait_for told '^images/owl.png MOVED_TO$'
	got owl "an owl"
}

# is_fresh FOLDER NAME: the kernel has the node that the folder lists.
is_fresh() {
	"$PYTHON" - "$M/$1" "$2" <<-'PY'
		import os, sys
		folder, name = sys.argv[1:]
		listed = [e.inode() for e in os.scandir(folder) if e.name == name]
		sys.exit(listed != [os.stat(folder + "/" + name).st_ino])
	PY
}

@test "a name that the kernel kept is told of by the next helper, also if it changed again meanwhile" {
	mount_up
	wait_for courier_is_up
	ask fox "a red fox"
	got fox "a red fox"
	for _ in 1 2 3; do cat "$M/images/fox.png" "$M/status/fox.json" >/dev/null; done
	wait_for courier_is_up
	kill -STOP "$(courier_pid)"
	ask fox "another fox"
	equal "$(field fox .prompt)" "another fox" # who opens it has the new one at once
	got fox "another fox"
	wait_for is_fresh images fox.png
	wait_for is_fresh status fox.json
	rm "$M/requests/fox"
	wait_for courier_is_up
	kill -STOP "$(courier_pid)"
	echo delete fox >"$M/control/ctl"
	wait_for [ ! -e "$M/status/fox.json" ]
}

@test "the helper ends with the daemon, also with kill -9, and holds up no unmount" {
	mount_up
	wait_for courier_is_up
	helper=$(courier_pid)
	kill -9 "$(daemon_pids | head -n 1)"
	wait_for gone "$helper"
	wait_for no_daemon
	mount_up
	wait_for courier_is_up
	helper=$(courier_pid)
	ask fox "a red fox"
	got fox "a red fox"
	mount_down
	wait_for gone "$helper"
	mount_up
	wait_for courier_is_up
	helper=$(courier_pid)
	kill -STOP "$helper"
	ask owl "an owl"
	mount_down
	wait_for gone "$helper"
}

# The helper's name is there before its mount is.
sees_only_its_own() {
	[ "$(wc -l <"/proc/$(courier_pid)/mountinfo")" = 1 ]
}

@test "an unmount at once after a change is not held up: the helper has a mount of its own" {
	mount_up
	wait_for courier_is_up
	wait_for sees_only_its_own
	for i in $(seq 15); do
		ask "fox-$i" "fox $i"
		mount_down
		mount_up
		wait_for courier_is_up
	done
	got fox-15 "fox 15"
}

@test "the helper's process and its memory know no secret" {
	mount_up
	wait_for courier_is_up
	helper=$(courier_pid)
	refute grep -qaF "$KEY" "/proc/$helper/environ" "/proc/$helper/cmdline"
	refute grep -q "$M" <(readlink "/proc/$helper"/fd/*)
}
