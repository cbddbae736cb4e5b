// SPDX-License-Identifier: Apache-2.0
// bench_far: the far end of the pair for content (far_end.h) on the vhost-user side. Makes the content and its swarm file first, then waits
// for the start file, and writes one JSON object in the end. What it is compared with is bench/pair's work. Main thread; the port's is an
// lcore.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "bench/pair/far_end.h"
#include "drivers/eal.h"
#include "drivers/ports.h"

namespace {

using namespace mediaward;
using namespace mediaward::bench;

constexpr std::uint32_t kChunkBytes = 1024;
constexpr std::uint64_t kDifferentChunks = 4096;

struct Options {
  std::string socket, swarm_file, ready_file, start_file, json_file;
  std::uint32_t cpu = 0, megabytes = 512, pool_packets = 2048;
  std::uint16_t queue_size = 256;
  bool hugepages = false;
  std::size_t echo_bytes = 0;  // of frames; 0: content
  double seconds = 1, warm_up = 0.1;
};

std::string hex(ConstBytes bytes) {
  std::string text;
  for (const std::byte b : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    text += kDigits[std::to_integer<unsigned>(b) >> 4];
    text += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) throw std::runtime_error(path + ": cannot be written");
}

std::string swarm_text(const Content& content) {
  return "[swarm]\nid = \"bench\"\nkey = \"" + hex(content.root()) +
         "\"\nhash = \"sha256\"\naddressing = \"chunk32\"\nfetch = \"everything\"\nchunk_bytes = " + std::to_string(content.chunk_bytes()) +
         "\ncontent_bytes = " + std::to_string(content.bytes()) +
         "\n\n[[admission]]\nid = \"far\"\nport = \"media0\"\npeers = \"192.0.2.101\"\nudp_port = " + std::to_string(kContentPort) +
         "\nprovide = true\nreceive = false\nconnect = true\nlocal_address = \"192.0.2.1\"\n";
}

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

drivers::PortConfig port_of(const Options& options) {
  drivers::PortConfig port;
  port.name = "far0";
  port.kind = drivers::PortKind::kVhostUser;
  port.path = options.socket;
  port.server = true;
  port.queue_size = options.queue_size;
  port.pool_packets = options.pool_packets;
  return port;
}

drivers::EalSettings eal_of(const Options& options, const drivers::PortConfig& port) {
  drivers::EalSettings eal;
  eal.worker_cpus = {options.cpu};
  eal.hugepages = options.hugepages;
  eal.megabytes = drivers::memory_demand_megabytes({port}, {1});
  eal.file_prefix = drivers::make_file_prefix(options.socket + "/far");
  return eal;
}

FarResult play(const Options& options, const Content* content) {
  const drivers::PortConfig config = port_of(options);
  auto eal = must(drivers::Eal::start(eal_of(options, config)));
  auto port = must(drivers::Port::open(config, {}));
  must(port->start());
  write_file(options.ready_file, "");
  const auto io = port->make_io(0);
  std::atomic<bool> go{false};
  FarResult result;
  std::function<void()> body = [&] {
    FarEnd far(*io, options.warm_up);
    result = content != nullptr ? far.serve(*content, go) : far.echo(options.echo_bytes, options.seconds, go);
  };
  must(eal.launch(0, body));
  while (access(options.start_file.c_str(), F_OK) != 0) usleep(5000);
  go = true;
  eal.join_workers();
  port->stop();
  return result;
}

int run(const Options& options) {
  std::unique_ptr<Content> content;
  if (options.echo_bytes == 0) {
    content = std::make_unique<Content>(crypto::HashId::kSha256, kChunkBytes, std::uint64_t{options.megabytes} << 10, kDifferentChunks);
    write_file(options.swarm_file, swarm_text(*content));
  }
  const FarResult r = play(options, content.get());
  const double frame_bytes = r.sent == 0 ? 0.0 : static_cast<double>(r.sent_bytes) / static_cast<double>(r.sent);
  const double per_second = r.seconds > 0 ? static_cast<double>(r.counted) / r.seconds : 0.0;
  const nlohmann::json report{
      {"per_second", per_second}, {"counted", r.counted}, {"seconds", r.seconds}, {"frames", r.sent}, {"frame_bytes", frame_bytes}};
  write_file(options.json_file, report.dump() + "\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The far end of the pair for content, on the vhost-user side; writes JSON."};
  Options options;
  app.add_option("--socket", options.socket, "of vhost-user")->required();
  app.add_option("--swarm-file", options.swarm_file, "written: the swarm of the content");
  app.add_option("--ready-file", options.ready_file, "made when the port is open")->required();
  app.add_option("--start-file", options.start_file, "frames go once it exists")->required();
  app.add_option("--json", options.json_file, "where the result goes")->required();
  app.add_option("--cpu", options.cpu);
  app.add_option("--megabytes", options.megabytes, "of content, a power of two")->capture_default_str();
  app.add_option("--queue-size", options.queue_size)->capture_default_str();
  app.add_option("--pool-packets", options.pool_packets)->capture_default_str();
  app.add_flag("--hugepages", options.hugepages);
  app.add_option("--echo", options.echo_bytes, "no content: frames of so many bytes, which the other side returns");
  app.add_option("--seconds", options.seconds, "of --echo")->capture_default_str();
  app.add_option("--warm-up", options.warm_up, "seconds that are not counted")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_far: %s\n", error.what());
    return 1;
  }
}
