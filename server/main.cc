// echogw: the gateway.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <utility>

#include "server/config/command_line.h"
#include "server/config/config_loader.h"
#include "server/config/machine.h"
#include "server/gateway.h"
#include "server/signals.h"
#include "server/systemd/socket_activation.h"

int main(int argc, char** argv) {
  echogw::server::BlockSignals();
  const echogw::server::CommandLine command = echogw::server::ParseCommandLine(
      argc, argv, echogw::server::ReadEnvironment(), echogw::server::InspectMachine());
  std::cout << command.out << std::flush;
  std::cerr << command.err;
  if (command.exit_code) return *command.exit_code;

  auto listeners =
      echogw::server::PassedListeners(echogw::server::ReadListenVariables(), ::getpid());
  if (!listeners.ok()) {
    std::cerr << "echogw: " << listeners.status().message() << "\n";
    return echogw::server::kExitFailure;
  }
  const auto started = echogw::server::Gateway::Start(
      command.loaded, {echogw::server::ReadNotifyVariables(), *std::move(listeners)});
  if (!started.ok()) {
    std::cerr << "echogw: " << started.status().message() << "\n";
    return echogw::server::kExitFailure;
  }
  echogw::server::Gateway& gateway = **started;
  {
    const echogw::server::SignalThread signals(
        [&gateway](int number) { gateway.RequestStop(number == SIGINT ? "SIGINT" : "SIGTERM"); });
    std::cout << Announcement(gateway.Info()) << std::flush;
    gateway.AwaitStop();
  }
  if (!gateway.CloseLog()) std::_Exit(echogw::server::kExitOk);
  return echogw::server::kExitOk;
}
