# shellcheck shell=bash
# A desktop without a screen, of one test: an X server, a session bus, what the bus starts, and a mount below $HOME, where
# side bars show it. Load after ../lib/mount; setup calls desktop_make, teardown desktop_remove.
#
# Every process of it has PIMAGEFS_DESKTOP=$T in its environment, whoever started it: so all of them are found at the end.
# What a window shows is known by colours that no theme has: the service makes plain pictures of them. With SHOTS=FOLDER
# the screenshots stay there, to be looked at.

desktop_make() {
	need Xvfb
	need dbus-daemon
	need xdotool
	need import
	sandbox_make
	M=$HOME/pictures-to-be
	printf '%s' "$M" >"$T/pattern"
	mkdir "$M" "$HOME/.config"
	mkdir -m 700 "$T/run"
	export XDG_CONFIG_HOME=$HOME/.config XDG_CACHE_HOME=$HOME/.cache XDG_DATA_HOME=$HOME/.local/share
	export XDG_RUNTIME_DIR=$T/run GDK_BACKEND=x11 NO_AT_BRIDGE=1 GTK_A11Y=none GSK_RENDERER=cairo
	export LIBGL_ALWAYS_SOFTWARE=1 GVFS_DISABLE_FUSE=1 GSETTINGS_BACKEND=memory
	unset DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS SESSION_MANAGER
	# shellcheck disable=SC2034 # of wait_for
	LIMIT=$((60 * ${TEST_PATIENCE:-1}))
}

# on_desktop COMMAND...: in the background; it belongs to the desktop.
on_desktop() {
	PIMAGEFS_DESKTOP=$T "$@" >>"$T/desktop.out" 2>&1 </dev/null 3>&- 4>&- &
}

desktop_up() {
	PIMAGEFS_DESKTOP=$T Xvfb -displayfd 9 -screen 0 1000x680x24 -nolisten tcp -noreset 9>"$T/display" \
		>"$T/x.out" 2>&1 </dev/null 3>&- 4>&- &
	wait_for test -s "$T/display"
	DISPLAY=:$(cat "$T/display")
	export DISPLAY
	PIMAGEFS_DESKTOP=$T dbus-daemon --session --nofork --nopidfile --print-address=9 9>"$T/bus" \
		>"$T/bus.out" 2>&1 </dev/null 3>&- 4>&- &
	wait_for test -s "$T/bus"
	DBUS_SESSION_BUS_ADDRESS=$(cat "$T/bus")
	export DBUS_SESSION_BUS_ADDRESS
}

desktop_pids() {
	grep -lzFx "PIMAGEFS_DESKTOP=$T" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
}

no_desktop() {
	local pids
	pids=$(desktop_pids)
	# shellcheck disable=SC2086 # a list
	[ -z "$pids" ] || { kill ${1:-} $pids 2>/dev/null || :; false; }
}

desktop_remove() {
	local left=0
	[ -n "${T:-}" ] || return 0
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tell_of_desktop
	[ -z "${SHOTS:-}" ] || cp "$T"/*.png "$SHOTS" 2>/dev/null || :
	LIMIT=20 wait_for no_desktop >/dev/null || wait_for no_desktop -9 || left=1
	sandbox_remove && return $left
}

tell_of_desktop() {
	tail -n 20 "$T/desktop.out" "$T/bus.out" 2>/dev/null || :
	ls -l --time-style=full-iso "$M/images" || :
	find "$XDG_CACHE_HOME/thumbnails" -name '*.png' \
		-exec identify -format '%i %[Thumb::URI] %[Thumb::MTime]\n' {} + 2>/dev/null || :
}

# Looking.

# window TITLE: waits for it; WINDOW is its number.
window() {
	wait_for window_is_there "$1"
}

window_is_there() {
	WINDOW=$(xdotool search --onlyvisible --name "$1" 2>/dev/null | tail -n 1)
	[ -n "$WINDOW" ]
}

no_window() {
	! xdotool search --name "$1" >/dev/null 2>&1
}

shot() {
	timeout 20 import -silent -window root "$1"
}

# shows COLOUR: there is a thumbnail of it on the screen.
shows() {
	shot "$T/now.png"
	convert "$T/now.png" -define histogram:unique-colors=true -format %c histogram:info:- |
		awk -v colour="#${1^^}" 'index($0, colour) && $1 + 0 >= 150 { found = 1 } END { exit !found }'
}

# looks_like FILE AREA: the screen does, there.
looks_like() {
	shot "$T/now.png"
	compare -metric AE -extract "$2" "$1" "$T/now.png" null: >"$T/compare.out" 2>&1
}

# Nobody of the desktop is inside a call that the mount has not answered.
nobody_waits() {
	local pid
	for pid in $(desktop_pids); do
		! grep -qs request_wait_answer "/proc/$pid/task"/*/wchan || return 1
	done
}

# thumbnail FILE: the path of the one that the cache has, whatever its size, whoever made it.
thumbnail() {
	local name
	name=$(printf 'file://%s' "$1" | md5sum | cut -d' ' -f1)
	find "$XDG_CACHE_HOME/thumbnails" -path '*/fail' -prune -o -name "$name.png" -print 2>/dev/null | head -n 1
}

# has_thumbnail FILE: and it says of which file, and of which time of it.
has_thumbnail() {
	local of
	of=$(thumbnail "$1")
	[ -n "$of" ] || return 1
	of=$(identify -format '%[Thumb::URI] %[Thumb::MTime]' "$of" 2>/dev/null)
	[ "$of" = "file://$1 $(stat -c %Y "$1")" ] || [ "$of" = "file://$1 $(stat -c %.6Y "$1")" ]
}

# no_failed_thumbnail: thumbnailers remember what they could not do.
no_failed_thumbnail() {
	equal "$(find "$XDG_CACHE_HOME/thumbnails/fail" -type f 2>/dev/null)" ""
}

# A service of plain pictures: "a COLOUR ..." (six hex digits), held if "slow" is in it.
plain_pictures() {
	local rules='{"on":"prediction","prompt":"slow","do":{"hold":true}}' colour
	for colour in "$@"; do
		rules+=",{\"on\":\"prediction\",\"prompt\":\"a $colour\",\"do\":{\"colour\":\"$colour\",\"pixels\":[400,300]}}"
		rules+=",{\"on\":\"prediction\",\"prompt\":\"a $colour slow\",\"do\":{\"hold\":true,\"colour\":\"$colour\",\"pixels\":[400,300]}}"
	done
	rules+=',{"on":"prediction","prompt":"photo","do":{"picture":"baseline.jpg"}}'
	stub_script "$rules"
}
