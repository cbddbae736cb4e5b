// SPDX-License-Identifier: Apache-2.0
// Reads the UDP datagrams of a capture that somebody else's program left: classic pcap of Ethernet and IPv4, little endian, microseconds,
// plain or gzip (zlib tells them apart). Checksums are not looked at: captures on a loopback have them wrong.
// Whatever else is in a file is refused, so that no frame goes missing from a test unnoticed. Tests only; single thread.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "crypto/bytes.h"

namespace mediaward::test {

struct CapturedDatagram {
  std::uint64_t time_us = 0;  // since 1970
  std::uint32_t source_address = 0, destination_address = 0;
  std::uint16_t source_port = 0, destination_port = 0;
  std::vector<std::byte> payload;
};

namespace capture_detail {

inline constexpr std::uint32_t kMagic = 0xa1b2c3d4, kEthernet = 1, kMaxFrameBytes = 65600;
inline constexpr std::size_t kEthernetBytes = 14, kUdpBytes = 8;

class File {
 public:
  explicit File(std::string path) : path_(std::move(path)), file_(gzopen(path_.c_str(), "rb"), gzclose) {
    if (file_ == nullptr) fail("cannot be opened");
  }
  [[noreturn]] void fail(const char* what) const { throw std::runtime_error(path_ + ": " + what); }
  bool read(void* to, std::size_t bytes) {
    const int got = gzread(file_.get(), to, static_cast<unsigned>(bytes));
    if (got > 0 && static_cast<std::size_t>(got) != bytes) fail("cut off");
    if (got < 0) fail("damaged");
    return static_cast<std::size_t>(got) == bytes;
  }

 private:
  std::string path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

inline CapturedDatagram parse_frame(const File& file, const std::vector<std::byte>& frame) {
  if (frame.size() < kEthernetBytes + 20 + kUdpBytes || load_be16(frame.data() + 12) != 0x0800) file.fail("a frame is not IPv4");
  const std::byte* ip = frame.data() + kEthernetBytes;
  const std::size_t header = (std::to_integer<std::size_t>(ip[0]) & 15) * 4;
  const bool fragment = (load_be16(ip + 6) & 0x3fff) != 0;
  if (ip[9] != std::byte{17} || fragment) file.fail("a frame is not a whole UDP datagram");
  const std::size_t at = kEthernetBytes + header;
  if (frame.size() < at + kUdpBytes) file.fail("a UDP header is cut off");
  const std::byte* udp = frame.data() + at;
  const std::size_t bytes = load_be16(udp + 4);
  if (bytes < kUdpBytes || frame.size() < at + bytes) file.fail("a UDP datagram is cut off");
  return {.source_address = load_be32(ip + 12),
          .destination_address = load_be32(ip + 16),
          .source_port = load_be16(udp),
          .destination_port = load_be16(udp + 2),
          .payload = {udp + kUdpBytes, udp + bytes}};
}

}  // namespace capture_detail

// Throws with the file's name when it is not what is said above.
inline std::vector<CapturedDatagram> read_capture(const std::string& path) {
  using namespace capture_detail;
  File file(path);
  std::uint32_t header[6];
  if (!file.read(header, sizeof header)) file.fail("empty");
  if (header[0] != kMagic || header[5] != kEthernet) file.fail("not a little-endian Ethernet pcap with microseconds");
  std::vector<CapturedDatagram> datagrams;
  std::uint32_t record[4];  // seconds, microseconds, bytes kept, bytes on the wire
  while (file.read(record, sizeof record)) {
    if (record[2] != record[3] || record[2] > kMaxFrameBytes) file.fail("a frame was not kept whole");
    std::vector<std::byte> frame(record[2]);
    if (!file.read(frame.data(), frame.size())) file.fail("cut off");
    datagrams.push_back(parse_frame(file, frame));
    datagrams.back().time_us = std::uint64_t{record[0]} * 1000000 + record[1];
  }
  return datagrams;
}

}  // namespace mediaward::test
