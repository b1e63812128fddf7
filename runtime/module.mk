# runtime: what every service needs; knows no business.
runtime_NEEDS := protos base
runtime_LIBS := $(SERVICE_LIBS)
runtime_CPPFLAGS := -isystem /usr/include/postgresql
$(call library,runtime)
