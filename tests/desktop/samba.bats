#!/usr/bin/env bats
# The mount and the library shared by Samba, as config/doc/sharing.md says; smbd is this test's own, on loopback.

load ../lib/mount

setup() {
	need_root
	PATH=$PATH:/usr/sbin
	need smbd
	need smbclient
	sandbox_make
}

teardown() {
	smbd_end
	sandbox_remove
}

# smbd_up: all that it keeps lies below $T/smb; $T/smb/port says where it listens.
smbd_up() {
	local port
	mkdir -p "$T"/smb/{private,lock,state,cache,pid,rpc}
	port=$("$PYTHON" -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
	echo "$port" >"$T/smb/port"
	cat >"$T/smb/smb.conf" <<-CONF
		[global]
		smb ports = $port
		interfaces = 127.0.0.1/8
		bind interfaces only = yes
		server role = standalone server
		map to guest = Bad User
		guest account = root
		disable spoolss = yes
		load printers = no
		private dir = $T/smb/private
		lock directory = $T/smb/lock
		state directory = $T/smb/state
		cache directory = $T/smb/cache
		pid directory = $T/smb/pid
		ncalrpc dir = $T/smb/rpc
		log file = $T/smb/log
		log level = 1 smb2:10
		$(recipe | sed -e "s|/srv/pictures/library|$T/library|; s|/srv/pictures/pictures-to-be|$M|" \
			-e 's/force user = .*/force user = root/; s/valid users = .*/guest ok = yes/')
	CONF
	# At its end it ends its whole process group: not this one. It ends with this one, however that ends.
	setsid setpriv --pdeathsig TERM smbd -F -s "$T/smb/smb.conf" --no-process-group >"$T/smb/out" 2>&1 </dev/null 3>&- 4>&- &
	wait_for smb pictures ls
}

# The shares, as the documentation has them.
recipe() {
	sed -n '/^    \[prompts\]/,/^[^ ]/p' "$HERE/../config/doc/sharing.md" | sed -n 's/^    //p'
}

# It and its own processes, which have files of its folder open.
no_smbd() {
	local pids
	pids=$(find /proc/[0-9]*/fd -lname "$T/smb/*" 2>/dev/null | cut -d/ -f3 | sort -u)
	# shellcheck disable=SC2086 # a list
	[ -z "$pids" ] || { kill ${1:-} $pids 2>/dev/null || :; false; }
}

smbd_end() {
	[ -e "${T:-}/smb/smb.conf" ] || return 0
	[ -n "${BATS_TEST_COMPLETED:-}" ] || cat "$T/smb/out" "$T/smb/said" || :
	wait_for no_smbd >/dev/null || wait_for no_smbd -9
}

# smb SHARE COMMANDS: as a guest.
smb() {
	smbclient -s "$T/smb/smb.conf" -p "$(cat "$T/smb/port")" -t 120 -N "//127.0.0.1/$1" -c "$2" >"$T/smb/said" 2>&1
}

opens_deferred() {
	[ "$(grep -c push_deferred_open_message_smb2: "$T/smb/log")" -ge "$1" ]
}

@test "a pending picture is waited for, and comes whole" {
	held_predictions
	mount_up
	smbd_up
	ask fox "a red fox"
	background smb pictures "get images/fox.png $T/got"
	wait_for opens_deferred 2 # it has tried, and has tried again
	stub_release
	background_ends 0
	stub_picture "a red fox" >"$T/wanted"
	[ -s "$T/wanted" ]
	cmp "$T/got" "$T/wanted"
	equal "$(stub_count create)" 1
}

@test "a prompt that a client copies there makes one picture; a wrong one is refused; looking costs nothing" {
	mount_up
	smbd_up
	echo "a red fox" >"$T/prompt"
	smb prompts "put $T/prompt fox.txt"
	got fox "a red fox"
	smb pictures "get images/fox.png $T/got"
	cmp "$T/got" "$T/wanted"
	smb pictures "get status/fox.json $T/status"
	equal "$(jq -r .state "$T/status")" ready
	echo '{"prompt": 7}' >"$T/wrong"
	refute smb prompts "put $T/wrong wrong.json"
	smb pictures "recurse; ls"
	grep -q 'fox.png' "$T/smb/said"
	smb pictures "del images/fox.png" || :
	refute smb pictures "put $T/prompt control/ctl"
	got fox "a red fox"
	# What is deleted there is cancelled.
	held_predictions
	echo "a red hare" >"$T/prompt"
	smb prompts "put $T/prompt hare"
	stub_wait create 1 "a red hare"
	smb prompts "del hare"
	stub_wait cancel 1
	asked "a red fox" "a red hare"
}

@test "the library is for reading: the picture and its sidecar, not what is the program's own" {
	mount_up
	ask fox "a red fox"
	got fox "a red fox"
	wait_for sidecar
	smbd_up
	picture=$(find "$T/library" -name '*fox*.png' -printf '%P\n')
	smb library "get $picture $T/got"
	smb library "get ${picture%.png}.json $T/sidecar"
	equal "$(jq -r .input.prompt "$T/sidecar")" "a red fox"
	smb library "recurse; ls"
	cmp "$T/got" "$T/wanted"
	refute grep -q '^  \.[^. ]' "$T/smb/said"
	refute smb library "put $T/got new.png"
	smb library "del $picture" || : # smbclient says so, and succeeds
	test -e "$T/library/$picture"
}

sidecar() {
	find "$T/library" -name '*fox*.json' | grep -q .
}
