// SPDX-License-Identifier: Apache-2.0
// Decisions of the bad network and its options (see the header). Any thread.
#include "tools/traffic/impairment.h"

#include <charconv>
#include <string>

#include "tools/traffic/payload.h"

namespace mediaward::tools::traffic {

namespace {

std::uint64_t threshold(double probability) {
  return static_cast<std::uint64_t>(probability * 4294967296.0);
}

}  // namespace

Result<double> parse_probability(std::string_view option, std::string_view text) {
  const bool percent = text.ends_with('%');
  const std::string_view number = percent ? text.substr(0, text.size() - 1) : text;
  double value = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (percent) value /= 100;
  if (error != std::errc{} || end != number.data() + number.size() || !(value >= 0 && value <= 1))
    return fail(ErrorCode::kInvalid,
                std::string(option) + ": `" + std::string(text) + "` is not a probability; write 0.01 or 1%");
  return value;
}

Result<void> parse_reorder(std::string_view text, ImpairmentSettings& out) {
  const std::size_t comma = text.find(',');
  const auto probability = parse_probability("--reorder", text.substr(0, comma));
  if (!probability) return tl::unexpected(probability.error());
  out.reorder = *probability;
  if (comma == std::string_view::npos) return {};
  const std::string_view depth = text.substr(comma + 1);
  const auto [end, error] = std::from_chars(depth.data(), depth.data() + depth.size(), out.depth);
  if (error != std::errc{} || end != depth.data() + depth.size() || out.depth == 0 || out.depth > Impairment::kMaxDepth)
    return fail(ErrorCode::kInvalid, "--reorder: the depth `" + std::string(depth) + "` is not a number of packets from 1 to 32");
  return {};
}

Impairment::Impairment(const ImpairmentSettings& settings)
    : loss_(threshold(settings.loss)),
      duplicate_(threshold(settings.duplicate)),
      reorder_(threshold(settings.reorder)),
      depth_(settings.depth),
      seed_(mix(settings.seed ^ 0x1a9b)),
      active_(loss_ != 0 || duplicate_ != 0 || reorder_ != 0) {}

Impairment::Decision Impairment::decide(std::uint32_t stream, std::uint64_t round) const noexcept {
  Decision decision;
  if (!active_ || round == 0) return decision;
  const std::uint64_t a = mix(seed_ ^ (std::uint64_t{stream} << 40) ^ round), b = mix(a);
  decision.lost = (a & 0xffffffff) < loss_;
  if (decision.lost) return decision;
  decision.twice = (a >> 32) < duplicate_;
  if ((b & 0xffffffff) < reorder_) decision.late = 1 + static_cast<std::uint32_t>((b >> 32) % depth_);
  return decision;
}

std::size_t Impairment::released(std::uint32_t stream, std::uint64_t round, bool last,
                                 std::span<std::uint64_t, kMaxDepth> out) const noexcept {
  std::size_t count = 0;
  for (std::uint64_t behind = depth_; reorder_ != 0 && behind >= 1; --behind) {
    if (behind > round) continue;
    const std::uint32_t late = decide(stream, round - behind).late;
    if (late == behind || (last && late > behind)) out[count++] = round - behind;
  }
  return count;
}

}  // namespace mediaward::tools::traffic
