# The words of module.mk. Each is used as $(call word,name) and looks into the folder `name`:
#
#   library   all *.c but *_test.c become lib<name>.a; every *_test.c becomes a unit test that links it.
#   program   a library of all but main.c, and a program <name> from main.c; unit tests as above.
#   service   a program on the runtime, with its contracts and its migrations (<name>/migrations/*.sql) inside.
#
# Set before the call, if wanted: <name>_NEEDS (libraries of ours, dependents first), <name>_LIBS (the system's), <name>_EXTRA (objects built by other rules),
# <name>_CPPFLAGS. The words collect into: PROGRAMS, TESTS, UI, CHECKS, BENCHES, C_FILES (all our C, for format and analysis).

PROGRAMS :=
TESTS :=
UI :=
CHECKS :=
BENCHES :=
C_FILES :=
OBJECTS :=

SERVICE_NEEDS := runtime protos base
SERVICE_LIBS := -lgrpc -lgpr -lprotobuf-c -lpq -levent_core -levent_pthreads -lpthread

object_of = $(patsubst %.c,$(O)/obj/%.o,$(1))
library_of = $(patsubst %,$(O)/lib/lib%.a,$(1))

library = $(eval $(call library_rules,$(1),$(filter-out %_test.c,$(wildcard $(1)/*.c)),$(wildcard $(1)/*_test.c)))
program = $(eval $(call library_rules,$(1),$(filter-out %_test.c $(1)/main.c,$(wildcard $(1)/*.c)),$(wildcard $(1)/*_test.c)))$(if $(wildcard $(1)/main.c),$(eval $(call program_rules,$(1))))
service = $(eval $(1)_NEEDS := $(SERVICE_NEEDS))$(eval $(1)_LIBS := $(SERVICE_LIBS))$(eval $(call migrations_rules,$(1),$(sort $(wildcard $(1)/migrations/*.sql))))$(call program,$(1))

# 1: name, 2: sources, 3: test sources
define library_rules
C_FILES += $(wildcard $(1)/*.[ch])
OBJECTS += $(call object_of,$(2) $(3))
$(call object_of,$(2) $(3)): private CPPFLAGS += $$($(1)_CPPFLAGS)
$(call library_of,$(1)): $(call object_of,$(2)) $$($(1)_EXTRA)
$(foreach test,$(3),$(call test_rules,$(1),$(test),$(O)/test/$(1)_$(notdir $(test:_test.c=))))
endef

# 1: name of the library under test, 2: source, 3: output
define test_rules
TESTS += $(3)
$(call object_of,$(2)): | $(SETUP_TEST)
$(3): $(call object_of,$(2)) $(call library_of,$(1) $($(1)_NEEDS)) $(TEST_SUPPORT)
$(3): private LIBS := $($(1)_LIBS) -lcmocka

endef

# 1: name
define program_rules
PROGRAMS += $(O)/bin/$(1)
OBJECTS += $(call object_of,$(1)/main.c)
$(O)/bin/$(1): $(call object_of,$(1)/main.c) $(call library_of,$(1) $($(1)_NEEDS))
$(O)/bin/$(1): private LIBS := $($(1)_LIBS)
endef

# 1: service, 2: migrations
define migrations_rules
$(1)_EXTRA := $(O)/obj/gen/$(1)/migrations.o
$(O)/obj/gen/$(1)/migrations.o: $(GEN)/$(1)/migrations.c $(2)
$(GEN)/$(1)/migrations.c: make/embed-migrations $(wildcard $(1)/migrations) $(2)
	@mkdir -p $$(@D)
	@make/embed-migrations $(1) $(2) > $$@.tmp && mv $$@.tmp $$@
endef
