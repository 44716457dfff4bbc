#include "server/gateway.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reactor/poll/poller.h"
#include "reactor/uring/uring_engine.h"
#include "server/access/admin_access.h"
#include "server/access/data_tls.h"
#include "server/admin/admin_calls.h"
#include "server/admin/admin_server.h"
#include "server/admin/admin_service.h"
#include "server/base/build_info.h"
#include "server/config/descriptor_budget.h"
#include "server/config/pool_options.h"
#include "server/exporter/metrics_collector.h"
#include "server/exporter/metrics_server.h"
#include "server/exporter/status_page.h"
#include "server/log/grpc_log.h"
#include "server/log/logging.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Calls under way have this long to end when the admin server stops.
constexpr milliseconds kAdminStopLimit(1000);
constexpr milliseconds kLogCloseLimit(2000);
// How often the end of the drain is looked for.
constexpr milliseconds kDrainPoll(10);
// The drain keeps its own deadline; beyond this it is taken for stuck.
constexpr seconds kDrainGrace(5);
// For all else that a stop does, on a busy machine.
constexpr seconds kStopGrace(5);

// The mechanism in force, and what io_uring would do here if it is another one.
std::string DescribePoller(PollerKind in_force) {
  const char* name = PollerName(in_force);
  if (in_force == PollerKind::kIoUring) return name;
  const absl::Status status = UringEngine::Available();
  return absl::StrCat(name, " (", status.ok() ? "io_uring is available" : status.message(), ")");
}

// For whoever asks the service manager how we are.
std::string StatusLine(GatewayState state, const std::vector<std::string>& listen,
                       const std::string& admin) {
  if (state != GatewayState::kServing) return absl::StrCat("The gateway is ", Name(state));
  return absl::StrCat("Serving on ", absl::StrJoin(listen, " "), ", admin on ", admin);
}

// The log as reactors see it: what they warn of becomes an event, too.
class ReactorLog final : public LogSink {
 public:
  ReactorLog(LogSink& log, EventLog& events) : log_(log), events_(events) {}

  [[nodiscard]] bool Enabled(LogLevel level) const noexcept override {
    return level >= LogLevel::kWarning || log_.Enabled(level);
  }

  void Write(LogLevel level, std::string_view line) noexcept override {
    if (log_.Enabled(level)) log_.Write(level, line);
    // The end of an operation is an event of its own.
    if (level < LogLevel::kWarning || line.starts_with("operation ")) return;
    events_.Add(
        {.severity = level == LogLevel::kError ? EventSeverity::kError : EventSeverity::kWarning,
         .kind = "reactor",
         .actor = "gateway",
         .message = std::string(line)});
  }

 private:
  LogSink& log_;
  EventLog& events_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(const LoadedConfig& loaded,
                                                        ServiceManager manager) {
  std::unique_ptr<Gateway> gateway(new Gateway(loaded, std::move(manager)));
  if (auto status = gateway->StartAll(); !status.ok()) return status;
  return gateway;
}

Gateway::Gateway(const LoadedConfig& loaded, ServiceManager manager)
    : loaded_(loaded), manager_(std::move(manager)) {}

Gateway::~Gateway() { StopAll(); }

absl::Status Gateway::StartAll() {
  PoolOptions options = ToPoolOptions(loaded_, manager_.listeners);
  // A passed socket has a descriptor of its own beside the one that its slot uses.
  const auto budget = BudgetDescriptors(
      {.reactors = options.reactors + static_cast<std::uint32_t>(2 * options.inherited.size()),
       .listen_addresses =
           static_cast<std::uint32_t>(options.listen.size() + options.listen_udp.size())});
  if (!budget.ok()) return budget.status();
  auto lock = AdminServer::Reserve(loaded_.config.admin);
  if (!lock.ok()) return lock.status();
  for (const ListenAddress& address : options.listen) {
    if (!address.is_unix()) continue;
    auto held = SocketLock::Acquire(address.unix_path);
    if (!held.ok()) return held.status();
    data_locks_.push_back(*std::move(held));
  }
  if (loaded_.config.metrics) {
    if (auto free = CheckPortIsFree(*loaded_.config.metrics); !free.ok()) return free;
  }
  auto log = Logging::Create(loaded_.config.log);
  if (!log.ok()) return log.status();
  log_ = *std::move(log);
  grpc_log_ = std::make_unique<GrpcLogRedirect>(*log_);
  for (const std::string& warning : loaded_.warnings) log_->Write(LogLevel::kWarning, warning);
  auto access = AdminAccess::Create(loaded_.config.admin, loaded_.config.admin_access, *log_);
  if (!access.ok()) return access.status();
  access_ = *std::move(access);
  calls_ = std::make_unique<AdminCalls>(*access_, *log_);

  reactor_log_ = std::make_unique<ReactorLog>(*log_, events_);
  options.descriptor_ceiling = budget->ceiling;
  if (!loaded_.config.tls_cert.empty()) {
    auto tls = DataTls::Create(loaded_.config.tls_cert, loaded_.config.tls_key, *log_);
    if (!tls.ok()) return tls.status();
    data_tls_ = *std::move(tls);
    options.tls = &data_tls_->context();
  }
  auto pool = ReactorPool::Create(options, *reactor_log_);
  if (!pool.ok()) return pool.status();
  pool_ = *std::move(pool);
  link_ = std::make_unique<ServiceLink>(manager_.notify, *pool_, pool_->connections(), *log_);
  pool_->SetStateObserver([this](GatewayState state) { OnState(state); });
  pool_->SetOperationObserver([this](const Operation& operation) { OnOperation(operation); });
  if (auto status = pool_->Start(); !status.ok()) return status;
  if (auto status = StartMetrics(); !status.ok()) return status;
  if (auto status = StartAdmin(*std::move(lock), budget->admin_connections); !status.ok())
    return status;
  LogStart();
  TellReady();
  return absl::OkStatus();
}

absl::Status Gateway::StartMetrics() {
  if (!loaded_.config.metrics) return absl::OkStatus();
  StatusPageOptions options;
  options.build = GetBuildInfo();
  options.start_time = start_time_;
  auto page = std::make_unique<StatusPage>(*pool_, events_, *log_, std::move(options));
  auto collector = std::make_unique<MetricsCollector>(*pool_, *log_, *calls_, GetBuildInfo());
  auto metrics =
      MetricsServer::Start(*loaded_.config.metrics, std::move(collector), state_, std::move(page));
  if (!metrics.ok()) return metrics.status();
  metrics_ = *std::move(metrics);
  return absl::OkStatus();
}

absl::Status Gateway::StartAdmin(std::unique_ptr<SocketLock> lock, std::size_t connections_max) {
  service_ = std::make_unique<AdminService>(
      AdminTargets{.control = *pool_,
                   .connections = pool_->connections(),
                   .events = events_,
                   .log_control = *log_,
                   .log = *log_,
                   .access = *access_},
      Info(), AdminServiceOptions{.refuse = loaded_.config.drain.refuse});
  auto admin = AdminServer::Start(loaded_.config.admin, std::move(lock), connections_max, *service_,
                                  *access_, *calls_, *log_);
  if (!admin.ok()) return admin.status();
  const std::lock_guard guard(state_mutex_);
  admin_ = *std::move(admin);
  GatewayInfo info = Info();
  info.admin_address = admin_->address();
  service_->SetInfo(std::move(info));
  admin_->SetServing(state_.load() == GatewayState::kServing);
  return absl::OkStatus();
}

GatewayInfo Gateway::Info() const {
  GatewayInfo info;
  info.build = GetBuildInfo();
  info.start_time = start_time_;
  info.pid = static_cast<std::uint32_t>(::getpid());
  info.poller = PollerName(loaded_.config.reactor.poller);
  info.transform = loaded_.config.reactor.transform == Transform::kUpper ? "upper" : "none";
  info.listen_addresses = listen_addresses();
  info.udp_addresses = pool_->udp_addresses();
  info.metrics_address = metrics_address();
  for (const Setting& setting : loaded_.settings) {
    info.config[setting.key] = absl::StrJoin(setting.values, ",");
  }
  return info;
}

void Gateway::OnOperation(const Operation& operation) {
  // A plan is no event: nothing happened.
  if (operation.dry_run) return;
  events_.Add({.severity = operation.result == OperationResult::kSucceeded
                               ? EventSeverity::kInfo
                               : EventSeverity::kWarning,
               .kind = EventKind(operation.kind),
               .actor = "gateway",
               .message = operation.message,
               .operation = operation.id});
}

void Gateway::OnState(GatewayState state) {
  events_.Add({.kind = "state",
               .actor = "gateway",
               .message = absl::StrCat("the gateway is ", Name(state))});
  const std::lock_guard lock(state_mutex_);
  state_.store(state);
  if (admin_ == nullptr) return;
  admin_->SetServing(state == GatewayState::kServing);
  link_->Status(StatusLine(state, listen_addresses(), admin_->address()));
}

void Gateway::TellReady() {
  const std::lock_guard lock(state_mutex_);
  link_->Ready(StatusLine(state_.load(), listen_addresses(), admin_address()));
}

void Gateway::LogStart() const {
  rlimit limit{};
  static_cast<void>(::getrlimit(RLIMIT_NOFILE, &limit));
  const Config& config = loaded_.config;
  const auto stats = pool_->Stats().reactors;
  const auto reactors = std::count_if(stats.begin(), stats.end(), [](const ReactorStats& r) {
    return r.state == ReactorState::kServing;
  });
  const std::vector<std::string> udp = pool_->udp_addresses();
  log_->Write(LogLevel::kInfo,
              absl::StrCat(VersionLine(), ": ", reactors, " reactors on ",
                           config.cpus.empty() ? std::string("any CPU")
                                               : absl::StrCat("CPUs ", FormatCpuList(config.cpus)),
                           ", ", DescribePoller(config.reactor.poller), ", ", limit.rlim_cur,
                           " descriptors, listening on ", absl::StrJoin(listen_addresses(), " "),
                           udp.empty() ? "" : ", UDP on ", absl::StrJoin(udp, " ")));
}

std::vector<std::string> Gateway::listen_addresses() const { return pool_->listen_addresses(); }

std::string Gateway::admin_address() const { return admin_->address(); }

std::string Gateway::metrics_address() const {
  return metrics_ == nullptr ? "" : metrics_->address();
}

std::string Gateway::Announcement() const {
  std::string out;
  for (const std::string& address : listen_addresses()) {
    absl::StrAppend(&out, "listening on ", address, "\n");
  }
  for (const std::string& address : pool_->udp_addresses()) {
    absl::StrAppend(&out, "udp on ", address, "\n");
  }
  absl::StrAppend(&out, "admin on ", admin_address(), "\n");
  if (metrics_ != nullptr) {
    absl::StrAppend(&out, "metrics on http://", metrics_address(), "/metrics\n");
  }
  return absl::StrCat(out, "ready\n");
}

void Gateway::RequestStop(const std::string& reason) {
  log_->Write(LogLevel::kInfo, absl::StrCat(reason, ": draining, then stopping"));
  events_.Add({.kind = "stop",
               .actor = "signal",
               .message = absl::StrCat(reason, ": draining, then stopping")});
  link_->Stopping(
      absl::StrCat(reason, ": draining, then stopping"),
      loaded_.config.drain.deadline + kDrainGrace + kAdminStopLimit + kLogCloseLimit + kStopGrace);
  const std::lock_guard lock(stop_mutex_);
  stop_ = true;
  stop_requested_.notify_all();
}

void Gateway::AwaitStop() {
  {
    std::unique_lock lock(stop_mutex_);
    stop_requested_.wait(lock, [this] { return stop_; });
  }
  service_->BeginStop();
  Drain();
  StopAll();
}

void Gateway::Drain() {
  auto begun = pool_->Drain(loaded_.config.drain);
  // Refused if an operator's drain is under way or over: then that one is ours.
  if (!begun.ok()) begun = pool_->GetOperation(0);
  if (begun.ok()) {
    AwaitOperation(begun->id);
  } else {
    log_->Write(LogLevel::kError,
                absl::StrCat("stopping without a drain: ", begun.status().ToString()));
  }
}

void Gateway::AwaitOperation(std::uint64_t id) {
  const auto limit = steady_clock::now() + loaded_.config.drain.deadline + kDrainGrace;
  for (;;) {
    const auto operation = pool_->GetOperation(id);
    if (!operation.ok()) return;
    if (operation->result != OperationResult::kRunning) {
      log_->Write(LogLevel::kInfo, absl::StrCat("drain: ", operation->message));
      return;
    }
    if (steady_clock::now() > limit) {
      log_->Write(LogLevel::kError, "the drain did not end in time; stopping regardless");
      return;
    }
    std::this_thread::sleep_for(kDrainPoll);
  }
}

void Gateway::StopAll() {
  // It asks reactors.
  if (link_ != nullptr) link_->EndBeats();
  if (admin_ != nullptr) {
    admin_->Stop(kAdminStopLimit);
    const std::lock_guard lock(state_mutex_);
    admin_.reset();
  }
  service_.reset();
  if (pool_ != nullptr) pool_->Stop();
  metrics_.reset();
  grpc_log_.reset();
}

bool Gateway::CloseLog() { return log_->Close(kLogCloseLimit); }

}  // namespace echogw::server
