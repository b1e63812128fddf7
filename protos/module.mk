# protos: the contracts. Messages and service tables come from protoc-c (libprotos.a); everything that protoc-c drops (routes, options, streaming,
# comments) comes from descriptor sets: quayside.fds is embedded for reflection and routes, quayside-docs.fds adds the comments, for lint and documentation.

# Contracts that others wrote, from the packages that ship them; copied into one include folder.
THIRD := $(BUILD)/third_party
GOOGLEAPIS := /usr/share/gocode/src/github.com/gogo/googleapis
GRPC_PROTO := /usr/share/grpc-proto
WELL_KNOWN := /usr/include
THIRD_PROTOS := \
	$(addprefix google/protobuf/,any.proto descriptor.proto duration.proto empty.proto field_mask.proto timestamp.proto) \
	google/api/annotations.proto google/api/http.proto google/rpc/status.proto google/rpc/code.proto google/rpc/error_details.proto \
	grpc/health/v1/health.proto grpc/reflection/v1/reflection.proto grpc/reflection/v1alpha/reflection.proto
OWN_PROTOS := $(sort $(patsubst protos/%,%,$(shell find protos -name '*.proto')))
PROTO_PATH := -I protos -I $(THIRD)
PROTO_SOURCES := $(patsubst %.proto,$(GEN)/%.pb-c.c,$(THIRD_PROTOS) $(OWN_PROTOS))
PROTO_HEADERS := $(PROTO_SOURCES:.c=.h)

vpath %.proto $(GOOGLEAPIS) $(GRPC_PROTO) $(WELL_KNOWN)
$(addprefix $(THIRD)/,$(THIRD_PROTOS) protobuf-c/protobuf-c.proto): $(THIRD)/%.proto: %.proto | $(SETUP_RUN)
	@mkdir -p $(@D) && cp $< $@
THIRD_READY := $(addprefix $(THIRD)/,$(THIRD_PROTOS) protobuf-c/protobuf-c.proto)

# A changed import can change the names in the files that import it, so protoc's own dependency files are used, with an empty rule added
# for each contract they name, so that a removed one counts as changed and not as an error.
$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h: protos/%.proto | $(THIRD_READY)
	@echo 'protoc  $<'
	@mkdir -p $(@D)
	@protoc-c $(PROTO_PATH) --c_out=$(GEN) --dependency_out=$(GEN)/$*.tmp $<
	@{ cat $(GEN)/$*.tmp; echo; grep -oE ' protos/[^ \\]+' $(GEN)/$*.tmp | sed 's/$$/:/'; } > $(GEN)/$*.pb-c.d && rm $(GEN)/$*.tmp
$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h: $(THIRD)/%.proto | $(THIRD_READY)
	@mkdir -p $(@D)
	@protoc-c $(PROTO_PATH) --c_out=$(GEN) $<
-include $(OWN_PROTOS:%.proto=$(GEN)/%.pb-c.d)

# A removed contract must vanish from the sets too: the list of files is a prerequisite.
$(GEN)/protos.list: $(shell find protos -type d) | $(THIRD_READY)
	@mkdir -p $(@D)
	@printf '%s\n' $(THIRD_PROTOS) $(OWN_PROTOS) > $@
$(GEN)/quayside.fds: $(GEN)/protos.list $(addprefix protos/,$(OWN_PROTOS))
	@protoc $(PROTO_PATH) --include_imports --descriptor_set_out=$@ $(THIRD_PROTOS) $(OWN_PROTOS)
$(GEN)/quayside-docs.fds: $(GEN)/protos.list $(addprefix protos/,$(OWN_PROTOS))
	@protoc $(PROTO_PATH) --include_imports --include_source_info --descriptor_set_out=$@ $(THIRD_PROTOS) $(OWN_PROTOS)

$(O)/obj/protos/descriptor_set.o: private CPPFLAGS += -Wa,-I$(GEN)
$(O)/obj/protos/descriptor_set.o: $(GEN)/quayside.fds
protos_EXTRA += $(patsubst $(GEN)/%.c,$(O)/obj/gen/%.o,$(PROTO_SOURCES))
# Named one by one, so that make does not take the sources for intermediate files.
$(protos_EXTRA): $(O)/obj/gen/%.o: $(GEN)/%.c | $(PROTO_HEADERS)
$(call library,protos)
