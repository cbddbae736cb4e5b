// SPDX-License-Identifier: Apache-2.0
// The file-system side of the API's unix socket: a stale file goes, a living daemon is respected, mode and group are set.
// Main thread.
#pragma once

#include <cstdint>
#include <string>

#include "crypto/error.h"

namespace mediaward::control {

// Removes the socket file of a daemon that is gone. kConflict: somebody answers. kInvalid: the path is something else.
[[nodiscard]] Result<void> clear_stale_socket(const std::string& path);

[[nodiscard]] Result<void> set_socket_owner(const std::string& path, std::uint32_t mode, const std::string& group);

// While it lives, files are made for the process's user alone: between bind and set_socket_owner nobody else gets in.
class PrivateUmask {
 public:
  PrivateUmask() noexcept;
  ~PrivateUmask();
  PrivateUmask(const PrivateUmask&) = delete;
  PrivateUmask& operator=(const PrivateUmask&) = delete;

 private:
  unsigned before_;
};

}  // namespace mediaward::control
