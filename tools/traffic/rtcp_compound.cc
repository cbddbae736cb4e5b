// SPDX-License-Identifier: Apache-2.0
// Writes compound RTCP packets (see the header). Any thread.
#include "tools/traffic/rtcp_compound.h"

#include <time.h>

#include <cstring>

namespace mediaward::tools::traffic {

namespace {

constexpr std::uint8_t kSr = 200, kRr = 201, kSdes = 202;  // RFC 3550 §12.1
constexpr std::uint8_t kCname = 1;                         // §12.2
constexpr std::uint64_t kNtpToUnix = 2208988800u;          // seconds from 1900 to 1970

void write_header(std::byte* at, std::size_t count, std::uint8_t type, std::size_t bytes) noexcept {
  at[0] = static_cast<std::byte>(0x80 | count);
  at[1] = std::byte{type};
  store_be16(at + 2, static_cast<std::uint16_t>(bytes / 4 - 1));
}

std::size_t write_report(std::byte* at, std::uint32_t ssrc, const std::optional<SenderInfo>& sender,
                         std::span<const ReportBlock> blocks) noexcept {
  store_be32(at + 4, ssrc);
  std::size_t bytes = kRtcpHeaderBytes;
  if (sender) {
    store_be64(at + 8, sender->ntp);
    store_be32(at + 16, sender->rtp_timestamp);
    store_be32(at + 20, sender->packets);
    store_be32(at + 24, sender->octets);
    bytes += 20;
  }
  for (const ReportBlock& block : blocks) {
    std::byte* b = at + bytes;
    store_be32(b, block.ssrc);
    store_be32(b + 4, (std::uint32_t{block.fraction_lost} << 24) | (block.lost & 0xffffff));
    store_be32(b + 8, block.highest_seq);
    store_be32(b + 12, 0);  // jitter: there is no play-out here to measure it for
    store_be32(b + 16, block.last_sr);
    store_be32(b + 20, block.since_last_sr);
    bytes += 24;
  }
  write_header(at, blocks.size(), sender ? kSr : kRr, bytes);
  return bytes;
}

// RFC 3550 §6.5: one chunk, its items end with one to four zero bytes.
std::size_t write_sdes(std::byte* at, std::uint32_t ssrc, std::string_view cname) noexcept {
  store_be32(at + 4, ssrc);
  at[8] = std::byte{kCname};
  at[9] = static_cast<std::byte>(cname.size());
  std::memcpy(at + 10, cname.data(), cname.size());
  const std::size_t end = 10 + cname.size(), bytes = (end + 4) / 4 * 4;
  std::memset(at + end, 0, bytes - end);
  write_header(at, 1, kSdes, bytes);
  return bytes;
}

}  // namespace

std::size_t write_compound(Bytes out, std::uint32_t ssrc, const std::optional<SenderInfo>& sender, std::span<const ReportBlock> blocks,
                           std::string_view cname) noexcept {
  blocks = blocks.first(blocks.size() < kMaxReportBlocks ? blocks.size() : kMaxReportBlocks);
  cname = cname.substr(0, 255);
  const std::size_t report = write_report(out.data(), ssrc, sender, blocks);
  return report + write_sdes(out.data() + report, ssrc, cname);
}

std::optional<std::uint32_t> middle_ntp(ConstBytes compound) noexcept {
  if (compound.size() < 28 || compound[1] != std::byte{kSr}) return std::nullopt;
  return static_cast<std::uint32_t>(load_be64(compound.data() + 8) >> 16);
}

std::uint64_t ntp_now() noexcept {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  const auto fraction = (static_cast<std::uint64_t>(t.tv_nsec) << 32) / 1'000'000'000u;
  return ((static_cast<std::uint64_t>(t.tv_sec) + kNtpToUnix) << 32) | fraction;
}

}  // namespace mediaward::tools::traffic
