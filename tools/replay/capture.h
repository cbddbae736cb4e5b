// SPDX-License-Identifier: Apache-2.0
// Ethernet frames of a capture file: whatever libpcap reads (pcap, pcapng), plain or gzip. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "crypto/bytes.h"
#include "crypto/error.h"

struct pcap;

namespace mediaward::tools::replay {

struct CapturedFrame {
  std::uint64_t time_us = 0;  // since 1970
  std::uint32_t wire_bytes = 0;  // more than bytes.size(): the capture cut it off
  ConstBytes bytes;           // good until the next one is read
};

class Capture {
 public:
  // Fails with a message that names the file: not there, no capture, or not of Ethernet.
  [[nodiscard]] static Result<Capture> open(const std::string& path);

  // False: the end.
  [[nodiscard]] Result<bool> next(CapturedFrame& out);

 private:
  struct Close {
    void operator()(pcap* p) const noexcept;
  };
  Capture(std::string path, std::unique_ptr<pcap, Close> file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  std::unique_ptr<pcap, Close> file_;
};

}  // namespace mediaward::tools::replay
