// Who may read the exporter, and its TLS certificate. Owned by the gateway; outlives the exporter.
// Changed files are loaded within a second or two; if they are invalid, the previous tokens or
// certificates stay in use. Any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "reactor/base/mutex.h"
#include "server/access/credential_stats.h"
#include "server/access/data_tls.h"
#include "server/access/token_table.h"
#include "server/base/file_watch.h"
#include "server/config/config.h"

namespace echogw::server {

class MetricsAccess final : public CredentialStats {
 public:
  // Reads the files; errors name them.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<MetricsAccess>> Create(
      const MetricsAccessOptions& options, TimerThread& timers, LogSink& log);
  // Null: plain text.
  [[nodiscard]] TlsContext* tls() { return tls_ == nullptr ? nullptr : &tls_->context(); }

  // Whether the value of the header "authorization" has a token: as "Bearer TOKEN", or as the
  // password of its name by "Basic" (RFC 7617). Without a token file everybody may read.
  [[nodiscard]] bool Admits(std::string_view authorization) const;

  [[nodiscard]] std::vector<CredentialFiles> files() const override;

 private:
  MetricsAccess() = default;

  mutable Mutex mutex_;
  TokenTable tokens_ ECHOGW_GUARDED_BY(mutex_);
  std::unique_ptr<DataTls> tls_;
  // Null: no tokens are asked for. Last, so that it ends first.
  std::unique_ptr<FileWatch> watch_;
};

}  // namespace echogw::server
