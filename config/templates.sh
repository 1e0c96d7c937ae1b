#!/bin/sh
# The template "Picture prompt" for "New document" in Nautilus, Thunar and their like: they look into
# each user's own folder of templates and nowhere else. So this puts it there for the user who
# installs (behind sudo, too), if that folder exists; others copy it themselves.
# usage: config/templates.sh install|remove FILE
set -u

verb=${1:-} file=${2:-}
case $verb in
install | remove) ;;
*)
	echo "usage: $0 install|remove FILE" >&2
	exit 2
	;;
esac

# As that user, so that nothing of theirs becomes root's.
as_user() {
	if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER:-}" ]; then
		sudo -H -u "$SUDO_USER" -- "$@"
	else
		"$@"
	fi
}

# shellcheck disable=SC2016 # the user's shell expands these
where='
config=${XDG_CONFIG_HOME:-$HOME/.config}/user-dirs.dirs
[ ! -r "$config" ] || . "$config"
echo "${XDG_TEMPLATES_DIR:-$HOME/Templates}"'

folder=$(as_user sh -c "$where")
# shellcheck disable=SC2016 # here too
home=$(as_user sh -c 'echo "$HOME"')
name=$(basename "$file")
# A user without templates has their home in place of that folder.
if [ ! -d "$folder" ] || [ "$folder" = "$home" ] || [ "$folder" = "$home/" ]; then
	[ "$verb" = remove ] || echo "For \"New document\": cp \"$file\" to your folder of templates"
	exit 0
fi
if [ "$verb" = install ]; then
	as_user test -e "$folder/$name" || as_user install -m 644 "$file" "$folder/$name"
else
	# One that was filled in is the user's.
	as_user test -s "$folder/$name" || as_user rm -f "$folder/$name"
fi
