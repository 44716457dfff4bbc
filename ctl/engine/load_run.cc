#include "ctl/engine/load_run.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ctl/engine/thread_share.h"

namespace echogw::ctl::load {

LoadRun::LoadRun(LoadOptions options)
    : options_(std::move(options)), pattern_(options_.seed), gate_(options_.threads) {}

LoadRun::~LoadRun() {
  Stop();
  Join();
}

absl::StatusOr<std::unique_ptr<LoadRun>> LoadRun::Start(LoadOptions options) {
  if (options.threads < 1 || options.connections < options.threads || options.depth < 1 ||
      options.message_bytes < 1) {
    return absl::InvalidArgumentError(
        "a load needs a thread, a connection for each thread, a depth and a message size of 1");
  }
  if (absl::Status status = CheckCpus(options.cpus); !status.ok()) return status;
  std::unique_ptr<LoadRun> run(new LoadRun(std::move(options)));
  run->MakeThreads();
  for (const auto& part : run->parts_) {
    if (absl::Status status = part->Open(); !status.ok()) return status;
  }
  if (absl::Status status = run->StartThreads(); !status.ok()) return status;
  return run;
}

void LoadRun::MakeThreads() {
  LoadShare share;
  for (std::size_t i = 0; i < options_.threads; ++i) {
    share.count = PartOf(options_.connections, i, options_.threads);
    if (options_.messages > 0) share.messages = PartOf(options_.messages, i, options_.threads);
    parts_.push_back(std::make_unique<LoadThread>(options_, pattern_, share, gate_, stop_));
    share.first += share.count;
  }
}

absl::Status LoadRun::StartThreads() {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const int cpu = options_.cpus.empty() ? -1 : options_.cpus[i % options_.cpus.size()];
    {
      const std::lock_guard lock(mutex_);
      ++running_;
    }
    try {
      threads_.emplace_back([this, cpu, part = parts_[i].get()] {
        if (cpu >= 0) PinThisThread(cpu);
        part->Run();
        const std::lock_guard lock(mutex_);
        --running_;
        ended_.notify_all();
      });
    } catch (const std::system_error& error) {
      // Those that run would wait at the gate for ever.
      Stop();
      gate_.Abandon(parts_.size() - i);
      return absl::ResourceExhaustedError(
          absl::StrCat("cannot start a client thread: ", error.what(), "; use fewer --threads"));
    }
  }
  return absl::OkStatus();
}

bool LoadRun::WaitDone(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, timeout, [this] { return running_ == 0; });
}

LoadRun::Snapshot LoadRun::Progress() const {
  Snapshot sum;
  for (const auto& part : parts_) {
    const LoadProgress& progress = part->progress();
    sum.messages += progress.messages.load(std::memory_order_relaxed);
    sum.connects += progress.connects.load(std::memory_order_relaxed);
    sum.errors += progress.errors.load(std::memory_order_relaxed);
    sum.open += progress.open.load(std::memory_order_relaxed);
  }
  return sum;
}

LoadResult LoadRun::Finish() {
  Join();
  LoadResult result = parts_.front()->TakeResult();
  for (std::size_t i = 1; i < parts_.size(); ++i) result.Merge(parts_[i]->TakeResult());
  return result;
}

void LoadRun::Join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace echogw::ctl::load
