// SPDX-License-Identifier: Apache-2.0
// bench_peers: libsrtp as Debian builds it (NSS) beside our engine in the same run, on the same packets and keys. For information:
// libsrtp does index, replay and header work that the engine rows leave to the pipeline, and a build of it over OpenSSL is several
// times faster than Debian's. Prints JSON rows for bench/run. One thread, pinned.
#include <srtp2/srtp.h>

#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/path/engine_subject.h"
#include "bench/path/pipeline_subject.h"
#include "bench/support/cpu_clock.h"
#include "bench/support/statistics.h"
#include "crypto/provider_select.h"

namespace {

using namespace mediaward;
using namespace mediaward::bench;

constexpr unsigned kRounds = 9, kSlices = 12;

// Opens what the participants sent and seals it for the receivers, packet by packet, one session per direction and flow.
class LibsrtpSubject {
 public:
  LibsrtpSubject(crypto::CryptoProvider& sealer, crypto::Suite suite, std::size_t payload_bytes)
      : flows_(make_flows(suite)), source_(sealer, suite, flows_, payload_bytes), verifier_(suite, flows_, source_), io_(2048, {}) {
    for (const Flow& flow : flows_) {
      open_.emplace_back(make_session(suite, flow.receive_key, ssrc_any_inbound));
      seal_.emplace_back(make_session(suite, flow.send_key, ssrc_any_outbound));
    }
  }
  LibsrtpSubject(const LibsrtpSubject&) = delete;
  LibsrtpSubject& operator=(const LibsrtpSubject&) = delete;
  ~LibsrtpSubject() {
    for (auto* session : open_) ::srtp_dealloc(session);
    for (auto* session : seal_) ::srtp_dealloc(session);
  }

  std::uint64_t run_slice() {
    const auto packets = io_.load(kSlicePackets);
    source_.fill(packets);
    const std::uint64_t first = source_.position() - kSlicePackets;
    const std::uint64_t begin = ticks();
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const std::size_t flow = PacketSource::flow_at(first + i);
      int bytes = static_cast<int>(packets[i]->bytes - kFrameHeaderBytes);
      std::byte* rtp = packets[i]->data + kFrameHeaderBytes;
      if (::srtp_unprotect(open_[flow], rtp, &bytes) != srtp_err_status_ok || ::srtp_protect(seal_[flows_[flow].partner], rtp, &bytes) != srtp_err_status_ok)
        throw std::runtime_error("libsrtp refuses a packet of the benchmark");
    }
    const std::uint64_t spent = ticks() - begin;
    for (std::size_t i = 0; i < packets.size(); ++i)
      verifier_.check(PacketSource::flow_at(first + i), PacketSource::index_at(first + i), {packets[i]->data + kFrameHeaderBytes, source_.frame_bytes() - kFrameHeaderBytes});
    io_.release(packets);
    return spent;
  }

 private:
  static srtp_t make_session(crypto::Suite suite, const std::vector<std::uint8_t>& key, srtp_ssrc_type_t direction) {
    srtp_policy_t policy{};
    if (suite == crypto::Suite::kAeadAes128Gcm)
      ::srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    else
      ::srtp_crypto_policy_set_rtp_default(&policy.rtp);
    policy.rtcp = policy.rtp;
    policy.ssrc.type = direction;
    policy.window_size = 128;
    std::vector<std::uint8_t> copy(key);
    policy.key = copy.data();
    srtp_t session = nullptr;
    if (::srtp_create(&session, &policy) != srtp_err_status_ok) throw std::runtime_error("srtp_create failed");
    return session;
  }

  const std::vector<Flow> flows_;
  PacketSource source_;
  Verifier verifier_;
  RingIo io_;
  std::vector<srtp_t> open_, seal_;
};

void measure(crypto::CryptoProvider& provider, const std::string& name, crypto::Suite suite, std::size_t payload_bytes, double ticks_per_ns, nlohmann::json& rows) {
  PipelineSubject pipeline(provider, provider, suite, payload_bytes, true);
  EngineSubject engine(provider, suite, payload_bytes);
  LibsrtpSubject libsrtp(provider, suite, payload_bytes);
  std::vector<double> peer_ns, over_pipeline, over_engine;
  for (unsigned round = 0; round < kRounds; ++round) {
    std::vector<double> p, e, l;
    for (unsigned slice = 0; slice < kSlices; ++slice) {
      p.push_back(static_cast<double>(pipeline.run_slice(false)));
      e.push_back(static_cast<double>(engine.run_slice(false)));
      l.push_back(static_cast<double>(libsrtp.run_slice()));
    }
    peer_ns.push_back(median(l) / kSlicePackets / ticks_per_ns);
    over_pipeline.push_back(median(l) / median(p));
    over_engine.push_back(median(l) / median(e));
  }
  const auto add = [&](const std::string& what, const std::string& unit, const std::vector<double>& values) {
    const Spread v = spread(values);
    rows.push_back({{"name", "peers." + name + "." + what}, {"value", v.median}, {"unit", unit}, {"min", v.min}, {"max", v.max}});
  };
  add("libsrtp_vs_pipeline", "ratio", over_pipeline);
  add("libsrtp_vs_engine", "ratio", over_engine);
  add("libsrtp_ns", "ns/packet", peer_ns);
}

}  // namespace

int main() {
  try {
    if (!pin_to_cpu(std::nullopt)) throw std::runtime_error("cannot pin to a CPU");
    auto choice = crypto::choose_provider({"ipsec-mb", "auto"});
    if (!choice) throw std::runtime_error(choice.error().message);
    const double ticks_per_ns = measure_ticks_per_ns();
    nlohmann::json rows = nlohmann::json::array();
    measure(*choice->provider, "cm128.160", crypto::Suite::kAesCm128HmacSha1_80, 160, ticks_per_ns, rows);
    measure(*choice->provider, "gcm128.160", crypto::Suite::kAeadAes128Gcm, 160, ticks_per_ns, rows);
    std::printf("%s\n", nlohmann::json{{"rows", rows}}.dump(2).c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_peers: %s\n", error.what());
    return 1;
  }
}
