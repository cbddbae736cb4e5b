// SPDX-License-Identifier: Apache-2.0
// Puts the parts of a run together (see the header). Main thread.
#include "tools/traffic/stage.h"

#include <utility>

namespace mediaward::tools::traffic {

namespace {

constexpr std::uint32_t kSampleEvery = 64;
constexpr std::uint64_t kThinnest = 16384;  // a quarter of the sequence numbers between two packets that libsrtp sees

// A part that can fail, put in its place.
template <typename T>
Result<void> put(std::optional<T>& place, Result<T> made) {
  if (!made) return tl::unexpected(made.error());
  place.emplace(std::move(*made));
  return {};
}

}  // namespace

Result<std::unique_ptr<Stage>> Stage::build(std::span<const ConferenceFile> files, StageSettings settings) {
  std::unique_ptr<Stage> stage(new Stage(std::move(settings)));
  if (auto good = stage->build_media(files); !good) return tl::unexpected(good.error());
  if (auto good = stage->build_checks(); !good) return tl::unexpected(good.error());
  if (auto good = stage->build_content(); !good) return tl::unexpected(good.error());
  return stage;
}

Result<void> Stage::build_media(std::span<const ConferenceFile> files) {
  StageSettings& s = settings_;
  if (auto good = put(model_, Model::build(files, s.model)); !good) return good;
  if (s.verify_every == 0) s.verify_every = s.verify_all && model_->flows().size() <= s.sampled_flows ? 1 : kSampleEvery;
  if (s.verify_every > 1 && std::uint64_t{s.verify_every} * s.model.step > kThinnest)
    return fail(ErrorCode::kInvalid,
                "--verify: so thin a sample of so wide a --sequence-step is beyond libsrtp's index estimate (RFC 3711 §3.3.1); verify all");
  s.pool.expected_tags = s.pool.expected_tags && s.verify_every > 1 && !s.echo;
  if (s.echo) s.impairment = {}, s.rtcp_every = 0, s.hostile.clear(), s.sampled_flows = 1, s.verify_every = kSampleEvery;
  if (auto good = put(pool_, SealedPool::seal(*model_, s.pool)); !good) return good;
  order_.emplace(model_->streams().size(), s.random_order, s.model.seed);
  impairment_.emplace(s.impairment);
  return {};
}

Result<void> Stage::build_checks() {
  const StageSettings& s = settings_;
  ledger_.emplace(*model_, pool_->rounds(), impairment_->reorders());
  rtcp_ledger_.emplace(*model_);
  if (auto good = put(checker_, Checker::create(*model_, *pool_, *ledger_, {s.verify_every, s.latency, s.sampled_flows})); !good) return good;
  if (auto good = put(rtcp_checker_, RtcpChecker::create(*model_, *rtcp_ledger_, s.rtcp_every != 0)); !good) return good;
  if (auto good = put(rtcp_sender_, RtcpSender::create(*model_, *checker_, *rtcp_ledger_, s.rtcp_every, s.pool.payload_bytes)); !good) return good;
  if (auto good = put(introduction_, Introduction::create(*model_, s.pool.payload_bytes, s.pool.seed)); !good) return good;
  hostile_.emplace(*model_, *pool_, *ledger_, *rtcp_sender_, s.hostile, s.hostile_every);
  host_.emplace(*model_, s.gateway_v4, s.gateway_v6);
  return {};
}

Result<void> Stage::build_content() {
  StageSettings& s = settings_;
  if (!s.swarm) return {};
  s.content.seed = s.model.seed;
  auto player = ContentPlayer::build(*s.swarm, s.content, s.impairment, s.gateway_v4, s.gateway_v6);
  if (!player) return tl::unexpected(player.error());
  for (const ContentPlayer::Peer& peer : (*player)->peers())
    for (const Participant& p : model_->participants())
      if (p.remote == peer.address)
        return fail(ErrorCode::kInvalid,
                    "content peer " + peer.name + " and participant " + p.name + " have one address, " + p.remote.to_string());
  content_ = std::move(*player);
  return {};
}

}  // namespace mediaward::tools::traffic
