#!/usr/bin/env bats
# What requests/ refuses: as early as the kernel lets a shell see it, and in words that help.
# shellcheck disable=SC2016 # scripts get their own $0, and $ID and $LINK are the stand-in's

load ../lib/mount

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
	wait_state large invalid
	touch "$M/requests/large"
	run ! sh -c 'head -c 9000 /dev/zero | tr "\0" x >"$1"' - "$M/requests/parts"
	wait_state parts invalid
	equal "$(errno_of truncate "$M/requests/fits" 4097)" EFBIG
	wait_state fits ready
	asked "$(head -c 4096 /dev/zero | tr '\0' x)"
}

@test "JSON that never closes is answered by FLUSH" {
	mount_up
	equal "$(syscalls write "$M/requests/a.json" 'O_WRONLY|O_CREAT' '{"prompt": "a"')" \
		"open=OK write=OK close=EINVAL"
	wait_state a invalid
	asked
}

@test "bash does not look at close: echo of JSON that never closes returns 0, and status/ says invalid" {
	mount_up
	bash -c 'echo "{\"prompt\": \"x\"" >"$0"' "$M/requests/x"
	wait_state x invalid
	matches "$(field x .error.message)" 'ends too early'
	matches "$(field x .error.hint)" 'plain prompt'
	run ! bash -c 'echo "{\"prompt\": \"x\",,}" >"$0"' "$M/requests/y"
	matches "$output" 'invalid argument'
	asked
}

# said FILE STEP...: what each step says: a text is written, "flush" closes a copy of the descriptor, "close" the last one.
said() {
	"$PYTHON" - "$@" <<-'PY'
		import errno, os, sys
		fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
		for step in sys.argv[2:]:
		    try:
		        if step == "flush":
		            os.close(os.dup(fd))
		        elif step == "close":
		            os.close(fd)
		        else:
		            os.write(fd, step.encode())
		        print("ok", end=" ")
		    except OSError as e:
		        print(errno.errorcode[e.errno], end=" ")
	PY
}

@test "an error at FLUSH is cleared by a later FLUSH that succeeds" {
	mount_up
	equal "$(said "$M/requests/a.json" '{"prompt": "a fox"' flush '}' flush close)" "ok EINVAL ok ok ok "
	got a "a fox"
	asked "a fox"
}

@test "an error at write lasts until the last close, though a later write is taken" {
	mount_up
	equal "$(said "$M/requests/a.json" '{"prompt": 5}' flush ' ' flush close)" "EINVAL EINVAL ok EINVAL EINVAL "
	wait_state a invalid
	asked
	equal "$(said "$M/requests/a.json" '{"prompt": "a fox"}' flush close)" "ok ok ok "
	got a "a fox"
	asked "a fox"
}

@test "a refused request can be mended by writing it again" {
	mount_up
	run ! bash -c 'echo "{\"prompt\": 1}" >"$0"' "$M/requests/a.json"
	wait_state a invalid
	echo '{"prompt": "a cat"}' >"$M/requests/a.json"
	got a "a cat"
}

@test "rm -r of a folder whose requests were refused leaves nothing in images/ and status/" {
	mount_up
	mkdir -p "$M/requests/zoo/cats"
	refute bash -c 'echo "{\"prompt\": 5}" >"$0"' "$M/requests/zoo/cats/bad.json"
	equal "$(cd "$M" && find images status -mindepth 1 -printf '%p ')" \
		"images/zoo images/zoo/cats images/zoo/cats/bad.error.txt status/zoo status/zoo/cats status/zoo/cats/bad.json "
	rm "$M/requests/zoo/cats/bad.json"
	equal "$(ls "$M/images/zoo" "$M/status/zoo")" "$M/images/zoo:
cats

$M/status/zoo:
cats" # it may come back in a moment, and somebody looks at it
	rm -r "$M/requests/zoo"
	equal "$(ls "$M/images" "$M/status")" "$M/images:

$M/status:"
	asked
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
	stub_script '{"on":"prediction","do":{"hold":false}}'
	stub_release
	got one "one"
	got two "two"
	ask four "four"
	got four "four"
}
