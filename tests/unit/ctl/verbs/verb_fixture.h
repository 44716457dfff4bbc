// A command line run in this process against a fake gateway.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/ctl/cli_run.h"
#include "tests/unit/ctl/fake_gateway.h"

namespace echogw::ctl {

class VerbTest : public testing::Test {
 protected:
  CliRun Ask(std::vector<std::string> arguments, CliTerminal terminal = {}) {
    arguments.insert(arguments.begin(), {"--target", gateway_.target()});
    return RunWith(std::move(arguments), terminal, nullptr);
  }

  FakeGateway gateway_;
};

}  // namespace echogw::ctl
