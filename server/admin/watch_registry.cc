#include "server/admin/watch_registry.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace echogw::server {

absl::Status WatchRegistry::Add(const std::shared_ptr<Watch>& watch) {
  const MutexLock lock(mutex_);
  if (closed_) return absl::UnavailableError("the gateway is stopping");
  if (watches_.size() >= watches_max_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", watches_max_, " watch streams already; end one of them first"));
  }
  watches_.emplace(watch.get(), watch);
  return absl::OkStatus();
}

void WatchRegistry::Remove(const Watch* watch) {
  const MutexLock lock(mutex_);
  watches_.erase(watch);
}

void WatchRegistry::EndAll() {
  std::vector<std::shared_ptr<Watch>> alive;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    for (const auto& [key, weak] : watches_) {
      if (auto watch = weak.lock()) alive.push_back(std::move(watch));
    }
  }
  // Outside the lock: this may drop the last reference, and a stream that ends calls Remove.
  for (const auto& watch : alive) {
    watch->End({grpc::StatusCode::UNAVAILABLE, "the gateway is stopping"});
  }
}

std::size_t WatchRegistry::size() const {
  const MutexLock lock(mutex_);
  return watches_.size();
}

}  // namespace echogw::server
