// Authentication and authorization of the admin port, by token, client certificate or user id.
// Owned by the gateway; outlives the admin server. Judge and NameOf may be called from any thread
// and do not block. Changed files are loaded within a second or two; if they are invalid, the
// previous tokens or certificates stay in use.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "reactor/base/mutex.h"
#include "server/access/credential_stats.h"
#include "server/access/tls_files.h"
#include "server/access/token_table.h"
#include "server/base/file_watch.h"
#include "server/base/role.h"
#include "server/config/config.h"

namespace grpc {
class ServerContextBase;
}  // namespace grpc

namespace echogw::server {

// Why a call was refused.
enum class Refusal : std::uint8_t { kNoCredentials, kUnknownToken, kNoRole, kViewer };
inline constexpr auto kRefusalNames =
    std::to_array<const char*>({"no_credentials", "unknown_token", "no_role", "viewer"});
using RefusalCounts = std::array<std::uint64_t, kRefusalNames.size()>;

class AdminAccess final : public CredentialStats {
 public:
  // The credentials of a call.
  struct Claims {
    // Every value of the header "authorization".
    std::vector<std::string> authorization;
    // The names of a client certificate that the TLS library has verified: its SANs, else its CN.
    std::vector<std::string> names;
    // Of the process at the other end of a unix socket.
    std::optional<uid_t> uid;
  };

  // Reads the files; errors name them.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<AdminAccess>> Create(
      const AdminAddress& address, const AdminAccessOptions& options, TimerThread& timers,
      LogSink& log);

  // Whether any caller is an operator, without encryption.
  [[nodiscard]] bool open() const { return !unix_ && !has_tls() && !has_tokens(); }
  [[nodiscard]] bool has_tls() const { return !options_.tls_cert.empty(); }
  [[nodiscard]] unsigned unix_mode() const { return options_.unix_mode; }

  // OK, or the status to refuse the call with, which is counted and logged.
  [[nodiscard]] absl::Status Judge(const Claims& claims, const std::string& path,
                                   const std::string& peer);

  // The same for an admitted call that turns out to require an operator.
  [[nodiscard]] absl::Status RequireOperator(const grpc::ServerContextBase& context,
                                             const std::string& path);

  // The caller of an admitted call: "token ci", "certificate ops.example", "uid 1000", or empty
  // without authentication.
  [[nodiscard]] std::string NameOf(const grpc::ServerContextBase& context) const;

  // The current certificates, with a number that changes with them. Only with has_tls().
  struct Tls {
    std::shared_ptr<const TlsMaterial> material;
    std::uint64_t version = 0;
  };
  [[nodiscard]] Tls tls() const;

  [[nodiscard]] RefusalCounts refused() const;
  [[nodiscard]] std::vector<CredentialFiles> files() const override;

 private:
  struct Verdict {
    Role role = Role::kNone;
    std::string name;
    // Set if the caller is unknown.
    std::optional<Refusal> refusal;
    std::string why;
  };
  AdminAccess(const AdminAddress& address, const AdminAccessOptions& options, LogSink& log);
  [[nodiscard]] bool has_tokens() const { return !options_.token_file.empty(); }
  [[nodiscard]] Verdict Identify(const Claims& claims) const;
  [[nodiscard]] Verdict ByToken(const std::vector<std::string>& authorization) const;
  [[nodiscard]] Verdict ByCertificate(const std::vector<std::string>& names) const;
  [[nodiscard]] Verdict ByUser(uid_t uid) const;
  absl::Status Admit(const Verdict& verdict, Role needed, const std::string& path,
                     const std::string& peer);
  absl::Status Refuse(Refusal reason, const std::string& why, const std::string& path,
                      const std::string& peer);
  [[nodiscard]] absl::Status LoadTokens();
  [[nodiscard]] absl::Status LoadCertificates();

  const bool unix_;
  const AdminAccessOptions options_;
  LogSink& log_;

  mutable Mutex mutex_;
  std::shared_ptr<const TokenTable> tokens_ ECHOGW_GUARDED_BY(mutex_);
  Tls tls_ ECHOGW_GUARDED_BY(mutex_);
  // Lines about refusals in this second, and those left out.
  std::chrono::steady_clock::time_point log_second_ ECHOGW_GUARDED_BY(mutex_);
  unsigned log_lines_ ECHOGW_GUARDED_BY(mutex_) = 0;
  std::uint64_t log_left_out_ ECHOGW_GUARDED_BY(mutex_) = 0;

  // Writers: any call. Readers: threads of the exporter; nothing depends on their order.
  std::array<std::atomic<std::uint64_t>, kRefusalNames.size()> refused_{};

  // Last, so that they end first. Null: no such files.
  std::unique_ptr<FileWatch> certificate_watch_;
  std::unique_ptr<FileWatch> token_watch_;
};

}  // namespace echogw::server
