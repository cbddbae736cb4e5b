// SPDX-License-Identifier: Apache-2.0
// How participants make themselves known where the appliance has to learn from authentic packets: an address it latches to, an SSRC
// that nobody named. Before the media, every stream of such a conference sends packets whose indexes lie in front of its first one, and
// every source an empty report, until each has come through on every flow. They are no part of the accounts: how many it takes is a
// matter of the appliance's speed. Port's thread; allocates, as it runs before the media.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/error.h"
#include "tools/traffic/checker.h"
#include "tools/traffic/participant.h"
#include "tools/traffic/rtcp_checker.h"
#include "tools/traffic/srtp_context.h"

namespace mediaward::tools::traffic {

class Introduction {
 public:
  [[nodiscard]] static Result<Introduction> create(const Model& model, std::size_t payload_bytes, std::uint64_t seed);

  [[nodiscard]] const std::vector<std::uint32_t>& streams() const noexcept { return streams_; }  // that introduce themselves
  [[nodiscard]] const std::vector<std::uint32_t>& sources() const noexcept { return sources_; }  // and RTCP sources
  // The next packet of streams()[which], from the IP header on; empty when there are none left.
  [[nodiscard]] ConstBytes next(std::size_t which);
  void sent(bool rtcp) noexcept { ++(rtcp ? rtcp_sent_ : sent_); }

  // Which participant still misses somebody; empty when nobody does.
  [[nodiscard]] std::string missing(const Checker& checker, const RtcpChecker& rtcp_checker, bool with_rtcp) const;

  // At most so many drops of these reasons are the doing of introductions.
  [[nodiscard]] std::map<std::string, std::uint64_t> tolerated_drops() const;

 private:
  explicit Introduction(const Model& model, std::size_t payload_bytes, std::uint64_t seed)
      : model_(&model), payload_bytes_(payload_bytes), seed_(seed) {}

  const Model* model_;
  std::size_t payload_bytes_;
  std::uint64_t seed_;
  std::vector<std::uint32_t> streams_, sources_;
  std::vector<SrtpContext> contexts_;     // per entry of streams_
  std::vector<std::uint32_t> made_;       // likewise: packets so far
  std::vector<std::byte> packet_;
  std::uint64_t sent_ = 0, rtcp_sent_ = 0;
};

}  // namespace mediaward::tools::traffic
