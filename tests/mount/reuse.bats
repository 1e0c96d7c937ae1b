#!/usr/bin/env bats
# requests.reuse = same-seed: what was made before is used again, and costs nothing.

load ../lib/mount

FOX='{"prompt": "a fox", "seed": 7}'

# given ID FROM: it is ready with the picture of that prediction, and nothing was created for it.
given() {
	wait_state "$1" ready
	equal "$(field "$1" .reused_from)" "$2"
	equal "$(field "$1" 'has("prediction_id")')" false
	get "$1" >"$T/got"
	cmp "$T/got" "$T/wanted"
}

fox_was_made() {
	mount_up -o requests.reuse=same-seed "$@"
	ask fox.json "$FOX"
	got fox "a fox"
	fox=$(field fox .prediction_id)
}

@test "the same input with a seed of its own: no create, the same bytes" {
	fox_was_made
	ask again.json '{"seed": 7, "prompt": "a fox"}'
	given again "$fox"
	equal "$(field again .sha256)" "$(field fox .sha256)"
	equal "$(field again .cost)" null
	equal "$(stub_count create)" 1
	ask fox.json "$FOX"
	given fox "$fox"
	equal "$(stub_count create)" 1
}

@test "each has a file and a sidecar of its own in the library" {
	fox_was_made
	ask again.json "$FOX"
	given again "$fox"
	equal "$(find "$T/library" -name '*.png' | wc -l)" 2
	equal "$(find "$T/library" -name '*-again.json' -exec jq -r .reused_from {} +)" "$fox"
	rm "$M/images/fox.png"
	given again "$fox"
	ask third.json "$FOX"
	given third "$fox"
	rm "$M/images/again.png" "$M/images/third.png"
	ask fourth.json "$FOX"
	got fourth "a fox"
	equal "$(stub_count create)" 2
}

@test "one that is lost: retry takes another copy; without one its hint and its status tell of a new picture" {
	fox_was_made
	ask again.json "$FOX"
	given again "$fox"
	rm "$T"/library/*/*-again.png
	remount -o requests.reuse=same-seed
	open_says again ENOENT
	echo "retry again" >"$M/control/ctl"
	wait_state again ready
	given again "$fox"
	equal "$(stub_count create)" 1
	rm "$T"/library/*/*.png
	remount -o requests.reuse=same-seed
	open_says again ENOENT
	matches "$(field again .error.hint)" 'to ask for a new picture: '
	open_says fox ENOENT
	matches "$(field fox .error.hint)" 'to download it again'
	echo "retry again" >"$M/control/ctl"
	wait_state again ready
	equal "$(stub_count create)" 2
	equal "$(field again 'has("reused_from")')" false
}

@test "a seed from [defaults] counts, one picked at random does not" {
	fox_was_made
	ask plain "a fox"
	got plain "a fox"
	equal "$(stub_count create)" 2
	get fox >"$T/wanted"
	remount -o requests.reuse=same-seed -o defaults.seed=7
	ask plain2 "a fox"
	given plain2 "$fox"
	equal "$(stub_count create)" 2
}

@test "over a restart; off by default" {
	fox_was_made
	get fox >"$T/wanted"
	remount -o requests.reuse=same-seed
	ask again.json "$FOX"
	given again "$fox"
	remount
	given again "$fox"
	ask third.json "$FOX"
	got third "a fox"
	equal "$(stub_count create)" 2
}

@test "another seed, another size: made" {
	fox_was_made
	ask a.json '{"prompt": "a fox", "seed": 8}'
	ask b.json '{"prompt": "a fox", "seed": 7, "aspect_ratio": "1:1"}'
	wait_state a ready
	wait_state b ready
	equal "$(stub_count create)" 3
}

@test "a reader that waits is served, and the budget is not touched" {
	fox_was_made -o limits.daily_images=2
	exec 7>"$M/requests/again.json"
	printf '%s' "$FOX" >&7
	reader again
	exec 7>&-
	background_ends 0
	cmp "$T/bg.out" "$T/wanted"
	equal "$(jq .budget.images_today "$M/control/stats.json")" 1
}
