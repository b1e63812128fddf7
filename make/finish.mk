# How things are made, once every module has said what there is.

$(OBJECTS): $(O)/obj/%.o: %.c $(O)/toolchain.mk
	@mkdir -p $(@D)
	@echo 'cc      $<'
	@$(CC) $(OWN_CFLAGS) -MMD -MP -c $< -o $@
$(filter-out $(O)/obj/base/%,$(OBJECTS)): | $(PROTO_HEADERS)

# Generated code.
$(O)/obj/gen/%.o: $(GEN)/%.c $(O)/toolchain.mk
	@mkdir -p $(@D)
	@$(CC) $(FOREIGN_CFLAGS) -MMD -MP -c $< -o $@

$(O)/lib/%.a:
	@mkdir -p $(@D)
	@echo 'ar      $@'
	@rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(EXECUTABLES):
	@mkdir -p $(@D)
	@echo 'link    $@'
	@$(CC) $(CODE) $(LINK_FLAGS) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS) -o $@

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
