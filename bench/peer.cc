// The yardstick for CPU per call: a bare gRPC C++ server on the callback API that answers the same messages as ours, without a database and without checks.
//
//     peer ADDRESS        for example 127.0.0.1:0; prints the port, serves until its standard input ends
#include <grpcpp/grpcpp.h>

#include <iostream>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"
#include "quayside/customers/v1/customers.grpc.pb.h"

namespace {

class Health final : public grpc::health::v1::Health::CallbackService {
	grpc::ServerUnaryReactor *Check(grpc::CallbackServerContext *context, const grpc::health::v1::HealthCheckRequest *,
					grpc::health::v1::HealthCheckResponse *reply) override
	{
		reply->set_status(grpc::health::v1::HealthCheckResponse::SERVING);
		auto *reactor = context->DefaultReactor();
		reactor->Finish(grpc::Status::OK);
		return reactor;
	}
};

class Customers final : public quayside::customers::v1::CustomerService::CallbackService {
	grpc::ServerUnaryReactor *GetCustomer(grpc::CallbackServerContext *context, const quayside::customers::v1::GetCustomerRequest *request,
					      quayside::customers::v1::Customer *reply) override
	{
		reply->set_customer_id(request->customer_id());
		reply->set_first_name("Ada");
		reply->set_last_name("Lovelace");
		reply->set_email("ada@example.com");
		reply->set_status(quayside::customers::v1::CUSTOMER_STATUS_ACTIVE);
		reply->mutable_create_time()->set_seconds(1763700000);
		reply->mutable_update_time()->set_seconds(1763700000);
		reply->set_etag("1");
		auto *address = reply->add_addresses()->mutable_address();
		address->set_recipient("Ada Lovelace");
		address->set_line1("12 St James Square");
		address->set_postal_code("SW1Y 4JH");
		address->set_city("London");
		address->set_country_code("GB");
		auto *reactor = context->DefaultReactor();
		reactor->Finish(grpc::Status::OK);
		return reactor;
	}
};

} // namespace

int main(int argc, char *argv[])
{
	if (argc != 2) {
		std::cerr << "usage: peer ADDRESS\n";
		return 2;
	}
	Health health;
	Customers customers;
	int port = 0;
	grpc::ServerBuilder builder;
	builder.AddListeningPort(argv[1], grpc::InsecureServerCredentials(), &port);
	builder.RegisterService(&health);
	builder.RegisterService(&customers);
	const auto server = builder.BuildAndStart();
	if (server == nullptr)
		return 1;
	std::cout << port << std::endl;
	std::string line;
	while (std::getline(std::cin, line)) {
	}
	server->Shutdown();
	return 0;
}
