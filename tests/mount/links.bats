#!/usr/bin/env bats
# by-date/ and by-id/: symbolic links that come, lead to the picture, and go.

load ../lib/mount

# An hour at which no test is begun in another day.
zone() {
	export TZ=XST-5:30 # half past, as no server is
}

link_of() {
	find "$M/by-date" -name "*-$1" -printf '%P\n'
}

@test "by-date/ names the newest picture of each name by the local time at which it came" {
	zone
	mount_up
	equal "$(ls "$M/by-date")" ""
	ask fox "a fox"
	get fox >"$T/got"
	when=$(date -d "$(field fox .completed_at)" +%Y-%m-%d/%H%M%S)
	equal "$(link_of fox.png)" "$when-fox.png"
	equal "$(readlink "$M/by-date/$when-fox.png")" ../../images/fox.png
	cmp "$T/got" "$M/by-date/$when-fox.png"
	equal "$(stat -c '%F %s %A' "$M/by-date/$when-fox.png")" "symbolic link 20 lrwxrwxrwx"
	equal "$(find "$M/by-date" "$M/by-id" -type l | wc -l)" 2 # readdir says so too
}

@test "by-id/ lists every picture, also one whose name was asked again" {
	mount_up
	ask fox "a fox"
	get fox >"$T/first"
	first=$(field fox .prediction_id)
	equal "$(readlink "$M/by-id/$first.png")" ../images/fox.png
	ask fox "another fox"
	got fox "another fox"
	second=$(field fox .prediction_id)
	equal "$(ls "$M/by-id")" "$(printf '%s\n' "$first.png" "$second.png" | sort)"
	cmp "$T/first" "$M/by-id/$first.png"
	cmp "$M/images/fox.png" "$M/by-id/$second.png"
	equal "$(link_of fox.png | wc -l)" 1
	remount
	cmp "$T/first" "$M/by-id/$first.png"
	equal "$(link_of fox.png | wc -l)" 1
}

@test "the true ending, also of what is not listed in images/ any more" {
	stub_script '{"on":"prediction","prompt":"a jay","do":{"picture":"jpg"}}'
	mount_up
	mkdir "$M/requests/birds"
	ask birds/jay "a jay"
	got birds/jay "a jay"
	cp "$M/images/birds/jay.jpg" "$T/jay"
	jay=$(field birds/jay .prediction_id)
	equal "$(readlink "$M/by-id/$jay.jpg")" ../images/birds/jay.jpg
	matches "$(link_of birds-jay.jpg)" '^20..-..-../......-birds-jay.jpg$'
	ask birds/jay "an owl"
	get birds/jay >/dev/null
	equal "$(readlink "$M/by-id/$jay.jpg")" "../images/$jay.jpg"
	cmp "$T/jay" "$M/by-id/$jay.jpg"
	cmp "$T/jay" "$M/images/$jay.png"
	refute ls "$M/images/$jay.webp"
}

@test "they go with the picture, and move with its name" {
	mount_up
	ask fox "a fox"
	get fox >/dev/null
	mkdir "$M/requests/red"
	mv "$M/requests/fox" "$M/requests/red/fox"
	day=$(dirname "$(link_of red-fox.png)")
	equal "$(readlink "$M/by-date/$(link_of red-fox.png)")" ../../images/red/fox.png
	equal "$(link_of fox.png | wc -l)" 1
	rm "$M/images/red/fox.png"
	equal "$(find "$M/by-date" "$M/by-id" -mindepth 1)" ""
	refute ls "$M/by-date/$day"
	echo 'restore red/fox' >"$M/control/ctl"
	wait_for eval '[ "$(link_of red-fox.png | wc -l)" = 1 ]'
	test -e "$M/by-date/$(link_of red-fox.png)"
	test -s "$M/by-id/$(field red/fox .prediction_id).png"
}

@test "a picture that fails or waits has no link" {
	held_predictions
	mount_up
	ask fox "a fox"
	stub_wait create 1
	equal "$(find "$M/by-date" "$M/by-id" -mindepth 1)" ""
}

@test "rm, mv, mkdir and writing there: EPERM" {
	mount_up
	ask fox "a fox"
	get fox >/dev/null
	link=by-date/$(link_of fox.png)
	id=by-id/$(ls "$M/by-id")
	for one in "$link" "$id"; do
		equal "$(errno_of unlink "$M/$one")" EPERM
		equal "$(errno_of rename "$M/$one" "$M/${one%/*}/x.png")" EPERM
		equal "$(errno_of symlink x "$M/${one%/*}/x.png")" EPERM
		equal "$(errno_of mkdir "$M/${one%/*}/x")" EPERM
		equal "$(errno_of open "$M/${one%/*}/x" 'O_WRONLY|O_CREAT')" EPERM
	done
	equal "$(errno_of rmdir "$M/${link%/*}")" EPERM
	equal "$(errno_of unlink "$M/by-id/nothing")" ENOENT
	test -s "$M/images/fox.png"
}

no_links() {
	[ -z "$(find "$M/by-date" "$M/by-id" -mindepth 1)" ]
}

@test "images.unlink_links: rm of a link removes the picture" {
	mount_up -o images.unlink_links=yes
	for name in fox cat; do
		ask "$name" "a $name"
		get "$name" >/dev/null
	done
	rm "$M/by-date/$(link_of fox.png)"
	wait_for refute test -e "$M/images/fox.png"
	rm "$M/by-id/$(field cat .prediction_id).png"
	wait_for refute test -e "$M/images/cat.png"
	wait_for no_links
	equal "$(errno_of rmdir "$M/by-id")" EPERM
}

@test "hostile prediction ids are no file names: a digest stands for them" {
	mount_up
	hostile fox '../../../../etc/passwd'
	hostile cat '.hidden'
	hostile owl 'x\ny'
	equal "$(find "$M/by-id" -mindepth 1 -printf '%P\n' | grep -vcxE 'sha256-[0-9a-f]{64}\.png' || :)" 0
	equal "$(find "$M/by-id" -mindepth 1 | wc -l)" 3
	ask fox "another fox"
	got fox "another fox"
	for link in "$M"/by-id/*; do test -s "$link"; done
}

hostile() {
	stub_script "{\"on\":\"prediction\",\"prompt\":\"$1\",\"do\":{\"id\":\"$2\"}}"
	ask "$1" "a $1"
	got "$1" "a $1"
}

@test "a name cut off, numbers for what would collide" {
	mount_up
	mkdir "$M/requests/a"
	# Until both came in one second.
	for _ in 1 2 3 4 5; do
		ask a/b "one"
		ask a-b "two"
		wait_state a/b ready
		wait_state a-b ready
		[ "$(field a/b .completed_at | cut -c 1-19)" != "$(field a-b .completed_at | cut -c 1-19)" ] || break
	done
	equal "$(link_of 'a-b*.png' | wc -l)" 2
	for link in $(link_of 'a-b*.png'); do readlink "$M/by-date/$link"; done | sort >"$T/to"
	equal "$(paste -sd' ' "$T/to")" "../../images/a-b.png ../../images/a/b.png"
	long=$(printf 'f%.0s' {1..245})
	ask "$long" "three"
	get "$long" >/dev/null
	cmp "$M/images/$long.png" "$M/by-date/$(link_of 'ffffff*.png')"
}

@test "cp -r and find of the views end; looking at them costs nothing" {
	mount_up
	ask fox "a fox"
	get fox >/dev/null
	timeout "$LIMIT" cp -rL "$M/by-date" "$M/by-id" "$T"
	cmp "$T/by-date/$(link_of fox.png)" "$M/images/fox.png"
	timeout "$LIMIT" find "$M/by-id" -type l -xtype f -size -2 >/dev/null
	equal "$(stub_count create) $(stub_count download)" "1 1"
}
