// echogw: the gateway.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#include "server/config/command_line.h"
#include "server/gateway.h"
#include "server/handover/predecessor.h"
#include "server/handover/protocol.h"
#include "server/handover/successor_process.h"
#include "server/signals.h"
#include "server/systemd/socket_activation.h"

namespace server = echogw::server;

int main(int argc, char** argv) {
  const server::CommandLine command =
      server::ParseCommandLine(argc, argv, server::ReadEnvironment(), server::InspectMachine());
  std::cout << command.out << std::flush;
  std::cerr << command.err;
  std::unique_ptr<server::Predecessor> predecessor;
  if (const auto channel = server::TakeoverFd(argc, argv)) {
    // It may have been executed as /proc/self/exe.
    ::pthread_setname_np(::pthread_self(), "echogw");
    auto met = server::Predecessor::Meet(echogw::UniqueFd(*channel));
    if (!met.ok()) {
      std::cerr << "echogw: " << met.status().message() << "\n";
      return server::kExitFailure;
    }
    predecessor = *std::move(met);
    if (command.exit_code) predecessor->Refuse(server::Reason(command.err));
  }
  if (command.exit_code) return *command.exit_code;
  server::BlockSignals();
  const auto fail = [](const absl::Status& status) {
    std::cerr << "echogw: " << status.message() << "\n";
    return server::kExitFailure;
  };
  auto listeners = predecessor != nullptr
                       ? predecessor->passed()
                       : server::PassedListeners(server::ReadListenVariables(), ::getpid());
  if (!listeners.ok()) return fail(listeners.status());
  const auto started =
      server::Gateway::Start(command.loaded, {server::ReadNotifyVariables(), *listeners},
                             {server::ProcessStart::Read(argc, argv), predecessor.get()});
  if (!started.ok()) return fail(started.status());
  server::Gateway& gateway = **started;
  {
    const server::SignalThread signals(
        [&gateway](int number) { gateway.RequestStop(number == SIGINT ? "SIGINT" : "SIGTERM"); },
        [&gateway] { gateway.ReopenLog(); });
    std::cout << Announcement(gateway.Info()) << std::flush;
    gateway.AwaitStop();
  }
  if (!gateway.CloseLog()) std::_Exit(server::kExitOk);
  return server::kExitOk;
}
