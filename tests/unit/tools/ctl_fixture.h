// SPDX-License-Identifier: Apache-2.0
// mediawardctl against a daemon in this process and a fake data plane. Test thread.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "control/daemon.h"
#include "tests/unit/control/fake_dataplane.h"
#include "tools/mediawardctl/ctl.h"

namespace mediaward::tools::test {

class CtlFixture : public testing::Test {
 protected:
  CtlFixture() {
    settings.listen = dir.path("api.sock");
    settings.controller.dataplane.socket_path = dir.path("dp.sock");
  }
  // With the settings as they are by then.
  void start() {
    fake.start();
    daemon = std::make_unique<control::Daemon>(settings, log);
    EXPECT_TRUE(daemon->start().has_value());
    EXPECT_TRUE(fake.wait_until([&] { return daemon->controller().dataplane().info().ready; }));
  }
  int run(std::vector<std::string> arguments) {
    out.str("");
    err.str("");
    arguments.insert(arguments.begin(), {"--socket", settings.listen});
    return run_ctl(arguments, out, err);
  }
  nlohmann::json run_json(std::vector<std::string> arguments, int expected = 0) {
    arguments.push_back("--json");
    EXPECT_EQ(run(arguments), expected) << out.str() << err.str();
    EXPECT_EQ(err.str(), "");
    return nlohmann::json::parse(out.str(), nullptr, false);
  }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(dir.path(name), std::ios::binary) << text;
    return dir.path(name);
  }

  control::test::TempDir dir;
  control::test::FakeDataplane fake{dir.path("dp.sock")};
  control::Settings settings;
  control::Log log{[](std::string_view) {}};
  std::unique_ptr<control::Daemon> daemon;
  std::ostringstream out, err;
};

}  // namespace mediaward::tools::test
