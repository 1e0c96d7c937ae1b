#!/bin/sh
# Mount the offline demo, ask for one picture, and say how to go on.
# usage: config/demo.sh PROGRAM FOLDER
set -eu
if [ $# != 2 ]; then
	echo "usage: $0 PROGRAM FOLDER" >&2
	exit 2
fi
program=$1
mount=$2
prompt='a red fox in the snow, golden hour'

die() {
	echo "demo: $*" >&2
	exit 1
}

[ -c /dev/fuse ] || die "this system has no /dev/fuse: load the kernel's module (modprobe fuse)," \
	"or start the container with --device /dev/fuse --cap-add SYS_ADMIN"
case $mount in
/*) ;;
*) mount=$PWD/$mount ;;
esac
# A mount whose program was killed cannot even be looked at; the program mends that itself.
mkdir -p "$mount" 2>/dev/null || grep -qF " $mount fuse" /proc/mounts ||
	die "cannot make the folder $mount"

if [ -e "$mount/control/ctl" ]; then
	grep -q '^base_url *= *http://127\.0\.0\.1' "$mount/control/config.ini" ||
		die "$mount is mounted with the real service, where a picture costs money;" \
			"give another folder: make demo MOUNT=FOLDER"
	echo "The demo is mounted at $mount already."
else
	"$program" --demo "$mount" || {
		there=$(sed -n 's/^pimagefs \([^ ]*\) fuse.*/    fusermount3 -u \1/p' /proc/mounts)
		[ -z "$there" ] || printf 'What is mounted now ends with:\n%s\n' "$there" >&2
		die "the demo could not be mounted at $mount"
	}
	echo "Mounted the offline demo at $mount."
fi

echo "\$ echo '$prompt' > $mount/requests/fox"
echo "$prompt" >"$mount/requests/fox" ||
	die "the request was refused: see $mount/status/fox.json"
echo "\$ cat $mount/images/fox.png        (this waits for the picture)"
bytes=$(wc -c <"$mount/images/fox.png") || {
	cat "$mount/images/fox.error.txt" >&2 || :
	die "no picture came: see $mount/status/fox.json"
}

# A word of a shell's line.
at=$mount
case $at in
*[!A-Za-z0-9/._+,:@%-]*) at=\'$(printf '%s' "$at" | sed "s/'/'\\\\''/g")\' ;;
esac

cat <<END

$mount/images/fox.png: $bytes bytes.
No model made this picture: the demo is a service of its own on this machine that draws one from
the words of the prompt. With a key of each::labs the same folder gives the model's pictures.

Go on:

    xdg-open $at/images               # in a file manager
    echo "a quiet lake at night" > $at/requests/lake
    cat $at/images/lake.png > ~/lake.png          # waits until the picture is there
    cat $at/status/lake.json
    ls -l $at/images
    cat $at/README.txt

It stays mounted. To end it:

    cd && fusermount3 -u $at
END
