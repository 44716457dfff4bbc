#include "server/access/admin_access.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/access/token_file.h"

namespace echogw::server {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// A caller that is refused in a loop must not displace other log lines.
constexpr unsigned kLogLinesPerSecond = 100;
// The method is chosen by the caller.
constexpr std::size_t kLoggedPathMax = 120;

bool Has(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminAccess>> AdminAccess::Create(const AdminAddress& address,
                                                                 const AdminAccessOptions& options,
                                                                 TimerThread& timers,
                                                                 LogSink& log) {
  std::unique_ptr<AdminAccess> access(new AdminAccess(address, options, log));
  const auto watch = [&](std::unique_ptr<FileWatch>& to, std::vector<std::string> paths,
                         absl::Status (AdminAccess::*load)()) {
    to = std::make_unique<FileWatch>(timers, log, "admin", std::move(paths),
                                     [self = access.get(), load] { return (self->*load)(); });
    return to->Start();
  };
  if (access->has_tls()) {
    std::vector<std::string> paths = {options.tls_cert, options.tls_key};
    if (!options.tls_client_ca.empty()) paths.push_back(options.tls_client_ca);
    auto s = watch(access->certificate_watch_, std::move(paths), &AdminAccess::LoadCertificates);
    if (!s.ok()) return s;
  }
  if (access->has_tokens()) {
    auto s = watch(access->token_watch_, {options.token_file}, &AdminAccess::LoadTokens);
    if (!s.ok()) return s;
  }
  return access;
}

AdminAccess::AdminAccess(const AdminAddress& address, const AdminAccessOptions& options,
                         LogSink& log)
    : unix_(!address.unix_path.empty()),
      options_(options),
      log_(log),
      tokens_(std::make_shared<const TokenTable>()) {}

absl::Status AdminAccess::Judge(const Claims& claims, const std::string& path,
                                const std::string& peer) {
  const Role needed = RoleNeeded(path);
  if (needed == Role::kNone) return absl::OkStatus();
  return Admit(Identify(claims), needed, path, peer);
}

absl::Status AdminAccess::Admit(const Verdict& verdict, Role needed, const std::string& path,
                                const std::string& peer) {
  if (verdict.refusal) return Refuse(*verdict.refusal, verdict.why, path, peer);
  if (verdict.role >= needed) return absl::OkStatus();
  return Refuse(Refusal::kViewer,
                absl::StrCat(verdict.name, " is a viewer; this call requires an operator"), path,
                peer);
}

AdminAccess::Verdict AdminAccess::Identify(const Claims& claims) const {
  if (has_tokens() && !claims.authorization.empty()) return ByToken(claims.authorization);
  if (claims.uid) return ByUser(*claims.uid);
  if (!options_.tls_client_ca.empty()) return ByCertificate(claims.names);
  if (has_tokens()) {
    return {.refusal = Refusal::kNoCredentials,
            .why = "no token; send one as 'authorization: Bearer TOKEN'"};
  }
  return {.role = Role::kOperator};
}

AdminAccess::Verdict AdminAccess::ByToken(const std::vector<std::string>& authorization) const {
  constexpr std::string_view kScheme = "bearer ";
  const std::string& header = authorization.front();
  if (authorization.size() > 1 || !absl::StartsWithIgnoreCase(header, "bearer ")) {
    return {.refusal = Refusal::kUnknownToken,
            .why = "the header is not 'authorization: Bearer TOKEN'"};
  }
  std::shared_ptr<const TokenTable> tokens;
  {
    const MutexLock lock(mutex_);
    tokens = tokens_;
  }
  const TokenTable::Entry* entry = tokens->Find(std::string_view(header).substr(kScheme.size()));
  if (entry == nullptr) return {.refusal = Refusal::kUnknownToken, .why = "unknown token"};
  return {.role = entry->role, .name = absl::StrCat("token ", entry->name)};
}

AdminAccess::Verdict AdminAccess::ByCertificate(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    if (Has(options_.tls_operators, name)) {
      return {.role = Role::kOperator, .name = absl::StrCat("certificate ", name)};
    }
  }
  for (const std::string& name : names) {
    if (Has(options_.tls_viewers, name)) {
      return {.role = Role::kViewer, .name = absl::StrCat("certificate ", name)};
    }
  }
  // Escaped, so that a certificate cannot forge log lines.
  const std::string shown =
      absl::StrCat("certificate ", names.empty() ? "without a name" : absl::CHexEscape(names[0]));
  if (options_.tls_operators.empty() && options_.tls_viewers.empty()) {
    return {.role = Role::kOperator, .name = shown};
  }
  return {.refusal = Refusal::kNoRole, .why = absl::StrCat(shown, " has no role here")};
}

AdminAccess::Verdict AdminAccess::ByUser(uid_t uid) const {
  const std::string name = absl::StrCat("uid ", uid);
  if (uid == 0 || uid == ::geteuid()) return {.role = Role::kOperator, .name = name};
  if (options_.unix_others == Role::kNone) {
    return {.refusal = Refusal::kNoRole, .why = absl::StrCat(name, " has no role here")};
  }
  return {.role = options_.unix_others, .name = name};
}

absl::Status AdminAccess::Refuse(Refusal reason, const std::string& why, const std::string& path,
                                 const std::string& peer) {
  refused_[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
  std::uint64_t left_out = 0;
  bool write = true;
  {
    const MutexLock lock(mutex_);
    const auto now = steady_clock::now();
    if (now - log_second_ >= seconds(1)) {
      log_second_ = now;
      log_lines_ = 0;
    }
    write = ++log_lines_ <= kLogLinesPerSecond;
    if (write) {
      left_out = std::exchange(log_left_out_, 0);
    } else {
      ++log_left_out_;
    }
  }
  if (write) {
    if (left_out > 0) {
      log_.Write(LogLevel::kWarning,
                 absl::StrCat("admin: ", left_out, " refused calls were not logged"));
    }
    log_.Write(LogLevel::kWarning,
               absl::StrCat("admin: refused ", absl::CHexEscape(path.substr(0, kLoggedPathMax)),
                            " from ", peer, ": ", why));
  }
  const bool unknown = reason == Refusal::kNoCredentials || reason == Refusal::kUnknownToken;
  return unknown ? absl::UnauthenticatedError(why) : absl::PermissionDeniedError(why);
}

AdminAccess::Tls AdminAccess::tls() const {
  const MutexLock lock(mutex_);
  return tls_;
}

RefusalCounts AdminAccess::refused() const {
  RefusalCounts counts{};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i] = refused_[i].load(std::memory_order_relaxed);
  }
  return counts;
}

std::vector<CredentialFiles> AdminAccess::files() const {
  std::vector<CredentialFiles> files;
  if (certificate_watch_ != nullptr) {
    files.push_back({.name = "admin-certificate",
                     .failures = certificate_watch_->failures(),
                     .expiration = tls().material->expiration});
  }
  if (token_watch_ != nullptr) {
    files.push_back(
        {.name = "admin-tokens", .failures = token_watch_->failures(), .expiration = {}});
  }
  return files;
}

absl::Status AdminAccess::LoadTokens() {
  auto table = server::LoadTokens(options_.token_file, "admin", log_);
  if (!table.ok()) return table.status();
  const MutexLock lock(mutex_);
  tokens_ = std::make_shared<const TokenTable>(*std::move(table));
  return absl::OkStatus();
}

absl::Status AdminAccess::LoadCertificates() {
  auto material = LoadTls(options_);
  if (!material.ok()) return material.status();
  LogTls(*material, "admin", log_);
  const MutexLock lock(mutex_);
  tls_.material = std::make_shared<const TlsMaterial>(*std::move(material));
  ++tls_.version;
  return absl::OkStatus();
}

}  // namespace echogw::server
