// Goal: a variable that looks like a setting and is none is reported; those that others set are
// not.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config/config_loader.h"

namespace echogw::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> WarningsOf(const Environment& environment) {
  const auto loaded = LoadConfig({}, environment, "", Machine());
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return loaded.ok() ? loaded->warnings : std::vector<std::string>();
}

TEST(ConfigEnvironment, UnknownVariablesAreWarnedAbout) {
  const auto warnings = WarningsOf({{"ECHOGW_MAX_CONNS_PER_IP", "5"},
                                    {"ECHOGW_METRICS_PORT", "7002"},
                                    {"ECHOGW_PORT_X_TCP", "1"},
                                    {"ECHOGW_REACTOR", "3"},
                                    {"ECHOGW_TARGET", "a:1"},
                                    {"ECHOGW_CONFIG", ""}});
  EXPECT_THAT(warnings,
              ElementsAre(HasSubstr("ECHOGW_MAX_CONNS_PER_IP is not used; 'echogw --help'"),
                          HasSubstr("ECHOGW_METRICS_PORT is not used"),
                          HasSubstr("ECHOGW_PORT_X_TCP is not used"),
                          HasSubstr("ECHOGW_REACTOR is not used; did you mean ECHOGW_REACTORS?")));
}

TEST(ConfigEnvironment, VariablesOfServiceLinksAreExpected) {
  EXPECT_THAT(WarningsOf({{"ECHOGW_PORT", "tcp://10.0.0.1:7000"},
                          {"ECHOGW_SERVICE_HOST", "10.0.0.1"},
                          {"ECHOGW_SERVICE_PORT", "7000"},
                          {"ECHOGW_SERVICE_PORT_ECHO", "7000"},
                          {"ECHOGW_PORT_7000_TCP", "tcp://10.0.0.1:7000"},
                          {"ECHOGW_PORT_7000_TCP_ADDR", "10.0.0.1"},
                          {"ECHOGW_PORT_7000_TCP_PORT", "7000"},
                          {"ECHOGW_PORT_7000_TCP_PROTO", "tcp"},
                          {"ECHOGW_PORT_7000_UDP", "udp://10.0.0.1:7000"},
                          {"ECHOGW_METRICS_PORT", "tcp://10.0.0.2:7002"},
                          {"ECHOGW_METRICS_SERVICE_HOST", "10.0.0.2"},
                          {"ECHOGW_METRICS_PORT_7002_TCP_ADDR", "10.0.0.2"}}),
              testing::IsEmpty());
}

}  // namespace
}  // namespace echogw::server
