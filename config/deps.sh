#!/bin/sh
# Which packages this project needs, and installing the missing ones on Debian and its relatives.
# usage: config/deps.sh install|check GROUP...   (groups: build tests lint desktop valgrind coverage fuzz)
# Quiet when nothing is missing.
set -u

# group  probe                Debian                 Fedora                  Arch            Alpine
table='
build    cmd:cc               gcc                    gcc                     gcc             gcc
build    cmd:ld               binutils               binutils                binutils        binutils
build    inc:stdio.h          libc6-dev              glibc-devel             glibc           musl-dev
build    cmd:pkg-config       pkg-config             pkgconf-pkg-config      pkgconf         pkgconf
build    pc:fuse3             libfuse3-dev           fuse3-devel             fuse3           fuse3-dev
build    cmd:fusermount3      fuse3                  fuse3                   fuse3           fuse3
build    pc:libcurl           libcurl4-openssl-dev   libcurl-devel           curl            curl-dev
build    authorities          ca-certificates        ca-certificates         ca-certificates ca-certificates
build    pc:jansson           libjansson-dev         jansson-devel           jansson         jansson-dev
build    pc:inih              libinih-dev            inih-devel              libinih         inih-dev
build    pc:libuv             libuv1-dev             libuv-devel             libuv           libuv-dev
build    pc:sqlite3           libsqlite3-dev         sqlite-devel            sqlite          sqlite-dev
build    pc:libmicrohttpd     libmicrohttpd-dev      libmicrohttpd-devel     libmicrohttpd   libmicrohttpd-dev
build    pc:libpng            libpng-dev             libpng-devel            libpng          libpng-dev
build    pc:libcrypto         libssl-dev             openssl-devel           openssl         openssl-dev
build    inc:uthash.h         uthash-dev             uthash-devel            uthash          uthash-dev
tests    pc:cmocka            libcmocka-dev          libcmocka-devel         cmocka          cmocka-dev
tests    cmd:bats             bats                   bats                    bats            bats
tests    cmd:python3          python3                python3                 python          python3
tests    cmd:openssl          openssl                openssl                 openssl         openssl
tests    cmd:curl             curl                   curl                    curl            curl
tests    cmd:jq               jq                     jq                      jq              jq
tests    cmd:sqlite3          sqlite3                sqlite                  sqlite          sqlite
tests    cmd:setfattr         attr                   attr                    attr            attr
tests    cmd:file             file                   file                    file            file
tests    cmd:rsync            rsync                  rsync                   rsync           rsync
tests    cmd:vim              vim                    vim-enhanced            vim             vim
tests    cmd:nano             nano                   nano                    nano            nano
tests    cmd:perl             perl                   perl                    perl            perl
tests    cmd:exiftool         libimage-exiftool-perl perl-Image-ExifTool    perl-image-exiftool exiftool
tests    cmd:exiv2            exiv2                  exiv2                  exiv2           exiv2
tests    cmd:dwebp            webp                   libwebp-tools          libwebp         libwebp-tools
tests    cmd:djpeg            libjpeg-turbo-progs    libjpeg-turbo-utils    libjpeg-turbo   libjpeg-turbo-utils
tests    cmd:pngtopnm         netpbm                 netpbm-progs           netpbm          netpbm
tests    cmd:gio              libglib2.0-bin         glib2                   glib2           glib
tests    cmd:gcore            gdb                    gdb                     gdb             gdb
tests    cmd:bindfs           bindfs                 bindfs                  bindfs          bindfs
tests    cmd:inotifywait      inotify-tools          inotify-tools           inotify-tools   inotify-tools
tests    cmd:setpriv          util-linux             util-linux              util-linux      setpriv
tests    cmd:ps               procps                 procps-ng               procps-ng       procps
lint     cmd:git              git                    git                     git             git
lint     cmd:clang-format     clang-format           clang-tools-extra       clang           clang-extra-tools
lint     cmd:clang-tidy       clang-tidy             clang-tools-extra       clang           clang-extra-tools
lint     cmd:cppcheck         cppcheck               cppcheck                cppcheck        cppcheck
lint     cmd:shellcheck       shellcheck             ShellCheck              shellcheck      shellcheck
lint     ctags                universal-ctags        ctags                   ctags           ctags
desktop  cmd:promtool         prometheus             golang-github-prometheus prometheus prometheus
desktop  cmd:chromium         chromium               chromium                chromium        chromium
desktop  cmd:chromedriver     chromium-driver        chromedriver            chromium        chromium-chromedriver
desktop  cmd:import           imagemagick            ImageMagick             imagemagick     imagemagick
desktop  font:NotoSans        fonts-noto-core        google-noto-sans-fonts  noto-fonts      font-noto
desktop  font:NotoColorEmoji  fonts-noto-color-emoji google-noto-color-emoji-fonts noto-fonts-emoji font-noto-emoji
desktop  cmd:Xvfb             xvfb                   xorg-x11-server-Xvfb    xorg-server-xvfb xvfb
desktop  cmd:xdotool          xdotool                xdotool                 xdotool         xdotool
desktop  cmd:dbus-daemon      dbus-daemon            dbus-daemon             dbus            dbus
desktop  icons:Adwaita        adwaita-icon-theme     adwaita-icon-theme      adwaita-icon-theme adwaita-icon-theme
desktop  svg                  librsvg2-common        librsvg2                librsvg         librsvg
desktop  cmd:thunar           thunar                 Thunar                  thunar          thunar
desktop  thumbnailer          tumbler                tumbler                 tumbler         tumbler
desktop  cmd:pcmanfm          pcmanfm                pcmanfm                 pcmanfm         pcmanfm
desktop  cmd:nautilus         nautilus               nautilus                nautilus        nautilus
desktop  cmd:bwrap            bubblewrap             bubblewrap              bubblewrap      bubblewrap
desktop  cmd:gdk-pixbuf-thumbnailer libgdk-pixbuf2.0-bin gdk-pixbuf2-modules gdk-pixbuf2     gdk-pixbuf
desktop  cmd:smbd             samba                  samba                   samba           samba
desktop  cmd:smbclient        smbclient              samba-client            smbclient       samba-client
valgrind cmd:valgrind         valgrind               valgrind                valgrind        valgrind
coverage cmd:lcov             lcov                   lcov                    lcov            lcov
fuzz     cmd:clang            clang                  clang                   clang           clang
fuzz     fuzzer               libclang-rt-dev        compiler-rt             compiler-rt     compiler-rt
'

fuzzer_links() {
	echo 'int LLVMFuzzerTestOneInput(const char *b, long n) { return n && !b; }' |
		clang -fsanitize=fuzzer -x c -o /dev/null -
}

# Without them no certificate verifies. libcurl knows where it looks for them.
authorities() {
	command -v curl-config && at=$(curl-config --ca) && { [ -z "$at" ] || [ -s "$at" ]; }
}

have() {
	case $1 in
	cmd:cc) command -v "${CC:-cc}" ;;
	cmd:*) PATH=$PATH:/usr/sbin:/sbin command -v "${1#cmd:}" ;;
	pc:*) ${PKG_CONFIG:-pkg-config} --exists "${1#pc:}" ;;
	inc:*) echo "#include <${1#inc:}>" | ${CC:-cc} -E - ;;
	authorities) authorities ;;
	fuzzer) fuzzer_links ;;
	icons:*) [ -f "/usr/share/icons/${1#icons:}/index.theme" ] ;;
	svg) find /usr/lib* -name 'libpixbufloader-svg.so' | grep -q . ;;
	thumbnailer) [ -f /usr/share/dbus-1/services/org.xfce.Tumbler.Thumbnailer1.service ] ;;
	font:*) find /usr/share/fonts -name "${1#font:}[-.]*" | grep -q . ;;
	ctags) ctags --version | grep -i universal ;;
	esac >/dev/null 2>&1
}

# The names of what is missing from the groups given, in the column of this system.
missing() {
	column=$1
	shift
	echo "$table" | while read -r group probe debian fedora arch alpine; do
		case " $* " in *" ${group:-none} "*) ;; *) continue ;; esac
		have "$probe" && continue
		case $column in
		debian) echo "$debian" ;;
		fedora) echo "$fedora" ;;
		arch) echo "$arch" ;;
		alpine) echo "$alpine" ;;
		esac
	done | sort -u | paste -sd ' ' -
}

# In install's error texts too: what a person would type.
how() {
	case $1 in
	debian) echo "apt-get install $2" ;;
	fedora) echo "dnf install $2" ;;
	arch) echo "pacman -S $2" ;;
	alpine) echo "apk add $2" ;;
	esac
}

system() {
	for pair in apt-get:debian dnf:fedora pacman:arch apk:alpine; do
		if command -v "${pair%:*}" >/dev/null 2>&1; then
			echo "${pair#*:}"
			return
		fi
	done
	echo unknown
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# shellcheck disable=SC2086 # a list of package names
apt_install() {
	set -- env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $1
	as_root "$@" </dev/null && return
	as_root apt-get -q update </dev/null && as_root "$@" </dev/null
}

verb=${1:-}
case $verb in
install | check) shift ;;
*)
	echo "usage: $0 install|check GROUP...   (groups: build tests lint desktop valgrind coverage fuzz)" >&2
	exit 2
	;;
esac

on=$(system)
if [ "$on" = unknown ]; then
	need=$(missing debian "$@")
	[ -z "$need" ] && exit 0
	echo "Missing, by their names in Debian: $need" >&2
	echo "Install what your system calls them." >&2
	exit 1
fi

need=$(missing "$on" "$@")
[ -z "$need" ] && exit 0
if [ "$verb" = check ] || [ "$on" != debian ]; then
	echo "Missing: $need" >&2
	echo "Install it with:  $(how "$on" "$need")" >&2
	[ "$on" = debian ] && echo "or:               make deps" >&2
	exit 1
fi

if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null 2>&1; then
	echo "Missing: $need" >&2
	echo "Install it as root:  $(how debian "$need")" >&2
	exit 1
fi
echo "Installing: $need"
if ! apt_install "$need"; then
	echo "Could not install: $need" >&2
	exit 1
fi
need=$(missing "$on" "$@")
[ -z "$need" ] && exit 0
echo "Still missing: $need" >&2
exit 1
