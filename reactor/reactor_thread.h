// The thread of one reactor: named `reactor-N`, pinned if asked, running Reactor::Run to its end.
// Belongs to the control thread, which joins it before it destroys the reactor.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/reactor.h"

namespace echogw {

class ReactorThread {
 public:
  // `cpu` negative: not pinned. Errors: a CPU that does not exist or is not ours (InvalidArgument
  // with the CPU's number), or no room for one more thread.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ReactorThread>> Start(Reactor& reactor,
                                                                            std::uint32_t id,
                                                                            int cpu);

  ReactorThread(const ReactorThread&) = delete;
  ReactorThread& operator=(const ReactorThread&) = delete;
  // Joined must have been called.
  ~ReactorThread();

  // Waits for the end of Run, which Stop brings about.
  void Join();

 private:
  ReactorThread() = default;

  pthread_t thread_{};
  bool joined_ = false;
};

}  // namespace echogw
