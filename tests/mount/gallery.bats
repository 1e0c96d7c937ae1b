#!/usr/bin/env bats
# gallery.html: one page of all pictures, which a browser reads by the size that a stat told. What it shows is tested
# in a browser (tests/desktop).

load ../lib/mount

# page_data [FILE]: the data block of the page.
page_data() {
	"$PYTHON" - "${1:-$M/gallery.html}" <<-'PY'
		import re, sys
		text = open(sys.argv[1], encoding="utf-8").read()
		found = re.findall(r'<script type="application/json" id="data">\n([^<]*)</script>', text)
		assert len(found) == 1, found
		assert text.endswith("</html>\n"), text[-200:]
		sys.stdout.write(found[0])
	PY
}

# told FILTER: of the page's data. record ID FILTER: of one job.
told() {
	page_data | jq -r "$1"
}

record() {
	page_data | jq -r --arg id "$1" ".jobs[] | select(.id == \$id and .earlier != true) | $2"
}

tells() {
	[ "$(record "$1" "$2")" = "$3" ]
}

# same_as_status ID: what the page tells of it is what status/ tells.
same_as_status() {
	local want='{id, state, model, prompt, seed: (.seed | tostring), prediction_id, created_at, completed_at, predict_time, cost, tags, rating, comment}'
	equal "$(record "$1" "$want" | jq -S .)" "$(field "$1" "$want" | jq -S .)"
	equal "$(record "$1" '.input | fromjson' | jq -S .)" "$(field "$1" .request | jq -S .)"
	equal "$(record "$1" '"\(.width)x\(.height) \(.bytes) \(.mime)"')" \
		"$(field "$1" '.image | "\(.width)x\(.height) \(.bytes) \(.mime)"')"
}

@test "it tells of each job what status/ does, the newest first" {
	mount_up
	mkdir "$M/requests/cats"
	ask fox "a red fox"
	echo '{"prompt": "a \"tabby\"", "seed": 4711, "aspect_ratio": "1:1"}' >"$M/requests/cats/tabby"
	wait_state fox ready
	wait_state cats/tabby ready
	wait_for tells fox .state ready
	wait_for tells cats/tabby .state ready
	setfattr -n user.xdg.tags -v "red, snow" "$M/images/fox.png"
	setfattr -n user.baloo.rating -v 7 "$M/images/fox.png"
	wait_for tells fox '"\(.tags) \(.rating)"' '["red","snow"] 7'
	same_as_status fox
	same_as_status cats/tabby
	equal "$(told '[.jobs[].id] | join(" ")')" "cats/tabby fox"
	equal "$(told .mount)" "$M"
	equal "$(told .complete)" true
	local path
	for path in $(told '.jobs[].path'); do [ -s "$M/$path" ]; done
}

@test "running and failed requests, and earlier pictures of a name, are there too" {
	stub_script '{"on":"prediction","prompt":"slow","do":{"hold":true}},{"on":"create","prompt":"bad","do":{"status":400,"body":{"message":"no"}}}'
	mount_up
	ask fox "a red fox"
	wait_state fox ready
	local first; first=$(field fox .prediction_id)
	ask fox "a blue fox"
	ask slow "slow"
	ask bad "bad"
	wait_state fox ready
	wait_state slow processing
	wait_state bad failed
	wait_for tells bad .state failed
	equal "$(record slow .state)" processing
	[ -n "$(record bad .error.message)" ]
	[ -s "$M/$(record bad .path)" ]
	equal "$(told '.jobs[] | select(.earlier) | .prompt')" "a red fox"
	cmp <(stub_picture "a red fox") "$M/$(told '.jobs[] | select(.earlier) | .path')"
	equal "$(told '.jobs[] | select(.earlier) | .path')" "images/$first.png"
	rm "$M/images/fox.png"
	wait_for tells fox .state ""
}

@test "text is text, and secrets are not told" {
	mount_up
	local prompt=$'</script><script>alert("x")</script> \u2028 <!-- שלום 🦊 \\ \'quoted\' & &amp;'
	jq -n --arg p "$prompt" '{prompt: $p, lora_weights: "huggingface.co/example/style", hf_api_token: "hf_verysecrettoken",
		seed: -1}' | sed 's/-1/9223372036854775807/' >"$M/requests/odd.json"
	wait_state odd ready
	wait_for tells odd .state ready
	equal "$(record odd .prompt)" "$prompt"
	equal "$(record odd .seed)" 9223372036854775807
	matches "$(record odd .input)" '"seed": ?9223372036854775807'
	equal "$(record odd '.input | fromjson | keys | join(" ")')" "lora_weights prompt seed"
	refute grep -qF -e hf_verysecrettoken -e "$KEY" "$M/gallery.html"
	equal "$(grep -c '^</script>' "$M/gallery.html")" 2
}

@test "a stat tells the size of the page that is opened next, and every tool gets it whole" {
	mount_up
	for i in $(seq 40); do ask "fox$i" "a fox $i"; done
	wait_state fox40 ready
	"$PYTHON" - "$M" <<-'PY'
		import os, sys, time
		page = sys.argv[1] + "/gallery.html"
		for i in range(40):
		    began = time.monotonic()
		    told = os.stat(page).st_size
		    with open(f"{sys.argv[1]}/requests/more{i}", "w") as f:
		        f.write(f"one more {i}")
		    fd = os.open(page, os.O_RDONLY)
		    if time.monotonic() - began > 0.4:  # it is promised for half a second
		        os.close(fd)
		        continue
		    text = os.read(fd, told + 1)
		    while len(text) <= told and (more := os.read(fd, told + 1 - len(text))):
		        text += more
		    assert len(text) == told, (len(text), told)
		    assert text.endswith(b"</html>\n")
		    os.close(fd)
	PY
	cp "$M/gallery.html" "$T/copy.html"
	page_data "$T/copy.html" >/dev/null
	refute bash -c "echo x 2>/dev/null >'$M/gallery.html'"
	equal "$(errno_of unlink "$M/gallery.html")" EPERM
}

@test "with many jobs the first look is answered at once, and a later one is complete" {
	held_predictions
	mount_up -o limits.queue=100000
	for i in $(seq 1200); do echo "fox $i" >"$M/requests/fox$i"; done
	remount -o limits.queue=100000 # nobody has looked at the page
	page_data | jq -e '.jobs | length > 0' >/dev/null
	wait_for complete 1200
}

complete() {
	[ "$(told '"\(.complete) \(.jobs | length)"')" = "true $1" ]
}

@test "looking makes no call to the service" {
	mount_up
	ask fox "a fox"
	wait_state fox ready
	local before; before=$(wc -l <"$T/calls")
	for _ in 1 2 3; do page_data >/dev/null; done
	equal "$(wc -l <"$T/calls")" "$before"
}
