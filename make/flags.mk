# Compiler and linker flags. Flags that not every compiler takes are tried once; $(O)/toolchain.mk remembers which ones passed.

# SQL statements are put together by macros and may be longer than what C99 makes every compiler take; gcc and clang know no limit.
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wvla \
	-Wwrite-strings -Wformat=2 -Wundef -Wno-overlength-strings $(WERROR)
WARNINGS_IF_KNOWN := -Wimplicit-fallthrough -Wduplicated-cond -Wlogical-op -Wjump-misses-init -Wtrampolines -Wbidi-chars=any

# After the OpenSSF hardening guide for C; what a sanitizer replaces is left out in its mode.
HARDENING_IF_KNOWN := -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard -ftrivial-auto-var-init=zero \
	-fzero-call-used-regs=used-gpr
HARDENING := -fstack-protector-strong -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing -fexceptions

OPTIMISE := -O2 -g
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
SANITIZE :=
FAULT_POINTS :=
ifeq ($(MODE),asan)
OPTIMISE := -O1 -g -fno-omit-frame-pointer
FORTIFY := -U_FORTIFY_SOURCE
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(MODE),tsan)
OPTIMISE := -O1 -g -fno-omit-frame-pointer
FORTIFY := -U_FORTIFY_SOURCE
SANITIZE := -fsanitize=thread
else ifeq ($(MODE),valgrind)
OPTIMISE := -O1 -g -fno-omit-frame-pointer
FORTIFY := -U_FORTIFY_SOURCE
else ifeq ($(MODE),fault)
# Programs that can be made to fail at chosen points (runtime/fault.h), for test/storm.
FAULT_POINTS := -DFAULT_POINTS
else ifneq ($(MODE),)
$(error MODE is asan, tsan, valgrind, fault or empty, not '$(MODE)')
endif

# A sanitizer's extra branches confuse this one warning of gcc; plain builds keep it.
ifneq ($(SANITIZE),)
WARNINGS_IF_KNOWN += -Wno-maybe-uninitialized
endif

# Made first, by the include below: make then reads itself again, with the packages in place and the flags known.
SETUP_RUN := $(BUILD)/setup/run
SETUP_TEST := $(BUILD)/setup/test
SETUP_BENCH := $(BUILD)/setup/bench
$(SETUP_RUN) $(SETUP_TEST) $(SETUP_BENCH): deploy/local/setup.sh $(wildcard package-lock.json)
	@deploy/local/setup.sh $(@F)
	@mkdir -p $(@D) && touch $@

$(O)/toolchain.mk: make/flags.mk make/known-flags | $(SETUP_RUN)
	@mkdir -p $(@D)
	@{ echo 'WARNINGS += $(shell :)'"$$(make/known-flags $(CC) $(WARNINGS_IF_KNOWN))"; \
	   echo "HARDENING += $$(make/known-flags $(CC) $(HARDENING_IF_KNOWN))"; } > $@.tmp && mv $@.tmp $@
include $(O)/toolchain.mk

CPPFLAGS_ALL := -I. -I$(GEN) -D_GNU_SOURCE $(FAULT_POINTS) $(FORTIFY)
CODE := -std=gnu11 $(OPTIMISE) -fPIE -fvisibility=hidden -fno-common -ffile-prefix-map=$(CURDIR)=. $(HARDENING) $(SANITIZE)

# Our own code, and code that others' tools wrote. Expanded per object: a module may add CPPFLAGS.
OWN_CFLAGS = $(CODE) $(WARNINGS) -include base/banned.h $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS)
FOREIGN_CFLAGS = $(CODE) -w $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS)
LINK_FLAGS := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed -Wl,--no-copy-dt-needed-entries $(SANITIZE) $(LDFLAGS)
