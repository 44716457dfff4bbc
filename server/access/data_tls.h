// The certificate of the TLS listeners of the data port: read at the start, and again when its
// files change. Owned by the gateway; looks for changes on a thread of its own.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "reactor/services/tls_context.h"
#include "server/access/small_file.h"

namespace echogw::server {

class DataTls {
 public:
  // Errors name the file.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<DataTls>> Create(const std::string& cert,
                                                                       const std::string& key,
                                                                       LogSink& log);
  DataTls(const DataTls&) = delete;
  DataTls& operator=(const DataTls&) = delete;
  ~DataTls();

  [[nodiscard]] TlsContext& context() { return context_; }

 private:
  using Stamps = std::vector<std::optional<FileStamp>>;

  DataTls(std::string cert, std::string key, LogSink& log);

  [[nodiscard]] Stamps Look() const;
  [[nodiscard]] absl::Status Load();
  void Watch();

  const std::string cert_;
  const std::string key_;
  LogSink& log_;
  TlsContext context_;
  Stamps seen_;  // the constructing thread, then the watching one

  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace echogw::server
