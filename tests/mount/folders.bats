#!/usr/bin/env bats
# requests/FOLDER/.pimagefs.ini: the defaults of a folder.

load ../lib/mount

# ini FOLDER LINE...
ini() {
	local folder=$1
	shift
	mkdir -p "$M/requests/$folder"
	printf '%s\n' "$@" >"$M/requests/$folder/.pimagefs.ini"
}

input() {
	stub_last_create | jq -cS .input
}

@test "fields, prefix and suffix count for the requests of the folder, and status/ says where they come from" {
	mount_up -o defaults.seed=5 -o defaults.aspect_ratio=4:3
	ini portraits "# mine" "aspect_ratio = 3:4" "prefix = portrait of" "suffix = , oil on canvas"
	ask portraits/king "a {young, old} king"
	got portraits/king/02 "portrait of a old king, oil on canvas"
	equal "$(field portraits/king/02 '.request | tojson')" \
		'{"prompt":"portrait of a old king, oil on canvas","aspect_ratio":"3:4","seed":5}'
	equal "$(field portraits/king/02 .origins | jq -cS .)" \
		'{"aspect_ratio":"requests/portraits/.pimagefs.ini:2","prefix":"requests/portraits/.pimagefs.ini:3","seed":"-o defaults.seed","suffix":"requests/portraits/.pimagefs.ini:4"}'
	ask fox "a fox --ar 1:1"
	got fox "a fox"
	equal "$(field fox '.origins | tojson')" '{"seed":"-o defaults.seed"}'
	remount
	equal "$(field portraits/king/02 .origins.aspect_ratio)" "requests/portraits/.pimagefs.ini:2"
}

@test "a request's own word counts more; JSON takes the fields and no prefix" {
	mount_up
	ini p "aspect_ratio = 3:4" "seed = 9" "prefix = portrait of"
	echo '{"prompt": "a cat", "seed": 7}' >"$M/requests/p/cat"
	got p/cat "a cat"
	equal "$(input)" '{"aspect_ratio":"3:4","prompt":"a cat","seed":7}'
	ask p/fox "a fox --ar 16:9 --seed 1"
	got p/fox "portrait of a fox"
	equal "$(input)" '{"aspect_ratio":"16:9","prompt":"portrait of a fox","seed":1}'
	equal "$(field p/fox '.origins | tojson')" '{"prefix":"requests/p/.pimagefs.ini:3"}'
}

@test "inherited downward, the innermost counts most; a list too, and the whole of requests/" {
	mount_up
	ini . "seed = 1"
	ini a "aspect_ratio = 1:1" "prefix = a drawing of"
	ini a/b "aspect_ratio = 2:3" "suffix = by night"
	mkdir "$M/requests/a/b/c"
	echo "a fox" >"$M/requests/a/b/c/foxes.prompts"
	got a/b/c/foxes "a drawing of a fox by night"
	equal "$(input)" '{"aspect_ratio":"2:3","prompt":"a drawing of a fox by night","seed":1}'
	ini a "prefix = a photo of"
	ask a/b/owl "an owl"
	got a/b/owl "a photo of an owl by night"
	ask cat "a cat"
	got cat "a cat"
	equal "$(input)" '{"prompt":"a cat","seed":1}'
}

@test "model and lora of a folder" {
	cat >>"$T/lora" <<-'INI'
		[lora.ink]
		weights = huggingface.co/me/ink
		scale = 0.7
	INI
	stub_start
	ini_write
	cat "$T/lora" >>"$T/ini"
	mount_up
	ini ink "lora = ink"
	ask ink/fox "a fox --seed 1"
	got ink/fox "a fox"
	equal "$(input)" '{"lora_scale":0.7,"lora_weights":"huggingface.co/me/ink","prompt":"a fox","seed":1}'
	equal "$(field ink/fox .origins.lora_weights)" "requests/ink/.pimagefs.ini:1"
	ini plain "model = p-image-text-to-image"
	ask plain/fox "a fox"
	got plain/fox "a fox"
	equal "$(stub_last_create | jq -r .model)" p-image-text-to-image
	equal "$(field plain/fox .origins.model)" "requests/plain/.pimagefs.ini:1"
}

@test "a wrong one is refused when it is written, with file, line and the nearest right word" {
	mount_up
	mkdir "$M/requests/p"
	equal "$(syscalls write "$M/requests/p/.pimagefs.ini" 'O_WRONLY|O_CREAT' $'seed = 1\naspect_raito = 1:1\n' | grep -o 'E[A-Z]*' | head -n 1)" EINVAL
	equal "$(field p/.pimagefs.ini '.state, .error.message' | paste -sd' ')" \
		"invalid requests/p/.pimagefs.ini:2: aspect_raito: there is no such key; did you mean aspect_ratio?"
	ask p/fox "a fox"
	equal "$(field p/fox '.state, .error.message' | paste -sd' ')" \
		"invalid requests/p/.pimagefs.ini:2: aspect_raito: there is no such key; did you mean aspect_ratio?"
	remount
	equal "$(field p/.pimagefs.ini .state)" invalid
	ini p "aspect_ratio = 1:1"
	wait_for test ! -e "$M/status/p/.pimagefs.ini.json"
	ask p/fox "a fox"
	got p/fox "a fox"
	for line in "aspect_ratio = 7:1" "prompt = a fox" "lora = nobody" "[model]" "width = 512" "seed = 1
seed = 2" "model = p-image-txt-to-image" "lora" "prefix = a
prefix = b"; do
		printf '%s\n' "$line" >"$M/requests/p/.pimagefs.ini"
		equal "$(field p/.pimagefs.ini .state)" invalid
		matches "$(field p/.pimagefs.ini .error.message)" '^requests/p/.pimagefs.ini:'
	done
	asked "a fox"
}

@test "editors: sed -i and mv; a wrong one keeps the old" {
	mount_up
	ini p "seed = 1"
	sed -i s/1/2/ "$M/requests/p/.pimagefs.ini"
	ask p/fox "a fox"
	got p/fox "a fox"
	equal "$(input)" '{"prompt":"a fox","seed":2}'
	run ! sed -i s/2/two/ "$M/requests/p/.pimagefs.ini"
	equal "$(cat "$M/requests/p/.pimagefs.ini")" "seed = 2"
	matches "$(field p/.pimagefs.ini .error.message)" 'seed: "two" is not allowed'
	sed -i s/2/3/ "$M/requests/p/.pimagefs.ini"
	wait_for test ! -e "$M/status/p/.pimagefs.ini.json"
	rm "$M/requests/p/.pimagefs.ini"
	ask p/owl "an owl --seed 4"
	got p/owl "an owl"
	equal "$(input)" '{"prompt":"an owl","seed":4}'
}
