# test: what `make check` does. Tests themselves are found by test/harness/run-tests.
# test/harness holds what unit tests share, too: a private PostgreSQL.
$(call library,test/harness)

.PHONY: check-house check-layers check-format check-shell check-lint check-breaking check-tidy baseline
CHECKS += check-layers check-house check-format check-shell check-lint check-breaking check-tidy

check-layers check-house:
	@test/house/$@

C_FILES += $(wildcard test/*/*.[ch] bench/*.[ch])
check-format: $(SETUP_TEST)
	@clang-format --dry-run -Werror $(sort $(C_FILES))

SCRIPTS := $(shell grep -lE '^\#!/bin/(ba)?sh' -r .ci bench deploy make test 2>/dev/null) $(wildcard test/*/*.test.sh)
check-shell: $(SETUP_TEST)
	@shellcheck $(SCRIPTS)

# Contracts. buf reads what protoc made; the imported contracts come from Debian's packages, so only our own files stand in the baseline.
BUF := node_modules/.bin/buf
BASELINE := protos/baseline.binpb
check-lint: $(GEN)/quayside-docs.fds $(SETUP_TEST)
	@$(BUF) lint '$<#format=binpb' --config protos/buf.yaml

$(GEN)/quayside-own.fds: $(GEN)/quayside.fds
	@protoc $(PROTO_PATH) --descriptor_set_out=$@ $(OWN_PROTOS)
$(GEN)/third.fds: $(GEN)/quayside.fds
	@protoc $(PROTO_PATH) --include_imports --descriptor_set_out=$@ $(THIRD_PROTOS) protobuf-c/protobuf-c.proto
$(GEN)/baseline.fds: $(GEN)/third.fds $(BASELINE)
	@cat $^ > $@
check-breaking: $(GEN)/quayside-docs.fds $(GEN)/quayside-own.fds $(GEN)/baseline.fds $(SETUP_TEST)
	@$(BUF) breaking '$<#format=binpb' --against '$(GEN)/baseline.fds#format=binpb' --config protos/buf.yaml
	@cmp -s $(GEN)/quayside-own.fds $(BASELINE) || { echo 'The contracts have grown: keep it with `make baseline`, so that the new parts are guarded too.'; exit 1; }

baseline: $(GEN)/quayside-own.fds ## accept the contracts as they are as what later ones must stay compatible with
	cp $< $(BASELINE)

# Static analysis, once per file and again when the file or a header it includes has changed (its object says so).
TIDY_FILES := $(filter %.c,$(sort $(C_FILES)))
TIDY_FLAGS := -std=gnu11 -I. -I$(GEN) -D_GNU_SOURCE -include base/banned.h
# What cmocka's assertions assert is unknown to the analyzer: they are not declared to end the test.
# And in tables of cases, texts of several lines are ordinary.
TIDY_TESTS := --checks=-clang-analyzer-core.*,-bugprone-suspicious-missing-comma
check-tidy: $(TIDY_FILES:%.c=$(O)/tidy/%.ok)
$(O)/tidy/%.ok: %.c $(O)/obj/%.o .clang-tidy $(SETUP_TEST)
	@mkdir -p $(@D)
	@echo 'tidy    $<'
	@clang-tidy --quiet $(if $(filter %_test.c,$<),$(TIDY_TESTS)) $< -- $(TIDY_FLAGS) $($(word 1,$(subst /, ,$<))_CPPFLAGS) 2>$@.log || { grep -v 'warnings generated' $@.log >&2; exit 1; }
	@touch $@

# Faults. Their short forms are tests (test/storm/*.test.mjs); these take minutes.
.PHONY: storm storm-points
storm: build $(SETUP_TEST) ## kill, freeze and cut off everything at random under load, then look into the books (MINUTES=, SEED=, BUS=cut, KINDS=, CLIENTS=, SOAK=)
	@QUAYSIDE_BUILD=$(O) MINUTES='$(MINUTES)' SEED='$(SEED)' BUS='$(BUS)' KINDS='$(KINDS)' CLIENTS='$(CLIENTS)' SOAK='$(SOAK)' node test/storm/storm.mjs
storm-points: fault $(SETUP_TEST) ## kill every service at every fault point of every write and saga (POINTS=pattern picks scenarios)
	@QUAYSIDE_BUILD=$(BUILD) node test/storm/crash-points.mjs '$(POINTS)'

.PHONY: mutants
mutants: $(TESTS) fault $(SETUP_TEST) ## put known bugs into a copy of the project, one at a time: each has to be caught by the check named beside it (ONLY="M1 M2")
	@QUAYSIDE_BUILD=$(BUILD) node test/storm/mutants.mjs $(ONLY)
