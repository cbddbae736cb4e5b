// SPDX-License-Identifier: Apache-2.0
// connect, sendmsg and recvmsg with SCM_RIGHTS; every descriptor received is owned before anything else is looked at.
// The client's loop thread.
#include "control/seqpacket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace mediaward::control {

namespace {

constexpr std::size_t kMaxFds = 4;  // two are used; more are closed with the datagram

std::vector<UniqueFd> take_fds(msghdr& message) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Result<SeqpacketSocket> SeqpacketSocket::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(ErrorCode::kInvalid, "socket path `" + path + "` must have 1 to " + std::to_string(sizeof address.sun_path - 1) + " bytes");
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail(ErrorCode::kInternal, std::string("socket: ") + std::strerror(errno));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(ErrorCode::kUnavailable, "cannot reach the data plane at " + path + ": " + std::strerror(errno));
  return SeqpacketSocket(std::move(socket));
}

SeqpacketSocket::Sent SeqpacketSocket::send(ConstBytes bytes, int fd) noexcept {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  for (;;) {
    if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return Sent::kDone;
    if (errno == EINTR) continue;
    const bool full = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ETOOMANYREFS;  // descriptors under way
    return full ? Sent::kFull : Sent::kBroken;
  }
}

Result<std::optional<Datagram>> SeqpacketSocket::receive() {
  Datagram datagram;
  datagram.bytes.resize(abi::kMaxMessageBytes);
  iovec part{datagram.bytes.data(), datagram.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  if (got < 0) return fail(ErrorCode::kUnavailable, std::string("connection to the data plane broke: ") + std::strerror(errno));
  datagram.fds = take_fds(message);
  if (got == 0) return fail(ErrorCode::kUnavailable, "the data plane closed the connection");
  const auto size = static_cast<std::size_t>(got);
  if ((message.msg_flags & MSG_TRUNC) != 0 || size < sizeof(abi::MessageHeader))
    return fail(ErrorCode::kInvalid, "message of impossible size from the data plane");
  datagram.bytes.resize(size);
  if (datagram.header().bytes != size)
    return fail(ErrorCode::kInvalid,
                "length field " + std::to_string(datagram.header().bytes) + " of a message of " + std::to_string(size) + " bytes");
  return std::optional<Datagram>(std::move(datagram));
}

}  // namespace mediaward::control
