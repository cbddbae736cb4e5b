// SPDX-License-Identifier: Apache-2.0
// The whole daemon as an object: controller, data-plane client and API server in the right order of birth and death. main.cc adds
// the command line and signals; tests make one in their own process.
// Threads: the caller's, one for the data-plane loop, and gRPC's.
#pragma once

#include "control/north_grpc.h"

namespace mediaward::control {

class Daemon {
 public:
  Daemon(const Settings& settings, const Log& log) : controller_(settings.controller, log), north_(settings, controller_, log) {}
  ~Daemon() { stop(); }

  [[nodiscard]] Result<void> start() {
    if (auto good = controller_.start(); !good) return good;
    return north_.start();
  }
  void stop() {
    controller_.stop();
    north_.stop();
  }
  [[nodiscard]] Controller& controller() noexcept { return controller_; }

 private:
  Controller controller_;
  NorthGrpc north_;
};

}  // namespace mediaward::control
