// echogw: the gateway.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "server/config/command_line.h"
#include "server/gateway.h"
#include "server/signals.h"
#include "server/systemd/socket_activation.h"

namespace server = echogw::server;

int main(int argc, char** argv) {
  const server::CommandLine command =
      server::ParseCommandLine(argc, argv, server::ReadEnvironment(), server::InspectMachine());
  std::cout << command.out << std::flush;
  std::cerr << command.err;
  if (command.exit_code) return *command.exit_code;
  server::BlockSignals();
  const auto fail = [](const absl::Status& status) {
    std::cerr << "echogw: " << status.message() << "\n";
    return server::kExitFailure;
  };
  auto listeners = server::PassedListeners(server::ReadListenVariables(), ::getpid());
  if (!listeners.ok()) return fail(listeners.status());
  const auto started =
      server::Gateway::Start(command.loaded, {server::ReadNotifyVariables(), *listeners});
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
