#!/usr/bin/env bats
# --demo: everything end to end with no account, no key and no network.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

demo_up() {
	timeout "$LIMIT" "$PIMAGEFS" --demo "$@" "$M" >"$T/start.out" 2>&1 </dev/null 3>&- 4>&- ||
		{ cat "$T/start.out"; return 1; }
	is_mounted
}

@test "--demo: from a prompt to a PNG that says what it is" {
	demo_up
	ask fox "a red fox in the snow"
	get fox >"$T/fox.png"
	matches "$(file "$T/fox.png")" 'PNG image data, 1344 x 768, 8-bit/color RGB'
	grep -qa 'a red fox in the snow' "$T/fox.png"
	grep -qai 'demo' "$T/fox.png"
	grep -qai 'no model made this picture' "$T/fox.png"
	has_state fox ready
	equal "$(field fox '.image | "\(.mime) \(.width) \(.height)"')" "image/png 1344 768"
}

@test "--demo: who reads the program's words to their end does not wait for the demo's" {
	run -0 timeout "$LIMIT" sh -c '"$0" --demo "$1" 2>&1 | cat' "$PIMAGEFS" "$M"
	is_mounted
}

@test "--demo: the tree says that it is the demo" {
	demo_up
	matches "$(cat "$M/README.txt")" 'demo'
	matches "$(cat "$M/control/config.ini")" '127\.0\.0\.1'
}

@test "--demo: aspect ratios and sizes" {
	demo_up
	echo '{"prompt": "a lake", "aspect_ratio": "1:1"}' >"$M/requests/square"
	echo '{"prompt": "a lake", "width": 640, "height": 256}' >"$M/requests/wide"
	get square >"$T/square.png"
	get wide >"$T/wide.png"
	matches "$(file "$T/square.png")" '1024 x 1024'
	matches "$(file "$T/wide.png")" '640 x 256'
}

@test "--demo: the same prompt and seed give the same picture" {
	demo_up
	for id in a b; do echo '{"prompt": "a lake", "seed": 3, "width": 256, "height": 256}' >"$M/requests/$id"; done
	echo '{"prompt": "a lake", "seed": 4, "width": 256, "height": 256}' >"$M/requests/c"
	for id in a b c; do get $id >"$T/$id"; done
	cmp "$T/a" "$T/b"
	refute cmp -s "$T/a" "$T/c"
}

@test "--demo: failures can be seen" {
	demo_up
	ask bad "a lake [fail]"
	ask rude "a lake [nsfw]"
	open_says bad EIO
	open_says rude EPERM
	[ -s "$M/images/bad.error.txt" ]
}

@test "--demo: needs no key and has a library and a state of its own" {
	rm "$T/key"
	demo_up
	ask fox "a fox"
	get fox >"$T/got"
	equal "$(find "$T/home" -name '*fox.png' -path '*pimagefs-demo*' | wc -l)" 1
	refute test -e "$T/home/data/pimagefs"
}

@test "--demo: a restart finds pictures and running predictions" {
	demo_up
	ask fox "a fox"
	get fox >"$T/got"
	ask owl "an owl"
	wait_for has_prediction owl
	mount_down
	demo_up
	cmp "$T/got" "$M/images/fox.png"
	get owl >"$T/owl"
	matches "$(file "$T/owl")" 'PNG image data'
	equal "$(field owl .attempts)" 1
}

@test "--demo: its service ends with the mount, also after kill -9" {
	demo_up
	for pid in $(daemon_pids); do
		[ "$(tr -d '\0' <"/proc/$pid/comm")" = pimagefs-demo ] || kill -9 "$pid" 2>/dev/null || :
	done
	wait_for no_daemon
	fusermount3 -u "$M"
}

@test "--demo: ten requests at once" {
	demo_up
	for i in {1..10}; do echo "{\"prompt\": \"lake $i\", \"width\": 256, \"height\": 256}" >"$M/requests/lake$i"; done
	for i in {1..10}; do
		get "lake$i" >"$T/got"
		matches "$(file "$T/got")" 'PNG image data, 256 x 256'
	done
}
