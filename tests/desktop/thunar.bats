#!/usr/bin/env bats
# Thunar with tumbler on the mount: thumbnails, a live window, no waiting, no cost.

load ../lib/mount
load desktop

setup() {
	need thunar
	desktop_make
}

teardown() {
	desktop_remove
}

# comes COLOUR COMMAND...: COMMAND N makes the Nth picture of that colour, or lets it be shown. Of some forty thumbnails that
# tumbler has made for it, Thunar 4.18 does not show one, on any filesystem: so there are three.
comes() {
	local colour=$1 n
	shift
	for n in 1 2 3; do
		"$@" "$n"
		LIMIT=$((20 * ${TEST_PATIENCE:-1})) wait_for shows "$colour" && return
	done
	return 1
}

opened() {
	if [ "$1" = 1 ]; then
		on_desktop thunar "$M/images"
		window '^images - Thunar$'
	else
		xdotool windowfocus "$WINDOW" key F5
	fi
}

asked_for() {
	ask "owl-$1" "a fe7f01 owl"
	creates=$((creates + 1))
	wait_for has_thumbnail "$M/images/owl-$1.png"
}

let_go() {
	stub_release "slow hare $1"
	wait_for has_thumbnail "$M/images/hare-$1.png"
}

@test "thumbnails of what is ready; what is pending holds up nothing, and comes by itself; looking costs nothing" {
	plain_pictures ff00fe 02fe03 fe7f01
	mount_up
	ask fox "a ff00fe fox"
	ask photo "photo of a lake"
	for i in 1 2 3; do ask "hare-$i" "a 02fe03 slow hare $i"; done
	for i in 1 2 3 4 5; do ask "slow-$i" "something slow $i"; done
	wait_state fox ready
	wait_state photo ready
	wait_state slow-5 processing
	creates=$(stub_count create)

	desktop_up
	comes ff00fe opened
	wait_for has_thumbnail "$M/images/fox.png"
	wait_for has_thumbnail "$M/images/photo.jpg"
	wait_for nobody_waits
	comes fe7f01 asked_for
	refute shows 02fe03
	equal "$(thumbnail "$M/images/hare-1.png")" ""
	comes 02fe03 let_go
	no_failed_thumbnail

	for folder in requests status by-date by-id control; do
		on_desktop thunar "$M/$folder"
		window "^$folder - Thunar\$"
	done
	wait_for nobody_waits
	equal "$(stub_count create)" "$creates"
	equal "$(stub_count cancel)" 0
}

asked_again() {
	ask fox "a 02fe03 fox, try $1"
	wait_for has_thumbnail "$M/images/fox.png"
}

@test "a picture that is asked again is shown anew" {
	plain_pictures ff00fe 02fe03
	mount_up
	ask fox "a ff00fe fox"
	wait_state fox ready
	desktop_up
	comes ff00fe opened
	comes 02fe03 asked_again
	wait_for refute shows ff00fe
}

# The names in the window are those of a plain folder that was shown before. (Thunar selects the neighbour of what goes; a
# click beside the pictures ends that.)
shows_names() {
	xdotool mousemove 580 420 click 1
	looks_like "$1" 460x330+175+108
}

# Something is in it, and it stays.
steady() {
	shot "$T/names.png"
	[ "$(convert "$T/names.png" -crop 460x330+175+108 -format %k info:)" -ge 20 ] && shows_names "$T/names.png"
}

# names_of FILE...: $T/names.png shows such a folder.
names_of() {
	mkdir "$HOME/plain"
	(cd "$HOME/plain" && touch "$@")
	on_desktop thunar "$HOME/plain"
	window '^plain - Thunar$'
	wait_for steady
	thunar -q
	wait_for no_window ' - Thunar$'
}

@test "a failed one goes and its .error.txt comes, what is removed goes, what is asked for comes, in the open window" {
	held_predictions
	mount_up
	for id in bad owl slow; do ask "$id" "a slow $id"; done
	for id in bad owl slow; do wait_state "$id" processing; done
	desktop_up
	names_of bad.error.txt slow.png zebra.png
	opened 1
	refute shows_names "$T/names.png"
	stub_script '{"on":"poll","prompt":"slow bad","do":{"answer":{"status":"error","message":"no such wish"}}}'
	wait_state bad failed
	rm "$M/requests/owl"
	ask zebra "a slow zebra"
	grep -q "no such wish" "$M/images/bad.error.txt"
	wait_for shows_names "$T/names.png"
}
