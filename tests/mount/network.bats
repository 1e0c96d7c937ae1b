#!/usr/bin/env bats
# The service and its CDN at their worst: every answer shape, limits, lost connections, hostile texts.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

# served RULE: with it the picture comes all the same.
served() {
	stub_script "$1"
	mount_up
	ask fox "a fox"
	got fox "a fox"
}

# fails RULE CLASS WORDS
fails() {
	stub_script "$1"
	mount_up
	ask fox "a fox"
	wait_state fox failed
	equal "$(field fox .error.class)" "$2"
	matches "$(field fox '.error | [.message, .details, .hint] | map(tostring) | join(" ")')" "$3"
}

# Answer shapes.

@test "create: 201 counts" {
	served '{"on":"create","do":{"status":201,"body":{"predictionID":"$ID"}}}'
	equal "$(stub_count create)" 1
}

@test "create: any 2xx that carries predictionID counts, whatever else is in it" {
	served '{"on":"create","do":{"status":202,"body":{"status":"queued","extra":[1,{"a":null}],"predictionID":"$ID"}}}'
}

@test "poll: answers with id instead of predictionID, or with neither" {
	served '{"on":"poll","do":{"answer":{"id":"$ID","status":"success","output":"$LINK"}}}'
	stub_script '{"on":"poll","do":{"answer":{"status":"succeeded","output":"$LINK"}}}'
	ask owl "an owl"
	got owl "an owl"
}

@test "poll: unknown and other pending states keep polling" {
	for state in created starting queued; do
		stub_script '{"on":"poll","prompt":"'$state'","nth":[1,2],"do":{"answer":{"status":"'$state'","output":""}}}'
	done
	stub_script '{"on":"poll","prompt":"warming","nth":1,"do":{"answer":{"status":"warming up","output":null}}}'
	mount_up
	for state in created starting queued warming; do
		ask $state "state $state"
		got $state "state $state"
	done
}

# shape NAME OUTPUT
shape() {
	stub_script '{"on":"poll","prompt":"'"$1"'","do":{"answer":{"status":"success","output":'"$2"'}}}'
	ask "$1" "shape $1"
	got "$1" "shape $1"
}

@test "poll: output as text, array, object with url, image or images[0]" {
	mount_up
	shape text '"$LINK"'
	shape array '["$LINK","https://other.example/x.png"]'
	shape objects '[{"url":"$LINK"}]'
	shape url '{"url":"$LINK"}'
	shape image '{"image":"$LINK"}'
	shape inside '{"image":{"url":"$LINK"}}'
	shape images '{"images":["$LINK"]}'
	shape imgobj '{"images":[{"url":"$LINK"}]}'
}

@test "poll: metrics missing, null or text do no harm" {
	stub_script '{"on":"poll","do":{"answer":{"status":"success","output":"$LINK","metrics":{"predict_time":"fast","cost":null}}}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(field fox '[has("cost"), has("predict_time")] | tostring')" '[false,false]'
}

@test "poll: success without an output is an error of class download" {
	fails '{"on":"poll","do":{"answer":{"status":"success","output":null}}}' download 'picture|image|link|output'
}

@test "failed predictions: message and details" {
	fails '{"on":"poll","do":{"answer":{"status":"failed","message":"worker died","details":{"code":7}}}}' service 'worker died.*7'
}

@test "failed predictions: the reason in output as a text" {
	fails '{"on":"poll","do":{"answer":{"status":"error","output":"worker died"}}}' service 'worker died'
}

@test "failed predictions: the reason in output as an object" {
	fails '{"on":"poll","do":{"answer":{"status":"error","output":{"error_message":"worker died","error_code":"E7"}}}}' \
		service 'worker died'
}

@test "failed predictions: classification of the safety checker" {
	fails '{"on":"poll","do":{"answer":{"status":"error","output":{"error":"flagged","error_code":"CONTENT_MODERATION","classification":{"category":"safety"},"retryable":false}}}}' \
		moderation '.'
}

@test "errors: integer status, error only, empty object, an HTML page, nothing" {
	stub_script '{"on":"create","prompt":"integer","do":{"status":400,"body":{"status":400,"error":"bad seed","details":["a"]}}}'
	stub_script '{"on":"create","prompt":"only","do":{"status":400,"body":{"error":"bad width"}}}'
	stub_script '{"on":"create","prompt":"empty","do":{"status":400,"body":{}}}'
	stub_script '{"on":"create","prompt":"page","do":{"status":400,"type":"text/html","body":"<html><head><title>Oh no</title></head><script>x</script></html>"}}'
	stub_script '{"on":"create","prompt":"nothing","do":{"status":400,"body":""}}'
	mount_up
	for id in integer only empty page nothing; do
		ask $id "shape $id"
		wait_state $id failed
		equal "$(field $id .error.class)" invalid
		[ -n "$(field $id '.error.message // ""')" ]
		refute grep -q '<script' "$M/status/$id.json"
	done
	matches "$(field integer '.error | tostring')" 'bad seed'
	matches "$(field only '.error | tostring')" 'bad width'
}

@test "errors: X-Request-Id is kept for the support" {
	stub_script '{"on":"create","do":{"status":400,"headers":{"X-Request-Id":"req-123"},"body":{"message":"no"}}}'
	mount_up
	ask fox "a fox"
	wait_state fox failed
	equal "$(field fox .error.request_id)" req-123
}

# Limits.

@test "429 with Retry-After: it waits so long, and fails nothing" {
	stub_script '{"on":"create","nth":1,"do":{"status":429,"headers":{"Retry-After":"2"},"body":{"message":"slow down"}}}'
	mount_up -o api.busy_pause=600
	began=$(date +%s%N)
	ask fox "a fox"
	ask owl "an owl"
	got fox "a fox"
	got owl "an owl"
	[ $((($(date +%s%N) - began) / 1000000)) -ge 1900 ]
	equal "$(stub_count create)" 3
}

@test "429 with Retry-After as an HTTP date" {
	when=$(LC_ALL=C date -u -d '+2 seconds' '+%a, %d %b %Y %H:%M:%S GMT')
	served '{"on":"create","nth":1,"do":{"status":429,"headers":{"Retry-After":"'"$when"'"},"body":{}}}'
	equal "$(stub_count create)" 2
}

@test "429 without Retry-After: it pauses all creates for busy_pause" {
	stub_script '{"on":"create","nth":1,"do":{"status":429,"body":{"error":"Too many requests"}}}'
	mount_up
	began=$(date +%s%N)
	for id in 1 2 3; do ask $id "fox $id"; done
	for id in 1 2 3; do got $id "fox $id"; done
	[ $((($(date +%s%N) - began) / 1000000)) -ge 900 ]
	equal "$(stub_count create)" 4
}

@test "429 on a poll does no harm" {
	served '{"on":"poll","nth":[1,2],"do":{"status":429,"headers":{"Retry-After":"1"},"body":{}}}'
}

@test "never earn a 429: the window of creates is kept" {
	stub_limits '{"creates":3,"window_ms":2000}'
	mount_up -o limits.creates_per_minute=3 -o limits.window=2
	for id in 1 2 3 4 5 6 7; do ask $id "fox $id"; done
	for id in 1 2 3 4 5 6 7; do got $id "fox $id"; done
	equal "$(stub_count refused)" 0
	equal "$(stub_count create)" 7
}

@test "never earn a 429: the number running at once is kept" {
	held_predictions
	stub_limits '{"running":2}'
	mount_up -o limits.concurrent=2
	for id in 1 2 3 4 5; do ask $id "fox $id"; done
	stub_wait create 2
	wait_state 2 processing
	stub_script '{"on":"prediction","do":{"hold":false}}'
	equal "$(stub_count create)" 2
	stub_release
	for id in 1 2 3 4 5; do got $id "fox $id"; done
	equal "$(stub_count refused)" 0
	[ "$(curl -fsS "$STUB/control/stats" | jq .peak)" -le 2 ]
}

@test "a service that allows less than we think: all come in the end" {
	stub_limits '{"creates":2,"window_ms":1500,"retry_after":1}'
	mount_up
	for id in 1 2 3 4; do ask $id "fox $id"; done
	for id in 1 2 3 4; do got $id "fox $id"; done
	[ "$(stub_count refused)" -ge 1 ]
}

# Trouble and lost connections.

@test "5xx on create: tried again" {
	served '{"on":"create","nth":[1,2],"do":{"status":500,"body":{"message":"oops"}}}'
	equal "$(stub_count create)" 3
	equal "$(field fox .attempts)" 3
}

@test "5xx, HTML and nonsense on polls: tried again, with one create" {
	stub_script '{"on":"poll","nth":1,"do":{"status":502,"type":"text/html","body":"<html>Bad gateway</html>"}}'
	stub_script '{"on":"poll","nth":2,"do":{"status":200,"type":"text/html","body":"<html>hello</html>"}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "404 on the first polls is lag; a lasting one is an error" {
	served '{"on":"poll","nth":1,"do":{"status":404,"body":{"message":"unknown prediction"}}}'
	stub_script '{"on":"poll","prompt":"lost","do":{"status":404,"body":{"message":"unknown prediction"}}}'
	ask lost "a lost one"
	wait_state lost failed
	equal "$(stub_count create)" 2
}

@test "a create that was sent and dropped is not sent again by default" {
	stub_script '{"on":"create","do":{"drop":true}}'
	mount_up
	ask fox "a fox"
	wait_state fox held
	equal "$(field fox .error.class)" uncertain
	asked_once
}

asked_once() {
	stub_script '{"on":"create","do":{}}'
	ask owl "an owl"
	got owl "an owl"
	equal "$(stub_count create fox)" 1
}

@test "a create on a kept-alive connection that dies is sent once" {
	stub_script '{"on":"create","nth":2,"do":{"drop":true}}'
	mount_up
	ask owl "an owl"
	got owl "an owl"
	ask fox "a fox"
	wait_state fox held
	equal "$(stub_count create fox)" 1
}

@test "a create that is reset or cut in its answer is uncertain too" {
	stub_script '{"on":"create","prompt":"reset","do":{"reset":true}}'
	stub_script '{"on":"create","prompt":"cut","do":{"cut":5}}'
	mount_up
	for id in reset cut; do
		ask $id "one $id"
		wait_state $id held
		equal "$(field $id .error.class)" uncertain
		equal "$(stub_count create "$id")" 1
	done
}

@test "a create without an answer within the idle timeout is uncertain" {
	stub_script '{"on":"create","do":{"hold":true}}'
	mount_up -o api.idle_timeout=1
	ask fox "a fox"
	wait_state fox held
	equal "$(field fox .error.class)" uncertain
	asked_once
}

@test "ambiguous_create = retry sends it again" {
	stub_script '{"on":"create","nth":1,"do":{"drop":true}}'
	mount_up -o api.ambiguous_create=retry
	ask fox "a fox"
	got fox "a fox"
	equal "$(stub_count create)" 2
}

@test "2xx on create without a predictionID is uncertain" {
	stub_script '{"on":"create","do":{"status":200,"body":{"status":"success"}}}'
	mount_up
	ask fox "a fox"
	wait_state fox held
	equal "$(field fox .error.class)" uncertain
	equal "$(stub_count create)" 1
}

@test "a captive portal's page instead of the service: it waits, and goes on" {
	stub_script '{"on":"create","nth":1,"do":{"status":200,"type":"text/html","body":"<html><title>Sign in</title></html>"}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
}

@test "no service at the start: requests wait and are served when it comes" {
	mount_up -o "api.base_url=http://127.0.0.1:$(free_port)/v1"
	ask fox "a fox"
	wait_state fox queued
	equal "$(stub_count create)" 0
	remount
	got fox "a fox"
}

# A port on which nobody listens.
free_port() {
	"$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

@test "dropped and reset polls: tried again" {
	stub_script '{"on":"poll","nth":1,"do":{"drop":true}}'
	stub_script '{"on":"poll","nth":2,"do":{"reset":true}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "a stalled poll: tried again after the idle timeout" {
	stub_script '{"on":"poll","nth":1,"do":{"hold":true}}'
	mount_up -o api.idle_timeout=1
	ask fox "a fox"
	got fox "a fox"
	equal "$(stub_count create)" 1
}

@test "one stalled call does not hold up the others" {
	stub_script '{"on":"poll","prompt":"slow","nth":1,"do":{"hold":true}}'
	mount_up -o api.idle_timeout=15
	ask slow "a slow one"
	stub_wait poll 1 slow
	ask fox "a fox"
	got fox "a fox"
	timeout 2 ls -l "$M/images" >/dev/null
	stub_release
	got slow "a slow one"
}

@test "an endless answer to a poll is cut off" {
	served '{"on":"poll","nth":1,"do":{"endless":true}}'
}

# Downloads.

@test "a cut download: tried again, and whole in the end" {
	served '{"on":"download","nth":1,"do":{"cut":100}}'
	[ "$(stub_count download)" -ge 2 ]
	equal "$(stub_count create)" 1
}

@test "a download that is cut each time is an error, never a file" {
	fails '{"on":"download","do":{"cut":100}}' download '.'
	open_says fox EIO
	equal "$(find "$T/library" -type f | wc -l)" 0
}

@test "a picture that is cut inside a whole answer is an error" {
	fails '{"on":"download","do":{"cut":100,"length":100}}' download 'cut|short|damaged|whole|incomplete'
}

@test "a download with too few or too many bytes for its length" {
	stub_script '{"on":"download","nth":1,"do":{"length":100000}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
}

@test "an HTML page, JSON, nothing, a GIF, noise: an error, never a file" {
	for kind in html json empty gif noise; do
		stub_script '{"on":"prediction","prompt":"'$kind'","do":{"picture":"'$kind'"}}'
	done
	mount_up
	for kind in html json empty gif noise; do ask $kind "as $kind"; done
	for kind in html json empty gif noise; do
		wait_state $kind failed
		equal "$(field $kind .error.class)" download
		open_says $kind EIO
	done
	matches "$(field html .error.message)" 'html'
	equal "$(find "$T/library" -type f | wc -l)" 0
	equal "$(stub_count create)" 5
}

@test "a download over max_image_bytes is an error" {
	stub_script '{"on":"prediction","do":{"pixels":[300,300]}}'
	mount_up -o limits.max_image_bytes=65536
	ask fox "a fox"
	wait_state fox failed
	equal "$(field fox .error.class)" download
	matches "$(field fox .error.message)" 'large|max_image_bytes|64'
}

@test "an endless download is cut off at max_image_bytes" {
	stub_script '{"on":"download","do":{"endless":true}}'
	mount_up -o limits.max_image_bytes=262144
	ask fox "a fox"
	wait_state fox failed
	equal "$(field fox .error.class)" download
	equal "$(find "$T/library" -type f | wc -l)" 0
}

@test "a stalled download: tried again after the idle timeout" {
	stub_script '{"on":"download","nth":1,"do":{"cut":200,"stall":true}}'
	mount_up -o api.idle_timeout=1
	ask fox "a fox"
	got fox "a fox"
}

@test "a dripping download arrives whole" {
	served '{"on":"download","do":{"drip":[500,20]}}'
}

@test "a dead link: the service is asked for a new one" {
	served '{"on":"download","nth":1,"do":{"status":404,"body":"gone"}}'
	equal "$(stub_count create)" 1
	[ "$(stub_count poll)" -ge 2 ]
}

@test "5xx from the CDN: tried again" {
	served '{"on":"download","nth":1,"do":{"status":503,"body":"busy"}}'
	equal "$(stub_count create)" 1
}

@test "a download may be redirected" {
	served '{"on":"download","nth":1,"do":{"redirect":"api"}}'
}

@test "a download in a circle of redirects ends as an error" {
	fails '{"on":"download","do":{"redirect":"cdn"}}' download '.'
}

# Keys and hosts.

@test "the CDN never sees the key" {
	mount_up
	ask fox "a fox"
	echo '{"prompt": "a cat", "hf_api_token": "hf_abcdefghijkl", "lora_weights": "huggingface.co/a/b"}' >"$M/requests/cat"
	got fox "a fox"
	got cat "a cat"
	equal "$(stub_count leak)" 0
	equal "$(jq -r 'select(.host == "cdn") | .key' "$T/calls" | sort -u)" none
}

@test "auth = x-api-key (default) and bearer" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(jq -r 'select(.kind == "create") | .headers | [has("x-api-key"), has("authorization")] | tostring' "$T/calls")" \
		'[true,false]'
	remount -o api.auth=bearer
	ask owl "an owl"
	got owl "an owl"
	equal "$(jq -r 'select(.kind == "create") | .headers | [has("x-api-key"), has("authorization")] | tostring' "$T/calls" |
		tail -n 1)" '[false,true]'
}

@test "a redirect of a create to another host is refused and does not carry the key" {
	served '{"on":"create","nth":[1,2],"do":{"redirect":"cdn","status":307}}'
	equal "$(stub_count leak)" 0
	equal "$(stub_count other)" 0
	equal "$(stub_count create)" 3
}

ended() {
	has_state "$1" failed || has_state "$1" held
}

@test "a redirect of a poll to another host is refused and does not carry the key" {
	served '{"on":"poll","nth":[1,2],"do":{"redirect":"cdn"}}'
	equal "$(stub_count leak)" 0
	equal "$(stub_count other)" 0
}

@test "a redirect on the same host keeps POST a POST" {
	stub_script '{"on":"create","nth":1,"do":{"redirect":"api","status":302}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(jq -r 'select(.kind == "create") | .method' "$T/calls" | paste -sd' ')" "POST POST"
	equal "$(jq -c 'select(.kind == "create") | .body.input.prompt' "$T/calls" | sort -u)" '"a fox"'
}

# Hostile texts.

@test "hostile prediction ids stay text: no path, no header, no file name" {
	mount_up
	hostile slashes '../../../../etc/passwd'
	hostile dots '..'
	hostile query 'a?b=c#d&e'
	hostile spaces 'a b\tc'
	hostile umlaut 'füchse/狐'
	hostile crlf 'x\r\nX-Injected: yes'
	hostile percent '%2e%2e%2f%00'
	hostile quote "x'; DROP TABLE job; --"
	equal "$(grep -c -i '"x-injected"' "$T/calls" || :)" 0
	equal "$(find "$T/library" -type f -name '*.png' | wc -l)" 8
	equal "$(find "$T/library" -type f | grep -vE '/[0-9-]{10}/[0-9]{6}-[a-z]+\.(png|json)$' || :)" ""
}

# hostile ID PREDICTION_ID
hostile() {
	stub_script "{\"on\":\"prediction\",\"prompt\":\"$1\",\"do\":{\"id\":\"$2\"}}"
	ask "$1" "by $1"
	got "$1" "by $1"
	equal "$(field "$1" .prediction_id)" "$(jq -rn "\"$2\"")"
}

@test "a hostile prediction id never reaches another request's name" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	stub_script '{"on":"prediction","prompt":"owl","do":{"id":"fox"}}'
	ask owl "an owl"
	got owl "an owl"
	got fox "a fox"
}

@test "an id of 5,000 bytes, an empty one, and a number" {
	long=$(printf 'x%.0s' {1..5000})
	stub_script '{"on":"create","prompt":"long","do":{"status":200,"body":{"predictionID":"'"$long"'"}}}'
	stub_script '{"on":"create","prompt":"empty","do":{"status":200,"body":{"predictionID":""}}}'
	mount_up
	for id in long empty; do
		ask $id "one $id"
		wait_for ended $id
		equal "$(stub_count create "$id")" 1
	done
	stub_script '{"on":"prediction","prompt":"fox","do":{"id":"77"}}'
	stub_script '{"on":"create","prompt":"fox","do":{"status":200,"body":{"predictionID":77}}}'
	ask fox "a fox"
	got fox "a fox"
	equal "$(field fox .prediction_id)" 77
}

@test "hostile links: other schemes, nonsense, and very long ones are refused" {
	link file 'file:///etc/passwd'
	link ftp 'ftp://127.0.0.1/x.png'
	link data 'data:image/png;base64,AAAA'
	link gopher 'gopher://127.0.0.1/x'
	link relative '/etc/passwd'
	link nothing 'http://'
	link long "http://127.0.0.2/$(printf 'x%.0s' {1..9000})"
	mount_up
	for id in file ftp data gopher relative nothing long; do ask $id "link $id"; done
	for id in file ftp data gopher relative nothing long; do
		wait_state $id failed
		equal "$(field $id .error.class)" download
	done
	equal "$(find "$T/library" -type f | wc -l)" 0
}

link() {
	stub_script "{\"on\":\"prediction\",\"prompt\":\"link $1\",\"do\":{\"link\":\"$2\"}}"
}

@test "a redirect of a download to a file: URL is refused" {
	fails '{"on":"download","do":{"redirect":"file:///etc/passwd"}}' download '.'
}

@test "texts of the service with control characters and markup stay one harmless line" {
	stub_script '{"on":"create","do":{"status":400,"body":{"message":"a\u001b[31mred\u0007\nline two","details":"<b>&"}}}'
	mount_up
	ask fox "a fox"
	wait_state fox failed
	refute grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$M/images/fox.error.txt"
	jq -e . "$M/status/fox.json" >/dev/null
	refute grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$T/log"
}

@test "deeply nested and huge JSON from the service does no harm" {
	deep=$(printf '[%.0s' {1..3000})$(printf ']%.0s' {1..3000})
	stub_script '{"on":"poll","nth":1,"do":{"status":200,"body":"{\"status\":\"success\",\"output\":'"$deep"'}"}}'
	mount_up
	ask fox "a fox"
	wait_for finished fox
	ask owl "an owl"
	got owl "an owl"
}

finished() {
	ended "$1" || has_state "$1" ready
}
