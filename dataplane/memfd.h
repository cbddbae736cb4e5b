// SPDX-License-Identifier: Apache-2.0
// File descriptors and shared mappings as owners: closed and unmapped by their destructors.
// Used for the stats and state regions that the data plane shares with its controller. Main thread.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "crypto/error.h"

namespace mediaward::dataplane {

class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { reset(); }
  void reset() noexcept;
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// A memfd of fixed size (sealed against shrinking and growing) and its read-write mapping.
class SharedRegion {
 public:
  [[nodiscard]] static Result<SharedRegion> create(const std::string& name, std::size_t bytes);
  // Takes a descriptor that came from elsewhere: checks that it is a memfd that nobody can shrink, then maps it.
  [[nodiscard]] static Result<SharedRegion> adopt(UniqueFd fd);

  SharedRegion(SharedRegion&& other) noexcept
      : fd_(std::move(other.fd_)), data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  SharedRegion& operator=(SharedRegion&& other) noexcept;
  ~SharedRegion();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // A second descriptor of the same memory that can only be mapped for reading.
  [[nodiscard]] Result<UniqueFd> read_only_fd() const;

 private:
  SharedRegion(UniqueFd fd, std::byte* data, std::size_t bytes) noexcept : fd_(std::move(fd)), data_(data), bytes_(bytes) {}
  UniqueFd fd_;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace mediaward::dataplane
