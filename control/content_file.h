// SPDX-License-Identifier: Apache-2.0
// Content of swarms on its way to the data plane: a file below the content directory, or bytes that came with the request, copied into a
// sealed memfd that nobody can change any more. Copied piece by piece, so that a loop can do it between other things, and only when it is
// sent, so that ten thousand swarms do not take ten thousand descriptors. What the bytes are is for the data plane to check.
// One thread per object; the functions any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "control/peer_model.h"
#include "control/unique_fd.h"
#include "crypto/error.h"

namespace mediaward::control {

// By which a file is known to be the one that was put.
struct FileStamp {
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
  bool operator==(const FileStamp&) const = default;
};

// Symbolic links are followed nowhere behind `directory`. kNotFound, kUnsupported (no directory is configured), kInvalid (not a regular
// file), kUnavailable (cannot be read).
[[nodiscard]] Result<UniqueFd> open_content(const std::string& directory, const std::string& path);
[[nodiscard]] Result<FileStamp> stamp_content(const std::string& directory, const std::string& path);

class ContentCopy {
 public:
  // `bytes`: what it must have.
  [[nodiscard]] static Result<ContentCopy> begin(const std::string& directory, std::shared_ptr<const SwarmContent> content,
                                                 std::uint64_t bytes);

  // Copies at most so many further bytes. True once all is there and sealed.
  [[nodiscard]] Result<bool> step(std::size_t most);
  [[nodiscard]] int fd() const noexcept { return memfd_.get(); }

 private:
  ContentCopy(std::shared_ptr<const SwarmContent> content, std::uint64_t bytes, UniqueFd file, UniqueFd memfd)
      : content_(std::move(content)), bytes_(bytes), file_(std::move(file)), memfd_(std::move(memfd)) {}
  [[nodiscard]] Result<std::size_t> copy(std::size_t most);

  std::shared_ptr<const SwarmContent> content_;
  std::uint64_t bytes_;
  std::uint64_t done_ = 0;
  bool sealed_ = false;
  UniqueFd file_, memfd_;
};

}  // namespace mediaward::control
