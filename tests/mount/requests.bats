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

@test "JSON by its ending: .json always, .txt and .prompt and .md never, others by their first character" {
	mount_up
	equal "$(syscalls write "$M/requests/a.json" 'O_WRONLY|O_CREAT' 'no json' | grep -o EINVAL | head -n 1)" EINVAL
	rm -f "$M/requests/a.json"
	for name in b.txt c.prompt d.md; do
		echo '{"x": 1}' >"$M/requests/$name"
		equal "$(get "${name%.*}" | wc -c)" "$(stub_picture '{"x": 1}' | wc -c)"
	done
	printf ' \n\t{"prompt": "an elk"}' >"$M/requests/e"
	got e "an elk"
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

@test "two files that give one id: the one submitted last has it" {
	mount_up
	ask fox.txt "first fox"
	got fox "first fox"
	echo '{"prompt": "second fox"}' >"$M/requests/fox.json"
	got fox "second fox"
	equal "$(cat "$M/requests/fox.txt")" "first fox"
	equal "$(ls "$M/images")" fox.png
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
	equal "$(stat -c '%s %a' "$M/images/fox.png")" "0 444"
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
	equal "$(errno_of stat "$M/images/fox.png")" ENOENT
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
	for name in .hidden fox~ fox.swp fox.swx fox.tmp fox.part fox.crdownload 4913 '#fox#' .goutputstream-ABC123; do
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

# What is refused.

@test "write refuses JSON that is complete and wrong: EINVAL" {
	mount_up
	equal "$(syscalls write "$M/requests/a.json" 'O_WRONLY|O_CREAT' '{"prompt": "a", "lora_scale": 9}' | cut -d' ' -f1,2)" \
		"open=OK write=EINVAL"
	wait_state a invalid
	matches "$(field a .error.message)" 'lora_scale.*9.*-1.*3'
	equal "$(field a .error.class)" invalid
	asked
}

@test "write refuses an unknown field and names the nearest right one" {
	mount_up
	run ! bash -c 'echo "{\"prompt\": \"a\", \"aspect_ration\": \"1:1\"}" >"$0"' "$M/requests/a.json"
	matches "$output" 'invalid argument'
	wait_state a invalid
	matches "$(field a .error.message)" 'aspect_ration.*aspect_ratio'
}

@test "write refuses what is not UTF-8: EILSEQ" {
	mount_up
	equal "$(syscalls write "$M/requests/a" 'O_WRONLY|O_CREAT' $'a \xff\xfe b' | cut -d' ' -f2)" write=EILSEQ
	wait_state a invalid
	asked
}

@test "a character that is cut in two by two writes is no error" {
	mount_up
	exec 7>"$M/requests/fox"
	printf 'f\303' >&7
	printf '\274chse' >&7
	exec 7>&-
	got fox "füchse"
}

@test "write refuses what is over max_request_bytes: EFBIG" {
	mount_up -o limits.max_request_bytes=4096
	head -c 4096 /dev/zero | tr '\0' x >"$M/requests/fits"
	head -c 4097 /dev/zero | tr '\0' x >"$T/large"
	run ! cp "$T/large" "$M/requests/large"
	matches "$output" 'too large'
	equal "$(errno_of truncate "$M/requests/fits" 4097)" EFBIG
	wait_state fits ready
}

@test "JSON that never closes is answered by FLUSH" {
	mount_up
	equal "$(syscalls write "$M/requests/a.json" 'O_WRONLY|O_CREAT' '{"prompt": "a"')" \
		"open=OK write=OK close=EINVAL"
	wait_state a invalid
	asked
}

@test "a refused request can be mended by writing it again" {
	mount_up
	run ! bash -c 'echo "{\"prompt\": 1}" >"$0"' "$M/requests/a.json"
	wait_state a invalid
	echo '{"prompt": "a cat"}' >"$M/requests/a.json"
	got a "a cat"
}

@test "refusals name the field, the value, what is allowed, and the nearest right name" {
	mount_up
	refusal '{"prompt":"a","aspect_ratio":"16x9"}' 'aspect_ratio.*16x9.*16:9'
	refusal '{"prompt":"a","seed":"7"}' 'seed.*7'
	refusal '{"prompt":"a","width":1000,"height":512}' 'width.*1000.*16'
	refusal '{"prompt":"a","width":512}' 'height'
	refusal '{"prompt":"a","aspect_ratio":"1:1","width":512,"height":512}' 'width|custom'
	refusal '{"prompt":""}' 'prompt'
	refusal '{"seed":1}' 'prompt'
	refusal '{"prompt":"a","prompt_upsampling":"true"}' 'prompt_upsampling.*true'
	refusal '{"prompt":"a","lora_weights":"http://localhost/x"}' 'lora_weights.*huggingface'
	refusal '{"model":"flux","input":{"prompt":"a"}}' 'flux.*p-image-lora-text-to-image'
	refusal '{"prompt":"a","prompt":"b"}' 'twice'
	asked
}

refusal() {
	run ! bash -c 'printf %s "$1" >"$0"' "$M/requests/a.json" "$1"
	wait_state a invalid
	matches "$(field a .error.message)" "$2"
	rm "$M/requests/a.json"
}

@test "names that cannot be used are refused at creation" {
	mount_up
	equal "$(errno_of mkdir "$M/requests/$(printf 'd%.0s' {1..256})")" ENAMETOOLONG
	equal "$(create "$(printf 'n%.0s' {1..246})")" ENAMETOOLONG
	equal "$(create "$(printf 'n%.0s' {1..245})")" OK
	equal "$(create "$(printf 'n%.0s' {1..245}).txt")" OK
	equal "$(create ".$(printf 'n%.0s' {1..254})")" OK
	equal "$(create $'a\nb')" EINVAL
	equal "$(create $'a\x7fb')" EINVAL
	equal "$(create $'a\xffb')" EINVAL
	for ending in .png .jpg .webp .json .error.txt; do
		equal "$(errno_of mkdir "$M/requests/folder$ending")" EINVAL
	done
}

create() {
	errno_of open "$M/requests/$1" 'O_WRONLY|O_CREAT'
}

@test "what requests/ does not have is refused as a Unix folder would" {
	mount_up
	ask fox "a fox"
	mkdir "$M/requests/full"
	ask full/owl "an owl"
	equal "$(errno_of rmdir "$M/requests/full")" ENOTEMPTY
	equal "$(errno_of rmdir "$M/requests/fox")" ENOTDIR
	equal "$(errno_of mkdir "$M/requests/fox")" EEXIST
	equal "$(errno_of open "$M/requests/fox" 'O_WRONLY|O_CREAT|O_EXCL')" EEXIST
	equal "$(errno_of open "$M/requests/full" O_WRONLY)" EISDIR
	equal "$(errno_of open "$M/requests/none" O_RDONLY)" ENOENT
	equal "$(errno_of rename "$M/requests/fox" "$M/requests/full")" EISDIR
	equal "$(errno_of rename "$M/requests/full" "$M/requests/fox")" ENOTDIR
	equal "$(errno_of rename "$M/requests/full" "$M/requests/full/inside")" EINVAL
	matches "$(errno_of symlink target "$M/requests/link")" 'EPERM|ENOSYS|EOPNOTSUPP'
	matches "$(errno_of mkfifo "$M/requests/pipe")" 'EPERM|ENOSYS|EOPNOTSUPP'
	matches "$(errno_of rename "$M/requests/fox" "$M/images/fox")" 'EPERM|EXDEV'
	equal "$(errno_of mkdir "$M/new")" EPERM
	equal "$(errno_of rmdir "$M/requests")" EPERM
}

@test "an open file that is removed or replaced can still be read" {
	mount_up
	ask fox "a fox"
	exec 7<"$M/requests/fox"
	ask other "another"
	mv "$M/requests/other" "$M/requests/fox"
	equal "$(cat <&7)" "a fox"
	exec 7<&-
	equal "$(cat "$M/requests/fox")" another
}

@test "the queue is full: EDQUOT or ENOSPC at creation, and nothing is lost" {
	held_predictions
	mount_up -o limits.queue=2 -o limits.concurrent=1
	ask one "one"
	ask two "two"
	matches "$(syscalls write "$M/requests/three" 'O_WRONLY|O_CREAT' three)" 'EDQUOT|ENOSPC|EAGAIN'
	stub_release
	stub_script '{"on":"prediction","do":{"hold":false}}'
	got one "one"
	got two "two"
	ask four "four"
	got four "four"
}

# Editors, file managers and copy tools: each ends in exactly one create.

@test "vim writes a new request and edits an old one" {
	need vim
	mount_up
	printf ':a\na fox\n.\n:wq\n' | vim -es -N -u NONE "$M/requests/fox" >/dev/null 2>&1 || :
	got fox "a fox"
	vim -es -N -u NONE -c '%s/fox/owl/' -c wq "$M/requests/fox" </dev/null >/dev/null 2>&1 || :
	got fox "a owl"
	asked "a fox" "a owl"
}

@test "vim with backup and swap files" {
	need vim
	mount_up
	ask fox "a fox"
	got fox "a fox"
	vim -es -N -u NONE -c 'set backup backupskip= swapfile backupcopy=no' -c '%s/fox/owl/' -c wq "$M/requests/fox" \
		</dev/null >/dev/null 2>&1 || :
	got fox "a owl"
	asked "a fox" "a owl"
	equal "$(cat "$M/requests/fox~")" "a fox"
}

@test "nano writes a new request and edits an old one" {
	need nano
	mount_up
	equal "$(syscalls type 'a fox\r\x0f\r\x18' nano -I "$M/requests/fox")" exit=0
	got fox "a fox"
	equal "$(syscalls type 'x\x0f\r\x18' nano -I "$M/requests/fox")" exit=0
	got fox "xa fox"
	asked "a fox" "xa fox"
}

@test "sed -i" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	sed -i s/fox/owl/ "$M/requests/fox"
	got fox "a owl"
	asked "a fox" "a owl"
}

@test "perl -i with a backup" {
	need perl
	mount_up
	ask fox.txt "a fox"
	got fox "a fox"
	perl -i~ -pe s/fox/owl/ "$M/requests/fox.txt"
	got fox "a owl"
	asked "a fox" "a owl"
}

@test "cp, cp -p, mv, tee, dd and install" {
	mount_up
	for tool in cp cpp mv tee dd install; do echo "by $tool" >"$T/$tool"; done
	cp "$T/cp" "$M/requests/cp"
	got cp "by cp"
	cp -p "$T/cpp" "$M/requests/cpp"
	got cpp "by cpp"
	mv "$T/mv" "$M/requests/mv"
	got mv "by mv"
	tee "$M/requests/tee" <"$T/tee" >/dev/null
	got tee "by tee"
	dd if="$T/dd" of="$M/requests/dd" bs=1 status=none
	got dd "by dd"
	install -m 644 "$T/install" "$M/requests/install"
	got install "by install"
	asked "by cp" "by cpp" "by mv" "by tee" "by dd" "by install"
}

@test "cp -a of a folder" {
	mount_up
	mkdir -p "$T/set/sub"
	echo one >"$T/set/one"
	echo two >"$T/set/sub/two"
	cp -a "$T/set" "$M/requests/"
	got set/one one
	got set/sub/two two
	settle
	equal "$(stub_count create)" 3
}

@test "tar x" {
	mount_up
	mkdir "$T/set"
	echo one >"$T/set/one"
	echo two >"$T/set/two"
	tar -C "$T" -cf - set | tar -C "$M/requests" -xf -
	got set/one one
	got set/two two
	settle
	equal "$(stub_count create)" 3
}

@test "rsync -a writes by .name.XXXXXX, and a second run changes nothing" {
	need rsync
	mount_up
	mkdir "$T/set"
	echo one >"$T/set/one"
	echo two >"$T/set/two.txt"
	rsync -a "$T/set/" "$M/requests/"
	got one one
	got two two
	rsync -a "$T/set/" "$M/requests/"
	echo "one more" >"$T/set/one"
	rsync -a "$T/set/" "$M/requests/"
	got one "one more"
	settle
	equal "$(stub_count create)" 4
}

@test "rsync --inplace" {
	need rsync
	mount_up
	echo one >"$T/one"
	rsync -a --inplace "$T/one" "$M/requests/"
	got one one
	asked one
}

@test "GIO: .goutputstream-XXXXXX, then rename over the old one" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	ask .goutputstream-Q1W2E3 "a new fox"
	mv "$M/requests/.goutputstream-Q1W2E3" "$M/requests/fox"
	got fox "a new fox"
	asked "a fox" "a new fox"
}

@test "gio copy" {
	need gio
	mount_up
	echo "a fox" >"$T/fox"
	gio copy "$T/fox" "$M/requests/fox"
	got fox "a fox"
	asked "a fox"
}

@test "KIO: NAME.part, chmod and utime, then rename" {
	mount_up
	printf 'a fox' >"$M/requests/fox.txt.part"
	chmod 600 "$M/requests/fox.txt.part"
	touch -d 2024-02-02 "$M/requests/fox.txt.part"
	mv "$M/requests/fox.txt.part" "$M/requests/fox.txt"
	got fox "a fox"
	asked "a fox"
}

@test "a browser: an empty NAME, NAME.crdownload, rename over the first" {
	mount_up
	: >"$M/requests/fox.txt"
	printf 'a fox' >"$M/requests/fox.txt.crdownload"
	mv "$M/requests/fox.txt.crdownload" "$M/requests/fox.txt"
	got fox "a fox"
	asked "a fox"
}

@test "emacs: rename to NAME~, then write NAME anew" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	mv "$M/requests/fox" "$M/requests/fox~"
	ask fox "a new fox"
	got fox "a new fox"
	asked "a fox" "a new fox"
}

@test "mmap of a request for writing" {
	mount_up
	printf 'a fox' >"$M/requests/.fox"
	"$PYTHON" - "$M/requests/.fox" <<-'PY'
		import mmap, sys
		with open(sys.argv[1], "r+b") as f:
		    with mmap.mmap(f.fileno(), 5) as view:
		        view[2:5] = b"owl"
	PY
	equal "$(cat "$M/requests/.fox")" "a owl"
	mv "$M/requests/.fox" "$M/requests/fox"
	got fox "a owl"
}
