#!/usr/bin/env bats
# Requests for two models in one mount: each keeps the one that it was written for.

load ../lib/mount

LORA=p-image-lora-text-to-image
PLAIN=p-image-text-to-image

# body MODEL PROMPT
body() {
	printf '{"model": "%s", "input": {"prompt": "%s", "seed": 7}}' "$1" "$2"
}

# sent_to PROMPT: the model that the service was told.
sent_to() {
	curl -fsS "$STUB/control/creates" | jq -r --arg prompt "$1" 'select(.input.prompt == $prompt).model'
}

@test "a create body's model is obeyed, beside requests that name none" {
	mount_up
	ask fox "a fox"
	ask cat.json "$(body $PLAIN 'a cat')"
	ask owl.json "$(body $LORA 'an owl')"
	got fox "a fox"
	got cat "a cat"
	got owl "an owl"
	equal "$(sent_to 'a fox')" "$LORA"
	equal "$(sent_to 'a cat')" "$PLAIN"
	equal "$(sent_to 'an owl')" "$LORA"
	equal "$(field fox .model) $(field cat .model)" "$LORA $PLAIN"
}

@test "what waits in the queue keeps its model over a restart with another default" {
	mount_up
	echo pause >"$M/control/ctl"
	ask fox "a fox"
	ask cat.json "$(body $PLAIN 'a cat')"
	remount -o model.slug=$PLAIN
	ask owl "an owl"
	ask elk.json "$(body $LORA 'an elk')"
	echo resume >"$M/control/ctl"
	got fox "a fox"
	got cat "a cat"
	got owl "an owl"
	got elk "an elk"
	equal "$(sent_to 'a fox')" "$LORA"
	equal "$(sent_to 'a cat')" "$PLAIN"
	equal "$(sent_to 'an owl')" "$PLAIN"
	equal "$(sent_to 'an elk')" "$LORA"
}

@test "a default that a model does not know is left out of its requests" {
	mount_up -o defaults.lora_scale=0.8 -o defaults.seed=3
	ask fox "a fox"
	got fox "a fox"
	matches "$(curl -fsS "$STUB/control/creates" | tail -n 1)" '"lora_scale": ?0.8[,}]'
	ask cat.json '{"model": "'$PLAIN'", "input": {"prompt": "a cat"}}'
	got cat "a cat"
	equal "$(stub_last_create | jq -cS .input)" '{"prompt":"a cat","seed":3}'
}

@test "a picture of one model is not used again for the other" {
	mount_up -o requests.reuse=same-seed
	ask fox.json "$(body $LORA 'a fox')"
	got fox "a fox"
	ask again.json "$(body $PLAIN 'a fox')"
	got again "a fox"
	equal "$(stub_count create)" 2
}

@test "a model that nobody knows is refused with the nearest" {
	mount_up
	run ! ask fox.json "$(body p-image-text-to-imag 'a fox')"
	matches "$(field fox .error.message)" "did you mean \"$PLAIN\""
	asked
}
