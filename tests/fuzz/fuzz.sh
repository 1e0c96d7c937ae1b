#!/bin/sh
# Fuzz each target for some seconds, beginning with its corpus. What is found is left below
# build/fuzz/found/; new inputs of worth below build/fuzz/corpus/ (the tree's corpus stays small).
# usage: fuzz.sh FOLDER_OF_PROGRAMS SECONDS
set -u
programs=$1
seconds=$2
found=build/fuzz/found
bad=0
mkdir -p "$found"
for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	name=${name#fuzz_}
	mkdir -p "build/fuzz/corpus/$name"
	echo "fuzz/$name for $seconds s"
	"$programs/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
		-print_final_stats=1 -verbosity=0 -artifact_prefix="$found/$name-" \
		"build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" || bad=$((bad + 1))
done
echo "$bad targets with finds"
[ "$bad" = 0 ]
