// SPDX-License-Identifier: Apache-2.0
// See capture.h.
#include "tools/replay/capture.h"

#include <pcap/pcap.h>
#include <zlib.h>

#include <cstdio>

namespace mediaward::tools::replay {
namespace {

// gzread passes through what is not compressed.
ssize_t read_gz(void* cookie, char* to, std::size_t bytes) { return gzread(static_cast<gzFile>(cookie), to, static_cast<unsigned>(bytes)); }
int close_gz(void* cookie) { return gzclose(static_cast<gzFile>(cookie)) == Z_OK ? 0 : EOF; }

}  // namespace

void Capture::Close::operator()(pcap* p) const noexcept { pcap_close(p); }

Result<Capture> Capture::open(const std::string& path) {
  gzFile compressed = gzopen(path.c_str(), "rb");
  if (compressed == nullptr) return fail(ErrorCode::kNotFound, path + ": cannot be opened");
  FILE* file = fopencookie(compressed, "rb", {read_gz, nullptr, nullptr, close_gz});
  if (file == nullptr) {
    gzclose(compressed);
    return fail(ErrorCode::kInternal, path + ": no stream");
  }
  char why[PCAP_ERRBUF_SIZE];
  pcap_t* p = pcap_fopen_offline(file, why);
  if (p == nullptr) {
    std::fclose(file);
    return fail(ErrorCode::kInvalid, path + ": no capture file: " + why);
  }
  std::unique_ptr<pcap, Close> owner(p);
  if (pcap_datalink(p) != DLT_EN10MB)
    return fail(ErrorCode::kUnsupported, path + ": frames are of " + pcap_datalink_val_to_name(pcap_datalink(p)) + ", only Ethernet is read");
  return Capture(path, std::move(owner));
}

Result<bool> Capture::next(CapturedFrame& out) {
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  const int got = pcap_next_ex(file_.get(), &header, &data);
  if (got == PCAP_ERROR_BREAK) return false;
  if (got != 1) return fail(ErrorCode::kInvalid, path_ + ": " + pcap_geterr(file_.get()));
  out.time_us = static_cast<std::uint64_t>(header->ts.tv_sec) * 1'000'000u + static_cast<std::uint64_t>(header->ts.tv_usec);
  out.wire_bytes = header->len;
  out.bytes = {reinterpret_cast<const std::byte*>(data), header->caplen};
  return true;
}

}  // namespace mediaward::tools::replay
