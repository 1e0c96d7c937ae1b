#!/usr/bin/env bats
# What desktops look for in every folder, and what they find. (With real file managers: tests/desktop.)
# shellcheck disable=SC2016 # the words are for another program

load ../lib/mount

# lookups LENGTH: how often the program was asked for a name of so many bytes. (libfuse tells no more of it.)
lookups() {
	grep -c "opcode: LOOKUP .* insize: $((41 + $1))," "$T/log" || :
}

@test "names that desktops look for everywhere are asked for once" {
	mount_front -d
	mkdir "$M/requests/kittens"
	for folder in . requests requests/kittens images status control by-date by-id; do
		for name in .hidden .Trash-1000 .xdg-volume-info .git; do
			for _ in 1 2 3; do refute test -e "$M/$folder/$name"; done
		done
	done
	for _ in 1 2 3; do refute test -e "$M/autorun.inf"; done
	fusermount3 -u "$M"
	front_ends
	equal "$(lookups 16)" 8 # .xdg-volume-info
	equal "$(lookups 11)" 9 # .Trash-1000, autorun.inf
	equal "$(lookups 4)" 8  # .git
}

@test "a name that could become an id is never remembered as absent" {
	mount_up
	for name in fox.png fox.error.txt autorun.inf; do
		refute test -e "$M/images/$name"
	done
	refute test -e "$M/status/fox.json"
	mkdir "$M/requests/autorun.inf"
	ask fox "a fox"
	ask autorun.inf/fox "another fox"
	get fox >/dev/null
	test -e "$M/status/fox.json"
	get autorun.inf/fox >/dev/null
	test -d "$M/images/autorun.inf"
}

@test "with other names of drafts, those that may come are asked for again" {
	mount_up -o 'requests.ignore=*.part'
	refute test -e "$M/images/.hidden"
	mkdir "$M/requests/.hidden"
	ask .hidden/fox "a fox"
	get .hidden/fox >/dev/null
	test -d "$M/images/.hidden"
}

@test "a file that was looked for can be made all the same" {
	mount_up
	refute test -e "$M/requests/.hidden"
	echo x >"$M/requests/.hidden"
	equal "$(cat "$M/requests/.hidden")" x
	rm "$M/requests/.hidden"
	refute test -e "$M/requests/.hidden"
	mkdir "$M/requests/.hidden"
	test -d "$M/requests/.hidden"
}

@test "the root has .directory with icon and comment, and .trackerignore; folders have a size" {
	mount_up
	matches "$(cat "$M/.directory")" '^Icon=folder-pictures$'
	matches "$(cat "$M/.directory")" '^Comment=.+'
	equal "$(cat "$M/.trackerignore")" ""
	equal "$(stat -c %s "$M/.trackerignore")" 0
	for folder in . requests images status control by-date by-id; do
		[ "$(stat -c %s "$M/$folder")" -gt 0 ]
	done
}

@test "make install: a template for new prompts where file managers find it, and an empty one" {
	need make
	source=$(cd "$HERE/.." && pwd)
	installed() {
		make -s -C "$source" --no-print-directory "$@" >"$T/out" 2>&1 || { cat "$T/out"; return 1; }
	}
	installed install DESTDIR="$T/dest" PREFIX=/usr
	test -f "$T/dest/usr/share/pimagefs/templates/Picture prompt.txt"
	grep -qx 'URL=.source/pimagefs-prompt.txt' "$T/dest/usr/share/templates/pimagefs-prompt.desktop"
	test -f "$T/dest/usr/share/templates/.source/pimagefs-prompt.txt"
	installed uninstall DESTDIR="$T/dest" PREFIX=/usr
	equal "$(find "$T/dest" -type f)" ""
	# For the one who installs, in the folder that is theirs.
	mkdir -p "$HOME/Vorlagen" "$XDG_CONFIG_HOME"
	echo 'XDG_TEMPLATES_DIR="$HOME/Vorlagen"' >"$XDG_CONFIG_HOME/user-dirs.dirs"
	installed install PREFIX="$HOME/.local"
	template="$HOME/Vorlagen/Picture prompt.txt"
	test -f "$template"
	mount_up
	gio copy "$template" "$M/requests/Picture prompt.txt"
	asked # nothing: it is empty
	echo "a fox" >"$M/requests/Picture prompt.txt"
	got "Picture prompt" "a fox"
	installed uninstall PREFIX="$HOME/.local"
	refute test -e "$template"
}
