# bench: what `make bench` compares with. The C++ server is made from the same contracts by protoc's own C++ generators.
BENCHES += $(O)/bench/peer
BENCH_PROTOS := $(patsubst %.proto,%,google/api/annotations.proto google/api/http.proto grpc/health/v1/health.proto protobuf-c/protobuf-c.proto \
	quayside/common/v1/options.proto quayside/common/v1/types.proto quayside/customers/v1/customers.proto)
BENCH_GEN := $(O)/bench/gen
BENCH_CXX := g++ -std=c++17 -O2 -isystem $(BENCH_GEN)

$(BENCH_GEN)/.made: $(addprefix protos/,$(filter quayside/%,$(OWN_PROTOS))) $(THIRD_READY) | $(SETUP_BENCH)
	@mkdir -p $(BENCH_GEN)
	@protoc $(PROTO_PATH) --cpp_out=$(BENCH_GEN) --grpc_out=$(BENCH_GEN) --plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) $(addsuffix .proto,$(BENCH_PROTOS))
	@touch $@
$(addprefix $(BENCH_GEN)/,$(addsuffix .pb.o,$(BENCH_PROTOS)) grpc/health/v1/health.grpc.pb.o quayside/customers/v1/customers.grpc.pb.o): %.o: $(BENCH_GEN)/.made
	@$(BENCH_CXX) -c $*.cc -o $@
$(O)/bench/peer: bench/peer.cc $(addprefix $(BENCH_GEN)/,$(addsuffix .pb.o,$(BENCH_PROTOS)) grpc/health/v1/health.grpc.pb.o quayside/customers/v1/customers.grpc.pb.o)
	@echo 'link    $@'
	@$(BENCH_CXX) $^ -Wl,--copy-dt-needed-entries -lgrpc++ -lgrpc -lgpr -lprotobuf -lpthread -o $@
