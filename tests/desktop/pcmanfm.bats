#!/usr/bin/env bats
# PCManFM on the mount: thumbnails, a live window, no waiting, no cost. (It keeps no thumbnails in the cache: libfm 1.3
# writes none into the folder that they belong into. So the screen has to say.)

load ../lib/mount
load desktop

setup() {
	need pcmanfm
	desktop_make
	plain_pictures ff00fe 02fe03 fe7f01
}

teardown() {
	desktop_remove
}

@test "thumbnails of what is ready; what is pending holds up nothing, and comes by itself; looking costs nothing" {
	mount_up
	ask fox "a ff00fe fox"
	for i in 1 2 3; do ask "slow-$i" "something slow $i"; done
	ask hare "a 02fe03 slow hare"
	wait_state fox ready
	wait_state hare processing
	desktop_up
	on_desktop pcmanfm "$M/images"
	window '^images$'
	wait_for shows ff00fe
	wait_for nobody_waits
	refute shows 02fe03
	stub_release "slow hare"
	wait_for shows 02fe03
	ask owl "a fe7f01 owl"
	wait_for shows fe7f01
	wait_for shows 02fe03
	no_failed_thumbnail
	wait_for nobody_waits
	equal "$(stub_count create)" 6
	equal "$(stub_count cancel)" 0
}

@test "a picture that is asked again is shown anew" {
	mount_up
	ask fox "a ff00fe fox"
	wait_state fox ready
	desktop_up
	on_desktop pcmanfm "$M/images"
	window '^images$'
	wait_for shows ff00fe
	ask fox "a 02fe03 slow fox"
	wait_for refute shows ff00fe
	stub_release "slow fox"
	wait_for shows 02fe03
	ask fox "a fe7f01 fox"
	wait_for shows fe7f01
	wait_for refute shows 02fe03
}

@test "many become ready at once, and each is shown" {
	local colours=(ff00fe 02fe03 fe7f01 1a2bfc fbf102 03f7f5 7c03fa 8a4b06) colour
	plain_pictures "${colours[@]}"
	mount_up
	ask first "a ff00fe picture"
	wait_state first ready
	for colour in "${colours[@]:1}"; do ask "$colour" "a $colour slow picture"; done
	for colour in "${colours[@]:1}"; do wait_state "$colour" processing; done
	desktop_up
	on_desktop pcmanfm "$M/images"
	window '^images$'
	wait_for shows ff00fe
	stub_release slow
	for colour in "${colours[@]}"; do wait_for shows "$colour"; done
}

@test "list_pending = no: a picture that becomes ready appears with its thumbnail" {
	mount_up -o images.list_pending=no
	ask fox "a ff00fe fox"
	ask hare "a 02fe03 slow hare"
	wait_state fox ready
	wait_state hare processing
	desktop_up
	on_desktop pcmanfm "$M/images"
	window '^images$'
	wait_for shows ff00fe
	refute shows 02fe03
	stub_release "slow hare"
	wait_for shows 02fe03
	ask owl "a fe7f01 owl"
	wait_for shows fe7f01
	equal "$(stub_count create)" 3
}
