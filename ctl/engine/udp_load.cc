#include "ctl/engine/udp_load.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::ctl::load {

UdpLoad::UdpLoad(UdpLoadOptions options) : options_(std::move(options)), pattern_(options_.seed) {}

UdpLoad::~UdpLoad() {
  Stop();
  threads_.Join();
}

absl::StatusOr<std::unique_ptr<UdpLoad>> UdpLoad::Start(UdpLoadOptions options) {
  if (options.threads < 1 || options.connections < options.threads || options.depth < 1 ||
      options.message_bytes < UdpLoadOptions::kBytesMin ||
      options.message_bytes > UdpLoadOptions::kBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("datagrams need a thread, a socket for each thread, a depth, and ",
                     UdpLoadOptions::kBytesMin, " to ", UdpLoadOptions::kBytesMax, " bytes"));
  }
  if (absl::Status status = CheckCpus(options.cpus); !status.ok()) return status;
  std::unique_ptr<UdpLoad> load(new UdpLoad(std::move(options)));
  if (absl::Status status = load->StartThreads(); !status.ok()) return status;
  return load;
}

absl::Status UdpLoad::StartThreads() {
  for (const LoadShare& share : SharesOf(options_)) {
    parts_.push_back(std::make_unique<UdpThread>(options_, pattern_, share, stop_));
    if (absl::Status status = parts_.back()->Open(); !status.ok()) return status;
  }
  return threads_.Start(parts_.size(), options_.cpus, [this](std::size_t i) { parts_[i]->Run(); });
}

std::uint64_t UdpLoad::answered() const {
  std::uint64_t sum = 0;
  for (const auto& part : parts_) sum += part->answered();
  return sum;
}

std::uint64_t UdpLoad::lost() const {
  std::uint64_t sum = 0;
  for (const auto& part : parts_) sum += part->lost();
  return sum;
}

UdpLoadResult UdpLoad::Finish() {
  threads_.Join();
  UdpLoadResult result;
  for (const auto& part : parts_) result.Merge(part->result());
  return result;
}

}  // namespace echogw::ctl::load
