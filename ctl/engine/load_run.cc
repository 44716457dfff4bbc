#include "ctl/engine/load_run.h"

#include <utility>

namespace echogw::ctl::load {

LoadRun::LoadRun(LoadOptions options)
    : options_(std::move(options)), pattern_(options_.seed), gate_(options_.threads) {}

LoadRun::~LoadRun() {
  Stop();
  threads_.Join();
}

absl::StatusOr<std::unique_ptr<LoadRun>> LoadRun::Start(LoadOptions options) {
  if (options.threads < 1 || options.connections < options.threads || options.depth < 1 ||
      options.message_bytes < 1) {
    return absl::InvalidArgumentError(
        "a load needs a thread, a connection for each thread, a depth and a message size of 1");
  }
  if (absl::Status status = CheckCpus(options.cpus); !status.ok()) return status;
  std::unique_ptr<LoadRun> run(new LoadRun(std::move(options)));
  if (absl::Status status = run->StartThreads(); !status.ok()) return status;
  return run;
}

absl::Status LoadRun::StartThreads() {
  for (const LoadShare& share : SharesOf(options_)) {
    parts_.push_back(std::make_unique<LoadThread>(options_, pattern_, share, gate_, stop_));
    if (absl::Status status = parts_.back()->Open(); !status.ok()) return status;
  }
  absl::Status status =
      threads_.Start(parts_.size(), options_.cpus, [this](std::size_t i) { parts_[i]->Run(); });
  if (!status.ok()) {
    // The others would wait at the gate for ever.
    Stop();
    gate_.Abandon(parts_.size() - threads_.started());
  }
  return status;
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
  threads_.Join();
  LoadResult result = parts_.front()->TakeResult();
  for (std::size_t i = 1; i < parts_.size(); ++i) result.Merge(parts_[i]->TakeResult());
  return result;
}

}  // namespace echogw::ctl::load
