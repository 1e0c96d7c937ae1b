#!/usr/bin/env bats
# images.embed: what a picture was made from, in its file, as other programs read it: exiftool, exiv2, and the line
# of pairs as AUTOMATIC1111 takes it apart.
# shellcheck disable=SC2016 # prompts that look like a shell's words

load ../lib/mount

TOKEN=hf_SecretSecretSecret42
SOURCE=http://cv.iptc.org/newscodes/digitalsourcetype
MODEL=p-image-lora-text-to-image
SAMPLES=$HERE/data/pictures

# embed_up WHAT KIND...: pictures whose prompt ends in a kind come as such, or as that file of tests/data/pictures.
embed_up() {
	local what=$1 kind
	shift
	for kind; do
		stub_script "{\"on\":\"prediction\",\"prompt\":\"$kind\",\"do\":{\"picture\":\"$kind\"}}"
	done
	mount_up -o "images.embed=$what"
}

# request ID PROMPT [JSON]: with the seed 7.
request() {
	printf %s "$2" | "$PYTHON" -c 'import json, sys
prompt = sys.stdin.buffer.read().decode()
print(json.dumps({"prompt": prompt, "seed": 7, **json.loads(sys.argv[1])}, ensure_ascii=False))' "${3:-{\}}" >"$M/requests/$1.json"
}

# file_of ID: the picture is what status/ and the sidecar say, and is in $T/got; what exiftool reads of it, in $T/tags.
file_of() {
	get "$1" >"$T/got"
	equal "$(field "$1" '.image | "\(.bytes) \(.sha256)"')" "$(stat -c %s "$T/got") $(sha256sum <"$T/got" | cut -d' ' -f1)"
	equal "$(stat -c %s "$M/images/$1.png")" "$(stat -c %s "$T/got")"
	equal "$(cat "$T"/library/*/*-"$1".json | jq -r '.image | "\(.bytes) \(.sha256)"')" "$(field "$1" '.image | "\(.bytes) \(.sha256)"')"
	exiftool -j -b -n -G1 "$T/got" >"$T/tags"
}

tag() {
	jq -j --arg tag "$1" '.[0][$tag] // empty' "$T/tags"
}

# says TAG TEXT. An x keeps line ends at the end.
says() {
	equal "$(tag "$1"; echo x)" "$2x"
}

# exiv2_says KEY TEXT
exiv2_says() {
	equal "$(exiv2 -g "$1" -Pt "$T/got" 2>/dev/null)" "$2"
}

# The last line's pairs, by the expression of AUTOMATIC1111: fewer than three are none.
pairs() {
	tag "$1" | "$PYTHON" -c '
import json, re, sys
*prompt, last = sys.stdin.read().strip().split("\n")
found = re.findall(r"\s*(\w[\w \-/]+):\s*(\"(?:\\.|[^\\\"])+\"|[^,]*)(?:,|$)", last)
assert len(found) >= 3, last
for key, value in found:
    print(key, "=", json.loads(value) if value[:1] == "\"" else value, sep="")'
}

# pixels FILE: decoded by the format's own program, each frame of an animation.
pixels() {
	local n
	case $(file -b --mime-type "$1") in
	image/png) pngtopnm "$1" ;;
	image/jpeg) djpeg "$1" ;;
	image/webp)
		n=$(webpinfo "$1" | grep -c 'Chunk ANMF' || :)
		[ "$n" != 0 ] || { dwebp -quiet "$1" -pam -o -; return; }
		for n in $(seq "$n"); do
			webpmux -get frame "$n" "$1" -o "$T/frame.webp" 2>/dev/null
			dwebp -quiet "$T/frame.webp" -pam -o -
		done
		;;
	*) return 1 ;;
	esac
}

same_pixels() {
	pixels "$1" >"$T/pixels.1"
	pixels "$2" >"$T/pixels.2"
	[ -s "$T/pixels.1" ]
	cmp "$T/pixels.1" "$T/pixels.2"
}

xmp_says() {
	says XMP-dc:Description "$1"
	says XMP-iptcExt:AIPromptInformation "$1"
	says XMP-iptcExt:AISystemUsed "$MODEL at each::labs"
	says XMP-iptcExt:DigitalSourceType "$SOURCE/trainedAlgorithmicMedia"
	exiv2_says Xmp.dc.description "lang=\"x-default\" $1"
	exiv2_says Xmp.iptcExt.AIPromptInformation "$1"
	exiv2_says Xmp.iptcExt.DigitalSourceType "$SOURCE/trainedAlgorithmicMedia"
}

@test "off, as built in: the bytes are those that came" {
	stub_script '{"on":"prediction","prompt":"jpg","do":{"picture":"jpg"}},{"on":"prediction","prompt":"webp","do":{"picture":"webp"}}'
	mount_up
	for kind in png jpg webp; do
		request "$kind" "a $kind"
		got "$kind" "a $kind"
		file_of "$kind"
	done
	remount -o images.embed=off
	request again "a jpg"
	got again "a jpg"
}

@test "all in PNG: parameters and XMP, and the pixels are the same" {
	embed_up all
	request fox "a fox"
	file_of fox
	says PNG:Parameters "a fox
Seed: 7, Size: 48x27, Model: $MODEL, Software: pimagefs"
	equal "$(pairs PNG:Parameters)" "Seed=7
Size=48x27
Model=$MODEL
Software=pimagefs"
	xmp_says "a fox"
	stub_picture "a fox" >"$T/sent.png"
	same_pixels "$T/sent.png" "$T/got"
	equal "$(exiftool -validate -s3 "$T/got")" OK
	remount
	get fox | cmp - "$T/got"
}

@test "all in JPEG and WebP: EXIF's UserComment and XMP" {
	local kind size
	embed_up all jpg webp
	for kind in jpg webp; do
		request "$kind" "a $kind"
		file_of "$kind"
		equal "$(field "$kind" .image.mime)" "$(file -b --mime-type "$T/got")"
		size=$(field "$kind" '.image | "\(.width)x\(.height)"')
		says ExifIFD:UserComment "a $kind
Seed: 7, Size: $size, Model: $MODEL, Software: pimagefs"
		exiv2_says Exif.Photo.UserComment "charset=Unicode a $kind
Seed: 7, Size: $size, Model: $MODEL, Software: pimagefs"
		matches "$(pairs ExifIFD:UserComment)" '^Seed=7$'
		xmp_says "a $kind"
		stub_picture "a $kind" >"$T/sent"
		same_pixels "$T/sent" "$T/got"
		equal "$(tag ExifTool:Warning)$(tag ExifTool:Error)" ""
	done
}

@test "parameters alone, xmp alone" {
	local what
	embed_up parameters
	request fox "a fox"
	file_of fox
	matches "$(pairs PNG:Parameters)" '^Seed=7$'
	refute grep -q XMP- "$T/tags"
	remount -o images.embed=xmp
	request cat "a cat"
	file_of cat
	xmp_says "a cat"
	says PNG:Parameters ""
}

@test "every sample, animated, lossless and progressive ones too: the same pixels, and the words are in it" {
	local path name
	for path in "$SAMPLES"/[!c]*; do
		name=${path##*/}
		stub_script "{\"on\":\"prediction\",\"prompt\":\"$name\",\"do\":{\"picture\":\"$name\"}}"
	done
	mount_up -o images.embed=all
	for path in "$SAMPLES"/[!c]*; do
		name=${path##*/}
		request "${name//./-}" "$name"
		file_of "${name//./-}"
		refute cmp -s "$path" "$T/got"
		says XMP-iptcExt:AIPromptInformation "$name"
		# What that one has for EXIF, exiv2 will not go past.
		[ "$name" = thumbnail.jpg ] || exiv2_says Xmp.iptcExt.AIPromptInformation "$name"
		same_pixels "$path" "$T/got"
		case $name in
		*.webp) webpinfo -quiet "$T/got" ;;
		esac
	done
}

@test "what carries C2PA comes through byte for byte" {
	local kind
	embed_up all c2pa.png c2pa.jpg c2pa.webp
	for kind in png jpg webp; do
		request "$kind" "a c2pa.$kind"
		file_of "$kind"
		cmp "$T/got" "$SAMPLES/c2pa.$kind"
	done
}

@test "LoRA and scale are in it; the token and the link are not" {
	local kind id
	embed_up all jpg webp
	for kind in png jpg webp; do
		request "$kind" "a $kind" '{"lora_weights": "https://huggingface.co/a/b", "lora_scale": 0.5, "hf_api_token": "'"$TOKEN"'"}'
		file_of "$kind"
		id=$([ "$kind" = png ] && echo PNG:Parameters || echo ExifIFD:UserComment)
		matches "$(pairs "$id")" '^Lora=https://huggingface\.co/a/b$'
		matches "$(pairs "$id")" '^Lora scale=0\.5$'
		tr -d '\0' <"$T/got" >"$T/narrow"
		refute grep -aqF -e "$TOKEN" -e "$KEY" -e 127.0.0. -e /files/ "$T/got" "$T/narrow"
	done
}

@test "a seed that only the service knows is not made up" {
	stub_start
	mount_up -o images.embed=parameters -o defaults.seed=service
	ask fox "a fox"
	file_of fox
	equal "$(pairs PNG:Parameters)" "Size=48x27
Model=$MODEL
Software=pimagefs"
}

@test "hostile prompts: text is text" {
	local kind n=0 prompt prompts=(
		'</rdf:li></rdf:Alt> <script>alert("1")</script> & ]]> <!-- ${x} %s %n'
		$'emoji \U1f98a\U1f469\u200d\U1f3a8, \u05e9\u05dc\u05d5\u05dd \u202eright to left, e\u0301'
		$'two\nlines\n\n\tand a tab'
		$'Negative prompt: none\nSteps: 20, Sampler: Euler a, Seed: 1, Size: 1x1'
		'"quoted", \back\slash, dcterms:provenance'
	)
	embed_up all jpg webp
	for prompt in "${prompts[@]}"; do
		for kind in png jpg webp; do
			n=$((n + 1))
			request "$n" "$prompt $kind"
			file_of "$n"
			xmp_says "$prompt $kind"
			[ "$kind" = png ] && says PNG:Parameters "$prompt $kind
Seed: 7, Size: 48x27, Model: $MODEL, Software: pimagefs"
			[ "$kind" = png ] || matches "$(tag ExifIFD:UserComment | tail -n 1)" "^Seed: 7, Size: [0-9]+x[0-9]+, Model: $MODEL"
		done
	done
}

@test "a very long prompt: whole in PNG and WebP, cut with a sign in JPEG" {
	local prompt
	prompt=$("$PYTHON" -c 'print(("fox \U0001f98a & " * 14000).strip(), end="")')
	embed_up all jpg webp
	request png "$prompt"
	file_of png
	says XMP-iptcExt:AIPromptInformation "$prompt"
	matches "$(pairs PNG:Parameters)" '^Seed=7$'
	request webp "$prompt webp"
	file_of webp
	says XMP-iptcExt:AIPromptInformation "$prompt webp"
	request jpg "$prompt jpg"
	file_of jpg
	matches "$(tag XMP-iptcExt:AIPromptInformation | tail -c 20)" ' \[\.\.\.\]$'
	matches "$(tag ExifIFD:UserComment | head -n 1 | tail -c 20)" ' \[\.\.\.\]$'
	matches "$(pairs ExifIFD:UserComment)" '^Seed=7$'
	djpeg "$T/got" >"$T/pixels"
}

@test "requests.reuse: the same file again, words and all" {
	mount_up -o images.embed=all -o requests.reuse=same-seed
	request fox "a fox"
	file_of fox
	cp "$T/got" "$T/first"
	request again "a fox"
	file_of again
	cmp "$T/first" "$T/got"
	equal "$(stub_count create)" 1
}

@test "the demo's pictures are not said to be a model's" {
	timeout "$LIMIT" "$PIMAGEFS" --demo -o images.embed=all -o "library.path=$T/library" "$M" \
		>"$T/start.out" 2>&1 </dev/null 3>&- 4>&-
	echo '{"prompt": "a lake", "width": 256, "height": 256}' >"$M/requests/lake"
	file_of lake
	says XMP-iptcExt:DigitalSourceType "$SOURCE/algorithmicMedia"
	says XMP-iptcExt:AISystemUsed ""
	matches "$(pairs PNG:Parameters)" '^Model=pimagefs demo$'
}

@test "the words have no part in what is no picture" {
	stub_script '{"on":"prediction","do":{"picture":"html"}}'
	mount_up -o images.embed=all -o api.retries=0
	ask fox "a fox"
	open_says fox EIO
	equal "$(field fox .error.class)" download
}
