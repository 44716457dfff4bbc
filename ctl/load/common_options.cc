#include "ctl/load/common_options.h"

#include <cerrno>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace echogw::ctl::load {
namespace {

constexpr std::uint64_t kSizeMax = std::uint64_t{1} << 30;
constexpr std::uint64_t kThreadsMax = 1024;
// 127.0.0.1 to 127.0.0.254.
constexpr std::uint64_t kSourceAddressesMax = 254;

absl::Status ParseCpus(const std::string& text, std::vector<int>* cpus) {
  std::vector<int> parsed;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(text, ','))) {
    int cpu = -1;
    if (!absl::SimpleAtoi(part, &cpu) || cpu < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' is not a list of CPUs; write numbers, as in 1 or 0,2"));
    }
    parsed.push_back(cpu);
  }
  *cpus = std::move(parsed);
  return absl::OkStatus();
}

}  // namespace

void CommonLoadOptions::AddTo(OptionSet& options) {
  options
      .Custom(
          "address", "HOST:PORT",
          [this](const std::string& text) {
            auto where = ParseHostPort(text);
            if (!where.ok()) return where.status();
            target_ = text;
            where_ = *std::move(where);
            return absl::OkStatus();
          },
          "The echo endpoint, as in 127.0.0.1:7000, [::1]:7000 or unix:/run/echo.sock")
      .Required();
  options.Size("-s,--size", &size_, {1, kSizeMax}, "Bytes of a message (64)");
  options.Count("-t,--threads", &threads_, {1, kThreadsMax},
                "Client threads; of soak: of the churn clients (1)");
  options.Time("--connect-timeout", &connect_timeout_, "Fail a connect after this time (5s)",
               kLeastTime);
  options.Time("--stall-timeout", &stall_timeout_,
               "Fail a connection that makes no progress for this time (10s)", kLeastTime);
  options.Custom(
      "--cpu", "LIST", [this](const std::string& text) { return ParseCpus(text, &cpus_); },
      "Pin the client threads to these CPUs in turn, as in 1 or 0,2 (not pinned)");
  options.Count("--source-addresses", &source_addresses_, {1, kSourceAddressesMax},
                "Connect from this many addresses in turn, starting at 127.0.0.1; each has some "
                "28,000 source ports (1; more only for a target in 127.0.0.0/8)");
  options.Count("--seed", &seed_, {}, "Seed of the bytes that are sent (1)");
  options.Flag("--tls", &tls_, "Connect over TLS; a connection is open after its handshake");
  options.Text("--tls-ca", &tls_ca_, "With --tls: trust these CAs, PEM (those of the system)",
               "FILE");
  options.Flag("--tls-insecure", &tls_insecure_, "With --tls: trust any certificate");
  options.Flag("--banner", &banner_,
               "Skip the first line that the endpoint sends, as echogw's banner@ does");
  options.Flag("--progress", &progress_,
               "A line per second on the error stream even if it is not a terminal");
}

absl::Status CommonLoadOptions::Prepare(LoadOptions* load) const {
  if (!tls_ && (tls_insecure_ || !tls_ca_.empty())) {
    return absl::InvalidArgumentError("--tls-ca and --tls-insecure need --tls");
  }
  load->connect_timeout = connect_timeout_;
  load->stall_timeout = stall_timeout_;
  load->banner = banner_;
  if (tls_) {
    auto tls = TlsSettings::Create(tls_ca_, tls_insecure_, where_.host);
    if (!tls.ok()) return tls.status();
    load->tls = *std::move(tls);
  }
  return PrepareBasics(SOCK_STREAM, load);
}

absl::Status CommonLoadOptions::Prepare(UdpLoadOptions* load) const {
  // Ignoring these would report plain datagrams under their name.
  for (const auto& [given, name] :
       {std::pair(tls_, "--tls"), std::pair(!tls_ca_.empty(), "--tls-ca"),
        std::pair(tls_insecure_, "--tls-insecure"), std::pair(banner_, "--banner")}) {
    if (given) return absl::InvalidArgumentError(absl::StrCat(name, ": not with --udp"));
  }
  if (!where_.unix_path.empty()) {
    return absl::InvalidArgumentError("--udp: a unix socket has no datagrams; write HOST:PORT");
  }
  return PrepareBasics(SOCK_DGRAM, load);
}

absl::Status CommonLoadOptions::PrepareBasics(int type, LoadBasics* load) const {
  if (absl::Status status = RaiseFileLimit(load->connections); !status.ok()) return status;
  const absl::StatusOr<LoadTarget> target = ResolveEndpoint(where_, connect_timeout_, type);
  if (!target.ok()) return target.status();
  auto sources = SourceAddresses(*target, source_addresses_);
  if (!sources.ok()) return sources.status();
  load->target = *target;
  load->sources = *std::move(sources);
  load->message_bytes = size_;
  load->cpus = cpus_;
  load->seed = seed_;
  return absl::OkStatus();
}

absl::Status CommonLoadOptions::CheckThreads(std::uint64_t clients, const char* name) const {
  if (threads_ <= clients) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--threads: ", threads_, " threads need as many ", name));
}

ExitCode FailLoad(CommandContext& context, const absl::Status& status) {
  const ExitCode code = absl::IsInvalidArgument(status) ? ExitCode::kUsage
                        : absl::IsUnavailable(status)   ? ExitCode::kUnreachable
                                                        : ExitCode::kRefused;
  return Fail(context, code, std::string(status.message()));
}

ExitCode FailToConnect(CommandContext& context, const std::string& endpoint,
                       const ErrorLog& errors) {
  const ErrorLog::Detail& first = errors.details().front();
  std::string reason(ErrorKindName(first.kind));
  if (first.error != 0) absl::StrAppend(&reason, " ", ErrnoName(first.error));
  if (!first.text.empty()) absl::StrAppend(&reason, ": ", first.text);
  if (first.kind == ErrorKind::kClientLimit) {
    return Fail(context, ExitCode::kRefused,
                absl::StrCat("cannot start a connect to ", endpoint, ": ", reason,
                             "; this machine is out of source ports, files or memory"));
  }
  const bool tls = first.error == EPROTO;
  return Fail(context, ExitCode::kUnreachable,
              absl::StrCat("cannot connect to ", endpoint, ": ", reason,
                           tls ? "; does it serve TLS, with a certificate from a CA of --tls-ca?"
                               : "; is the endpoint up?"));
}

}  // namespace echogw::ctl::load
