#include "server/access/metrics_access.h"

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "server/access/token_file.h"

namespace echogw::server {
namespace {

// What follows a scheme; unset: another one.
std::optional<std::string> After(std::string_view scheme, std::string_view authorization) {
  if (!absl::StartsWithIgnoreCase({authorization.data(), authorization.size()},
                                  {scheme.data(), scheme.size()})) {
    return std::nullopt;
  }
  return std::string(authorization.substr(scheme.size()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsAccess>> MetricsAccess::Create(
    const MetricsAccessOptions& options, TimerThread& timers, LogSink& log) {
  std::unique_ptr<MetricsAccess> access(new MetricsAccess());
  if (!options.tls_cert.empty()) {
    auto tls = DataTls::Create("metrics", options.tls_cert, options.tls_key, timers, log);
    if (!tls.ok()) return tls.status();
    access->tls_ = *std::move(tls);
  }
  if (options.token_file.empty()) return access;
  access->watch_ = std::make_unique<FileWatch>(
      timers, log, "metrics", std::vector<std::string>{options.token_file},
      [self = access.get(), path = options.token_file, &log]() -> absl::Status {
        auto tokens = LoadTokens(path, "metrics", log);
        if (!tokens.ok()) return tokens.status();
        const MutexLock lock(self->mutex_);
        self->tokens_ = *std::move(tokens);
        return absl::OkStatus();
      });
  if (auto s = access->watch_->Start(); !s.ok()) return s;
  return access;
}

std::vector<CredentialFiles> MetricsAccess::files() const {
  std::vector<CredentialFiles> files;
  if (tls_ != nullptr) files = tls_->files();
  if (watch_ != nullptr) {
    files.push_back({.name = "metrics-tokens", .failures = watch_->failures(), .expiration = {}});
  }
  return files;
}

bool MetricsAccess::Admits(std::string_view authorization) const {
  if (watch_ == nullptr) return true;
  const MutexLock lock(mutex_);
  if (const auto token = After("bearer ", authorization)) return tokens_.Find(*token) != nullptr;
  const auto basic = After("basic ", authorization);
  std::string credentials;
  if (!basic || !absl::Base64Unescape(*basic, &credentials)) return false;
  const auto colon = credentials.find(':');
  if (colon == std::string::npos) return false;
  const auto* entry = tokens_.Find(std::string_view(credentials).substr(colon + 1));
  return entry != nullptr && entry->name == credentials.substr(0, colon);
}

}  // namespace echogw::server
