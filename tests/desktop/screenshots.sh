#!/bin/bash
# Pictures of Thunar and of the gallery, from demo mounts: config/screenshot.jpg and config/gallery.jpg for the README, and
# all of them in FOLDER to look at.
# usage: tests/desktop/screenshots.sh [FOLDER]   (build/screenshots)
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
mkdir -p "${1:-build/screenshots}"
folder=$(realpath "${1:-build/screenshots}")
program=$(realpath "${PIMAGEFS:-build/release/pimagefs}")
place=$(mktemp -d "${TMPDIR:-/tmp}/pimagefs-shots.XXXXXX")
mount=$place/pictures-to-be
mkdir "$mount"

clean_up() {
	fusermount3 -u "$mount" 2>/dev/null || fusermount3 -uz "$mount" 2>/dev/null || :
	# The daemon lets go of its files a moment after the mount.
	for _ in $(seq 100); do rm -rf "$place" 2>/dev/null && break; sleep 0.1; done
}
trap clean_up EXIT

ask() {
	mkdir -p "$mount/requests/$(dirname "$1")"
	printf '{"prompt": "%s", "aspect_ratio": "%s"%s}\n' "$2" "$3" "${4:-}" >"$mount/requests/$1.json"
}

XDG_DATA_HOME=$place/data XDG_STATE_HOME=$place/state XDG_CONFIG_HOME=$place/config "$program" --demo "$mount"
lora=', "lora_weights": "huggingface.co/example/old-prints", "lora_scale": 0.8'
ask lighthouse "a lighthouse on a cliff at dusk, long exposure of the sea, one warm lamp" 3:2
ask cats/tabby "a tabby cat asleep on a windowsill, morning light" 1:1
ask mountains "snowy mountains mirrored in a still lake, first light" 16:9
ask forest "a misty forest of tall pines, rays of the sun" 2:3
ask dunes "desert dunes under a huge moon, night" 16:9 ', "seed": 42'
ask dunes-again "desert dunes under a small moon, clear night" 16:9 ', "seed": 43'
ask city "a city in the rain at night, neon reflections" 9:16
ask village "a small village in a green valley, spring" 3:2
ask harbour "fishing boats in a quiet harbour, pastel sunrise" 4:3
ask maples "an avenue of maple trees in autumn, golden hour" 3:4
ask whale "a whale under a starry sky, calm ocean" 16:9
ask balloons "hot air balloons over hills at sunrise" 1:1
ask castle "a castle on a hill, storm clouds, dramatic light" 3:2 "$lora"
ask meadow "a meadow of poppies, summer noon" 16:9
ask owl "an owl on a branch, full moon" 2:3
ask island "a tropical island seen from the sea, turquoise water" 16:9
ask ship "a tall ship in a gale, oil painting" 4:3 "$lora"
ask aurora "aurora over a frozen lake, a lone cabin" 16:9
ask fox "a red fox in the snow, golden hour" 1:1
ask river "a winding river at sunset, seen from above" 3:2
ask bridge "a stone bridge in the fog [fail]" 16:9
for _ in $(seq 300); do
	[ "$(jq '.states.ready + .states.failed' "$mount/control/stats.json")" = 21 ] && break
	sleep 0.1
done
sleep 1 # the page of the last change
python3 "$here/screenshots.py" "$mount" "$folder"
convert "$folder/grid-light.png" -quality 86 -strip config/gallery.jpg
"$here/screenshot_thunar.sh" "$program" "$folder"
convert "$folder/thunar-1.png" "$folder/thunar-2.png" -background '#4a5568' -splice 0x12 -append -chop 0x12 \
	-quality 88 -strip config/screenshot.jpg
echo "$folder, config/screenshot.jpg, config/gallery.jpg"
