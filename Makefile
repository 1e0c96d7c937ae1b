# pimagefs: "make help" lists the targets.
#
# Every flavour (release, debug, asan, tsan, coverage, fuzz) has an object tree of its own below
# build/, so none disturbs another. CC, CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS are the user's.

VERSION := 0.1.0

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DOCDIR ?= $(PREFIX)/share/doc/pimagefs
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/user
TEMPLATESDIR ?= $(PREFIX)/share/pimagefs/templates
KDETEMPLATESDIR ?= $(PREFIX)/share/templates
TEMPLATE := Picture prompt.txt
DESTDIR ?=
DOCS := README.md config/pimagefs.ini config/doc/pimagefs.md config/doc/grammar.md config/doc/sharing.md

FLAVOUR ?= release
MOUNT ?= $(HOME)/pimagefs-demo
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format

, := ,
quoted = '$(subst ','\'',$(1))'

# --- what a flavour means

OPTIMISE_release := -O2 -g
OPTIMISE_debug := -Og -g3
OPTIMISE_asan := -O1 -g -fno-omit-frame-pointer
OPTIMISE_tsan := -O1 -g -fno-omit-frame-pointer
OPTIMISE_coverage := -O0 -g
OPTIMISE_fuzz := -O1 -g -fno-omit-frame-pointer

HARDEN_CFLAGS ?= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDEN_LDFLAGS ?= -pie -Wl,-z,relro,-z,now
FLAVOUR_CFLAGS_release = $(HARDEN_CFLAGS)
FLAVOUR_LDFLAGS_release = $(HARDEN_LDFLAGS)
FLAVOUR_CFLAGS_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
# As shared libraries the two runtimes of gcc do not agree on where reports go (log_path).
FLAVOUR_LDFLAGS_asan = $(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan)
FLAVOUR_CFLAGS_tsan := -fsanitize=thread
FLAVOUR_CFLAGS_coverage := --coverage
FLAVOUR_CFLAGS_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
ifeq ($(FLAVOUR),fuzz)
CC := clang
endif
ifeq ($(filter $(FLAVOUR),release debug asan tsan coverage fuzz),)
$(error FLAVOUR=$(FLAVOUR): it is release, debug, asan, tsan, coverage or fuzz)
endif

CFLAGS ?= $(OPTIMISE_$(FLAVOUR))
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef \
	$(if $(findstring clang,$(CC)),,-Wno-format-truncation) # cut texts are meant
ifeq ($(DEVELOPER),1)
WERROR := -Werror
endif

# Asked when first needed and then remembered: "make deps all" may have to install them first.
PACKAGES := fuse3 libcurl jansson inih libuv sqlite3 libmicrohttpd libpng libcrypto
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(patsubst -I%,-isystem %,$$(shell \
	$$(PKG_CONFIG) --cflags $$(PACKAGES))))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell $$(PKG_CONFIG) --libs $$(PACKAGES)) -lm)$(PKG_LIBS)

ALL_CPPFLAGS = -Iinclude -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DPIMAGEFS_VERSION='"$(VERSION)"' $(PKG_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS = -std=c11 $(WARNINGS) $(FLAVOUR_CFLAGS_$(FLAVOUR)) $(CFLAGS)
ALL_LDFLAGS = $(FLAVOUR_CFLAGS_$(FLAVOUR)) $(FLAVOUR_LDFLAGS_$(FLAVOUR)) $(CFLAGS) $(LDFLAGS)
TEST_CPPFLAGS := -Itests/lib -Itests -Isrc

# --- what there is

B := build/$(FLAVOUR)
MAIN := src/app/main.c
SRCS := $(sort $(wildcard src/*/*.c))
LIB_OBJS := $(patsubst %.c,$(B)/%.o,$(filter-out $(MAIN),$(SRCS))) $(B)/gallery_text.o $(B)/grammar_text.o
PAGE := src/tree/gallery
TEST_LIB := $(sort $(filter-out tests/lib/faults.c,$(wildcard tests/lib/*.c)))
UNIT := $(sort $(wildcard tests/unit/test_*.c))
HELPERS := $(sort $(wildcard tests/mount/*.c tests/bench/*.c))
SIM := $(sort $(wildcard tests/sim/*.c))
FUZZ := $(sort $(wildcard tests/fuzz/fuzz_*.c))
ALL_C := $(SRCS) $(TEST_LIB) $(UNIT) $(HELPERS) $(SIM) $(FUZZ) $(wildcard tests/fuzz/replay.c)

UNIT_PROGRAMS := $(patsubst tests/%.c,$(B)/%,$(UNIT))
HELPER_PROGRAMS := $(patsubst tests/%.c,$(B)/%,$(HELPERS))
REPLAY_PROGRAMS := $(patsubst tests/fuzz/fuzz_%.c,$(B)/fuzz/replay_%,$(FUZZ))
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(FUZZ))
WRAP := $(if $(wildcard tests/lib/oom.c),$(addprefix -Wl$(,)--wrap=,malloc calloc realloc strdup \
	json_loadb))

V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-4s %s\n' $(1) $@)

# --- build

all: $(B)/pimagefs ## build build/release/pimagefs

$(B)/pimagefs: $(patsubst %.c,$(B)/%.o,$(MAIN)) $(B)/libpimagefs.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(B)/libpimagefs.a: $(LIB_OBJS)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: %.c $(B)/flags
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(if $(filter tests/%,$<),$(TEST_CPPFLAGS)) $(ALL_CFLAGS) $(WERROR) \
		-MMD -MP -c -o $@ $<

# gallery.html's static text, as C.
$(B)/gallery_text.c: $(PAGE)/embed.awk $(wildcard $(PAGE)/page*)
	@mkdir -p $(@D)
	$(Q)LC_ALL=C awk -v dir=$(PAGE) -f $(PAGE)/embed.awk $(PAGE)/page.html >$@

# requests/.help
$(B)/grammar_text.c: src/tree/text.awk config/doc/grammar.md
	@mkdir -p $(@D)
	$(Q)LC_ALL=C awk -v name=grammar_text -f $^ >$@

$(B)/gallery_text.o $(B)/grammar_text.o: $(B)/%.o: $(B)/%.c $(B)/flags
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) $(WERROR) -c -o $@ $<

# Changed flags build anew.
$(B)/flags: FORCE | build/deps
	@mkdir -p $(@D)
	@printf '%s\n' $(call quoted,$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS)) >$@.new; \
		if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

build/deps: config/deps.sh
	@config/deps.sh check build
	@mkdir -p $(@D) && touch $@

$(UNIT_PROGRAMS): $(B)/unit/%: $(B)/tests/unit/%.o $(patsubst %.c,$(B)/%.o,$(TEST_LIB)) $(B)/libpimagefs.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(WRAP) -o $@ $^ $(PKG_LIBS) -lcmocka $(LDLIBS)

# The wire of the simulation is in the place of http.
$(B)/sim/sim: $(patsubst %.c,$(B)/%.o,$(SIM)) $(B)/libpimagefs.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -Wl,--wrap=http_start,--wrap=http_cancel -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(HELPER_PROGRAMS): $(B)/%: $(B)/tests/%.o
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -pthread -o $@ $^ $(LDLIBS)

# For LD_PRELOAD, so without the sanitizers, and with each name of a call as it is.
$(B)/mount/faults.so: tests/lib/faults.c $(B)/flags
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=c11 $(WARNINGS) $(WERROR) -O1 -fPIC -shared -o $@ $<

$(REPLAY_PROGRAMS): $(B)/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/libpimagefs.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(FUZZ_PROGRAMS): $(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/libpimagefs.a
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS) $(LDLIBS)

unit-programs: $(UNIT_PROGRAMS) ; @:
helper-programs: $(HELPER_PROGRAMS) $(B)/mount/faults.so ; @:
sim-program: $(B)/sim/sim ; @:
replay-programs: $(REPLAY_PROGRAMS) ; @:
fuzz-programs: $(FUZZ_PROGRAMS) ; @:

-include $(patsubst %.c,$(B)/%.d,$(ALL_C))

# --- use

demo: deps-build ## mount the offline demo at MOUNT (~/pimagefs-demo), make a first picture
	@$(MAKE) --no-print-directory all
	@config/demo.sh $(call quoted,$(CURDIR)/$(B)/pimagefs) $(call quoted,$(MOUNT))

bench: deps-tests ## measure latency and memory, beside a shell loop of curl
	@$(MAKE) --no-print-directory all helper-programs
	@tests/bench/bench.sh $(CURDIR)/$(B)

install: all ## install below DESTDIR and PREFIX (/usr/local)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DOCDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(UNITDIR)
	install -m 755 $(B)/pimagefs $(DESTDIR)$(BINDIR)/pimagefs
	install -m 644 $(DOCS) $(DESTDIR)$(DOCDIR)
	sed 's|/usr/local/share/doc/pimagefs|$(DOCDIR)|' config/pimagefs.1 >$(DESTDIR)$(MANDIR)/man1/pimagefs.1
	chmod 644 $(DESTDIR)$(MANDIR)/man1/pimagefs.1
	for unit in pimagefs.service pimagefs@.service; do \
		sed -e 's|/usr/local/bin|$(BINDIR)|' -e 's|/usr/local/share/doc/pimagefs|$(DOCDIR)|' \
			config/$$unit >$(DESTDIR)$(UNITDIR)/$$unit && \
		chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
	install -d $(DESTDIR)$(TEMPLATESDIR) $(DESTDIR)$(KDETEMPLATESDIR)/.source
	install -m 644 'config/templates/$(TEMPLATE)' $(DESTDIR)$(TEMPLATESDIR)
	install -m 644 config/pimagefs-prompt.desktop $(DESTDIR)$(KDETEMPLATESDIR)
	install -m 644 'config/templates/$(TEMPLATE)' \
		$(DESTDIR)$(KDETEMPLATESDIR)/.source/pimagefs-prompt.txt
	$(if $(DESTDIR),,@config/templates.sh install '$(TEMPLATESDIR)/$(TEMPLATE)')

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/pimagefs
	rm -f $(DESTDIR)$(UNITDIR)/pimagefs.service $(DESTDIR)$(UNITDIR)/pimagefs@.service
	rm -f $(addprefix $(DESTDIR)$(DOCDIR)/,$(notdir $(DOCS))) $(DESTDIR)$(MANDIR)/man1/pimagefs.1
	$(if $(DESTDIR),,@config/templates.sh remove '$(TEMPLATESDIR)/$(TEMPLATE)')
	rm -f '$(DESTDIR)$(TEMPLATESDIR)/$(TEMPLATE)' $(DESTDIR)$(KDETEMPLATESDIR)/pimagefs-prompt.desktop
	rm -f $(DESTDIR)$(KDETEMPLATESDIR)/.source/pimagefs-prompt.txt
	-rmdir $(DESTDIR)$(DOCDIR) $(DESTDIR)$(TEMPLATESDIR)

# --- test

check: deps-tests ## build and run every test; the last line is the total
	@DEVELOPER=1 tests/run $(FLAVOUR) unit mount fuzz torture sim

check-unit: deps-tests ## the modules alone
	@DEVELOPER=1 tests/run $(FLAVOUR) unit

check-mount: deps-tests ## the program on a real mount
	@DEVELOPER=1 tests/run $(FLAVOUR) mount

check-fuzz: deps-tests ## replay the fuzzers' corpora
	@DEVELOPER=1 tests/run $(FLAVOUR) fuzz

check-desktop: deps-tests deps-desktop ## with a browser and file managers, without a screen
	@DEVELOPER=1 tests/run $(FLAVOUR) desktop

torture: deps-tests ## kills, faults and busy users for SECONDS (60), from SEED; what is lost?
	@$(MAKE) --no-print-directory all
	@tests/torture/torture.py --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED)) \
		$(B)/pimagefs

sim: deps-tests ## SEEDS (2000) simulated lives from seed FIRST (1): faults, crashes, users
	@$(MAKE) --no-print-directory sim-program
	@$(B)/sim/sim --first $(or $(FIRST),1) --seeds $(or $(SEEDS),2000)

asan ubsan: deps-tests ## all tests under AddressSanitizer and UBSan together
	@tests/run asan unit mount fuzz torture

tsan: deps-tests ## unit and mount tests under ThreadSanitizer
	@tests/run tsan unit mount

valgrind: deps-tests deps-valgrind ## all tests under valgrind
	@tests/run --valgrind debug unit mount

coverage: deps-tests deps-coverage ## which lines the tests reach: build/coverage/html
	@tests/run --coverage coverage unit mount fuzz

fuzz: deps-fuzz ## fuzz each target for FUZZ_SECONDS (60)
	@$(MAKE) --no-print-directory FLAVOUR=fuzz fuzz-programs
	@tests/fuzz/fuzz.sh build/fuzz/fuzz $(or $(FUZZ_SECONDS),60)

lint: deps-lint compile_commands.json ## style, floors, steps, static analysis
	@tests/lint/run

format: ## lay out the C files anew, in place
	$(Q)$(CLANG_FORMAT) -i $(ALL_C) $(wildcard include/pimagefs/*.h src/*/*.h tests/*/*.h)

compile_commands.json: $(ALL_C) ## for editors and clang-tidy
	@tests/lint/compdb \
		$(call quoted,clang $(ALL_CPPFLAGS) $(TEST_CPPFLAGS) -std=c11) $(ALL_C) >$@

# --- the rest

deps: ## install the missing Debian packages
	@config/deps.sh install build tests lint
deps-build deps-tests deps-lint deps-desktop deps-valgrind deps-coverage deps-fuzz:
	@config/deps.sh install $(sort build $(@:deps-%=%))
deps-check: ## say which packages are missing to build
	@config/deps.sh check build
deps-check-tests:
	@config/deps.sh check build tests lint

dist: ## build/pimagefs-VERSION.tar.gz of what is committed
	@mkdir -p build
	git archive --format=tar.gz --prefix=pimagefs-$(VERSION)/ -o build/pimagefs-$(VERSION).tar.gz HEAD

clean: ## remove what was built
	rm -rf build compile_commands.json

help: ## this list
	@echo 'pimagefs $(VERSION): make TARGET [V=1] [FLAVOUR=release|debug|asan|tsan|coverage]'
	@sed -n 's/^\([a-z._ -]*\):[^#]*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | \
		expand -t 26

FORCE:
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all check check-unit check-mount check-fuzz check-desktop torture sim asan ubsan tsan valgrind coverage fuzz lint \
	format demo bench install uninstall dist clean help deps deps-build deps-tests deps-lint \
	deps-desktop deps-valgrind deps-coverage deps-fuzz deps-check deps-check-tests \
	unit-programs helper-programs sim-program replay-programs fuzz-programs FORCE
