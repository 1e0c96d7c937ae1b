#!/usr/bin/env bats
# The service at its worst: every answer shape, limits, lost connections, hostile texts.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

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

@test "a redirect of a poll to another host is refused and does not carry the key" {
	served '{"on":"poll","nth":[1,2],"do":{"redirect":"cdn"}}'
	equal "$(stub_count leak)" 0
	equal "$(stub_count other)" 0
}

@test "a redirect on the same host keeps POST a POST" {
	stub_script '{"on":"create","nth":1,"do":{"redirect":"api","status":307}}'
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(jq -r 'select(.kind == "create") | .method' "$T/calls" | paste -sd' ')" "POST POST"
	equal "$(jq -c 'select(.kind == "create") | .body.input.prompt' "$T/calls" | sort -u)" '"a fox"'
}

@test "a redirect that would make a GET of a create is uncertain, and not posted again" {
	stub_script '{"on":"create","nth":1,"do":{"redirect":"api","status":302}}'
	mount_up
	ask fox "a fox"
	wait_state fox held
	equal "$(field fox .error.class)" uncertain
	equal "$(stub_count create)" 1
}

@test "a certificate that does not verify is said at once, and ca_file helps" {
	stub_start
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=stand-in \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$T/tls.key" -out "$T/tls.pem" 2>/dev/null
	"$PYTHON" "$HERE/stub/tls.py" "$T/tls.pem" "$T/tls.key" "${STUB#http://}" "$T/tls.port" $$ \
		>"$T/tls.out" 2>&1 </dev/null 3>&- 4>&- &
	PIDS+=("$!")
	wait_for test -s "$T/tls.port"
	url="https://127.0.0.1:$(cat "$T/tls.port")/v1"
	mount_up -o "api.base_url=$url"
	ask fox "a fox"
	wait_state fox failed
	equal "$(field fox .error.class)" network
	matches "$(field fox .error.message)" 'certificate'
	matches "$(field fox .error.hint)" 'ca_file'
	equal "$(stub_count create)" 0
	remount -o "api.base_url=$url" -o "api.ca_file=$T/tls.pem"
	echo "retry fox" >"$M/control/ctl"
	got fox "a fox"
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
	equal "$(find "$T/library" -type f ! -name .pimagefs-library | grep -vE '/[0-9-]{10}/[0-9]{6}-[a-z]+\.(png|json)$' || :)" ""
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

@test "an id of 5,000 bytes, an empty one, and a number are none: uncertain, created once" {
	long=$(printf 'x%.0s' {1..5000})
	stub_script '{"on":"create","prompt":"long","do":{"status":200,"body":{"predictionID":"'"$long"'"}}}'
	stub_script '{"on":"create","prompt":"empty","do":{"status":200,"body":{"predictionID":""}}}'
	stub_script '{"on":"create","prompt":"number","do":{"status":200,"body":{"predictionID":77}}}'
	mount_up
	for id in long empty number; do
		ask $id "one $id"
		wait_for ended $id
		equal "$(stub_count create "$id")" 1
	done
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
	wait_for ended fox
	ask owl "an owl"
	got owl "an owl"
}
