// echogw: the gateway.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <utility>

#include "server/command_line.h"
#include "server/config_loader.h"
#include "server/gateway.h"
#include "server/machine.h"
#include "server/signals.h"
#include "server/socket_activation.h"

int main(int argc, char** argv) {
  echogw::BlockSignals();
  const echogw::CommandLine command =
      echogw::ParseCommandLine(argc, argv, echogw::ReadEnvironment(), echogw::InspectMachine());
  std::cout << command.out << std::flush;
  std::cerr << command.err;
  if (command.exit_code) return *command.exit_code;

  auto listeners = echogw::PassedListeners(echogw::ReadListenVariables(), ::getpid());
  if (!listeners.ok()) {
    std::cerr << "echogw: " << listeners.status().message() << "\n";
    return echogw::kExitFailure;
  }
  const auto started = echogw::Gateway::Start(
      command.loaded, {echogw::ReadNotifyVariables(), *std::move(listeners)});
  if (!started.ok()) {
    std::cerr << "echogw: " << started.status().message() << "\n";
    return echogw::kExitFailure;
  }
  echogw::Gateway& gateway = **started;
  {
    const echogw::SignalThread signals(
        [&gateway](int number) { gateway.RequestStop(number == SIGINT ? "SIGINT" : "SIGTERM"); });
    std::cout << gateway.Announcement() << std::flush;
    gateway.AwaitStop();
  }
  if (!gateway.CloseLog()) std::_Exit(echogw::kExitOk);
  return echogw::kExitOk;
}
