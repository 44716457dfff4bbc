// The thread of one reactor: named `reactor-N`, optionally pinned, runs Reactor::Run. Belongs to
// the control thread, which joins it before it destroys the reactor.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/reactor.h"

namespace echogw {

// Whether a thread may run there now: cpusets change while a process runs. True if the kernel does
// not say.
[[nodiscard]] bool IsCpuAllowed(int cpu);

class ReactorThread {
 public:
  // A negative `cpu` does not pin. Errors: the CPU does not exist or is not allowed
  // (InvalidArgument with its number), or no thread can be created.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ReactorThread>> Start(Reactor& reactor,
                                                                            std::uint32_t id,
                                                                            int cpu);

  ReactorThread(const ReactorThread&) = delete;
  ReactorThread& operator=(const ReactorThread&) = delete;
  // Join must have been called.
  ~ReactorThread();

  // Waits until Run returns, after Stop.
  void Join();

 private:
  ReactorThread() = default;

  pthread_t thread_{};
  bool joined_ = false;
};

}  // namespace echogw
