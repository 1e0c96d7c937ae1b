#!/usr/bin/env bats
# The key and hf_api_token are seen by the service and by nobody else.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's, and scripts get their own $0

load ../lib/mount

TOKEN=hf_SecretSecretSecret42

# Everything that a mount shows and leaves: no secret in any of it, but in the request file that the user wrote.
nowhere() {
	local pid
	find "$M" -path "$M/requests" -prune -o -type f -print0 | xargs -0 -n 20 timeout "$LIMIT" cat >"$T/shown" 2>/dev/null || :
	[ -s "$T/shown" ]
	refute grep -F -e "$KEY" -e "$TOKEN" "$T/shown"
	refute grep -F -e "$KEY" -e "$TOKEN" "$T/log" "$T/start.out"
	refute grep -rF -e "$KEY" -e "$TOKEN" "$T/library"
	refute grep -raF -e "$KEY" "$T/state"
	for pid in $(daemon_pids); do
		refute grep -qaF -e "$KEY" -e "$TOKEN" "/proc/$pid/cmdline" "/proc/$pid/environ"
	done
}

with_token() {
	printf '{"prompt": "%s", "lora_weights": "huggingface.co/a/b", "hf_api_token": "%s"}\n' "$2" "$TOKEN" >"$M/requests/$1"
}

@test "a served request: the service got the token, and it is shown nowhere" {
	mount_up -o log.level=debug
	with_token fox.json "a fox"
	got fox "a fox"
	equal "$(stub_last_create | jq -r .input.hf_api_token)" "***"
	equal "$(field fox .request.hf_api_token)" "***"
	nowhere
	equal "$(stub_count leak)" 0
}

@test "a service that echoes the key and the token in its errors" {
	stub_script '{"on":"create","do":{"status":400,"body":{"message":"bad token '"$TOKEN"' for key '"$KEY"'","details":{"X-API-Key":"'"$KEY"'"}}}}'
	mount_up
	with_token fox.json "a fox"
	wait_state fox failed
	nowhere
}

@test "a failed prediction that echoes the token" {
	stub_script '{"on":"poll","do":{"answer":{"status":"error","output":"cannot load lora with '"$TOKEN"'"}}}'
	mount_up
	with_token fox.json "a fox"
	wait_state fox failed
	nowhere
}

@test "a refused request with a token in it" {
	mount_up
	run ! bash -c 'printf %s "$1" >"$0"' "$M/requests/fox.json" "{\"prompt\": \"a\", \"hf_api_tokn\": \"$TOKEN\"}"
	run ! bash -c 'printf %s "$1" >"$0"' "$M/requests/owl.json" "{\"prompt\": 1, \"hf_api_token\": \"$TOKEN\"}"
	nowhere
}

@test "lost connections, refused keys and redirects" {
	stub_script '{"on":"create","prompt":"lost","do":{"drop":true}}'
	stub_script '{"on":"create","prompt":"moved","nth":1,"do":{"redirect":"cdn","status":307}}'
	stub_script '{"on":"create","prompt":"key","do":{"status":401,"body":{"message":"the key '"$KEY"' is wrong"}}}'
	mount_up
	for id in lost moved key; do
		with_token $id.json "one $id"
		wait_for ended $id
	done
	nowhere
	equal "$(stub_count leak)" 0
}

@test "a key in the INI, a token in [defaults]" {
	prepare
	sed -i "s|^key_file.*|key = $KEY|" "$T/ini"
	printf '[defaults]\nhf_api_token = %s\n' "$TOKEN" >>"$T/ini"
	chmod 600 "$T/ini"
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(stub_last_create | jq -r .input.hf_api_token)" "***"
	nowhere
}

@test "state and log are private to the user" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	equal "$(stat -c %a "$T/state")" 700
	equal "$(find "$T/state" -type f -perm /077)" ""
	equal "$(stat -c %a "$T/log")" 600
}

@test "the daemon cannot be dumped or traced for its key by others" {
	need_root
	mount_up
	for pid in $(daemon_pids); do
		run setpriv --reuid=nobody --regid=nogroup --clear-groups cat "/proc/$pid/environ"
		refute test "$status" = 0
	done
}
