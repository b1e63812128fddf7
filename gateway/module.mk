# gateway: JSON over HTTP in front of the services. llhttp comes as source in Debian's package and is compiled here.
LLHTTP := /usr/share/llhttp

gateway_NEEDS := runtime protos base
gateway_LIBS := -lgrpc -lgpr -lprotobuf-c -levent_core -levent_extra -levent_openssl -levent_pthreads -lssl -lcrypto -lz -lpthread
gateway_CPPFLAGS := -isystem /usr/share/include/llhttp
gateway_EXTRA := $(addprefix $(O)/obj/llhttp/,api.o http.o llhttp.o)
$(gateway_EXTRA): $(O)/obj/llhttp/%.o: $(LLHTTP)/%.c $(O)/toolchain.mk
	@mkdir -p $(@D)
	@$(CC) $(FOREIGN_CFLAGS) -isystem /usr/share/include/llhttp -MMD -MP -c $< -o $@

$(call program,gateway)
