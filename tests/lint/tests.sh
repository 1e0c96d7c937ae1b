#!/bin/bash
# Every module has a unit test of its name, and a unit test knows what the module promises, not its
# inside.
set -u
cd "$(dirname "$0")/../.." || exit 2
bad=0

# The mount is tried as a whole (tests/mount); service.h is a table that test_eachlabs fills.
for header in include/pimagefs/*.h; do
	name=$(basename "$header" .h)
	case $name in
	fs | service) continue ;;
	esac
	if [ ! -e "tests/unit/test_$name.c" ] && ! compgen -G "tests/unit/test_${name}_*.c" >/dev/null; then
		echo "$header: no tests/unit/test_$name.c"
		bad=1
	fi
done

# Those whose inside is pure, or a protocol, and hard to reach from outside.
found=$(grep -n '#include ".*_internal\.h"' tests/unit/*.c | grep -vE '(http/http|config/config|mount/courier)_internal')
if [ -n "$found" ]; then
	echo "$found"
	bad=1
fi

# The shell reads it once, before the first look: it waits for nothing, or in vain.
found=$(grep -nE "wait_for (test|equal|matches|grep) [^'#]*[$][(]" tests/*/*.bats)
if [ -n "$found" ]; then
	echo "$found"
	bad=1
fi

# bats hears only of the last of them.
found=$(grep -nE "^[[:space:]]+\[ .* \] && \[ .* \]$" tests/*/*.bats)
if [ -n "$found" ]; then
	echo "$found"
	bad=1
fi
exit $bad
