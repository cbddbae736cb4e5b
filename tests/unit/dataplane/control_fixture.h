// SPDX-License-Identifier: Apache-2.0
// The control socket as a controller sees it: a SEQPACKET client of the test against the server, both on one thread, over a data plane in
// memory that is run by hand.
#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "dataplane/control_server.h"
#include "tests/unit/dataplane/room.h"

namespace mediaward::test {

using abi::MessageType;
using dataplane::ControlServer;
using dataplane::UniqueFd;

class FixedInfo final : public dataplane::InfoSource {
 public:
  std::vector<abi::PortInfo> ports() override {
    abi::PortInfo port{};
    std::strcpy(port.name, "media0");
    port.link_up = link_up;
    return {port};
  }
  std::vector<abi::WorkerInfo> workers() override { return std::vector<abi::WorkerInfo>(worker_count); }
  std::vector<abi::EngineInfo> engines() override { return {abi::EngineInfo{}, abi::EngineInfo{}}; }
  std::vector<abi::MemoryInfo> memory() override { return {abi::MemoryInfo{}}; }
  std::vector<abi::PlanLine> plan() override { return {abi::PlanLine{}}; }
  std::uint8_t link_up = 1;
  std::size_t worker_count = 1;
};

inline sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
  return address;
}

using Message = std::vector<std::byte>;

class Client {
 public:
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const auto address = address_of(path);
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("connect");
  }
  template <typename T>
  void send(T message, MessageType type, std::uint64_t id = 0) {
    message.header = {type, 0, sizeof message, id};
    send_raw(&message, sizeof message);
  }
  void send_raw(const void* bytes, std::size_t n, int fd = -1) {
    iovec io{const_cast<void*>(bytes), n};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
    msghdr m{};
    m.msg_iov = &io;
    m.msg_iovlen = 1;
    if (fd >= 0) {
      m.msg_control = control;
      m.msg_controllen = sizeof control;
      cmsghdr* c = CMSG_FIRSTHDR(&m);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    (void)::sendmsg(fd_.get(), &m, MSG_NOSIGNAL);
  }
  // The next message; empty when there is none, closed() when there never will be.
  Message receive() {
    Message buffer(abi::kMaxMessageBytes);
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    iovec io{buffer.data(), buffer.size()};
    msghdr m{};
    m.msg_iov = &io;
    m.msg_iovlen = 1;
    m.msg_control = control;
    m.msg_controllen = sizeof control;
    const ssize_t n = ::recvmsg(fd_.get(), &m, MSG_CMSG_CLOEXEC);
    closed_ = n == 0 || (n < 0 && errno != EAGAIN);
    buffer.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    if (const cmsghdr* c = CMSG_FIRSTHDR(&m); c != nullptr && c->cmsg_type == SCM_RIGHTS) {
      int fds[2];
      std::memcpy(fds, CMSG_DATA(c), sizeof fds);
      stats = UniqueFd(fds[0]);
      state = UniqueFd(fds[1]);
    }
    return buffer;
  }
  [[nodiscard]] bool closed() {
    while (!receive().empty()) continue;
    return closed_;
  }
  UniqueFd stats, state;

 private:
  UniqueFd fd_;
  bool closed_ = false;
};

class ControlServerTest : public ::testing::Test {
 protected:
  ControlServerTest() : ControlServerTest(Dataplane::Options{}) {}
  explicit ControlServerTest(Dataplane::Options options) : room_(2, options) {
    char name[] = "mediaward-test-XXXXXX";
    directory_ = std::filesystem::temp_directory_path() / name;
    std::string pattern = directory_.string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    directory_ = pattern;
    server_ = make(room_);
  }
  ~ControlServerTest() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }
  [[nodiscard]] std::string path() const { return (directory_ / "dataplane.sock").string(); }
  std::unique_ptr<ControlServer> make(Room& room) {
    auto made = ControlServer::create(room.plane().core(), {.socket_path = path(), .mode = 0600, .group = {}, .clock = [&room] { return room.plane().now(); }}, info_);
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
  }
  void pump(Room& room, int rounds = 4) {
    for (int i = 0; i < rounds; ++i) {
      server_->run(0);
      room.plane().run();
    }
  }
  void pump() { pump(room_); }
  // The next message of this type; others are put aside.
  template <typename T>
  std::optional<T> expect(Client& client, MessageType type) {
    for (Message m = client.receive(); !m.empty(); m = client.receive()) {
      abi::MessageHeader header;
      std::memcpy(&header, m.data(), sizeof header);
      EXPECT_EQ(header.bytes, m.size());
      if (header.type != type) continue;
      EXPECT_EQ(m.size(), sizeof(T));
      T out;
      std::memcpy(static_cast<void*>(&out), m.data(), sizeof out);
      return out;
    }
    return std::nullopt;
  }
  std::unique_ptr<Client> greeted() {
    auto client = std::make_unique<Client>(path());
    client->send(abi::Hello{}, MessageType::kHello);
    pump();
    reply_ = expect<abi::HelloReply>(*client, MessageType::kHelloReply);
    EXPECT_TRUE(reply_.has_value());
    return client;
  }
  static void send_operation(Client& client, const dataplane::Operation& operation, std::uint64_t id) {
    std::visit(
        [&]<typename T>(const T& m) {
          if constexpr (std::is_same_v<T, dataplane::ppspp::ContentOperation>)
            client.send(m.message, MessageType::kSwarmContent, id);  // without its memfd
          else
            client.send(m, m.header.type, id);
        },
        operation);
  }
  void send_transaction(Client& client, std::uint64_t id, const std::vector<dataplane::Operation>& operations, abi::Begin begin = {}, int count_error = 0) {
    client.send(begin, MessageType::kBegin, id);
    for (const auto& operation : operations) send_operation(client, operation, id);
    abi::End end;
    end.operation_count = static_cast<std::uint32_t>(static_cast<int>(operations.size()) + count_error);
    client.send(end, MessageType::kEnd, id);
  }
  std::optional<abi::TransactionReply> transact(Client& client, std::uint64_t id, const std::vector<dataplane::Operation>& operations, abi::Begin begin = {},
                                                int count_error = 0) {
    send_transaction(client, id, operations, begin, count_error);
    pump();
    return expect<abi::TransactionReply>(client, MessageType::kTransactionReply);
  }
  template <typename T>
  std::size_t query(Client& client, abi::QueryKind kind, MessageType answer) {
    abi::Query q{};
    q.kind = kind;
    client.send(q, MessageType::kQuery, 77);
    pump();
    std::size_t n = 0;
    for (Message m = client.receive(); !m.empty(); m = client.receive()) {
      abi::MessageHeader header;
      std::memcpy(&header, m.data(), sizeof header);
      if (header.type == MessageType::kEvent) continue;
      EXPECT_EQ(header.transaction_id, 77u);
      if (header.type == MessageType::kQueryEnd) return n;
      EXPECT_EQ(header.type, answer);
      EXPECT_EQ(m.size(), sizeof(T));
      ++n;
    }
    ADD_FAILURE() << "no QueryEnd";
    return n;
  }
  // The client sends this instead of something sensible: it goes, and the next one is served as if nothing had been.
  void expect_dropped(Client& client, const char* what) {
    pump();
    EXPECT_TRUE(client.closed()) << what;
    EXPECT_FALSE(server_->connected()) << what;
    auto next = greeted();
    const auto reply = transact(*next, 900, room_.everything());
    ASSERT_TRUE(reply.has_value()) << what;
    EXPECT_EQ(reply->code, 0u) << what << ": " << reply->message;
    next.reset();
    pump();
  }

  Room room_;
  FixedInfo info_;
  std::filesystem::path directory_;
  std::unique_ptr<ControlServer> server_;
  std::optional<abi::HelloReply> reply_;
};

}  // namespace mediaward::test
