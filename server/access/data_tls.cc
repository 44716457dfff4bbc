#include "server/access/data_tls.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/access/tls_files.h"

namespace echogw::server {
namespace {

constexpr std::chrono::seconds kWatchInterval(1);

}  // namespace

absl::StatusOr<std::unique_ptr<DataTls>> DataTls::Create(const std::string& cert,
                                                         const std::string& key, LogSink& log) {
  std::unique_ptr<DataTls> tls(new DataTls(cert, key, log));
  tls->seen_ = tls->Look();
  if (absl::Status s = tls->Load(); !s.ok()) return s;
  tls->thread_ = std::thread(&DataTls::Watch, tls.get());
  return tls;
}

DataTls::DataTls(std::string cert, std::string key, LogSink& log)
    : cert_(std::move(cert)), key_(std::move(key)), log_(log) {}

DataTls::~DataTls() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  if (thread_.joinable()) thread_.join();
}

DataTls::Stamps DataTls::Look() const { return {StampOf(cert_), StampOf(key_)}; }

absl::Status DataTls::Load() {
  auto material = LoadTls({.tls_cert = cert_, .tls_key = key_});
  if (!material.ok()) return material.status();
  if (absl::Status s = context_.Load(material->certificates, material->key); !s.ok()) return s;
  log_.Write(LogLevel::kInfo, absl::StrCat("data: TLS certificate ", material->summary));
  if (!material->warning.empty()) {
    log_.Write(LogLevel::kWarning, absl::StrCat("data: ", material->warning));
  }
  return absl::OkStatus();
}

// Files that have changed are read; what is wrong with them is said once they rest.
void DataTls::Watch() {
  bool suspect = false;
  std::unique_lock lock(mutex_);
  while (!stopping_.wait_for(lock, kWatchInterval, [this] { return stop_; })) {
    lock.unlock();
    Stamps now = Look();
    const bool changed = now != seen_;
    seen_ = std::move(now);
    if (changed || suspect) {
      const absl::Status loaded = Load();
      if (!loaded.ok() && !changed) {
        log_.Write(LogLevel::kError, absl::StrCat("data: ", std::string(loaded.message()),
                                                  "; what was in force stays"));
      }
      suspect = !loaded.ok() && changed;
    }
    lock.lock();
  }
}

}  // namespace echogw::server
