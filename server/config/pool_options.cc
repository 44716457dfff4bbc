#include "server/config/pool_options.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace echogw::server {
namespace {

bool Same(const ListenAddress& a, const ListenAddress& b) {
  return a.port != 0 && a.ToString() == b.ToString();
}

std::uint32_t NumberOfReactors(const LoadedConfig& loaded,
                               const std::vector<InheritedListener>& passed) {
  std::uint32_t number = loaded.config.reactors;
  const bool automatic = std::any_of(
      loaded.settings.begin(), loaded.settings.end(),
      [](const Setting& s) { return s.key == "reactors" && s.values.front() == "auto"; });
  if (!automatic) return number;
  for (const InheritedListener& one : passed) {
    if (one.joinable) continue;
    const auto sockets = std::count_if(passed.begin(), passed.end(), [&](const auto& other) {
      return Same(other.address, one.address);
    });
    number = std::min(number, static_cast<std::uint32_t>(sockets));
  }
  return number;
}

std::vector<ListenAddress> Addresses(const LoadedConfig& loaded,
                                     const std::vector<InheritedListener>& passed) {
  std::vector<ListenAddress> out;
  const auto add = [&](const ListenAddress& address) {
    if (std::none_of(out.begin(), out.end(), [&](const auto& a) { return Same(a, address); })) {
      out.push_back(address);
    }
  };
  for (const InheritedListener& listener : passed) {
    ListenAddress address = listener.address;
    // What is served there is for the configuration to say.
    for (const ListenAddress& named : loaded.config.listen) {
      if (Same(named, address)) address.service = named.service;
    }
    add(address);
  }
  const bool by_default =
      std::any_of(loaded.settings.begin(), loaded.settings.end(),
                  [](const Setting& s) { return s.key == "listen" && s.source == "default"; });
  if (passed.empty() || !by_default) {
    for (const ListenAddress& address : loaded.config.listen) add(address);
  }
  return out;
}

}  // namespace

PoolOptions ToPoolOptions(const LoadedConfig& loaded,
                          const std::vector<InheritedListener>& passed) {
  const Config& config = loaded.config;
  PoolOptions options;
  options.reactors = NumberOfReactors(loaded, passed);
  options.cpus = config.cpus;
  options.reactor = config.reactor;
  options.listen = Addresses(loaded, passed);
  options.listen_options = config.listen_options;
  options.listen_udp = config.listen_udp;
  options.udp_options = {.receive_buffer_bytes = config.listen_options.receive_buffer_bytes,
                         .send_buffer_bytes = config.listen_options.send_buffer_bytes};
  options.inherited = passed;
  options.steering = config.steering;
  options.allow_shared_port = config.allow_shared_port;
  options.fault_close_listeners = config.fault_close_listeners;
  return options;
}

}  // namespace echogw::server
