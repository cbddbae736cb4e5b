// SPDX-License-Identifier: Apache-2.0
// One SEQPACKET unix connection: whole datagrams with descriptors, non-blocking. It checks the frame (size, length field), not
// the content. The client's loop thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/text.h"
#include "control/unique_fd.h"
#include "crypto/bytes.h"
#include "crypto/error.h"
#include "dataplane/abi/protocol.h"

namespace mediaward::control {

struct Datagram {
  std::vector<std::byte> bytes;  // at least a MessageHeader whose `bytes` equals the size
  std::vector<UniqueFd> fds;

  [[nodiscard]] abi::MessageHeader header() const noexcept { return load_raw<abi::MessageHeader>(bytes.data()); }
  // The message as T when its size is exactly that of T. A copy: alignment of the buffer is not promised.
  template <typename T>
  [[nodiscard]] std::optional<T> as() const noexcept {
    static_assert(abi::is_message<T>);
    if (bytes.size() != sizeof(T)) return std::nullopt;
    return load_raw<T>(bytes.data());
  }
};

class SeqpacketSocket {
 public:
  [[nodiscard]] static Result<SeqpacketSocket> connect(const std::string& path);

  enum class Sent : std::uint8_t { kDone, kFull, kBroken };
  [[nodiscard]] Sent send(ConstBytes message, int fd = -1) noexcept;

  // nullopt: nothing there now. kUnavailable: the other side has gone. kInvalid: it sent something malformed.
  [[nodiscard]] Result<std::optional<Datagram>> receive();
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  explicit SeqpacketSocket(UniqueFd socket) noexcept : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

}  // namespace mediaward::control
