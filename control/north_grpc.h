// SPDX-License-Identifier: Apache-2.0
// The gRPC front end (proto/mediaward/v1/mediaward.proto) on a unix socket. It only carries: requests to convert.h and the
// controller, values to present.h, errors to status and ErrorDetail.
// Who may connect is decided by the file system: the socket has the configured mode (0660) and group, and gRPC 1.51 shows no peer
// credentials that could be checked again. There is no TLS and no network listener here.
// gRPC's own threads run the calls; start and stop on the main thread.
#pragma once

#include <memory>

#include "control/config.h"
#include "control/controller.h"

namespace mediaward::control {

class NorthGrpc {
 public:
  NorthGrpc(const Settings& settings, Controller& controller, const Log& log);
  ~NorthGrpc();
  NorthGrpc(const NorthGrpc&) = delete;
  NorthGrpc& operator=(const NorthGrpc&) = delete;

  // kConflict when another daemon answers on the socket; a dead socket file is replaced.
  [[nodiscard]] Result<void> start();
  // Ends watchers, lets running calls finish for at most five seconds. The controller's event hub must have been stopped.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mediaward::control
