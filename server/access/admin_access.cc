#include "server/access/admin_access.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// How soon a changed file is seen.
constexpr seconds kWatchInterval(1);
// A caller that is refused in a loop must not push everything else out of the log.
constexpr unsigned kLogLinesPerSecond = 100;
// The method comes from a stranger.
constexpr std::size_t kLoggedPathMax = 120;

bool Has(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminAccess>> AdminAccess::Create(const AdminAddress& address,
                                                                 const AdminAccessOptions& options,
                                                                 LogSink& log) {
  std::unique_ptr<AdminAccess> access(new AdminAccess(address, options, log));
  if (access->has_tls()) {
    Watched files{.paths = {options.tls_cert, options.tls_key}, .seen = {}};
    if (!options.tls_client_ca.empty()) files.paths.push_back(options.tls_client_ca);
    files.load = &AdminAccess::LoadCertificates;
    access->watched_.push_back(std::move(files));
  }
  if (access->has_tokens()) {
    Watched files{.paths = {options.token_file}, .seen = {}};
    files.load = &AdminAccess::LoadTokens;
    access->watched_.push_back(std::move(files));
  }
  for (Watched& files : access->watched_) {
    // Before the reading, so that no change is missed.
    for (const std::string& path : files.paths) files.seen.push_back(StampOf(path));
    if (auto status = (access.get()->*files.load)(); !status.ok()) return status;
  }
  if (!access->watched_.empty()) access->thread_ = std::thread(&AdminAccess::Watch, access.get());
  return access;
}

AdminAccess::AdminAccess(const AdminAddress& address, const AdminAccessOptions& options,
                         LogSink& log)
    : unix_(!address.unix_path.empty()),
      options_(options),
      log_(log),
      tokens_(std::make_shared<const TokenTable>()) {}

AdminAccess::~AdminAccess() {
  {
    const std::lock_guard lock(stop_mutex_);
    stop_ = true;
  }
  stop_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

absl::Status AdminAccess::Judge(const Claims& claims, const std::string& path,
                                const std::string& peer) {
  const Role needed = RoleNeeded(path);
  if (needed == Role::kNone) return absl::OkStatus();
  const Verdict verdict = Identify(claims);
  if (verdict.refusal) return Refuse(*verdict.refusal, verdict.why, path, peer);
  if (verdict.role >= needed) return absl::OkStatus();
  return Refuse(Refusal::kViewer,
                absl::StrCat(verdict.name, " is a viewer; this call takes an operator"), path,
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
    const std::lock_guard lock(mutex_);
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
  // A CA may be trusted to put anything into a certificate but a fault into our log.
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
    const std::lock_guard lock(mutex_);
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
                 absl::StrCat("admin: ", left_out, " refused calls are not in this log"));
    }
    log_.Write(LogLevel::kWarning,
               absl::StrCat("admin: refused ", absl::CHexEscape(path.substr(0, kLoggedPathMax)),
                            " from ", peer, ": ", why));
  }
  const bool unknown = reason == Refusal::kNoCredentials || reason == Refusal::kUnknownToken;
  return unknown ? absl::UnauthenticatedError(why) : absl::PermissionDeniedError(why);
}

AdminAccess::Tls AdminAccess::tls() const {
  const std::lock_guard lock(mutex_);
  return tls_;
}

RefusalCounts AdminAccess::refused() const {
  RefusalCounts counts{};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i] = refused_[i].load(std::memory_order_relaxed);
  }
  return counts;
}

absl::Status AdminAccess::LoadTokens() {
  auto file = ReadSmallFile(options_.token_file);
  if (!file.ok()) return file.status();
  auto table = TokenTable::Parse(file->text);
  if (!table.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options_.token_file, ": ", std::string(table.status().message())));
  }
  const std::size_t count = table->size();
  const bool exposed = table->has_plain() && (file->mode & S_IROTH) != 0;
  {
    const std::lock_guard lock(mutex_);
    tokens_ = std::make_shared<const TokenTable>(*std::move(table));
  }
  log_.Write(count == 0 ? LogLevel::kWarning : LogLevel::kInfo,
             absl::StrCat("admin: ", count == 0 ? "no" : absl::StrCat(count), " tokens in ",
                          options_.token_file));
  if (exposed) {
    log_.Write(LogLevel::kWarning,
               absl::StrCat("admin: ", options_.token_file,
                            ": everybody on this machine may read the tokens; use chmod 600, or "
                            "sha256: entries"));
  }
  return absl::OkStatus();
}

absl::Status AdminAccess::LoadCertificates() {
  auto material = LoadTls(options_);
  if (!material.ok()) return material.status();
  const std::string summary = material->summary;
  const std::string warning = material->warning;
  {
    const std::lock_guard lock(mutex_);
    tls_.material = std::make_shared<const TlsMaterial>(*std::move(material));
    ++tls_.version;
  }
  log_.Write(LogLevel::kInfo, absl::StrCat("admin: TLS certificate ", summary));
  if (!warning.empty()) log_.Write(LogLevel::kWarning, absl::StrCat("admin: ", warning));
  return absl::OkStatus();
}

void AdminAccess::Watch() {
  std::unique_lock lock(stop_mutex_);
  while (!stop_changed_.wait_for(lock, kWatchInterval, [this] { return stop_; })) {
    lock.unlock();
    for (Watched& files : watched_) LookForChanges(files);
    lock.lock();
  }
}

void AdminAccess::LookForChanges(Watched& files) {
  std::vector<std::optional<FileStamp>> stamps;
  for (const std::string& path : files.paths) stamps.push_back(StampOf(path));
  const bool changed = stamps != files.seen;
  if (!changed && !files.suspect) return;
  files.seen = std::move(stamps);
  const absl::Status loaded = (this->*files.load)();
  // Said once, and only of files that are still so when nobody writes to them any more.
  if (!loaded.ok() && !changed) {
    log_.Write(LogLevel::kError,
               absl::StrCat("admin: ", std::string(loaded.message()), "; what was in force stays"));
  }
  files.suspect = !loaded.ok() && changed;
}

}  // namespace echogw::server
