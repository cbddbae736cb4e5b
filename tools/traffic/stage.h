// SPDX-License-Identifier: Apache-2.0
// Everything that a run is made of, made in the order in which it depends on each other: cast, sealed packets, accounts, checkers,
// actors. Here because a session and the tests put the same parts together. Main thread, before the first packet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "crypto/error.h"
#include "tools/conference_file.h"
#include "tools/traffic/runner.h"

namespace mediaward::tools::traffic {

struct StageSettings {
  ModelSettings model;
  PoolPlan pool;                   // expected_tags: wanted as far as there are packets that libsrtp does not open
  std::uint32_t verify_every = 0;  // 0: every packet when `verify_all` and there are not too many flows, otherwise every 64th
  bool verify_all = true;
  std::uint32_t sampled_flows = 8192;
  bool latency = false;
  bool random_order = false;
  std::uint32_t rtcp_every = 0;  // packets of a stream between two reports; 0: none
  ImpairmentSettings impairment;
  std::vector<HostileKind> hostile;
  std::uint32_t hostile_every = 10;
  std::optional<Address> gateway_v4, gateway_v6;
  bool echo = false;  // nothing is checked
  std::optional<SwarmFile> swarm{};  // content peers as well
  ContentSettings content{};
};

class Stage {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Stage>> build(std::span<const ConferenceFile> files, StageSettings settings);

  [[nodiscard]] RunParts parts() {
    return {*model_,       *pool_,         *order_,   *impairment_, *ledger_,       *checker_,     *rtcp_ledger_,
            *rtcp_sender_, *rtcp_checker_, *hostile_, *host_,       *introduction_, content_.get()};
  }
  [[nodiscard]] const Model& model() const noexcept { return *model_; }
  [[nodiscard]] const SealedPool& pool() const noexcept { return *pool_; }
  [[nodiscard]] std::uint32_t verify_every() const noexcept { return settings_.verify_every; }

 private:
  explicit Stage(StageSettings settings) : settings_(std::move(settings)) {}
  Result<void> build_media(std::span<const ConferenceFile> files);
  Result<void> build_checks();
  Result<void> build_content();

  StageSettings settings_;
  std::optional<Model> model_;
  std::optional<SealedPool> pool_;
  std::optional<VisitOrder> order_;
  std::optional<Impairment> impairment_;
  std::optional<Ledger> ledger_;
  std::optional<Checker> checker_;
  std::optional<RtcpLedger> rtcp_ledger_;
  std::optional<RtcpSender> rtcp_sender_;
  std::optional<RtcpChecker> rtcp_checker_;
  std::optional<Hostile> hostile_;
  std::optional<EndpointHost> host_;
  std::optional<Introduction> introduction_;
  std::unique_ptr<ContentPlayer> content_;
};

}  // namespace mediaward::tools::traffic
