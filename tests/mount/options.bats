#!/usr/bin/env bats
# Prompts as people write them, on a real mount. (Each example of the grammar: unit tests of grammar and expand.)
# shellcheck disable=SC2016

load ../lib/mount

input() {
	stub_last_create | jq -cS .input
}

@test "options end the prompt" {
	mount_up
	ask fox "a red fox --ar 21:9 --seed 7 --upsample"
	got fox "a red fox"
	equal "$(input)" '{"aspect_ratio":"custom","height":576,"prompt":"a red fox","prompt_upsampling":true,"seed":7,"width":1344}'
	ask owl "an owl —ar 1:1 --seed 1 --model p-image-text-to-image"
	got owl "an owl"
	equal "$(stub_last_create | jq -r .model)" p-image-text-to-image
	equal "$(input)" '{"aspect_ratio":"1:1","prompt":"an owl","seed":1}'
}

@test "--repeat: seeds go up; without a seed each has its own" {
	mount_up
	ask fox "a fox --repeat 3 --seed 7"
	wait_state fox ready
	equal "$(field fox '[.pictures[].seed | tostring] | join(" ")')" "7 8 9"
	ask owl "an owl -r 2"
	wait_state owl ready
	refute [ "$(field owl/01 .seed)" = "$(field owl/02 .seed)" ]
	equal "$(ls "$M/images/owl")" $'01.png\n02.png'
}

@test "<lora:NAME:S> and --lora by a name of the settings, and \"lora\" in JSON" {
	stub_start
	ini_write
	printf '[lora.ink]\nweights = huggingface.co/me/ink\nscale = 0.7\n' >>"$T/ini"
	mount_up
	ask fox "a <lora:ink:1.2> fox --seed 1"
	got fox "a fox"
	equal "$(input)" '{"lora_scale":1.2,"lora_weights":"huggingface.co/me/ink","prompt":"a fox","seed":1}'
	ask owl "an owl --lora huggingface.co/you/dots --seed 1"
	got owl "an owl"
	equal "$(input)" '{"lora_weights":"huggingface.co/you/dots","prompt":"an owl","seed":1}'
	echo '{"prompt": "a cat {a, b}", "lora": "ink", "seed": 1}' >"$M/requests/cat"
	got cat "a cat {a, b}"
	equal "$(input)" '{"lora_scale":0.7,"lora_weights":"huggingface.co/me/ink","prompt":"a cat {a, b}","seed":1}'
	ask dog "a dog <lora:imk>"
	equal "$(field dog .error.message)" 'column 7: lora: there is no [lora.imk] in the settings; did you mean "ink"?'
}

@test "refusals name the place, the nearest word, and Midjourney's own by name; in a sentence they are text" {
	mount_up
	ask a "a fox --chaos 20"
	matches "$(field a .error.message)" '^column 7: --chaos: has no counterpart here'
	ask b "a fox --sede 7"
	equal "$(field b .error.message)" "column 7: --sede: there is no such option; did you mean --seed?"
	ask c "a fox --quick and red-- in the snow"
	got c "a fox --quick and red-- in the snow"
	ask d '\{red, blue\} fox'
	got d "{red, blue} fox"
	asked "a fox --quick and red-- in the snow" "{red, blue} fox"
}

@test "a refused text is mended by writing it again" {
	mount_up
	ask fox "a {red, blue} fox --sede 7"
	has_state fox invalid
	ls "$M/images" | grep -qx fox.error.txt
	ask fox "a {red, blue} fox --seed 7"
	wait_state fox ready
	equal "$(ls "$M/images")" fox
}

@test "options = no: each prompt is sent as it is, in lists too" {
	mount_up -o requests.options=no
	ask fox "a {red, blue} fox --ar 16:9"
	got fox "a {red, blue} fox --ar 16:9"
	printf '%s\n' "a {red, blue} owl --repeat 2" "# no" >"$M/requests/owls.prompts"
	got owls/01 "a {red, blue} owl --repeat 2"
	asked "a {red, blue} fox --ar 16:9" "a {red, blue} owl --repeat 2"
}

@test "requests/.help has the grammar, is not listed, and is in nobody's way" {
	mount_up
	diff "$HERE/../config/doc/grammar.md" "$M/requests/.help"
	equal "$(ls -A "$M/requests")" ""
	equal "$(errno_of unlink "$M/requests/.help")" EPERM
	equal "$(errno_of rename "$M/requests/.help" "$M/requests/help")" EPERM
	ask fox "a fox"
	equal "$(errno_of rename "$M/requests/fox" "$M/requests/.help")" EPERM
	rm -r "$M/requests/"*
	cp -r "$M/requests" "$T/copy"
	equal "$(stat -c %s "$M/requests/.help")" "$(wc -c <"$HERE/../config/doc/grammar.md")"
}
