#include "server/access/data_tls.h"

#include "absl/strings/str_cat.h"
#include "server/access/tls_files.h"

namespace echogw::server {

absl::StatusOr<std::unique_ptr<DataTls>> DataTls::Create(const std::string& port,
                                                         const std::string& cert,
                                                         const std::string& key,
                                                         TimerThread& timers, LogSink& log) {
  std::unique_ptr<DataTls> tls(new DataTls(port, cert, key, timers, log));
  if (absl::Status s = tls->watch_.Start(); !s.ok()) return s;
  return tls;
}

DataTls::DataTls(const std::string& port, const std::string& cert, const std::string& key,
                 TimerThread& timers, LogSink& log)
    : name_(absl::StrCat(port, "-certificate")),
      log_(log),
      watch_(timers, log, port, {cert, key},
             [this, port, cert, key] { return Load(port, cert, key); }) {}

absl::Status DataTls::Load(const std::string& port, const std::string& cert,
                           const std::string& key) {
  auto material = LoadTls({.tls_cert = cert, .tls_key = key});
  if (!material.ok()) return material.status();
  if (absl::Status s = context_.Load(material->certificates, material->key); !s.ok()) return s;
  expiration_.store(material->expiration);
  LogTls(*material, port, log_);
  return absl::OkStatus();
}

std::vector<CredentialFiles> DataTls::files() const {
  return {{.name = name_, .failures = watch_.failures(), .expiration = expiration_.load()}};
}

}  // namespace echogw::server
