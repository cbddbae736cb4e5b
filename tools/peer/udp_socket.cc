// SPDX-License-Identifier: Apache-2.0
// A UDP socket for a content peer (see the header). One thread.
#include "tools/peer/udp_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

namespace mediaward::tools::peer {
namespace {

constexpr int kReceiveBytes = 4 << 20;  // what arrives while the peer hashes is to wait, not to be lost

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t bytes = 0;
  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress address_of(const ppspp::Endpoint& e) noexcept {
  SocketAddress out;
  if (e.v6) {
    auto& a = reinterpret_cast<sockaddr_in6&>(out.storage);
    a.sin6_family = AF_INET6;
    a.sin6_port = htons(e.port);
    std::memcpy(&a.sin6_addr, e.address.data(), sizeof a.sin6_addr);
    out.bytes = sizeof a;
  } else {
    auto& a = reinterpret_cast<sockaddr_in&>(out.storage);
    a.sin_family = AF_INET;
    a.sin_port = htons(e.port);
    std::memcpy(&a.sin_addr, e.address.data(), sizeof a.sin_addr);
    out.bytes = sizeof a;
  }
  return out;
}

ppspp::Endpoint endpoint_of(const sockaddr_storage& storage) noexcept {
  ppspp::Endpoint e;
  e.v6 = storage.ss_family == AF_INET6;
  if (e.v6) {
    const auto& a = reinterpret_cast<const sockaddr_in6&>(storage);
    std::memcpy(e.address.data(), &a.sin6_addr, sizeof a.sin6_addr);
    e.port = ntohs(a.sin6_port);
  } else {
    const auto& a = reinterpret_cast<const sockaddr_in&>(storage);
    std::memcpy(e.address.data(), &a.sin_addr, sizeof a.sin_addr);
    e.port = ntohs(a.sin_port);
  }
  return e;
}

}  // namespace

Result<ppspp::Endpoint> parse_endpoint(std::string_view text) {
  const auto wrong = [&] { return fail(ErrorCode::kInvalid, "`" + std::string(text) + "` is neither ADDRESS:PORT nor [ADDRESS]:PORT"); };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong();
  ppspp::Endpoint e;
  e.v6 = text.front() == '[';
  if (e.v6 && (colon < 2 || text[colon - 1] != ']')) return wrong();
  const std::string address(e.v6 ? text.substr(1, colon - 2) : text.substr(0, colon));
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), e.port);
  if (error != std::errc{} || end != port.data() + port.size() || e.port == 0) return wrong();
  if (inet_pton(e.v6 ? AF_INET6 : AF_INET, address.c_str(), e.address.data()) != 1) return wrong();
  return e;
}

Result<UdpSocket> UdpSocket::bind(const ppspp::Endpoint& local) {
  const int fd = ::socket(local.v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(ErrorCode::kInternal, std::string("no UDP socket: ") + std::strerror(errno));
  UdpSocket socket(fd);
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof kReceiveBytes) != 0)
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof kReceiveBytes);
  SocketAddress address = address_of(local);
  if (::bind(fd, address.get(), address.bytes) != 0)
    return fail(ErrorCode::kInvalid, "--listen: " + local.to_string() + ": " + std::strerror(errno));
  return socket;
}

UdpSocket::~UdpSocket() {
  if (fd_ >= 0) ::close(fd_);
}

void UdpSocket::send(const ppspp::Endpoint& to, ConstBytes payload) const noexcept {
  SocketAddress address = address_of(to);
  (void)::sendto(fd_, payload.data(), payload.size(), 0, address.get(), address.bytes);
}

std::optional<std::size_t> UdpSocket::receive(Bytes room, ppspp::Endpoint& from) const noexcept {
  SocketAddress address;
  address.bytes = sizeof address.storage;
  const ssize_t got = ::recvfrom(fd_, room.data(), room.size(), 0, address.get(), &address.bytes);
  if (got < 0) return std::nullopt;
  from = endpoint_of(address.storage);
  return static_cast<std::size_t>(got);
}

void UdpSocket::wait(std::uint64_t most_us) const noexcept {
  pollfd readable{fd_, POLLIN, 0};
  const timespec time{static_cast<time_t>(most_us / 1'000'000), static_cast<long>(most_us % 1'000'000 * 1000)};
  (void)::ppoll(&readable, 1, &time, nullptr);
}

}  // namespace mediaward::tools::peer
