# Quayside's front door. `make help` lists what can be asked for.
#
# One graph: every folder says in its module.mk what it holds, in the words that make/rules.mk defines (library, program, service);
# nothing builds by calling make again. `asan`, `tsan` and `valgrind` are this same Makefile in another MODE, with an output folder of their own.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

# What may be set on the command line.
BUILD ?= build
MODE ?=
RUN_DIR ?= run
DEMO ?= 1
HTTP_PORT ?= 8080
GRPC_PORT_BASE ?= 9000
JOBS ?= 2
WERROR ?= -Werror
ifeq ($(filter-out default undefined,$(origin CC)),)
CC := gcc
endif
AR := ar

# Freshly made database clusters are copies of this one.
export QUAYSIDE_PG_TEMPLATE := $(abspath $(BUILD))/pg-template

# The output folder of this mode. Generated sources are the same in every mode and stay in $(GEN).
O := $(BUILD)$(if $(MODE),/$(MODE))
GEN := $(BUILD)/gen

.PHONY: help setup build run reconcile test fault check asan tsan valgrind bench clean format

help: ## list the targets and the variables
	@echo 'make [target] [VARIABLE=value]'
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/p' Makefile test/module.mk | expand -t 16
	@echo 'Variables (now): BUILD=$(BUILD) RUN_DIR=$(RUN_DIR) DEMO=$(DEMO) HTTP_PORT=$(HTTP_PORT) GRPC_PORT_BASE=$(GRPC_PORT_BASE) JOBS=$(JOBS) CC=$(CC)'

setup: ## install what building, running and testing need (Debian packages and npm packages)
	@deploy/local/setup.sh all

clean: ## remove everything that was built (run data stays)
	rm -rf -- $(BUILD)

reconcile: ## do stock, orders, shipments, invoices and payments of what `make run` runs agree? Says what does not, and what to do
	@node deploy/local/reconcile.mjs $(RUN_DIR)

# Goals that need no compiler are answered without looking for one.
ifneq ($(filter-out help setup clean reconcile,$(or $(MAKECMDGOALS),build)),)
include make/flags.mk
include make/rules.mk
include $(sort $(wildcard */module.mk))
include make/finish.mk
endif

build: $(BUILD_CHECKS) $(PROGRAMS) $(UI) ## build the programs and the browser UI (the default)

run: build ## start everything and print a URL; Ctrl-C stops it; data stays in RUN_DIR (DEMO=0 starts without demo data)
	@BUILD=$(O) UI_DIR=$(BUILD)/ui RUN_DIR=$(RUN_DIR) DEMO=$(DEMO) HTTP_PORT=$(HTTP_PORT) GRPC_PORT_BASE=$(GRPC_PORT_BASE) exec deploy/local/run.sh

# Tests of the storm need programs that can be made to fail; other tests do not wait for them.
test: build $(TESTS) $(SETUP_TEST) $(if $(MODE),,$(if $(ONLY),$(if $(findstring storm,$(ONLY)),fault),fault)) ## run all tests (ONLY=pattern runs some)
	@MODE=$(MODE) JOBS=$(JOBS) ONLY='$(ONLY)' test/harness/run-tests $(O) $(TESTS)

fault: build ## build the programs that tests can make fail at chosen points (runtime/fault.h)
	@$(MAKE) MODE=fault build

check: $(CHECKS) ## contracts, format, static analysis, layer and house rules

asan: ## run all tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) MODE=asan test

tsan: ## run all tests under ThreadSanitizer
	@$(MAKE) MODE=tsan test

valgrind: ## run the unit tests and the main job (the README's walks) under valgrind
	@$(MAKE) MODE=valgrind ONLY='$(or $(ONLY),^(?!system|contract|http|browser)|^system/readme$$)' test

bench: build $(BENCHES) $(SETUP_BENCH) ## measure, as ratios to well-known peers
	@MODE=$(MODE) bench/run $(O)

format: $(SETUP_TEST) ## lay out all C files as .clang-format says
	clang-format -i $(C_FILES)
