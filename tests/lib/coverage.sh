#!/bin/sh
# From the counts of a coverage build to a page per file. usage: coverage.sh build/coverage
set -eu
tree=$1
lcov --quiet --capture --directory "$tree/src" --base-directory . --no-external \
	--output-file "$tree/all.info"
lcov --quiet --extract "$tree/all.info" "*/src/*" --output-file "$tree/src.info"
genhtml --quiet --title pimagefs --output-directory "$tree/html" "$tree/src.info"
lcov --list "$tree/src.info"
echo "$tree/html/index.html"
