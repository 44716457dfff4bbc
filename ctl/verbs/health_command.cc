// health: the standard health check, grpc.health.v1.Health/Check. Made for probes.
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

using grpc::health::v1::HealthCheckResponse;

class HealthCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"health",
            "Exit 0 if the gateway is serving, 1 if it is not; for probes",
            "  echogwctl health\n"
            "  echogwctl health --service echogw.admin.v1.Admin --timeout 1s\n"
            "  HEALTHCHECK CMD [\"echogwctl\", \"health\"]   # in a Dockerfile",
            "",
            {{0, "serving"}, {1, "not serving, or there is no such service"}}};
  }

  void AddOptions(OptionSet& options) override {
    options.Text("--service", &service_, "Service to check (the whole gateway)");
  }

  ExitCode Run(CommandContext& context) override {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service_);
    const auto [status, response] = Call<&Client::Health::Check>(context, request);
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
      return Fail(context, ExitCode::kRefused,
                  absl::StrCat("the gateway has no service '", service_,
                               "'; omit --service to check the whole gateway"));
    }
    if (!status.ok()) return FailRpc(context, status);
    const auto serving = response.status();
    const auto document = [&] {
      return Document::Object(
          {{"service", service_}, {"status", HealthCheckResponse::ServingStatus_Name(serving)}});
    };
    Emit(context, document, [&] { context.out << EnumText(serving) << '\n'; });
    return serving == HealthCheckResponse::SERVING ? ExitCode::kOk : ExitCode::kRefused;
  }

 private:
  std::string service_;
};

}  // namespace

std::unique_ptr<Command> MakeHealthCommand() { return std::make_unique<HealthCommand>(); }

}  // namespace echogw::ctl
