// SPDX-License-Identifier: Apache-2.0
// How the control server puts one struct into one datagram. Private to control_server.cc and control_info.cc. Main thread.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "dataplane/control_server.h"

namespace mediaward::dataplane {

inline constexpr int kSendPatienceMs = 1000;  // a controller that does not read for this long is dropped

template <typename T>
void ControlServer::send(T message, abi::MessageType type, std::uint64_t id, std::span<const int> fds) {
  static_assert(abi::is_message<T>);
  if (!client_) return;
  message.header = {type, 0, sizeof message, id};
  iovec io{&message, sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
  msghdr m{};
  m.msg_iov = &io;
  m.msg_iovlen = 1;
  if (!fds.empty()) {
    m.msg_control = control;
    m.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
  }
  while (::sendmsg(client_.get(), &m, MSG_NOSIGNAL) < 0) {
    pollfd wait{client_.get(), POLLOUT, 0};
    if (errno == EAGAIN && ::poll(&wait, 1, kSendPatienceMs) > 0) continue;
    if (errno == EINTR) continue;
    return drop_client("does not read");
  }
}

template <typename T>
void ControlServer::send_all(std::vector<T> messages, abi::MessageType type, std::uint64_t id) {
  for (auto& m : messages) send(m, type, id);
}

}  // namespace mediaward::dataplane
