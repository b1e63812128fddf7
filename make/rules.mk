# The words of module.mk. Each is used as $(call word,name) and looks into the folder `name`:
#
#   library   *.c become lib<name>.a, together with migrations/*.sql as `<name>_migrations` (runtime/migrate.h) if there are any.
#             Every *_test.c becomes a unit test that links the library, and test/harness's: $(O)/test/<name>_<file>.
#             Every *_check.c becomes a program that the build runs and that fails the build when it fails.
#   program   a library as above of all but main.c, and a program <name> from main.c.
#   service   a program with the libraries that every service needs.
#
# Set before the call, if wanted: <name>_NEEDS (libraries of ours, dependents first), <name>_LIBS (the system's), <name>_EXTRA (objects made by other rules),
# <name>_CPPFLAGS.
# The words collect into PROGRAMS, TESTS, BUILD_CHECKS, C_FILES (all our C, for format and analysis), OBJECTS, EXECUTABLES; modules add to UI, CHECKS and BENCHES by hand.

PROGRAMS :=
TESTS :=
BUILD_CHECKS :=
C_FILES :=
OBJECTS :=
EXECUTABLES :=
UI :=
CHECKS :=
BENCHES :=

SERVICE_NEEDS := runtime protos base
SERVICE_LIBS := -lgrpc -lgpr -lprotobuf-c -lpq -lnanomsg -levent_core -levent_pthreads -lcrypto -lpthread

object_of = $(patsubst %.c,$(O)/obj/%.o,$(1))
library_of = $(patsubst %,$(O)/lib/lib%.a,$(1))
sources_of = $(filter-out %_test.c %_check.c,$(wildcard $(1)/*.c))

library = $(call module,$(1),$(call sources_of,$(1)))
program = $(call module,$(1),$(filter-out $(1)/main.c,$(call sources_of,$(1))))$(if $(wildcard $(1)/main.c),$(eval $(call program_rules,$(1))))
service = $(eval $(1)_NEEDS := $(SERVICE_NEEDS))$(eval $(1)_LIBS := $(SERVICE_LIBS))$(call program,$(1))

# 1: name, 2: sources of the library
module = $(if $(wildcard $(1)/migrations),$(eval $(call migration_rules,$(1),$(sort $(wildcard $(1)/migrations/*.sql)))))$(eval \
	$(call library_rules,$(1),$(2)))$(foreach test,$(wildcard $(1)/*_test.c),$(eval \
	$(call test_rules,$(1),$(test),$(O)/test/$(1)_$(notdir $(test:_test.c=)))))$(foreach check,$(wildcard $(1)/*_check.c),$(eval \
	$(call check_rules,$(1),$(check),$(O)/check/$(1)_$(notdir $(check:_check.c=)))))

# 1: name, 2: sources
define library_rules
C_FILES += $(wildcard $(1)/*.[ch])
OBJECTS += $(call object_of,$(2))
$(call object_of,$(2)): private CPPFLAGS += $$($(1)_CPPFLAGS)
$(call library_of,$(1)): $(call object_of,$(2)) $$($(1)_EXTRA)
endef

# A program from one source with main(). 1: name, 2: source, 3: output, 4: further libraries
define executable_rules
EXECUTABLES += $(3)
OBJECTS += $(call object_of,$(2))
$(call object_of,$(2)): private CPPFLAGS += $$($(1)_CPPFLAGS)
$(3): $(call object_of,$(2)) $(call library_of,$(1) $($(1)_NEEDS))
$(3): private LIBS := $($(1)_LIBS) $(4)
endef

define program_rules
PROGRAMS += $(O)/bin/$(1)
$(call executable_rules,$(1),$(1)/main.c,$(O)/bin/$(1))
endef

define test_rules
TESTS += $(3)
$(call object_of,$(2)): | $(SETUP_TEST)
$(call executable_rules,$(1),$(2),$(3),-lcmocka)
$(3): $(call library_of,test/harness)
endef

define check_rules
BUILD_CHECKS += $(3).ok
$(call executable_rules,$(1),$(2),$(3))
$(3).ok: $(3)
	@$(3)
	@touch $$@
endef

# 1: name, 2: SQL files. The folder is a prerequisite too: it changes when a file is removed.
define migration_rules
$(1)_EXTRA += $(O)/obj/gen/$(1)/migrations.o
$(O)/obj/gen/$(1)/migrations.o: $(GEN)/$(1)/migrations.c $(2)
$(GEN)/$(1)/migrations.c: make/embed-migrations $(1)/migrations $(2)
	@mkdir -p $$(@D)
	@make/embed-migrations $(1) $(2) > $$@.tmp && mv $$@.tmp $$@
endef
