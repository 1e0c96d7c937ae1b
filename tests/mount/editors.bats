#!/usr/bin/env bats
# Editors, file managers and copy tools: each ends in exactly one create.

load ../lib/mount

@test "vim writes a new request and edits an old one" {
	need vim
	mount_up
	printf ':a\na fox\n.\n:wq\n' | vim -es -N -u NONE "$M/requests/fox" >/dev/null 2>&1 || :
	got fox "a fox"
	vim -es -N -u NONE -c '%s/fox/owl/' -c wq "$M/requests/fox" </dev/null >/dev/null 2>&1 || :
	got fox "a owl"
	asked "a fox" "a owl"
}

@test "vim with backup and swap files" {
	need vim
	mount_up
	ask fox "a fox"
	got fox "a fox"
	vim -es -N -u NONE -c 'set backup backupskip= swapfile backupcopy=no' -c '%s/fox/owl/' -c wq "$M/requests/fox" \
		</dev/null >/dev/null 2>&1 || :
	got fox "a owl"
	asked "a fox" "a owl"
	equal "$(cat "$M/requests/fox~")" "a fox"
}

@test "nano writes a new request and edits an old one" {
	need nano
	mount_up
	equal "$(syscalls type 'a fox\r\x0f\r\x18' nano -I "$M/requests/fox")" exit=0
	got fox "a fox"
	equal "$(syscalls type 'x\x0f\r\x18' nano -I "$M/requests/fox")" exit=0
	got fox "xa fox"
	asked "a fox" "xa fox"
}

@test "sed -i" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	sed -i s/fox/owl/ "$M/requests/fox"
	got fox "a owl"
	asked "a fox" "a owl"
}

@test "perl -i with a backup" {
	need perl
	mount_up
	ask fox.txt "a fox"
	got fox "a fox"
	perl -i~ -pe s/fox/owl/ "$M/requests/fox.txt"
	got fox "a owl"
	asked "a fox" "a owl"
}

@test "cp, cp -p, mv, tee, dd and install" {
	mount_up
	for tool in cp cpp mv tee dd install; do echo "by $tool" >"$T/$tool"; done
	cp "$T/cp" "$M/requests/cp"
	got cp "by cp"
	cp -p "$T/cpp" "$M/requests/cpp"
	got cpp "by cpp"
	mv "$T/mv" "$M/requests/mv"
	got mv "by mv"
	tee "$M/requests/tee" <"$T/tee" >/dev/null
	got tee "by tee"
	dd if="$T/dd" of="$M/requests/dd" bs=1 status=none
	got dd "by dd"
	install -m 644 "$T/install" "$M/requests/install"
	got install "by install"
	asked "by cp" "by cpp" "by mv" "by tee" "by dd" "by install"
}

@test "cp -a of a folder" {
	mount_up
	mkdir -p "$T/set/sub"
	echo one >"$T/set/one"
	echo two >"$T/set/sub/two"
	cp -a "$T/set" "$M/requests/"
	got set/one one
	got set/sub/two two
	settle
	equal "$(stub_count create)" 3
}

@test "tar x" {
	mount_up
	mkdir "$T/set"
	echo one >"$T/set/one"
	echo two >"$T/set/two"
	tar -C "$T" -cf - set | tar -C "$M/requests" -xf -
	got set/one one
	got set/two two
	settle
	equal "$(stub_count create)" 3
}

@test "rsync -a writes by .name.XXXXXX, and a second run changes nothing" {
	need rsync
	mount_up
	mkdir "$T/set"
	echo one >"$T/set/one"
	echo two >"$T/set/two.txt"
	rsync -a "$T/set/" "$M/requests/"
	got one one
	got two two
	rsync -a "$T/set/" "$M/requests/"
	echo "one more" >"$T/set/one"
	rsync -a "$T/set/" "$M/requests/"
	got one "one more"
	settle
	equal "$(stub_count create)" 4
}

@test "rsync --inplace" {
	need rsync
	mount_up
	echo one >"$T/one"
	rsync -a --inplace "$T/one" "$M/requests/"
	got one one
	asked one
}

@test "GIO: .goutputstream-XXXXXX, then rename over the old one" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	ask .goutputstream-Q1W2E3 "a new fox"
	mv "$M/requests/.goutputstream-Q1W2E3" "$M/requests/fox"
	got fox "a new fox"
	asked "a fox" "a new fox"
}

@test "gio copy" {
	need gio
	mount_up
	echo "a fox" >"$T/fox"
	gio copy "$T/fox" "$M/requests/fox"
	got fox "a fox"
	asked "a fox"
}

@test "KIO: NAME.part, chmod and utime, then rename" {
	mount_up
	printf 'a fox' >"$M/requests/fox.txt.part"
	chmod 600 "$M/requests/fox.txt.part"
	touch -d 2024-02-02 "$M/requests/fox.txt.part"
	mv "$M/requests/fox.txt.part" "$M/requests/fox.txt"
	got fox "a fox"
	asked "a fox"
}

@test "a browser: an empty NAME, NAME.crdownload, rename over the first" {
	mount_up
	: >"$M/requests/fox.txt"
	printf 'a fox' >"$M/requests/fox.txt.crdownload"
	mv "$M/requests/fox.txt.crdownload" "$M/requests/fox.txt"
	got fox "a fox"
	asked "a fox"
}

@test "emacs: rename to NAME~, then write NAME anew" {
	mount_up
	ask fox "a fox"
	got fox "a fox"
	mv "$M/requests/fox" "$M/requests/fox~"
	ask fox "a new fox"
	got fox "a new fox"
	asked "a fox" "a new fox"
}

@test "mmap of a request for writing" {
	mount_up
	printf 'a fox' >"$M/requests/.fox"
	"$PYTHON" - "$M/requests/.fox" <<-'PY'
		import mmap, sys
		with open(sys.argv[1], "r+b") as f:
		    with mmap.mmap(f.fileno(), 5) as view:
		        view[2:5] = b"owl"
	PY
	equal "$(cat "$M/requests/.fox")" "a owl"
	mv "$M/requests/.fox" "$M/requests/fox"
	got fox "a owl"
}
