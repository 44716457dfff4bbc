#include "ctl/gateway/access.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_interceptor.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <future>
#include <iterator>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "ctl/engine/load_target.h"

namespace echogw::ctl {
namespace {

absl::Status Bad(const std::string& option, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", what));
}

absl::StatusOr<std::string> ReadFile(const std::string& option, const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file || text.empty()) {
    const std::string why = errno == 0 ? "it is empty" : ::strerrordesc_np(errno);
    return Bad(option, absl::StrCat("cannot read '", path, "': ", why));
  }
  return text;
}

// gRPC would accept any text and fail every handshake.
absl::Status ReadPem(const std::string& option, const std::string& path, const std::string& what,
                     std::string& text) {
  if (path.empty()) return absl::OkStatus();
  auto read = ReadFile(option, path);
  if (!read.ok()) return read.status();
  std::string end = absl::StrCat(what, "-----");
  absl::AsciiStrToUpper(&end);
  if (!absl::StrContains(*read, "-----BEGIN ") || !absl::StrContains(*read, end)) {
    return Bad(option, absl::StrCat("'", path, "' contains no ", what, " in PEM format"));
  }
  text = *std::move(read);
  return absl::OkStatus();
}

// The characters of a bearer token by RFC 6750; others would break the header.
bool IsToken(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) ||
           std::string_view("-._~+/=").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

// Any name but localhost, even one that begins with "127.", may belong to another machine.
bool StaysOnThisMachine(const std::string& target) {
  const std::string host = target.substr(0, target.rfind(':'));
  in_addr address{};
  return absl::StartsWith(target, "unix:") || host == "[::1]" || host == "localhost" ||
         (inet_pton(AF_INET, host.c_str(), &address) == 1 &&
          ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET);
}

// `target` as gRPC reads it, a URI: a path may hold '%', '?' and '#', an IPv6 address a zone behind
// '%', and a host may have the name of a scheme.
std::string TargetUri(const std::string& target) {
  const std::string escaped =
      absl::StrReplaceAll(target, {{"%", "%25"}, {"?", "%3F"}, {"#", "%23"}, {" ", "%20"}});
  return absl::StartsWith(target, "unix:") ? escaped : absl::StrCat("dns:///", escaped);
}

// For the address that answers first. After it gRPC goes on by itself.
constexpr Duration kFirstAddressMax = std::chrono::seconds(2);

// Of several addresses of a name the first that accepts a connection: gRPC gives each 20 s before
// it tries the next. Else the target, whose errors gRPC reports.
std::string FastestAddress(const std::string& target, Duration timeout) {
  const auto where = load::ParseHostPort(target);
  if (!where.ok() || !where->unix_path.empty()) return target;
  const Duration limit = std::min(timeout, kFirstAddressMax);
  // On a thread of its own, abandoned after the limit: a resolver may take longer.
  std::promise<std::string> found;
  std::future<std::string> address = found.get_future();
  std::thread([found = std::move(found), where = *where, target, limit]() mutable {
    const auto addresses = load::LookUp(where, SOCK_STREAM);
    if (!addresses.ok() || addresses->size() < 2) return found.set_value(target);
    const auto first = load::FirstToAnswer(*addresses, SOCK_STREAM, limit);
    found.set_value(first.ok() ? first->ToString() : target);
  }).detach();
  return address.wait_for(limit) == std::future_status::ready ? address.get() : target;
}

absl::Status LoadToken(const AccessOptions& options, const std::string& target, Access& access) {
  const bool from_file = !options.token_file.empty();
  const std::string source = from_file ? "--token-file" : "ECHOGW_TOKEN";
  std::string token = options.token;
  if (from_file) {
    auto read = ReadFile(source, options.token_file);
    if (!read.ok()) return read.status();
    token = *std::move(read);
  }
  absl::StripAsciiWhitespace(&token);
  if (!from_file && token.empty()) return absl::OkStatus();
  if (!IsToken(token)) {
    return Bad(source, "expected one token of letters, digits and -._~+/= only");
  }
  if (!access.tls && !StaysOnThisMachine(target)) {
    return Bad(source, absl::StrCat("the token would be sent to ", target,
                                    " in plain text; use --tls or --ca-cert"));
  }
  access.token = std::move(token);
  return absl::OkStatus();
}

class TokenInterceptor final : public grpc::experimental::Interceptor {
 public:
  explicit TokenInterceptor(const std::string& header) : header_(header) {}
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", header_);
    }
    methods->Proceed();
  }

 private:
  const std::string& header_;
};

// The channel owns it; it outlives the calls.
class TokenInterceptors final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenInterceptors(const std::string& token) : header_("Bearer " + token) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*call*/) override {
    return new TokenInterceptor(header_);
  }

 private:
  const std::string header_;
};

}  // namespace

absl::StatusOr<Access> LoadAccess(const AccessOptions& options, const std::string& target) {
  Access access;
  access.server_name = options.server_name;
  access.tls = options.tls || !options.ca_cert.empty() || !options.client_cert.empty() ||
               !options.client_key.empty() || !options.server_name.empty();
  if (options.client_cert.empty() != options.client_key.empty()) {
    return absl::InvalidArgumentError("--client-cert and --client-key must be given together");
  }
  for (const auto& [option, path, what, text] :
       {std::tuple("--ca-cert", &options.ca_cert, "certificate", &access.ca_cert),
        std::tuple("--client-cert", &options.client_cert, "certificate", &access.client_cert),
        std::tuple("--client-key", &options.client_key, "private key", &access.client_key)}) {
    if (auto status = ReadPem(option, *path, what, *text); !status.ok()) return status;
  }
  if (auto status = LoadToken(options, target, access); !status.ok()) return status;
  return access;
}

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target, const Access& access,
                                           Duration timeout) {
  grpc::ChannelArguments arguments;
  // A web proxy must not be used for an admin port.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // For verbs that retry: gRPC's default backoff grows to minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // The certificate must have the name, whatever the address.
  const std::string address = FastestAddress(target, timeout);
  if (address != target) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, target);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (access.tls) {
    credentials = grpc::SslCredentials({.pem_root_certs = access.ca_cert,
                                        .pem_private_key = access.client_key,
                                        .pem_cert_chain = access.client_cert});
    if (!access.server_name.empty()) arguments.SetSslTargetNameOverride(access.server_name);
  }
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  if (!access.token.empty()) {
    interceptors.push_back(std::make_unique<TokenInterceptors>(access.token));
  }
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      TargetUri(address), credentials, arguments, std::move(interceptors));
}

}  // namespace echogw::ctl
