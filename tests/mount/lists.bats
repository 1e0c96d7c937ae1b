#!/usr/bin/env bats
# NAME.prompts: one prompt a line.

load ../lib/mount

list() {
	printf '%s\n' "$@" >"$M/requests/foxes.prompts"
	wait_state foxes ready
}

@test "one prompt a line, # comments and empty lines; one line is a list too" {
	mount_up -o limits.concurrent=1
	list "# foxes" "a red fox" "" "  a {blue, green} fox --ar 1:1  " "a fox # 9"
	asked "a red fox" "a blue fox" "a green fox" "a fox # 9"
	got foxes/03 "a green fox"
	equal "$(field foxes/03 .request.aspect_ratio)" 1:1
	equal "$(field foxes/01 .request_file)" requests/foxes.prompts
	printf 'an owl\n' >"$M/requests/owls.prompts"
	got owls/01 "an owl"
	got owls "an owl"
}

@test "a line is never JSON" {
	mount_up -o limits.concurrent=1
	list '{"prompt": "a fox"}'
	asked '{"prompt": "a fox"}'
}

@test "appending asks only for the new lines" {
	mount_up -o limits.concurrent=1
	list "a red fox" "a blue fox"
	echo "a green fox" >>"$M/requests/foxes.prompts"
	wait_state foxes ready
	echo "a red fox" >>"$M/requests/foxes.prompts" # the second of that text
	wait_state foxes ready
	asked "a red fox" "a blue fox" "a green fox" "a red fox"
	equal "$(field foxes '[.pictures[].prompt] | join(", ")')" "a red fox, a blue fox, a green fox, a red fox"
	got foxes/04 "a red fox"
}

@test "written anew, by an editor too, only new lines are asked; a restart forgets none" {
	need vim
	mount_up -o limits.concurrent=1
	list "a red fox" "a blue fox"
	list "# mine" "a green fox" "a blue fox" "a red fox"
	sed -i 's/^# mine/a white fox/' "$M/requests/foxes.prompts"
	wait_state foxes ready
	remount
	vim -es -N -u NONE -c 'set backup backupskip= swapfile backupcopy=no' -c '$s/$/\ra black fox/' -c wq \
		"$M/requests/foxes.prompts" </dev/null >/dev/null 2>&1 || :
	wait_state foxes ready
	kill_daemon
	mount_up -o limits.concurrent=1
	list "a red fox" "a yellow fox"
	asked "a red fox" "a blue fox" "a green fox" "a white fox" "a black fox" "a yellow fox"
	equal "$(field foxes '[.pictures[].id] | join(" ")')" \
		"foxes/01 foxes/02 foxes/03 foxes/04 foxes/05 foxes/06"
}

@test "a copy that an editor keeps is no request, and the lines of a list stay known" {
	mount_up -o limits.concurrent=1
	list "a red fox" "a blue fox"
	sed -i.bak 's/blue/green/' "$M/requests/foxes.prompts"
	wait_state foxes ready
	cp "$M/requests/foxes.prompts" "$M/requests/copy.bak"
	asked "a red fox" "a blue fox" "a green fox"
	equal "$(paste -sd, "$M/requests/foxes.prompts.bak")" "a red fox,a blue fox"
	mv "$M/requests/foxes.prompts.bak" "$M/requests/foxes.prompts"
	asked "a red fox" "a blue fox" "a green fox"
}

# replace NEW FLAGS MODE: as a program saves that writes a file NEW first, and renames it.
replace() {
	"$PYTHON" - "$M/requests" "$@" <<-'PY'
		import os, sys
		folder, new, flags, mode = sys.argv[1:]
		text = open(folder + "/foxes.prompts").read() + "a fox by " + new + "\n"
		flags = os.O_RDWR | os.O_CREAT | (os.O_EXCL if flags == "excl" else os.O_TRUNC)
		fd = os.open(folder + "/" + new, flags, int(mode, 8))
		os.write(fd, text.encode())
		os.fchmod(fd, 0o644)
		os.close(fd)
		os.rename(folder + "/" + new, folder + "/foxes.prompts")
	PY
	wait_state foxes ready
}

@test "saved by perl -i, dos2unix and KDE's programs: only new lines are asked" {
	need perl
	mount_up -o limits.concurrent=1
	list "a red fox" "a blue fox"
	perl -i -pe 's/blue/green/' "$M/requests/foxes.prompts"
	wait_state foxes ready
	replace foxes.prompts.Qx3aBz excl 666
	replace d2utmpAb3dEf excl 600
	asked "a red fox" "a blue fox" "a green fox" "a fox by foxes.prompts.Qx3aBz" "a fox by d2utmpAb3dEf"
	got foxes/05 "a fox by d2utmpAb3dEf"
}

@test "replaced by what was sent as one prompt: its lines count, and those that were asked stay known" {
	mount_up -o limits.concurrent=1
	list "a red fox" "a blue fox"
	replace new trunc 666
	echo "a green fox" >>"$M/requests/foxes.prompts"
	wait_state foxes ready
	wait_state new ready
	settle
	equal "$(stub_count create)" 6 # the two, the text as one prompt, its new line, the last one, settle's
	equal "$(field foxes '[.pictures[].id] | join(" ")')" "foxes/01 foxes/02 foxes/03 foxes/04"
	equal "$(field foxes/03 .prompt)" "a fox by new"
	remount
	equal "$(field foxes .counts.ready)" 4
	equal "$(field new .state)" ready # what was sent under its name
}

@test "numbers are never used twice" {
	mount_up -o limits.concurrent=1
	list "a red fox" "a blue fox"
	rm "$M/images/foxes/02.png"
	list "a red fox" "a green fox"
	rm "$M/requests/foxes.prompts"
	list "a red fox"
	asked "a red fox" "a blue fox" "a green fox" "a red fox"
	got foxes/04 "a red fox"
	equal "$(field foxes '[.pictures[].id] | join(" ")')" foxes/04
}

@test "a wrong line refuses all the new ones, and is named" {
	mount_up -o limits.concurrent=1
	list "a red fox"
	printf 'a blue fox\n\na green fox --sede 7\n' >>"$M/requests/foxes.prompts"
	equal "$(field foxes .state)" invalid
	equal "$(field foxes .error.message)" "line 4, column 13: --sede: there is no such option; did you mean --seed?"
	equal "$(field foxes '[.pictures[].state] | join(" ")')" ready
	remount
	equal "$(field foxes '.state, .counts.ready' | paste -sd' ')" "invalid 1"
	asked "a red fox"
	sed -i s/sede/seed/ "$M/requests/foxes.prompts"
	wait_state foxes ready
	asked "a red fox" "a blue fox" "a green fox"
}

@test "too many new lines: refused with the number; what was made does not count" {
	mount_up -o limits.expand=3 -o limits.concurrent=1
	list "fox 1" "fox 2" "fox 3"
	printf 'fox %s\n' 4 5 6 7 >>"$M/requests/foxes.prompts"
	equal "$(field foxes .error.message)" \
		"the new lines ask for 4 pictures or more; at most 3 may come of one request (limits.expand)"
	sed -i '/7/d' "$M/requests/foxes.prompts"
	wait_state foxes ready
	asked "fox 1" "fox 2" "fox 3" "fox 4" "fox 5" "fox 6"
}

@test "kill -9 while a list is made: each line once" {
	stub_script '{"on":"prediction","prompt":"fox 2","do":{"hold":true}}'
	mount_up -o limits.concurrent=1
	printf 'fox %s\n' 1 2 3 >"$M/requests/foxes.prompts"
	stub_wait create 1 "fox 2"
	wait_for has_prediction foxes/02
	kill_daemon
	stub_script '{"on":"prediction","do":{"hold":false}}'
	stub_release
	mount_up -o limits.concurrent=1
	echo "fox 4" >>"$M/requests/foxes.prompts"
	wait_state foxes ready
	asked "fox 1" "fox 2" "fox 3" "fox 4"
}

@test "kill -9 before the release: the lines are held, and asked when the list is written again" {
	mount_up -o limits.concurrent=1
	list "a red fox"
	exec 7>>"$M/requests/foxes.prompts"
	printf 'a blue fox\na green fox\n' >&7
	bash -c ':' 7>&7
	kill_daemon
	exec 7>&-
	mount_up -o limits.concurrent=1
	equal "$(field foxes '[.state, .pictures[].state] | join(" ")')" "held ready held held"
	matches "$(field foxes/02 .error.hint)" '^write it again'
	asked "a red fox"
	printf '%s\n' "a red fox" "a green fox" "a white fox" >"$M/requests/foxes.prompts"
	wait_state foxes/05 ready
	asked "a red fox" "a green fox" "a white fox"
	equal "$(field foxes '[.pictures[].prompt] | join(", ")')" \
		"a red fox, a blue fox, a green fox, a white fox"
	echo "retry foxes" >"$M/control/ctl"
	got foxes/02 "a blue fox"
	asked "a red fox" "a green fox" "a white fox" "a blue fox"
}

@test "another file takes the list's id: its lines stay known, and rm of it still cancels them" {
	mount_up -o limits.concurrent=1
	list "a red fox" "a blue fox"
	ask foxes.txt "many foxes"
	got foxes "many foxes"
	echo "a green fox" >>"$M/requests/foxes.prompts"
	wait_state foxes/03 ready
	asked "a red fox" "a blue fox" "many foxes" "a green fox"
	remount
	equal "$(field foxes '[.request_file, .counts.ready] | join(" ")')" "requests/foxes.prompts 3"
	echo pause >"$M/control/ctl"
	echo "a white fox" >>"$M/requests/foxes.prompts"
	ask foxes.md "a few foxes"
	rm "$M/requests/foxes.prompts"
	echo resume >"$M/control/ctl"
	got foxes "a few foxes"
	asked "a red fox" "a blue fox" "many foxes" "a green fox" "a few foxes"
}

@test "rm cancels the rest; mv takes all along" {
	held_predictions
	mount_up -o limits.concurrent=1
	printf 'fox %s\n' 1 2 3 >"$M/requests/foxes.prompts"
	mv "$M/requests/foxes.prompts" "$M/requests/wolves.prompts"
	wait_state wolves/01 processing
	rm "$M/requests/wolves.prompts"
	for n in 1 2 3; do equal "$(field wolves/0$n .state)" cancelled; done
	equal "$(stub_count create)" 1
}
