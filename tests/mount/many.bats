#!/usr/bin/env bats
# One request that asks for several pictures.
# shellcheck disable=SC2016

load ../lib/mount

# names FOLDER: what is below it, as one line.
names() {
	(cd "$M/$1" && find . -type f | sed 's|^\./||' | sort | paste -sd' ')
}

@test "{red, blue}: two pictures, each with its own status, seed and name" {
	mount_up -o limits.concurrent=1
	ask fox "a {red, blue} fox"
	got fox/01 "a red fox"
	got fox/02 "a blue fox"
	asked "a red fox" "a blue fox"
	equal "$(names images | sed 's/ settle.*//')" "fox/01.png fox/02.png"
	equal "$(field fox/01 .prompt)" "a red fox"
	equal "$(field fox/02 '.seed | type')" number
	equal "$(field fox/02 .request.seed)" "$(field fox/02 .seed)"
	equal "$(field fox/02 .request_file)" requests/fox
	equal "$(field fox '.state, .counts.asked, .counts.ready' | paste -sd' ')" "ready 2 2"
	equal "$(field fox '[.pictures[].id] | join(" ")')" "fox/01 fox/02"
	equal "$(cat "$M/requests/fox")" "a {red, blue} fox"
}

@test "sed -i, vim and mv of a finished text each ask once for all" {
	need vim
	mount_up -o limits.concurrent=1
	ask fox "a {red, blue} fox"
	wait_state fox ready
	sed -i s/fox/owl/ "$M/requests/fox"
	wait_state fox ready
	vim -es -N -u NONE -c 'set backup backupskip= swapfile backupcopy=no' -c '%s/blue/green/' -c wq \
		"$M/requests/fox" </dev/null >/dev/null 2>&1 || :
	wait_state fox ready
	echo "{a, the} cat" >"$M/requests/.new"
	mv "$M/requests/.new" "$M/requests/cat"
	wait_state cat ready
	asked "a red fox" "a blue fox" "a red owl" "a blue owl" "a red owl" "a green owl" "a cat" "the cat"
	got fox/02 "a green owl"
	equal "$(names status | sed 's/settle.*//')" "cat.json cat/01.json cat/02.json fox.json fox/01.json fox/02.json "
}

@test "a text is judged when it is closed: more may follow a write; a refusal says where and sends nothing" {
	mount_up
	(printf 'a fox --ar' && cat <<<' 16:9') >"$M/requests/fox"
	got fox "a fox"
	equal "$(syscalls write "$M/requests/owl" 'O_WRONLY|O_CREAT' $'{red, blue} owl\nat night --sede 7\n' | grep -o 'E[A-Z]*' | head -n 1)" EINVAL
	equal "$(field owl .state)" invalid
	equal "$(field owl .error.message)" "line 2, column 10: --sede: there is no such option; did you mean --seed?"
	equal "$(errno_of open "$M/images/owl.png" O_RDONLY)" EINVAL
	refute test -e "$M/status/owl"
	asked "a fox"
}

@test "over limits.expand: refused with the number, and nothing is sent" {
	mount_up
	ask fox "a fox --repeat 41"
	equal "$(field fox .error.message)" "this asks for 41 pictures; at most 40 may come of one request (limits.expand)"
	asked
}

@test "the budget counts them all before the first is sent" {
	mount_up -o limits.daily_images=5
	ask one "one"
	wait_state one ready
	equal "$(syscalls write "$M/requests/fox" 'O_WRONLY|O_CREAT' 'a fox --repeat 5' | grep -o 'E[A-Z]*' | head -n 1)" EDQUOT
	equal "$(field fox .error.message)" \
		"this asks for 5 pictures; 4 are left of today's budget of 5 (limits.daily_images)"
	equal "$(stub_count create)" 1
	ask fox "a fox --repeat 4"
	wait_state fox ready
	equal "$(stub_count create)" 5
}

@test "limits.queue counts them all" {
	mount_up -o limits.queue=3
	echo pause >"$M/control/ctl"
	ask one "one"
	equal "$(syscalls write "$M/requests/fox" 'O_WRONLY|O_CREAT' 'a fox --repeat 3' | grep -o 'E[A-Z]*' | head -n 1)" ENOSPC
	matches "$(field fox .error.message)" 'limits.queue'
	ask fox "a fox --repeat 2"
	equal "$(field fox .counts.queued)" 2
}

@test "one that fails stops no other, and each can be asked again by its own name" {
	stub_script '{"on":"poll","prompt":"a blue fox","times":1,"do":{"answer":{"status":"failed","error":"no"}}}'
	mount_up
	ask fox "a {red, blue, green} fox"
	got fox/01 "a red fox"
	got fox/03 "a green fox"
	wait_state fox/02 failed
	equal "$(field fox '.state, .counts.ready, .counts.failed' | paste -sd' ')" "failed 2 1"
	ls "$M/images/fox" | grep -qx 02.error.txt
	echo "retry fox/02" >"$M/control/ctl"
	got fox/02 "a blue fox"
	equal "$(field fox .state)" ready
}

@test "images/NAME.png is the first, unlisted, and waits as it does" {
	held_predictions
	mount_up
	ask fox "a {red, blue} fox"
	reader fox
	stub_script '{"on":"prediction","do":{"hold":false}}'
	stub_release
	background_ends 0
	stub_picture "a red fox" | cmp - "$T/bg.out"
	ls "$M/images" | grep -qx fox
	refute grep -qx fox.png <(ls "$M/images")
	mkdir "$M/requests/deep"
	ask deep/cat "{a, the} cat"
	got deep/cat "a cat"
}

@test "rm of the request cancels the rest" {
	stub_script '{"on":"prediction","prompt":"a blue fox","do":{"hold":true}}'
	mount_up -o limits.concurrent=2
	ask fox "a {red, blue, green} fox"
	got fox/01 "a red fox"
	wait_state fox/03 ready
	ask owl "{a, the} blue fox"
	stub_wait create 1 "a blue fox"
	rm "$M/requests/fox"
	equal "$(field fox/02 .state)" cancelled
	equal "$(field fox/01 .state)" ready
	[ ! -e "$M/status/fox.json" ]
	got fox "a red fox"
}

@test "mv of the request moves all of it" {
	mount_up -o limits.concurrent=1
	ask fox "a {red, blue} fox"
	wait_state fox ready
	mv "$M/requests/fox" "$M/requests/wolf"
	got wolf/01 "a red fox"
	got wolf/02 "a blue fox"
	equal "$(names images)" "wolf/01.png wolf/02.png"
	equal "$(names status)" "wolf.json wolf/01.json wolf/02.json"
	mkdir "$M/requests/pack"
	mv "$M/requests/wolf" "$M/requests/pack/fox"
	mv "$M/requests/pack" "$M/requests/den"
	equal "$(names images)" "den/fox/01.png den/fox/02.png"
	equal "$(field den/fox .counts.ready)" 2
	remount
	equal "$(names status)" "den/fox.json den/fox/01.json den/fox/02.json"
	equal "$(field den/fox .counts.ready)" 2
	asked "a red fox" "a blue fox"
}

@test "written again: all of it is asked again, whether there are more or fewer now" {
	mount_up
	ask fox "a {red, blue, green} fox"
	wait_state fox ready
	ask fox "a {red, blue} fox"
	wait_state fox ready
	equal "$(names images)" "fox/01.png fox/02.png"
	ask fox "a fox"
	got fox "a fox"
	equal "$(ls "$M/images")" "fox.png"
	equal "$(ls "$M/status")" "fox.json"
	ask fox "a {red, blue} fox"
	wait_state fox ready
	equal "$(names images)" "fox/01.png fox/02.png"
	equal "$(find "$M/by-id" -name '*.png' | wc -l)" 8
	equal "$(stub_count create)" 8
	remount
	equal "$(names images)" "fox/01.png fox/02.png"
}

@test "a name that others have is refused, both ways" {
	mount_up -o limits.concurrent=1
	mkdir "$M/requests/fox"
	equal "$(syscalls write "$M/requests/fox.txt" 'O_WRONLY|O_CREAT' '{a, the} fox' | grep -o 'E[A-Z]*' | head -n 1)" EEXIST
	matches "$(field fox .error.message)" 'there is a folder requests/fox; give the request another name'
	ask owl.txt "{a, the} owl"
	wait_state owl ready
	equal "$(errno_of mkdir "$M/requests/owl")" EEXIST
	equal "$(errno_of rename "$M/requests/fox" "$M/requests/owl")" EEXIST
	equal "$(errno_of rename "$M/requests/owl.txt" "$M/requests/fox.md")" EEXIST
	equal "$(syscalls write "$M/requests/owl.md" 'O_WRONLY|O_CREAT' '{a, the} cat' | grep -o 'E[A-Z]*' | head -n 1)" EEXIST
	rm "$M/requests/owl.md"
	equal "$(syscalls write "$M/requests/elk.png" 'O_WRONLY|O_CREAT' '{a, the} elk' | grep -o 'E[A-Z]*' | head -n 1)" EINVAL
	echo "{a, the} elk" >"$M/requests/.elk"
	equal "$(errno_of rename "$M/requests/.elk" "$M/requests/fox.txt")" EEXIST
	asked "a owl" "the owl"
}

@test "kill -9 between the pictures of one request: each is made once" {
	stub_script '{"on":"prediction","prompt":"fox number 3","do":{"hold":true}}'
	mount_up -o limits.concurrent=1
	ask fox "fox number {1, 2, 3, 4, 5}"
	stub_wait create 1 "fox number 3"
	wait_for has_prediction fox/03
	kill_daemon
	stub_release
	mount_up -o limits.concurrent=1
	equal "$(field fox '[.counts.asked, .pictures[].id] | join(" ")')" "5 fox/01 fox/02 fox/03 fox/04 fox/05"
	wait_state fox ready
	for n in 1 2 3 4 5; do
		got fox/0$n "fox number $n"
		equal "$(stub_count create "fox number $n")" 1
	done
}

@test "kill -9 before the release: all are held, none is sent" {
	mount_up
	exec 7>"$M/requests/fox"
	printf 'fox {1, 2}' >&7
	bash -c ':' 7>&7
	equal "$(field fox .counts.draft)" 2
	kill_daemon
	exec 7>&-
	mount_up
	equal "$(field fox '.state, .counts.held' | paste -sd' ')" "held 2"
	asked
	echo "retry fox/01" >"$M/control/ctl"
	got fox/01 "fox 1"
	equal "$(field fox/02 .state)" held
}

@test "wildcards and drafts: requests/.wildcards is never sent" {
	mount_up -o limits.concurrent=1
	mkdir -p "$M/requests/.wildcards/sea"
	printf 'an owl\n' >"$M/requests/.wildcards/birds.txt"
	printf '# fish\na cod\n' >"$M/requests/.wildcards/sea/fish.txt"
	ask fox "{__birds__, __sea/fish__} at night"
	wait_state fox ready
	ask bad "a __brids__"
	equal "$(field bad .error.message)" \
		"column 3: there is no wildcard file brids.txt; did you mean __birds__? \\__ is the sign itself"
	asked "an owl at night" "a cod at night"
}
