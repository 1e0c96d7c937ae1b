#!/usr/bin/env bats
# The CDN at its worst: what is cut, endless, stalled, no picture, gone or elsewhere.
# shellcheck disable=SC2016 # $ID and $LINK are the stand-in's

load ../lib/mount

@test "a cut download: tried again, and whole in the end" {
	served '{"on":"download","nth":1,"do":{"cut":100}}'
	[ "$(stub_count download)" -ge 2 ]
	equal "$(stub_count create)" 1
}

@test "a download that is cut each time is an error, never a file" {
	fails '{"on":"download","do":{"cut":100}}' download '.'
	open_says fox EIO
	equal "$(find "$T/library" -type f ! -name .pimagefs-library | wc -l)" 0
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
	equal "$(find "$T/library" -type f ! -name .pimagefs-library | wc -l)" 0
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
	equal "$(find "$T/library" -type f ! -name .pimagefs-library | wc -l)" 0
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
	equal "$(find "$T/library" -type f ! -name .pimagefs-library | wc -l)" 0
}

link() {
	stub_script "{\"on\":\"prediction\",\"prompt\":\"link $1\",\"do\":{\"link\":\"$2\"}}"
}

@test "a redirect of a download to a file: URL is refused" {
	fails '{"on":"download","do":{"redirect":"file:///etc/passwd"}}' download '.'
}
