#!/usr/bin/env bats
# Writing to requests/: what counts as a request, when, and what is refused.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

@test "a plain prompt: the whole text without the line ends at its end" {
	mount_up
	printf '  a red fox,\nin the snow \r\n\n' >"$M/requests/fox"
	got fox $'  a red fox,\nin the snow '
	equal "$(field fox .prompt)" $'  a red fox,\nin the snow '
}

@test "the example of the contract: echo into requests, cat from images" {
	mount_up
	bash -c 'echo "a red fox" > "$0/requests/fox"; cat "$0/images/fox.png" > "$1"' "$M" "$T/fox.png"
	stub_picture "a red fox" | cmp - "$T/fox.png"
	dash -c 'echo "an owl" > "$0/requests/owl"; cat "$0/images/owl.png" > "$1"' "$M" "$T/owl.png"
	stub_picture "an owl" | cmp - "$T/owl.png"
}

@test "the create: model, prompt and a seed of real JSON types" {
	mount_up
	ask fox "a fox"
	get fox >"$T/got"
	equal "$(stub_last_create | jq -r '.model, .input.prompt, (.input.seed | type), (.input | length)' | paste -sd' ')" \
		"p-image-lora-text-to-image a fox number 2"
	equal "$(stub_last_create | jq .input.seed)" "$(field fox .seed)"
}

@test "JSON request: the model's input object" {
	mount_up
	echo '{"prompt": "a cat", "seed": 7}' >"$M/requests/cat.json"
	got cat "a cat"
	equal "$(stub_last_create | jq -cS .input)" '{"prompt":"a cat","seed":7}'
}

@test "JSON request: the whole create body" {
	mount_up
	echo '{"model": "p-image-lora-text-to-image", "input": {"prompt": "a cat", "seed": 7}}' >"$M/requests/cat.json"
	got cat "a cat"
	equal "$(stub_last_create | jq -cS .)" \
		'{"input":{"prompt":"a cat","seed":7},"model":"p-image-lora-text-to-image"}'
}

@test "JSON request: all ten fields arrive as given" {
	mount_up
	cat >"$T/all" <<-'JSON'
		{"prompt": "a cat", "lora_weights": "huggingface.co/some/lora", "lora_scale": 0.75, "hf_api_token": "hf_abcdefghij",
		 "aspect_ratio": "custom", "width": 640, "height": 480, "seed": 11,
		 "prompt_upsampling": true, "disable_safety_checker": false}
	JSON
	cat "$T/all" >"$M/requests/cat"
	got cat "a cat"
	equal "$(stub_last_create | jq -cS .input)" "$(jq -cS '.hf_api_token = "***"' "$T/all")"
}

@test "JSON: .json always, any other name by the first two marks; the same bytes give the same picture" {
	mount_up
	equal "$(syscalls write "$M/requests/a.json" 'O_WRONLY|O_CREAT' 'no json' | grep -o EINVAL | head -n 1)" EINVAL
	rm -f "$M/requests/a.json"
	for name in b b.txt c.prompt d.md; do
		printf ' \n\t{ \n"prompt": "json in %s", "seed": 7}' "$name" >"$M/requests/$name"
		got "${name%.*}" "json in $name"
		equal "$(stub_last_create | jq -cS .input)" "{\"prompt\":\"json in $name\",\"seed\":7}"
	done
	echo '{red, blue} foxes' >"$M/requests/e.txt"
	got e/02 "blue foxes"
}

@test "a text that begins with a backslash and a brace is a prompt; reading gives back what was written" {
	mount_up
	printf '%s\n' '\{"prompt": "a fox"} in neon' >"$T/literal"
	cp "$T/literal" "$M/requests/sign.txt"
	got sign '{"prompt": "a fox"} in neon'
	cmp "$T/literal" "$M/requests/sign.txt"
	remount
	cmp "$T/literal" "$M/requests/sign.txt"
	equal "$(field sign .prompt)" '{"prompt": "a fox"} in neon'
}

@test "a brace alone is judged when the next mark comes; alone at FLUSH it is EINVAL" {
	mount_up
	equal "$(syscalls write "$M/requests/fox.txt" 'O_WRONLY|O_CREAT' '{')" "open=OK write=OK close=EINVAL"
	wait_state fox invalid
	matches "$(field fox .error.message)" 'only a \{'
	matches "$(field fox .error.hint)" 'plain prompt'
	exec 7>"$M/requests/cat.txt"
	printf '{' >&7
	printf ' \n' >&7
	printf '"prompt": "a cat"}' >&7
	exec 7>&-
	got cat "a cat"
	asked "a cat"
}

@test "a document of status/ is a request for the same: model, request and seed" {
	mount_up -o model.slug=p-image-text-to-image
	ask fox.json '{"model": "p-image-lora-text-to-image", "input": {"prompt": "a fox", "lora_scale": 0.75}}'
	get fox >"$T/got"
	stub_last_create | jq -cS . >"$T/first"
	cp "$M/status/fox.json" "$M/requests/again.json"
	get again >"$T/got"
	equal "$(stub_last_create | jq -cS .)" "$(cat "$T/first")"
	equal "$(field again '.model, .seed' | paste -sd' ')" "$(field fox '.model, .seed' | paste -sd' ')"
	equal "$(stub_count create)" 2
	jq '.request.seed = 7' "$M/status/fox.json" >"$T/edited"
	equal "$(syscalls write "$M/requests/seed.json" 'O_WRONLY|O_CREAT' "$(cat "$T/edited")" | cut -d' ' -f2)" write=EINVAL
	matches "$(field seed .error.message)" '^seed: is not the same'
	jq 'del(.seed)' "$T/edited" >"$M/requests/seed.json"
	get seed >"$T/got"
	equal "$(stub_last_create | jq .input.seed)" 7
}

@test "a masked token in a document of status/ is refused by name, and never sent" {
	mount_up
	ask fox.json '{"prompt": "a fox", "hf_api_token": "hf_abcdefghij"}'
	got fox "a fox"
	run ! cp "$M/status/fox.json" "$M/requests/again.json"
	wait_state again invalid
	matches "$(field again .error.message)" '^hf_api_token: is masked'
	equal "$(syscalls write "$M/requests/plain.txt" 'O_WRONLY|O_CREAT' '{"prompt": "x", "hf_api_token": "***"}' |
		cut -d' ' -f2)" write=EINVAL
	asked "a fox"
}

@test "[defaults] of the settings are merged, and the request wins" {
	mount_up -o defaults.aspect_ratio=1:1 -o defaults.seed=5
	ask fox "a fox"
	got fox "a fox"
	equal "$(stub_last_create | jq -cS .input)" '{"aspect_ratio":"1:1","prompt":"a fox","seed":5}'
	echo '{"prompt": "a cat", "aspect_ratio": "4:3"}' >"$M/requests/cat"
	got cat "a cat"
	equal "$(stub_last_create | jq -cS .input)" '{"aspect_ratio":"4:3","prompt":"a cat","seed":5}'
}

@test "width and height without an aspect_ratio mean custom" {
	mount_up
	echo '{"prompt": "a cat", "width": 512, "height": 256, "seed": 1}' >"$M/requests/cat"
	got cat "a cat"
	equal "$(stub_last_create | jq -r .input.aspect_ratio)" custom
}

@test "the id is the path without a known ending; subfolders are allowed" {
	mount_up
	mkdir -p "$M/requests/cats/small"
	ask cats/tabby "a tabby"
	ask cats/small/kitten.txt "a kitten"
	ask v1.2 "version"
	got cats/tabby "a tabby"
	got cats/small/kitten "a kitten"
	got v1.2 "version"
	equal "$(field cats/tabby .id)" cats/tabby
	ls "$M/images/cats/small" | grep -qx kitten.png
	equal "$(find "$M/status" -name '*.json' | sort | sed "s|$M/||" | paste -sd' ')" \
		"status/cats/small/kitten.json status/cats/tabby.json status/v1.2.json"
}

@test "UTF-8 names and prompts" {
	mount_up
	ask "füchse im schnee" "ein Fuchs im Schnee, 狐"
	got "füchse im schnee" "ein Fuchs im Schnee, 狐"
	equal "$(field "füchse im schnee" .prompt)" "ein Fuchs im Schnee, 狐"
}

@test "status/ names the request file that has the id, and counts the earlier pictures of the name" {
	mount_up
	mkdir "$M/requests/cats"
	for name in cats/col cats/col.txt cats/col.md; do
		ask $name "in $name"
		got cats/col "in $name"
	done
	equal "$(field cats/col '.request_file, .earlier_pictures' | paste -sd' ')" "requests/cats/col.md 2"
	mv "$M/requests/cats/col.md" "$M/requests/red.txt"
	equal "$(field red '.request_file, .earlier_pictures' | paste -sd' ')" "requests/red.txt 0"
	remount
	equal "$(field red '.request_file, .earlier_pictures' | paste -sd' ')" "requests/red.txt 0"
	mv "$M/requests/red.txt" "$M/requests/red.txt~"
	equal "$(field red 'has("request_file")')" false
	rm "$M/requests/red.txt~"
	equal "$(field red 'has("request_file")')" false
	ask cats/col.txt "the fourth"
	got cats/col "the fourth"
	equal "$(field cats/col '.request_file, .earlier_pictures' | paste -sd' ')" "requests/cats/col.txt 2"
}

@test "two files that give one id: the one submitted last has it" {
	mount_up
	ask fox.txt "first fox"
	got fox "first fox"
	echo '{"prompt": "second fox"}' >"$M/requests/fox.json"
	got fox "second fox"
	equal "$(cat "$M/requests/fox.txt")" "first fox"
	equal "$(ls "$M/images")" fox.png
	# It gets its name back by a rename.
	mv "$M/requests/fox.txt" "$M/requests/fox.md"
	got fox "first fox"
}

@test "reading a request file gives back exactly what was written" {
	mount_up
	printf 'one\r\ntwo\t \n\n' >"$T/text"
	cp "$T/text" "$M/requests/fox"
	cmp "$T/text" "$M/requests/fox"
	equal "$(stat -c %s "$M/requests/fox")" "$(stat -c %s "$T/text")"
	cmp "$T/text" <(tail -c 100 "$M/requests/fox")
}

@test "RELEASE of the last writer submits, not FLUSH" {
	mount_up
	exec 7>"$M/requests/fox"
	printf 'a ' >&7
	sync -f "$M/requests/fox"
	bash -c ':' 7>&7 # a child that inherits the file and closes it: FLUSH
	asked
	printf 'fox' >&7
	exec 7>&-
	got fox "a fox"
}

@test "(cat a; cat b) > f is one request of both" {
	mount_up
	echo "a fox" >"$T/a"
	echo "in the snow" >"$T/b"
	(cat "$T/a"; cat "$T/b") >"$M/requests/fox"
	got fox $'a fox\nin the snow'
	equal "$(stub_count create)" 1
}

@test "two writers at once: submitted when the last one closes" {
	mount_up
	exec 7>"$M/requests/fox" 8>>"$M/requests/fox"
	printf 'a fox' >&7
	exec 7>&-
	asked
	printf ' and an owl' >&8
	exec 8>&-
	got fox "a fox and an owl"
}

@test "after FLUSH images/<id>.png resolves as pending, so that the next command can open it at once" {
	mount_up
	exec 7>"$M/requests/fox"
	printf 'a fox' >&7
	bash -c ':' 7>&7
	equal "$(stat -c '%s %a' "$M/images/fox.png")" "0 640"
	reader fox
	exec 7>&-
	background_ends 0
	stub_picture "a fox" | cmp - "$T/bg.out"
}

@test "append submits again, as the whole text" {
	mount_up
	printf 'a fox' >"$M/requests/fox"
	got fox "a fox"
	printf ' in snow' >>"$M/requests/fox"
	got fox "a fox in snow"
	asked "a fox" "a fox in snow"
}

@test "truncate submits again" {
	mount_up
	printf 'a fox in snow' >"$M/requests/fox"
	got fox "a fox in snow"
	truncate -s 5 "$M/requests/fox"
	got fox "a fox"
	asked "a fox in snow" "a fox"
}

@test "truncate to nothing submits nothing" {
	mount_up
	printf 'a fox' >"$M/requests/fox"
	got fox "a fox"
	: >"$M/requests/fox"
	asked "a fox"
}

@test "writing a name again asks again, and the new picture is served" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	ask fox "a red fox"
	got fox "a red fox"
	ask fox "a red fox"
	get fox >"$T/third"
	asked "a fox" "a red fox" "a red fox"
}

@test "rewriting identical bytes in place without truncation does not submit again" {
	mount_up
	printf 'a fox' >"$M/requests/fox"
	got fox "a fox"
	equal "$(syscalls write "$M/requests/fox" O_RDWR 'a fox')" "open=OK write=OK close=OK"
	asked "a fox"
	equal "$(syscalls write "$M/requests/fox" O_RDWR 'a box')" "open=OK write=OK close=OK"
	asked "a fox" "a box"
}

@test "a written name while its first prediction runs: the newer one counts" {
	stub_script '{"on":"prediction","prompt":"first","do":{"hold":true}}'
	mount_up
	ask fox "first"
	stub_wait create 1
	ask fox "second"
	got fox "second"
	stub_release
	settle
	got fox "second"
}

@test "mv of a submitted request moves its id, with no new create" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	mkdir "$M/requests/animals"
	mv "$M/requests/fox" "$M/requests/animals/renard"
	got animals/renard "a fox"
	wait_for refute test -e "$M/images/fox.png"
	equal "$(field animals/renard .id)" animals/renard
	asked "a fox"
}

@test "mv of a pending request moves its id, and its readers get the picture" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	reader fox
	mv "$M/requests/fox" "$M/requests/renard"
	stub_release
	background_ends 0
	stub_picture "a fox" | cmp - "$T/bg.out"
	got renard "a fox"
	equal "$(stub_count create)" 1
}

@test "mv of a folder moves the ids of everything in it" {
	mount_up
	mkdir -p "$M/requests/a/b"
	ask a/b/fox "a fox"
	got a/b/fox "a fox"
	mv "$M/requests/a" "$M/requests/c"
	got c/b/fox "a fox"
	asked "a fox"
}

@test "rm of a finished request removes only the file" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	rm "$M/requests/fox"
	equal "$(errno_of stat "$M/requests/fox")" ENOENT
	got fox "a fox"
	has_state fox ready
}

@test "rm of an unfinished request cancels it, also at the service" {
	held_predictions
	mount_up
	ask fox "a fox"
	wait_state fox processing
	reader fox
	rm "$M/requests/fox"
	background_ends 1
	matches "$(cat "$T/bg.err")" 'cancel'
	stub_wait cancel 1
	has_state fox cancelled
	refute test -e "$M/images/fox.error.txt"
	open_says fox ECANCELED
}

@test "rm of a queued request never creates it" {
	held_predictions
	mount_up -o limits.concurrent=1
	ask one "one"
	wait_state one processing
	ask two "two"
	wait_state two queued
	rm "$M/requests/two"
	has_state two cancelled
	stub_release
	get one >"$T/got"
	asked "one"
}

@test "drafts never cost money: the names that editors and copy tools use" {
	mount_up
	for name in .hidden fox~ fox.swp fox.swx fox.tmp fox.part fox.crdownload fox.bak 4913 '#fox#' .goutputstream-ABC123 \
		desktop.ini Thumbs.db '~$fox.txt'; do
		echo "a draft" >"$M/requests/$name"
		equal "$(cat "$M/requests/$name")" "a draft"
	done
	: >"$M/requests/empty"
	printf ' \n' >"$M/requests/blank"
	asked
	refute ls "$M/images/fox.png"
}

@test "the list of draft names is a setting" {
	mount_up -o 'requests.ignore=*.wip'
	ask fox.wip "a draft"
	ask fox.tmp "a fox"
	get fox.tmp >"$T/got"
	asked "a fox"
}

@test "renaming a draft to a proper name submits it" {
	mount_up
	ask .fox.draft "a fox"
	mv "$M/requests/.fox.draft" "$M/requests/fox"
	got fox "a fox"
	ask fox.part "a newer fox"
	mv "$M/requests/fox.part" "$M/requests/fox"
	got fox "a newer fox"
	asked "a fox" "a newer fox"
}

@test "renaming a draft's folder to a proper name submits what is in it, with the folder's defaults" {
	mount_up -o limits.concurrent=1
	mkdir -p "$M/requests/.pack/deep/.old"
	ask .pack/fox "a fox"
	ask .pack/deep/owls "{an, the} owl"
	ask .pack/deep/.old/elk "an elk"
	ask .pack/elk~ "an elk"
	ask .pack/bad "a bad one --sede 7"
	echo "suffix = in oil" >"$M/requests/.pack/.pimagefs.ini"
	asked
	mv "$M/requests/.pack" "$M/requests/.sack"
	asked
	mv "$M/requests/.sack" "$M/requests/pack"
	got pack/fox "a fox in oil"
	got pack/deep/owls/02 "the owl in oil"
	equal "$(field pack/bad .state)" invalid
	asked "an owl in oil" "the owl in oil" "a fox in oil" # in the folder's order
	mv "$M/requests/pack" "$M/requests/.hidden"
	mv "$M/requests/.hidden" "$M/requests/pack"
	remount
	asked "an owl in oil" "the owl in oil" "a fox in oil"
}

@test "renaming a request to a draft's name and back does not ask again" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	mv "$M/requests/fox" "$M/requests/fox~"
	mv "$M/requests/fox~" "$M/requests/fox"
	asked "a fox"
}

@test "chmod, utimens and fsync work and submit nothing" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	chmod 600 "$M/requests/fox"
	touch -d 2020-01-01T00:00:00Z "$M/requests/fox"
	sync "$M/requests/fox"
	equal "$(stat -c '%a %Y' "$M/requests/fox")" "600 1577836800"
	asked "a fox"
}

@test "times of all centuries, and mode bits as they were set, also after a restart" {
	mount_up
	(umask 022 && echo "a fox" >"$M/requests/fox")
	got fox "a fox"
	equal "$(stat -c %a "$M/requests/fox")" 644
	chmod 664 "$M/requests/fox"
	touch -d 1969-12-31T23:59:58.25Z "$M/requests/fox"
	equal "$(TZ=UTC stat -c '%a %y' "$M/requests/fox")" "664 1969-12-31 23:59:58.250000000 +0000"
	remount
	equal "$(TZ=UTC stat -c '%a %y' "$M/requests/fox")" "664 1969-12-31 23:59:58.250000000 +0000"
	touch -d 3000-01-01 "$M/requests/fox" # the last that we can say
	equal "$(stat -c %y "$M/requests/fox" | cut -d- -f1)" 2262
	touch -d 1500-01-01 "$M/requests/fox"
	equal "$(stat -c %y "$M/requests/fox" | cut -d- -f1)" 1677
	asked "a fox"
}

@test "a picture that no name of images/ shows any more still has one link" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	first=$(field fox .prediction_id)
	ask fox "another fox"
	got fox "another fox"
	equal "$(stat -c %h "$M/images/$first.png")" 1
}

@test "xattrs of a request are kept, or refused cleanly" {
	need setfattr
	mount_up
	ask fox "a fox"
	got fox "a fox"
	if ! setfattr -n user.note -v hello "$M/requests/fox" 2>"$T/err"; then
		matches "$(cat "$T/err")" 'not supported' # libfuse 3.14.0 garbles the name; a clean refusal is right
		asked "a fox"
		return
	fi
	equal "$(getfattr --only-values -n user.note "$M/requests/fox")" hello
	equal "$(getfattr --absolute-names -d "$M/requests/fox" | grep -c =)" 1
	remount
	equal "$(getfattr --only-values -n user.note "$M/requests/fox")" hello
	setfattr -x user.note "$M/requests/fox"
	refute getfattr --only-values -n user.note "$M/requests/fox"
	asked "a fox"
}

# with_open NAME STATEMENTS: Python, with m, the mountpoint, and fd, the open request.
with_open() {
	timeout "$LIMIT" "$PYTHON" -c "import os
m = '$M'
fd = os.open(m + '/requests/$1', os.O_CREAT | os.O_RDWR)
$2
os.close(fd)"
}

@test "a request that is renamed while it is open has the picture of its new name" {
	mount_up
	with_open old 'os.write(fd, b"a fox"); os.rename(m + "/requests/old", m + "/requests/new")'
	got new "a fox"
	refute test -e "$M/images/old.png"
	refute test -e "$M/status/old.json"
}

@test "a flushed text that is taken back before the release is cancelled, not pending for ever" {
	mount_up
	with_open fox 'os.write(fd, b"a fox"); os.close(os.dup(fd)); os.ftruncate(fd, 0)'
	wait_state fox cancelled
	open_says fox ECANCELED
	asked
}

@test "what happens to an open file without a name leaves nothing in the store" {
	mount_up
	for name in .a .b; do
		with_open $name "os.write(fd, b'abc'); os.unlink(m + '/requests/$name'); os.ftruncate(fd, 1); os.fsync(fd)"
	done
	remount
	equal "$(ls -A "$M/requests")" ""
}

@test "an empty file that is renamed takes nobody's picture away" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	touch "$M/requests/new"
	mv "$M/requests/new" "$M/requests/fox"
	got fox "a fox"
}

@test "links cannot be made in requests/: EPERM" {
	mount_up
	ask fox "a fox"
	refute ln -s fox "$M/requests/soft"
	matches "$(LC_ALL=C ln -s fox "$M/requests/soft" 2>&1)" 'not permitted'
	matches "$(LC_ALL=C ln "$M/requests/fox" "$M/requests/hard" 2>&1)" 'not permitted'
	equal "$(ls "$M/requests")" fox
}

@test "mv of a folder leaves no empty folder in images/ and status/" {
	mount_up
	mkdir "$M/requests/cats"
	ask cats/tabby "a tabby"
	got cats/tabby "a tabby"
	mv "$M/requests/cats" "$M/requests/kitties"
	equal "$(ls "$M/images" "$M/status" | grep -c cats)" 0
	got kitties/tabby "a tabby"
	equal "$(stub_count create)" 1
}

@test "status/ lists a request until both it and its picture were removed, also after a restart" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	rm "$M/requests/fox"
	has_state fox ready
	remount
	has_state fox ready
	rm "$M/images/fox.png"
	equal "$(ls "$M/status")" ""
	remount
	equal "$(ls "$M/status")" ""
}
