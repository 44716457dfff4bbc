// Goal: a target that gRPC would misunderstand is refused with a sentence.
#include "ctl/gateway/target.h"

#include <gtest/gtest.h>

#include <string>

namespace echogw::ctl {
namespace {

TEST(Target, TakesWhatTheGatewayListensOn) {
  for (const char* target : {"127.0.0.1:7001", "localhost:1", "gw.example.org:65535", "[::1]:7001",
                             "unix:/run/echogw.sock", "unix:relative.sock"}) {
    EXPECT_TRUE(CheckTarget(target).ok()) << target;
  }
}

TEST(Target, RefusesTheRest) {
  for (const char* target :
       {"", ":", "localhost", "localhost:", ":7001", "localhost:0", "localhost:65536",
        "localhost:http", "localhost:-1", "::1:7001", "[]:7001", "http://localhost:7001",
        "unix:", "dns:///x:1", "a b:1", "localhost:99999999999999999999"}) {
    EXPECT_FALSE(CheckTarget(target).ok()) << target;
  }
  EXPECT_TRUE(CheckTarget("unix:" + std::string(107, 'x')).ok());
  EXPECT_EQ(CheckTarget("unix:" + std::string(108, 'x')).message(),
            "the socket path is 108 bytes long; use at most 107");
}

}  // namespace
}  // namespace echogw::ctl
