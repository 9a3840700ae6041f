# SPDX-License-Identifier: ISC
# portexec: `make help` lists the targets.

VERSION := $(shell cat VERSION)
PREFIX ?= /usr/local
BINDIR = $(PREFIX)/bin
DATADIR = $(PREFIX)/share
MANDIR = $(DATADIR)/man
DOCDIR = $(DATADIR)/doc/portexec
# Where the shells look for completions.
BASHDIR = $(DATADIR)/bash-completion/completions
ZSHDIR = $(DATADIR)/zsh/site-functions
FISHDIR = $(DATADIR)/fish/vendor_completions.d
INSTALL ?= install
STRIP ?= strip
PKG_CONFIG ?= pkg-config
STATIC ?= auto
BUILD = build
PROGRAM = ./portexec
# What `make check` tests; one that is not ours is not built.
PORTEXEC ?= $(PROGRAM)
# What the tests' own programs are made with: libcheck, say, is not for musl.
HOSTCC ?= $(if $(musl),cc,$(CC))
SECONDS = 60
MINUTES = 2

CFLAGS ?= -O2 -g
warnings = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wformat=2 -Wvla
# Not where somebody else has chosen; without optimization glibc warns of it.
fortify = $(if $(filter-out -O0,$(filter -O%,$(CFLAGS))),$(if \
	$(findstring FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS))$(findstring \
	-fsanitize,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
# What is built does not say in which folder; gcc takes $PWD's word for it.
export PWD := $(CURDIR)
anywhere = '-ffile-prefix-map=$(CURDIR)=.'
# With musl (CC=musl-gcc) nothing of libbsd is needed.  Its compiler does not
# know where the kernel's headers are, and makes a dynamic program of
# -static-pie without a word.  What it makes is to be small: nobody unwinds its
# stack, code and constants share a page, and nothing is padded; a page for
# RELRO would be in vain, as musl does not protect it in a static program.
musl = $(findstring musl,$(CC))
bsd = $(if $(musl),,libbsd-overlay)
kernel = $(if $(musl),$(BUILD)/kernel)
musl_static_pie = -static -nostartfiles -l:rcrt1.o \
	-Wl,-pie,--no-dynamic-linker,-z,text,-z,noseparate-code,--gc-sections
small = $(if $(musl),-fno-asynchronous-unwind-tables -fno-unwind-tables \
	-fno-inline-functions -falign-functions=1 -falign-jumps=1 -falign-loops=1 \
	-ffunction-sections -fdata-sections)
# A user's flags come last: they have the last word.
compile = $(CC) -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DVERSION='"$(VERSION)"' $(warnings) -fPIE -fstack-protector-strong \
	$(small) $(anywhere) $(fortify) $(if $(1),$(shell $(PKG_CONFIG) --cflags $(1))) \
	-Isrc $(addprefix -idirafter ,$(kernel)) $(CPPFLAGS) $(CFLAGS) -MMD -MP
harden = -Wl,-z,$(if $(musl),norelro,relro),-z,now,-z,noexecstack
link_dynamic = $(CC) -pie $(harden) $(CFLAGS) $(LDFLAGS) -o $@ $^ \
	$(if $(bsd),$$($(PKG_CONFIG) --libs $(bsd)))
link_static = $(CC) $(if $(musl),$(musl_static_pie),-static-pie) $(harden) \
	$(CFLAGS) $(LDFLAGS) -o $@ $^ \
	$(if $(bsd),$$($(PKG_CONFIG) --static --libs $(bsd)))

# A command in brief, $(1) and a file: V=1 shows all of it.
brief = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) '$(2)';)

# $(call need,TARGET,MODULE:PACKAGE ...) ends make where something is missing,
# before a compiler says so in many lines; TARGET installs it.  In recipes
# only: the target may have come first.
command = $(shell command -v $(firstword $(1)) 2>/dev/null)
absent = $(if $(filter cc gcc,$(CC)),$(if $(call command,$(CC)),,gcc)) \
	$(if $(call command,$(PKG_CONFIG)),,pkg-config) \
	$(foreach pair,$(subst :,/,$(1)),$(if $(shell $(PKG_CONFIG) --exists \
	$(patsubst %/,%,$(dir $(pair))) 2>/dev/null && echo yes),,$(notdir \
	$(pair))))
need = $(if $(strip $(call absent,$(2))),$(error not installed: $(strip \
	$(call absent,$(2))); `make $(1)' installs what it takes))
need_musl = $(if $(call command,$(CC)),,$(error not installed: musl-tools; \
	`make deps-lint' installs what it takes))
# Once is enough.
need_build = $(if $(musl),$(need_musl),$(call \
	need,deps-build,libbsd-overlay:libbsd-dev))$(eval need_build =)
need_tests = $(call need,deps,libbsd-overlay:libbsd-dev check:check \
	libsystemd:libsystemd-dev)$(eval need_tests =)
need_now = $(if $(filter check check-faults soak,$(MAKECMDGOALS)),\
	$(need_tests),$(need_build))

# Objects are in folders as the sources are.
objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/*.c src/*/*.c))
modules = $(patsubst $(BUILD)/%,$(BUILD)/$(if $(musl),host/)%,\
	$(filter-out %/main.o,$(objects)))
fuzzed = $(patsubst tests/fuzz/%.c,%,$(filter-out %/seeds.c,\
	$(wildcard tests/fuzz/*.c)))
fuzzers = $(addprefix fuzz-,$(fuzzed))
units = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*.c)) \
	$(addprefix $(BUILD)/tests/seeds_,$(fuzzed))
probes = $(patsubst tests/probes/%.c,$(BUILD)/tests/%,\
	$(wildcard tests/probes/*.c)) $(BUILD)/tests/hello
# With -j, and named together with others, these come first.
before = $(filter deps-build deps-fresh deps deps-servers deps-servers-all \
	deps-lint deps-bench deps-kernels deps-release,$(MAKECMDGOALS))
bench_tools = $(patsubst tests/bench/%.c,$(BUILD)/bench/%,\
	$(wildcard tests/bench/*.c))

all: $(PROGRAM) ## build ./portexec

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 24
	@echo
	@echo 'Variables: CC CPPFLAGS CFLAGS LDFLAGS PKG_CONFIG STRIP PREFIX DESTDIR'
	@echo '  V=1                 show the commands'
	@echo '  STATIC=auto|yes|no  link statically where it can be, or fail, or not'
	@echo '  CC=musl-gcc STATIC=yes'
	@echo '                      with musl: small, and in a virtual machine it'
	@echo '                      starts faster; what it takes is in deps-lint'
	@echo '  PORTEXEC=PATH       with check: test that program, not the tree'\''s'
	@echo '  TESTS="NAME ..."    with check and asan: these only, "sockets" say;'
	@echo '                      with check-servers "redis"'
	@echo '  NO_SKIP=1           with check: a test that is skipped has failed'
	@echo '  JOBS=1              with check: one module of the tests at a time'
	@echo '  QUICK=1             with bench: a few rounds, not for docs/'
	@echo '  BENCH="NAME ..."    with bench: these only, not for docs/'
	@echo '  SECONDS=60          with fuzz: for each target'
	@echo '  MINUTES=2           with soak'
	@echo '  KERNELS="arm64 ..." with deps-kernels and check-kernels: of these'
	@echo '                      architectures'

$(PROGRAM): $(objects)
ifeq ($(STATIC),no)
	$(call brief,LINK,$@)$(link_dynamic)
else ifeq ($(STATIC),yes)
	$(call brief,LINK,$@)$(link_static)
else ifeq ($(STATIC),auto)
	$(call brief,LINK,$@)if $(link_static) 2>$(BUILD)/static.log; \
	then echo '$@: linked statically'; \
	else echo '$@: linked dynamically ($(BUILD)/static.log says why)'; \
	$(link_dynamic); fi
else
	@echo 'STATIC is auto, yes or no' >&2; exit 2
endif

# Rewritten only where it changes: then everything is compiled anew.
$(BUILD)/flags: FORCE | $(before)
	@mkdir -p $(BUILD)/tests
	@new=$@.$$$$; \
	echo '$(subst ','\'',$(compile) $(LDFLAGS) $(STATIC) $(HOSTCC))' >$$new; \
	if cmp -s $$new $@; then rm $$new; else mv $$new $@; fi

$(BUILD)/src/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(need_now)$(call brief,CC,$<)$(call compile,$(bsd)) -c -o $@ $<

$(BUILD)/host/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(need_tests)$(call brief,CC,$<)$(call compile,$(bsd)) -c -o $@ $<

# Not all of /usr/include: that is another libc's.  A cross compiler has its own.
$(BUILD)/kernel:
	$(need_musl)@mkdir -p $@
	@headers=/usr/$$($(CC) -dumpmachine)/include; \
	[ -e $$headers/linux ] && asm=$$headers/asm || { headers=/usr/include; \
	asm=$$headers/$$($(CC) -print-multiarch)/asm; }; \
	ln -sfn $$headers/linux $$headers/asm-generic $$asm $@
$(objects) $(bench_tools): | $(kernel)

$(BUILD)/tests/test_%: tests/unit/test_%.c $(modules) $(BUILD)/flags
	$(need_tests)$(call brief,CC,$<)$(call compile,libbsd-overlay check) \
	-o $@ $(filter %.c %.o,$^) $(LDFLAGS) \
	$$($(PKG_CONFIG) --libs libbsd-overlay check)

$(BUILD)/tests/seeds_%: tests/fuzz/%.c tests/fuzz/seeds.c $(modules) \
$(BUILD)/flags
	$(need_tests)$(call brief,CC,$<)$(call compile,libbsd-overlay) -o $@ \
	$(filter %.c %.o,$^) $(LDFLAGS) $$($(PKG_CONFIG) --libs libbsd-overlay)

$(BUILD)/tests/fuzz_%: tests/fuzz/%.c $(modules) $(BUILD)/flags
	$(call brief,CC,$<)$(call compile,libbsd-overlay) -fsanitize=fuzzer -o $@ \
	$(filter %.c %.o,$^) $(LDFLAGS) $$($(PKG_CONFIG) --libs libbsd-overlay)

$(BUILD)/tests/sdprobe: tests/probes/sdprobe.c $(BUILD)/flags
	$(need_tests)$(call brief,CC,$<)$(call compile,libsystemd) -o $@ $< $(LDFLAGS) \
	$$($(PKG_CONFIG) --libs libsystemd)

$(BUILD)/tests/%: tests/probes/%.c $(BUILD)/flags
	$(call brief,CC,$<)$(call compile) -o $@ $< $(LDFLAGS)

$(units) $(probes) $(BUILD)/host/%: private override CC := $(HOSTCC)

$(BUILD)/tests/hello: tests/examples/hello.c $(BUILD)/flags
	$(call brief,CC,$<)$(call compile) -o $@ $< $(LDFLAGS)

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call brief,CC,$<)$(call compile) -static -o $@ $< $(LDFLAGS)

-include $(wildcard $(objects:.o=.d) $(modules:.o=.d) \
	$(addsuffix /*.d,$(BUILD)/tests $(BUILD)/bench $(BUILD)/short))

check: $(filter $(PROGRAM),$(PORTEXEC)) $(units) $(probes) ## run the tests
	@PORTEXEC='$(PORTEXEC)' BUILD='$(BUILD)' tests/run $(TESTS)

check-program: ## run those of the program, not of the tree around it
	@$(MAKE) --no-print-directory TESTS='$(or $(TESTS),$(counted))' check

# With those of the documents and examples, which a user tries with it.
check-release: packaged ## run those of the program with that of the release
	@$(MAKE) --no-print-directory check \
	PORTEXEC=$(BUILD)/release/$(shell uname -m)/portexec TESTS='$(or \
	$(TESTS),$(counted) cookbook examples from_systemd hello servers)'

check-fresh: ## run README's commands on a new Debian, as root and as a user
	@tests/fresh

check-servers: $(filter $(PROGRAM),$(PORTEXEC)) ## run services as they are
	@JOBS=$(or $(JOBS),2) PORTEXEC='$(PORTEXEC)' BUILD='$(BUILD)' tests/run \
	$(or $(addprefix services.,$(TESTS)),services together)

check-servers-all: $(filter $(PROGRAM),$(PORTEXEC)) ## run those too that are not run for each change
	@ALL=1 JOBS=$(or $(JOBS),2) PORTEXEC='$(PORTEXEC)' BUILD='$(BUILD)' tests/run \
	services together

check-packages: $(probes) | $(before) ## run what release, npm and wheel have made
	@PORTEXEC='$(BUILD)/release/x86_64/portexec' BUILD='$(BUILD)' \
	tests/run $(or $(TESTS),release npm wheel completions install \
	fixtures_node fixtures_python fixtures_others debian ci)

check-servers-mutant: | $(before) ## the same without portexec: all fail
	@tests/without $(addprefix services.,$(TESTS))

check-kernels: | $(before) ## run it on Debian's kernels, in emulators
	@BUILD='$(BUILD)' tests/kernels/run $(KERNELS)

docs: ## make docs/services.md anew, of what is installed
	@tests/services.py >$(BUILD)/services.md
	@mv $(BUILD)/services.md docs/services.md

$(BUILD)/short/allocate.o: tests/memory/allocate.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call brief,CC,$<)$(call compile) -c -o $@ $<

check-faults: $(filter $(PROGRAM),$(PORTEXEC)) $(probes) $(BUILD)/short/allocate.o ## have each system call and allocation fail
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/short STATIC=no \
	PROGRAM=$(BUILD)/short/portexec \
	LDFLAGS='$(LDFLAGS) $(BUILD)/short/allocate.o' $(BUILD)/short/portexec
	@PORTEXEC='$(PORTEXEC)' BUILD='$(BUILD)' tests/faults

# Variables, for make joins their lines: in a recipe they stay broken.
sanitize = -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all

asan: ## run the tests under the address and undefined behaviour sanitizers
	@$(MAKE) --no-print-directory BUILD=build/asan PROGRAM=build/asan/portexec STATIC=no \
	CFLAGS='-O1 -g $(sanitize)' SANITIZED=1 check-program

fuzz: ## feed the fuzz targets, SECONDS=60 each, two at a time
	@$(MAKE) --no-print-directory -k -j2 BUILD=build/fuzz CC=clang STATIC=no \
	CFLAGS='-O1 -g $(sanitize) -fsanitize=fuzzer-no-link' $(fuzzers)

$(fuzzers): fuzz-%: $(BUILD)/tests/fuzz_%
	@BUILD='$(BUILD)' tests/fuzz/run $* $(SECONDS)

soak: $(filter $(PROGRAM),$(PORTEXEC)) $(probes) ## run for MINUTES=2 at full speed: does anything grow?
	@PORTEXEC='$(PORTEXEC)' BUILD='$(BUILD)' tests/soak $(MINUTES)

# These run another program than the one that is built, or what others run as
# well.
uncounted = build ci completions cookbook debian deps examples fixtures_% \
	from_systemd hello install layout memory npm portability release run \
	servers services together troubleshooting wheel
counted = $(filter-out $(uncounted),units $(patsubst tests/test_%.py,%,\
	$(wildcard tests/test_*.py)))
counter = -Wl,--wrap=execve,--wrap=_exit,--wrap=kill,--wrap=sendmsg \
	build/coverage/dump.o -lgcov
counting = $(MAKE) --no-print-directory BUILD=build/coverage STATIC=no \
	PROGRAM=build/coverage/portexec \
	CFLAGS='-O0 -g --coverage -fno-builtin-execve' \
	LDFLAGS='$(counter)'

# A probe that counts says so where it may not write.
$(probes): private override CFLAGS := $(filter-out --coverage,$(CFLAGS))

# The counts are also those of other users, as which some tests run it.
coverage: ## run the tests, and list what of src/ they do not reach
	@rm -rf build/coverage
	@mkdir -p build/coverage
	$(call brief,CC,tests/coverage/dump.c)$(CC) -O2 -c \
	-o build/coverage/dump.o tests/coverage/dump.c
	+@$(counting)
	@for file in $$(find build/coverage/src -name '*.gcno'); do \
	>"$${file%.gcno}.gcda" && chmod 666 "$${file%.gcno}.gcda"; done
	-+@COUNTED=1 $(counting) TESTS='$(or $(TESTS),$(counted))' check
	@gcovr --filter src/ build/coverage
	@gcovr --filter src/ --branches build/coverage

# Beside what is in the tree, where it can be had: the release before, of a
# commit that a clone may lack; and the program of the next release.
before_version = 0.1.0
before_commit = 0a0cb40

bench: $(bench_tools) npm wheel ## measure, and write docs/benchmarks.md
	@for kind in static dynamic; do folder=$(BUILD)/bench/$$kind; \
	[ $$kind = static ] && static=yes || static=no; \
	$(MAKE) --no-print-directory BUILD=$$folder PROGRAM=$$folder/portexec STATIC=$$static \
	$$folder/portexec || exit; done
	@folder=$(BUILD)/bench/$(before_version); \
	if ! git cat-file -e $(before_commit) 2>/dev/null; then \
	rm -rf $$folder; echo 'bench: git does not have $(before_version)'; \
	elif [ ! -x $$folder/portexec ]; then mkdir -p $$folder && \
	git archive $(before_commit) | tar -x -C $$folder && $(MAKE) \
	--no-print-directory -C $$folder BUILD=build PROGRAM=./portexec STATIC=yes; fi
	@folder=$(BUILD)/bench/musl; \
	if ! command -v musl-gcc >/dev/null; then \
	rm -rf $$folder; echo 'bench: no musl-gcc'; \
	else $(MAKE) --no-print-directory BUILD=$$folder CC=musl-gcc \
	$$folder/bench/floor $$folder/bench/nothing; fi
	@BUILD='$(BUILD)' QUICK='$(QUICK)' tests/bench/run $(BENCH)

demo: $(PROGRAM) $(BUILD)/tests/hello ## show what portexec does
	@tests/demo

deps-build: ## install what the build needs
	@tests/deps build
deps-fresh: ## install what check-fresh needs
	@tests/deps fresh
deps: ## install what build, demo and tests need
	@tests/deps tree
deps-servers: | $(filter deps,$(before)) ## install the services that tests run
	@tests/deps servers
deps-servers-all: | $(filter deps deps-servers,$(before)) ## install all services
	@tests/deps servers-all
deps-lint: | $(filter deps deps-servers,$(before)) ## install the analysers
	@tests/deps lint
deps-bench: | $(filter deps deps-servers deps-lint,$(before)) ## install what bench needs
	@tests/deps bench
	@tests/deps release

deps-kernels: | $(filter deps deps-servers deps-lint deps-bench,$(before)) ## install what check-kernels needs
	@tests/deps kernels
	@tests/kernels/get $(BUILD)/kernels $(or $(KERNELS),amd64 i386 s390x arm64 armhf ppc64el)

deps-release: | $(filter deps deps-servers deps-lint deps-bench,$(before)) ## install what release, npm, wheel and check-packages need
	@tests/deps release

lint: $(BUILD)/flags ## run the analysers
	$(need_tests)@CPPFLAGS='-D_GNU_SOURCE -DVERSION="\"$(VERSION)\"" $(shell \
	$(PKG_CONFIG) --cflags libbsd-overlay libsystemd check)' tests/lint

# README, and what it and the pages link to.
pages = README.md NEWS COPYING $(wildcard docs/*.md docs/*.svg \
	packaging/*/README.md packaging/github/action.yml docs/bench/*.svg \
	tests/examples/*.* tests/examples/Containerfile tests/examples/*/*.* \
	tests/examples/*/.*.json tests/examples/*/*/*.* tests/servers/*.toml) \
	$(addprefix tests/bench/,binds.c connects.c dns.c floor.c launch.c) \
	tests/memory/allocate.c

install: $(PROGRAM) ## install to DESTDIR and PREFIX
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1'
	$(INSTALL) -m 755 $(PROGRAM) '$(DESTDIR)$(BINDIR)/portexec'
	$(INSTALL) -m 644 man/portexec.1 '$(DESTDIR)$(MANDIR)/man1'
	$(INSTALL) -d '$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)' \
	'$(DESTDIR)$(FISHDIR)'
	$(INSTALL) -m 644 completions/portexec.bash '$(DESTDIR)$(BASHDIR)/portexec'
	$(INSTALL) -m 644 completions/_portexec '$(DESTDIR)$(ZSHDIR)'
	$(INSTALL) -m 644 completions/portexec.fish '$(DESTDIR)$(FISHDIR)'
	@echo "$(INSTALL) -m 644 README.md ... '$(DESTDIR)$(DOCDIR)'"
	@for folder in $(sort $(dir $(pages))); do \
	$(INSTALL) -d '$(DESTDIR)$(DOCDIR)'/$$folder || exit; done; \
	for page in $(pages); do \
	$(INSTALL) -m 644 $$page '$(DESTDIR)$(DOCDIR)'/$$page || exit; done

install-strip: install ## the same, without symbols
	$(STRIP) '$(DESTDIR)$(BINDIR)/portexec'

uninstall: ## remove what install put there
	rm -f '$(DESTDIR)$(BINDIR)/portexec' '$(DESTDIR)$(MANDIR)/man1/portexec.1' \
	'$(DESTDIR)$(BASHDIR)/portexec' '$(DESTDIR)$(ZSHDIR)/_portexec' \
	'$(DESTDIR)$(FISHDIR)/portexec.fish'
	@echo "rm -f '$(DESTDIR)$(DOCDIR)/README.md' ..."
	@[ ! -d '$(DESTDIR)$(DOCDIR)' ] || { cd '$(DESTDIR)$(DOCDIR)' && \
	rm -f $(pages) && for folder in $(sort $(dir $(pages))); do \
	rmdir -p $$folder 2>/dev/null; done; true; }
	@[ ! -d '$(DESTDIR)$(DOCDIR)' ] || \
	rmdir '$(DESTDIR)$(DOCDIR)' 2>/dev/null || true

# For everybody the same bytes: no flag of the caller's counts.
releases = x86_64 aarch64 armhf i386 ppc64el s390x riscv64
packaged = x86_64 aarch64

release: | $(before) packaged ## build for all architectures, and pack it
	@for arch in $(filter-out $(packaged),$(releases)); do \
	packaging/release/build $$arch $(BUILD)/release || exit; done
	@packaging/release/pack $(BUILD)/release $(releases)

packaged: | $(before) ## build for those that npm and pip have
	@for arch in $(packaged); do \
	packaging/release/build $$arch $(BUILD)/release || exit; done

npm: packaged ## make the package for npm
	@packaging/npm/build $(BUILD)/release

wheel: packaged ## make the packages for pip
	@packaging/python/build $(BUILD)/release

deb: | $(before) ## make the package for Debian, of what is committed
	@packaging/debian/build $(BUILD)/deb

dist: ## make portexec-VERSION.tar.gz of what is committed
	git archive --prefix=portexec-$(VERSION)/ \
	-o portexec-$(VERSION).tar.gz HEAD

clean: ## remove what was built
	rm -rf build portexec portexec-*.tar.gz

FORCE:
.PHONY: all help check check-program check-release check-fresh check-servers check-servers-all check-packages \
	check-servers-mutant check-faults check-kernels docs asan fuzz soak coverage bench demo \
	deps-build deps-fresh deps deps-servers deps-servers-all deps-lint deps-bench deps-kernels \
	deps-release release packaged npm wheel deb lint install install-strip uninstall dist clean
.PHONY: $(fuzzers) FORCE
.DELETE_ON_ERROR:
