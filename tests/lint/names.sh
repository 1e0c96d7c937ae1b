#!/bin/bash
# Nothing in the tree belongs to one machine or one person: no paths of a workplace, no hosts but
# the known ones, no keys.
set -u
cd "$(dirname "$0")/../.." || exit 2
bad=0

# Hosts that texts may name. Names below .example, .test, .invalid and .localhost are free to use.
hosts='api\.eachlabs\.ai|(www\.|docs\.)?eachlabs\.ai|huggingface\.co|localhost|127\.0\.0\.1|\[::1\]'
hosts+='|([a-z0-9-]+\.)*example(\.(com|net|org))?|[a-z0-9.-]+\.(test|invalid|localhost|example)'
hosts+='|(www\.)?freedesktop\.org|specifications\.freedesktop\.org|datatracker\.ietf\.org|www\.w3\.org'
hosts+='|cv\.iptc\.org|iptc\.org|purl\.org|ns\.adobe\.com' # of XMP's names
hosts+='|[0-9][0-9.]*|0x[0-9a-f]+[0-9.]*'
hosts+='|\[[0-9a-fA-F:.%]+\]'

files() {
	find . -path ./.git -prune -o -path ./build -prune -o -name compile_commands.json -o \
		-name __pycache__ -prune -o -type f -print
}

# find_bad WHY PATTERN
find_bad() {
	local found
	found=$(files | xargs grep -nIE -e "$2" 2>/dev/null)
	[ -z "$found" ] && return
	echo "$1:"
	echo "$found" | cut -c 1-160
	bad=1
}

find_bad 'a path of one machine' '(^|[^A-Za-z0-9_.])/(wor[k]|roo[t]|workspac[e]|User[s])/[a-z]'
find_bad 'a home folder of one person' '(^|[^A-Za-z0-9_])/hom[e]/[a-z]+'
find_bad 'a private key' '-----BEGI[N] [A-Z ]*PRIVATE KEY'
find_bad 'something like a key' '(^|[^A-Za-z0-9])(gh[pousr]_[A-Za-z0-9]{36}|AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9_-]{32,}|hf_[A-Za-z]{34})'
find_bad 'left to do' '(^|[^A-Za-z])(FIXM[E]|XX[X]|HAC[K])([^A-Za-z]|$)'

found=$(files | grep -v '^./tests/data/' | xargs grep -noIE 'https?://[^][/ "'"'"'<>`,;)\\|$%{}*:]+' 2>/dev/null |
	grep -viE ":https?://([a-zA-Z0-9._-]+@)?($hosts)(:[0-9]*)?\$" |
	grep -E ':https?://([^/]*@)?[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+')
if [ -n "$found" ]; then
	echo 'a host that is not in the list of tests/lint/names.sh:'
	echo "$found"
	bad=1
fi
exit $bad
