// SPDX-License-Identifier: Apache-2.0
// Any sequence of datagrams on the control socket, through a real socket into a server over a data plane of its own. A client may be
// dropped; the server, the core and its accounts must stand, and the next client must be served.
// Input: flags (1: greet first, 2: put right lengths into headers), then datagrams, each behind its length in two bytes.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "dataplane/control_server.h"
#include "tests/fuzz/exact_buffer.h"
#include "tests/support/dataplane_fixture.h"

namespace {

using namespace mediaward;
using dataplane::ControlServer;

class NoInfo final : public dataplane::InfoSource {
 public:
  std::vector<abi::PortInfo> ports() override { return {}; }
  std::vector<abi::WorkerInfo> workers() override { return {}; }
  std::vector<abi::EngineInfo> engines() override { return {}; }
  std::vector<abi::MemoryInfo> memory() override { return {}; }
  std::vector<abi::PlanLine> plan() override { return {}; }
};

std::string socket_path() {
  return (std::filesystem::temp_directory_path() / ("mediaward-fuzz-" + std::to_string(::getpid()) + ".sock")).string();
}

dataplane::UniqueFd connect_to(const std::string& path) {
  dataplane::UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
  FUZZ_REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

void greet(int fd) {
  abi::Hello hello{};
  hello.header = {abi::MessageType::kHello, 0, sizeof hello, 0};
  (void)!::send(fd, &hello, sizeof hello, MSG_NOSIGNAL);
}

void serve(ControlServer& server, test::Dataplane& plane) {
  for (int i = 0; i < 3; ++i) {
    server.run(0);
    (void)plane.run_once();
  }
}

// Whether a HelloReply is waiting; discards everything else.
bool answered(int fd) {
  std::vector<std::byte> buffer(abi::kMaxMessageBytes);
  bool yes = false;
  for (ssize_t n; (n = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
    abi::MessageHeader header;
    std::memcpy(&header, buffer.data(), sizeof header);
    yes |= header.type == abi::MessageType::kHelloReply;
  }
  return yes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string path = socket_path();
  if (size < 1 || size > 16384) return 0;
  const std::uint8_t flags = *data++;
  --size;
  test::Dataplane::Options options;
  options.io.buffers = 16;
  options.limits = {.legs = 8, .slots = 32, .neighbours = 8, .jobs_per_worker = 64, .handoff_ring = 16};
  test::Dataplane plane(crypto::make_openssl_provider(), options);
  NoInfo info;
  auto server = ControlServer::create(plane.core(), {.socket_path = path, .mode = 0600, .group = {}}, info);
  FUZZ_REQUIRE(server.has_value());
  {
    const auto fd = connect_to(path);
    if ((flags & 1) != 0) greet(fd.get());
    while (size >= 2) {
      std::size_t bytes = data[0] | std::size_t{data[1]} << 8;
      data += 2;
      size -= 2;
      bytes = std::min(bytes, size);
      std::vector<std::uint8_t> message(data, data + bytes);
      if ((flags & 2) != 0 && bytes >= 8) {
        const auto length = static_cast<std::uint32_t>(bytes);
        std::memcpy(message.data() + 4, &length, sizeof length);
      }
      (void)!::send(fd.get(), message.data(), bytes, MSG_NOSIGNAL);
      serve(**server, plane);
      (void)answered(fd.get());
      data += bytes;
      size -= bytes;
    }
  }
  serve(**server, plane);
  const auto next = connect_to(path);
  greet(next.get());
  serve(**server, plane);
  FUZZ_REQUIRE(answered(next.get()));
  FUZZ_REQUIRE(plane.leaked() == 0);
  return 0;
}
