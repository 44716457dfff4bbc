#include "server/gateway.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/access/admin_access.h"
#include "server/access/data_tls.h"
#include "server/access/metrics_access.h"
#include "server/admin/admin_calls.h"
#include "server/admin/admin_server.h"
#include "server/admin/admin_service.h"
#include "server/base/build_info.h"
#include "server/config/descriptor_budget.h"
#include "server/config/pool_options.h"
#include "server/exporter/metrics_collector.h"
#include "server/exporter/metrics_server.h"
#include "server/exporter/status_page.h"
#include "server/log/library_log.h"
#include "server/log/logging.h"
#include "server/succession.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Time for calls in progress when the admin server stops.
constexpr milliseconds kAdminStopLimit(1000);
constexpr milliseconds kLogCloseLimit(2000);
// The drain has a deadline of its own; it is considered stuck this long after it.
constexpr seconds kDrainGrace(5);
// For the rest of the stop, on a busy machine.
constexpr seconds kStopGrace(5);

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(const LoadedConfig& loaded,
                                                        ServiceManager manager,
                                                        ProcessOrder order) {
  std::unique_ptr<Gateway> gateway(new Gateway(loaded, std::move(manager), std::move(order)));
  if (auto status = gateway->StartAll(); !status.ok()) {
    gateway->succession_->Refuse(status);
    return status;
  }
  return gateway;
}

Gateway::Gateway(const LoadedConfig& loaded, ServiceManager manager, ProcessOrder order)
    : loaded_(loaded),
      manager_(std::move(manager)),
      succession_(std::make_unique<Succession>(std::move(order))) {}

Gateway::~Gateway() { StopAll(); }

absl::Status Gateway::StartAll() {
  PoolOptions options = ToPoolOptions(loaded_, manager_.listeners);
  options.taken = succession_->sockets();
  if (options.taken != nullptr) options.reactors = options.taken->reactors;
  // A passed socket has a descriptor of its own beside the one that its slot uses.
  const auto budget = BudgetDescriptors(
      {.reactors = options.reactors + static_cast<std::uint32_t>(2 * options.inherited.size()),
       .listen_addresses =
           static_cast<std::uint32_t>(options.listen.size() + options.listen_udp.size())});
  if (!budget.ok()) return budget.status();
  auto lock = succession_->ReserveAdmin(loaded_.config.admin);
  if (!lock.ok()) return lock.status();
  if (auto status = succession_->LockData(options.listen); !status.ok()) return status;
  if (auto status = succession_->CheckMetricsPort(loaded_.config.metrics); !status.ok()) {
    return status;
  }
  auto log = Logging::Create(loaded_.config.log);
  if (!log.ok()) return log.status();
  log_ = *std::move(log);
  library_log_ = std::make_unique<LibraryLogRedirect>(*log_);
  for (const std::string& warning : loaded_.warnings) log_->Write(LogLevel::kWarning, warning);
  for (const std::string& warning : BufferWarnings(options.listen_options)) {
    log_->Write(LogLevel::kWarning, warning);
  }
  auto access =
      AdminAccess::Create(loaded_.config.admin, loaded_.config.admin_access, timers_, *log_);
  if (!access.ok()) return access.status();
  access_ = *std::move(access);
  calls_ = std::make_unique<AdminCalls>(*access_, *log_);

  reactor_log_ = std::make_unique<ReactorLog>(*log_, events_);
  options.descriptor_ceiling = budget->ceiling;
  if (!loaded_.config.tls_cert.empty()) {
    auto tls =
        DataTls::Create("data", loaded_.config.tls_cert, loaded_.config.tls_key, timers_, *log_);
    if (!tls.ok()) return tls.status();
    data_tls_ = *std::move(tls);
    options.tls = &data_tls_->context();
  }
  auto pool = ReactorPool::Create(options, *reactor_log_);
  if (!pool.ok()) return pool.status();
  pool_ = *std::move(pool);
  link_ =
      std::make_unique<ServiceLink>(manager_.notify, *pool_, pool_->connections(), timers_, *log_);
  pool_->SetStateObserver([this](GatewayState state) { OnState(state); });
  pool_->SetOperationObserver([this](const Operation& operation) { OnOperation(operation); });
  succession_->AllowUpgrades(*pool_, WhatIsHandedOver());
  if (auto status = pool_->Start(); !status.ok()) return status;
  if (auto status = StartMetrics(budget->exporter_connections); !status.ok()) return status;
  if (auto status = StartAdmin(*std::move(lock), budget->admin_connections); !status.ok())
    return status;
  if (succession_->follows()) succession_->TakeOver(*pool_, loaded_, events_, *log_, *log_);
  if (metrics_ != nullptr) metrics_->Open();
  admin_->Open();
  const GatewayInfo info = Info();
  info_.Set(info);
  log_->Write(LogLevel::kInfo, StartLine(info, loaded_, pool_->Stats()));
  const MutexLock guard(state_mutex_);
  link_->Ready(StatusLine(info, state_.load()));
  return absl::OkStatus();
}

HandoverSource Gateway::WhatIsHandedOver() {
  return {.start = {},
          .loaded = loaded_,
          .events = events_,
          .log_control = *log_,
          .log = *log_,
          .control_sockets = [this] { return ControlSockets(); },
          .told_to_serve = [this](pid_t pid) { link_->PassTo(pid); },
          .handed_over =
              [this](std::unique_ptr<Successor> successor, auto linger) {
                const auto changes = successor->changes();
                const bool moved = std::ranges::any_of(
                    changes, [](const SettingChange& c) { return c.key == "admin"; });
                // Another address is not taken over: this process removes its files.
                if (!moved) admin_->Release();
                if (metrics_ != nullptr) metrics_->Close();
                succession_->OnHandedOver(std::move(successor), linger);
              }};
}

std::vector<ControlSocket> Gateway::ControlSockets() const {
  std::vector<ControlSocket> out = succession_->DataLocks();
  for (const int fd : admin_->listeners()) {
    out.push_back({handover::Socket::KIND_ADMIN, fd, loaded_.config.admin.ToString()});
  }
  if (const SocketLock* lock = admin_->lock(); lock != nullptr) {
    out.push_back({handover::Socket::KIND_ADMIN_LOCK, lock->fd(), lock->path()});
  }
  if (metrics_ == nullptr) return out;
  for (const int fd : metrics_->listeners()) {
    out.push_back({handover::Socket::KIND_METRICS, fd, loaded_.config.metrics->ToString()});
  }
  return out;
}

void Gateway::Leave() {
  link_->EndBeats();
  StopAdmin();
  metrics_.reset();
  if (!succession_->Linger(*pool_, *log_)) Drain();
  (void)succession_->Report(*pool_);
}

absl::Status Gateway::StartMetrics(std::size_t connections_max) {
  if (!loaded_.config.metrics) return absl::OkStatus();
  StatusPageOptions options;
  options.build = GetBuildInfo();
  auto page = std::make_unique<StatusPage>(*pool_, events_, *log_, std::move(options));
  auto access = MetricsAccess::Create(loaded_.config.metrics_access, timers_, *log_);
  if (!access.ok()) return access.status();
  metrics_access_ = *std::move(access);
  std::vector<const CredentialStats*> credentials = {access_.get(), metrics_access_.get()};
  if (data_tls_ != nullptr) credentials.push_back(data_tls_.get());
  auto collector = std::make_unique<MetricsCollector>(*pool_, *log_, *calls_, GetBuildInfo(),
                                                      std::move(credentials));
  auto metrics = MetricsServer::Start(
      {.http = {.address = *loaded_.config.metrics,
                .loopback_v6 = loaded_.config.metrics_loopback_v6,
                .connections_max = connections_max,
                .tls = metrics_access_->tls()},
       .admits = [access = metrics_access_.get()](
                     const std::string& authorization) { return access->Admits(authorization); }},
      std::move(collector), state_, std::move(page),
      succession_->Take(handover::Socket::KIND_METRICS, loaded_.config.metrics->ToString()));
  if (!metrics.ok()) return metrics.status();
  metrics_ = *std::move(metrics);
  return absl::OkStatus();
}

absl::Status Gateway::StartAdmin(std::unique_ptr<SocketLock> lock, std::size_t connections_max) {
  service_ =
      std::make_unique<AdminService>(AdminTargets{.control = *pool_,
                                                  .connections = pool_->connections(),
                                                  .events = events_,
                                                  .log_control = *log_,
                                                  .log = *log_,
                                                  .access = *access_,
                                                  .info = info_},
                                     AdminServiceOptions{.refuse = loaded_.config.drain.refuse});
  auto admin = AdminServer::Start(
      loaded_.config.admin, std::move(lock), connections_max, *service_, *access_, *calls_, *log_,
      succession_->Take(handover::Socket::KIND_ADMIN, loaded_.config.admin.ToString()));
  if (!admin.ok()) return admin.status();
  const MutexLock guard(state_mutex_);
  admin_ = *std::move(admin);
  admin_->SetServing(state_.load() == GatewayState::kServing);
  return absl::OkStatus();
}

void Gateway::OnState(GatewayState state) {
  events_.Add({.kind = "state",
               .actor = "gateway",
               .message = absl::StrCat("the gateway is ", Name(state))});
  const MutexLock lock(state_mutex_);
  state_.store(state);
  if (admin_ == nullptr) return;
  admin_->SetServing(state == GatewayState::kServing);
  link_->Status(StatusLine(Info(), state));
}

GatewayInfo Gateway::Info() const {
  GatewayInfo info = DescribeConfig(loaded_);
  info.start_time = pool_->Stats().lineage.start_time;
  info.listen_addresses = listen_addresses();
  info.udp_addresses = pool_->udp_addresses();
  if (admin_ != nullptr) info.admin_address = admin_->address();
  info.metrics_address = metrics_address();
  return info;
}

void Gateway::OnOperation(const Operation& operation) {
  events_.AddOperation(operation);
  const MutexLock lock(stop_mutex_);
  last_ended_ = operation;
  stop_ = stop_ || succession_->handed_over();
  stop_changed_.NotifyAll();
}

std::vector<std::string> Gateway::listen_addresses() const { return pool_->listen_addresses(); }

std::string Gateway::admin_address() const { return admin_->address(); }

std::string Gateway::metrics_address() const {
  return metrics_ == nullptr ? "" : metrics_->address();
}

void Gateway::RequestStop(const std::string& reason) {
  const std::string line = absl::StrCat(reason, ": draining, then stopping");
  log_->Write(LogLevel::kInfo, line);
  events_.Add({.kind = "stop", .actor = "signal", .message = line});
  if (!succession_->handed_over()) {
    link_->Stopping(line, loaded_.config.drain.deadline + kDrainGrace + kAdminStopLimit +
                              kLogCloseLimit + kStopGrace);
  }
  succession_->EndLinger();
  const MutexLock lock(stop_mutex_);
  stop_ = true;
  stop_changed_.NotifyAll();
}

void Gateway::AwaitStop() {
  {
    const MutexLock lock(stop_mutex_);
    while (!stop_) stop_changed_.Wait(stop_mutex_);
  }
  service_->BeginStop();
  if (succession_->handed_over()) {
    Leave();
  } else {
    Drain();
  }
  StopAll();
}

void Gateway::Drain() {
  const auto begun = pool_->DrainToStop(loaded_.config.drain);
  if (begun.ok()) {
    AwaitOperation(begun->id);
  } else {
    log_->Write(LogLevel::kError,
                absl::StrCat("stopping without a drain: ", begun.status().ToString()));
  }
}

void Gateway::AwaitOperation(std::uint64_t id) {
  const auto limit = steady_clock::now() + loaded_.config.drain.deadline + kDrainGrace;
  const MutexLock lock(stop_mutex_);
  // It is the last one, and nothing cancels it.
  while (last_ended_.id != id) {
    if (stop_changed_.WaitUntil(stop_mutex_, limit)) continue;
    if (last_ended_.id == id) break;
    log_->Write(LogLevel::kError, "the drain did not end in time; stopping anyway");
    return;
  }
  log_->Write(LogLevel::kInfo, absl::StrCat("drain: ", last_ended_.message));
}

void Gateway::StopAdmin() {
  if (admin_ != nullptr) {
    stuck_ = !admin_->Stop(kAdminStopLimit);
    const MutexLock lock(state_mutex_);
    if (!stuck_) admin_.reset();
  }
  if (!stuck_) service_.reset();
}

void Gateway::StopAll() {
  // Heartbeats query reactors.
  if (link_ != nullptr) link_->EndBeats();
  StopAdmin();
  succession_->StopFollowing();
  if (pool_ != nullptr) pool_->Stop();
  metrics_.reset();
  library_log_.reset();
  // Watchers of files write to the log.
  timers_.Stop();
}

void Gateway::ReopenLog() {
  const absl::Status status = log_->Reopen();
  if (status.ok()) {
    log_->Write(LogLevel::kInfo, "SIGHUP: reopened the log file");
  } else if (!loaded_.config.log.file.empty()) {
    log_->Write(LogLevel::kError, absl::StrCat("SIGHUP: ", std::string(status.message())));
  }
}

bool Gateway::CloseLog() {
  if (stuck_) log_->Write(LogLevel::kError, "an admin call does not end; exiting without it");
  return log_->Close(kLogCloseLimit) && !stuck_;
}

}  // namespace echogw::server
