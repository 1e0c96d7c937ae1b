#!/usr/bin/env bats
# gallery.html in a browser: what it shows is what the library has, and its keys and buttons do what they say.
# shellcheck disable=SC2016 # what is in single quotes is for the page and the shell that it is pasted into

load ../lib/mount

setup() {
	need chromium
	need chromedriver
	sandbox_make
}

# page SCENARIO [ARGUMENT...]: of page.py, on this mount.
page() {
	timeout $((LIMIT * 12)) "$PYTHON" "$HERE/desktop/page.py" "$1" "$M" "${@:2}"
}

# library_up: some pictures of each kind.
library_up() {
	stub_script '{"on":"prediction","prompt":"slow","do":{"hold":true}},{"on":"create","prompt":"bad","do":{"status":400,"body":{"message":"no bad things"}}},{"on":"prediction","prompt":"photo","do":{"picture":"jpg"}}'
	mount_up
	mkdir "$M/requests/cats"
	ask fox "a red fox in the snow"
	echo '{"prompt": "a tabby café cat", "seed": 987654321012, "aspect_ratio": "1:1"}' >"$M/requests/cats/tabby"
	echo '{"prompt": "a small moon", "seed": 5, "lora_weights": "huggingface.co/example/old-prints", "lora_scale": 0.5}' >"$M/requests/moon"
	echo '{"prompt": "a huge moon", "seed": 6, "lora_weights": "huggingface.co/example/old-prints", "lora_scale": 0.5}' >"$M/requests/moon-2"
	echo '{"model": "p-image-text-to-image", "input": {"prompt": "plain hills", "width": 512, "height": 768}}' >"$M/requests/hills"
	ask photo "photo of a lake"
	printf '%s' '</script><script>window.pwned = 1</script><img src=x onerror="window.pwned = 1"> "quotes" '\''and'\'' & &lt;' >"$M/requests/markup"
	printf 'שועל אדום בשלג \xf0\x9f\xa6\x8a\xf0\x9f\x87\xb3\xf0\x9f\x87\xb1 \xe2\x80\xa8 \xe2\x80\xaeabc' >"$M/requests/שועל"
	ask slow "slow going"
	ask bad "bad wish"
	for id in fox cats/tabby moon moon-2 hills photo markup שועל; do wait_state "$id" ready; done
	wait_state bad failed
	wait_state slow processing
}

@test "what it shows is what the library has" {
	library_up
	page library
}

@test "search as you type, filters, sort and sizes" {
	library_up
	page search
}

@test "keys: search, arrows, full screen, escape" {
	library_up
	page keys
}

@test "two are compared, and the differences of their inputs are shown" {
	library_up
	page compare
}

@test "what is copied can be run: the shell makes the variation, and removes the picture" {
	mount_up
	local odd='it'\''s "odd" $HOME `x` \ *'
	mkdir "$M/requests/a folder"
	printf '{"prompt": "it'\''s a $(touch pwned) \\"fox\\"\\nin two lines", "seed": 9223372036854775807}' >"$M/requests/a folder/$odd.json"
	wait_state "a folder/$odd" ready
	cd "$T"
	page copy "$T/lines"
	equal "$(cat "$T/lines/prompt")" "$(field "a folder/$odd" .prompt)"
	equal "$(cat "$T/lines/seed")" 9223372036854775807
	equal "$(jq -S .input "$T/lines/json")" "$(field "a folder/$odd" .request | jq -S .)"
	grep -q '"seed": *9223372036854775807' "$T/lines/json"
	rmdir "$M/requests/a folder" 2>/dev/null || rm -r "$M/requests/a folder"
	sh "$T/lines/variation"
	local seed; seed=$(grep -o '"seed":[0-9]*' "$T/lines/variation" | cut -d: -f2)
	wait_state "a folder/$odd-$seed" ready
	equal "$(field "a folder/$odd-$seed" .seed)" "$seed"
	equal "$(field "a folder/$odd-$seed" .prompt)" "$(cat "$T/lines/prompt")"
	[ -e "$M/images/a folder/$odd.png" ]
	sh "$T/lines/remove"
	[ ! -e "$M/images/a folder/$odd.png" ]
	[ ! -e pwned ]
}

@test "text is text" {
	library_up
	page text
}

@test "for a keyboard and a screen reader: names, roles, focus; light and dark" {
	library_up
	page access
}

@test "without storage and clipboard of the browser it works all the same" {
	library_up
	page bare
}

@test "20,000 pictures stay smooth" {
	library_up
	page crowd >&3
}

@test "a page that is not complete loads itself again" {
	library_up
	page gathering
}
