#!/usr/bin/env bats
# Nautilus on the mount: thumbnails, a live window, no waiting, no cost.

load ../lib/mount
load desktop

setup() {
	need nautilus
	desktop_make
}

teardown() {
	desktop_remove
}

@test "thumbnails of what is ready; what is pending holds up nothing and comes by itself; a failed one says why" {
	plain_pictures ff00fe 02fe03 fe7f01
	mount_up
	ask fox "a ff00fe fox"
	ask photo "photo of a lake"
	ask bad "a slow wish"
	for i in 1 2 3; do ask "slow-$i" "something slow $i"; done
	ask hare "a 02fe03 slow hare"
	wait_state fox ready
	wait_state photo ready
	for id in bad hare slow-3; do wait_state "$id" processing; done
	creates=$(stub_count create)
	desktop_up
	on_desktop nautilus "$M/images"
	window '^images$'
	wait_for has_thumbnail "$M/images/fox.png"
	wait_for has_thumbnail "$M/images/photo.jpg"
	wait_for shows ff00fe
	wait_for nobody_waits
	equal "$(thumbnail "$M/images/hare.png")" ""

	ask owl "a fe7f01 owl"
	creates=$((creates + 1))
	wait_for shows fe7f01
	wait_for has_thumbnail "$M/images/owl.png"
	stub_script '{"on":"poll","prompt":"a slow wish","do":{"answer":{"status":"error","message":"no such wish"}}}'
	wait_state bad failed
	stub_release "slow hare"
	wait_for shows 02fe03
	wait_for has_thumbnail "$M/images/hare.png"
	no_failed_thumbnail
	equal "$(stub_count create)" "$creates"
	equal "$(stub_count cancel)" 0
}
