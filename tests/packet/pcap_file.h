// SPDX-License-Identifier: Apache-2.0
// Classic pcap files (Ethernet, microseconds, little endian) for the packet cases: read and written here, so that a case needs no
// library and every tool that people have can open it. Not a general reader: what these tests did not write is refused.
// Tests only; single thread.
#pragma once

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace mediaward::test {

struct PcapFrame {
  std::uint64_t time_ms = 0;  // since the start of the case
  std::vector<std::uint8_t> bytes;
  bool operator==(const PcapFrame&) const = default;
};

namespace pcap_detail {
inline constexpr std::uint32_t kMagic = 0xa1b2c3d4, kEthernet = 1, kSnapBytes = 65535;

inline void put32(std::ofstream& out, std::uint32_t v) {
  const char bytes[4] = {static_cast<char>(v), static_cast<char>(v >> 8), static_cast<char>(v >> 16), static_cast<char>(v >> 24)};
  out.write(bytes, 4);
}
inline bool get32(std::ifstream& in, std::uint32_t& v) {
  unsigned char bytes[4];
  if (!in.read(reinterpret_cast<char*>(bytes), 4)) return false;
  v = bytes[0] | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 | std::uint32_t{bytes[3]} << 24;
  return true;
}
}  // namespace pcap_detail

inline void write_pcap(const std::string& path, const std::vector<PcapFrame>& frames) {
  using namespace pcap_detail;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  for (const std::uint32_t v : {kMagic, 2u | 4u << 16, 0u, 0u, kSnapBytes, kEthernet}) put32(out, v);
  for (const auto& frame : frames) {
    const auto bytes = static_cast<std::uint32_t>(frame.bytes.size());
    for (const std::uint32_t v : {static_cast<std::uint32_t>(frame.time_ms / 1000), static_cast<std::uint32_t>(frame.time_ms % 1000 * 1000), bytes, bytes})
      put32(out, v);
    out.write(reinterpret_cast<const char*>(frame.bytes.data()), static_cast<std::streamsize>(bytes));
  }
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

inline std::vector<PcapFrame> read_pcap(const std::string& path) {
  using namespace pcap_detail;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::uint32_t header[6] = {};
  for (auto& v : header)
    if (!get32(in, v)) throw std::runtime_error(path + ": no pcap header");
  if (header[0] != kMagic || header[5] != kEthernet) throw std::runtime_error(path + ": not a little-endian Ethernet pcap with microseconds");
  std::vector<PcapFrame> frames;
  std::uint32_t seconds, micros, bytes, original;
  while (get32(in, seconds)) {
    if (!get32(in, micros) || !get32(in, bytes) || !get32(in, original) || bytes > kSnapBytes) throw std::runtime_error(path + ": damaged");
    PcapFrame frame{std::uint64_t{seconds} * 1000 + micros / 1000, std::vector<std::uint8_t>(bytes)};
    if (!in.read(reinterpret_cast<char*>(frame.bytes.data()), static_cast<std::streamsize>(bytes))) throw std::runtime_error(path + ": cut off");
    frames.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace mediaward::test
