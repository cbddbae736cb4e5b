// SPDX-License-Identifier: Apache-2.0
// A UDP socket for a content peer, and addresses as people write them. Ordinary kernel sockets, as a user's device has them: no EAL, no raw
// frames. Never blocks but in wait(); what the kernel will not take now is lost, as on any network. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "crypto/bytes.h"
#include "crypto/error.h"
#include "tools/ppspp/peer.h"

namespace mediaward::tools::peer {

// "192.0.2.1:6778", "[2001:db8::1]:6778"
[[nodiscard]] Result<ppspp::Endpoint> parse_endpoint(std::string_view text);

class UdpSocket {
 public:
  [[nodiscard]] static Result<UdpSocket> bind(const ppspp::Endpoint& local);
  UdpSocket(UdpSocket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;
  UdpSocket& operator=(UdpSocket&&) = delete;
  ~UdpSocket();

  void send(const ppspp::Endpoint& to, ConstBytes payload) const noexcept;
  // One datagram, as long as there is one; its length. `from` is who sent it.
  [[nodiscard]] std::optional<std::size_t> receive(Bytes room, ppspp::Endpoint& from) const noexcept;
  // Until there is a datagram, a signal, or this time is over.
  void wait(std::uint64_t most_us) const noexcept;

 private:
  explicit UdpSocket(int fd) noexcept : fd_(fd) {}
  int fd_;
};

}  // namespace mediaward::tools::peer
