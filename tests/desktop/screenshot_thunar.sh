#!/bin/bash
# Of screenshots.sh: Thunar on a demo mount, twice, with nothing done to the window in between: some pictures are ready, one
# has failed and three are pending; then these are there. As root it becomes "nobody": Thunar warns of root in the window.
# usage: tests/desktop/screenshot_thunar.sh PROGRAM FOLDER   (thunar-1.png, thunar-2.png)
# With Debian's xfwm4, greybird-gtk-theme and elementary-xfce-icon-theme the window looks as on a desktop.
set -eu -o pipefail
program=$1
folder=$2

if [ "$(id -u)" = 0 ]; then
	place=$(mktemp -d "${TMPDIR:-/tmp}/pimagefs-shots.XXXXXX")
	trap 'rm -rf "$place"' EXIT
	cp "$program" "$0" "$place"
	mkdir "$place/out"
	chown -R nobody: "$place"
	env -u XDG_RUNTIME_DIR TMPDIR="$place" setpriv --reuid=nobody --regid=nogroup --clear-groups \
		"$place/${0##*/}" "$place/${program##*/}" "$place/out"
	cp "$place/out"/*.png "$folder"
	exit
fi

place=$(mktemp -d "${TMPDIR:-/tmp}/pimagefs-shots.XXXXXX")
export HOME=$place/mira
mount=$HOME/pictures-to-be
settings=$HOME/.config/xfce4/xfconf/xfce-perchannel-xml
mkdir -p "$mount" "$settings" "$HOME/.config/gtk-3.0" "$place/run"
export XDG_CONFIG_HOME=$HOME/.config XDG_CACHE_HOME=$HOME/.cache XDG_DATA_HOME=$HOME/.local/share
export XDG_STATE_HOME=$HOME/.local/state XDG_RUNTIME_DIR=$place/run LC_ALL=C.UTF-8 PIMAGEFS_SHOTS=$place
export GDK_BACKEND=x11 NO_AT_BRIDGE=1 GVFS_DISABLE_FUSE=1
chmod 700 "$place/run"
cd /

clean_up() {
	fusermount3 -u "$mount" 2>/dev/null || fusermount3 -uz "$mount" 2>/dev/null || :
	grep -lzFx "PIMAGEFS_SHOTS=$place" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | grep -vx $$ | xargs -r kill 2>/dev/null || :
	for _ in $(seq 100); do rm -rf "$place" 2>/dev/null && break; sleep 0.1; done
}
trap clean_up EXIT

wait_for() {
	for _ in $(seq 300); do "$@" && return; sleep 0.1; done
	echo "waited in vain for: $*" >&2
	exit 1
}

cat >"$HOME/.config/gtk-3.0/settings.ini" <<END
[Settings]
gtk-theme-name=Greybird
gtk-icon-theme-name=elementary-xfce
gtk-font-name=Noto Sans 10
END
cat >"$settings/thunar.xml" <<END
<?xml version="1.0" encoding="UTF-8"?>
<channel name="thunar" version="1.0">
  <property name="last-location-bar" type="string" value="ThunarLocationButtons"/>
  <property name="last-icon-view-zoom-level" type="string" value="THUNAR_ZOOM_LEVEL_200_PERCENT"/>
  <property name="last-menubar-visible" type="bool" value="false"/>
  <property name="last-window-maximized" type="bool" value="true"/>
  <property name="last-separator-position" type="int" value="175"/>
  <property name="misc-thumbnail-draw-frames" type="bool" value="true"/>
</channel>
END
cat >"$settings/xfwm4.xml" <<END
<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfwm4" version="1.0">
  <property name="general" type="empty">
    <property name="theme" type="string" value="Greybird"/>
    <property name="title_font" type="string" value="Noto Sans Bold 9"/>
    <property name="use_compositing" type="bool" value="false"/>
  </property>
</channel>
END

ask() {
	printf '{"prompt": "%s", "aspect_ratio": "%s"}\n' "$2" "$3" >"$mount/requests/$1.json"
}

state_is() {
	[ "$(jq -r .state "$mount/status/$1.json")" = "$2" ]
}

has_thumbnails() {
	[ "$(find "$XDG_CACHE_HOME/thumbnails" -name '*.png' -not -path '*/fail/*' 2>/dev/null | wc -l)" -ge "$1" ]
}

# Two in a row that are the same: nothing is being drawn any more.
shoot() {
	import -silent -window root "$place/a.png"
	sleep 0.5
	import -silent -window root "$1"
	cmp -s <(convert "$place/a.png" rgb:-) <(convert "$1" rgb:-)
}

"$program" --demo "$mount"
ask aurora "aurora over a frozen lake, a lone cabin" 16:9
ask balloon "a hot air balloon over hills at sunrise" 4:3
ask bridge "a stone bridge in the fog [fail]" 16:9
ask fox "a red fox in the snow, golden hour" 4:3
ask lighthouse "a lighthouse on a cliff at dusk, one warm lamp" 3:2
ask mountains "snowy mountains mirrored in a still lake, first light" 16:9
ask whale "a whale under a starry sky, calm ocean" 3:2
for id in aurora balloon fox lighthouse mountains whale; do wait_for state_is $id ready; done
wait_for state_is bridge failed
echo pause >"$mount/control/ctl"
ask city "a city in the rain at night, neon reflections" 16:9
ask harbour "fishing boats in a quiet harbour, pastel sunrise" 4:3
ask maples "an avenue of maple trees in autumn, golden hour" 3:2

Xvfb -displayfd 9 -screen 0 1060x440x24 -nolisten tcp -noreset 9>"$place/display" >/dev/null 2>&1 &
wait_for test -s "$place/display"
DISPLAY=:$(cat "$place/display")
export DISPLAY
dbus-daemon --session --nofork --nopidfile --print-address=9 9>"$place/bus" >/dev/null 2>&1 &
wait_for test -s "$place/bus"
DBUS_SESSION_BUS_ADDRESS=$(cat "$place/bus")
export DBUS_SESSION_BUS_ADDRESS
! command -v xfwm4 >/dev/null || xfwm4 >/dev/null 2>&1 &
thunar "$mount/images" >/dev/null 2>&1 &
wait_for has_thumbnails 6
xdotool search --sync --onlyvisible --name 'images - Thunar' windowfocus >/dev/null
wait_for shoot "$folder/thunar-1.png"
echo resume >"$mount/control/ctl"
wait_for has_thumbnails 9
wait_for shoot "$folder/thunar-2.png"
