// Authentication with the admin port: TLS, a client certificate, a bearer token.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ctl/base/duration.h"

namespace echogw::ctl {

// From the command line and the environment.
struct AccessOptions {
  // Implied by the next four.
  bool tls = false;
  // PEM; without it the system CAs are used.
  std::string ca_cert;
  std::string client_cert;
  std::string client_key;
  // The name that the gateway's certificate must have, if not that of the target.
  std::string server_name;
  std::string token_file;
  // In place of the file.
  std::string token;
};

// What the files hold.
struct Access {
  bool tls = false;
  std::string ca_cert;
  std::string client_cert;
  std::string client_key;
  std::string server_name;
  std::string token;
};

// Errors name the option. A token is sent in plain text only if `target` is on this machine.
[[nodiscard]] absl::StatusOr<Access> LoadAccess(const AccessOptions& options,
                                                const std::string& target);

// A channel whose every call carries the token. Of several addresses of a name it goes to the first
// that accepts a connection; that is awaited for at most `timeout`, and 2 s.
[[nodiscard]] std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target,
                                                         const Access& access, Duration timeout);

}  // namespace echogw::ctl
