// SPDX-License-Identifier: Apache-2.0
// See libsrtp_subject.h.
#include "bench/path/libsrtp_subject.h"

#include <stdexcept>

#include "bench/support/cpu_clock.h"
#include "tests/support/srtp_peer.h"

namespace mediaward::bench {
namespace {

srtp_t make_session(const crypto::SuiteInfo& suite, std::vector<std::uint8_t> key, srtp_ssrc_type_t direction) {
  srtp_policy_t policy{};
  test::set_transform(suite.id, false, policy.rtp);
  test::set_transform(suite.id, true, policy.rtcp);
  policy.ssrc.type = direction;
  policy.window_size = 128;
  policy.key = key.data();
  srtp_t session = nullptr;
  if (::srtp_create(&session, &policy) != srtp_err_status_ok) throw std::runtime_error("srtp_create failed");
  return session;
}

}  // namespace

LibsrtpSubject::LibsrtpSubject(crypto::CryptoProvider& sealer, crypto::Suite suite, std::size_t payload_bytes)
    : conferences_(calls(suite)), source_(sealer, conferences_, payload_bytes), verifier_(conferences_, source_), io_(2 * kPackets, {}) {
  for (std::size_t stream = 0; stream < conferences_.streams(); ++stream) {
    open_.push_back(make_session(source_.suite(), conferences_.receive_key(conferences_.sender(stream)), ssrc_any_inbound));
    seal_.push_back(make_session(source_.suite(), conferences_.send_key(conferences_.listener(stream)), ssrc_any_outbound));
  }
}

LibsrtpSubject::~LibsrtpSubject() {
  for (auto* session : open_) ::srtp_dealloc(session);
  for (auto* session : seal_) ::srtp_dealloc(session);
}

SliceTicks LibsrtpSubject::run_slice(bool verify) {
  const auto packets = io_.load(kPackets);
  source_.fill(packets);
  const std::uint64_t begin = ticks();
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const std::size_t stream = source_.places()[i].stream;
    int bytes = static_cast<int>(packets[i]->bytes - kFrameHeaderBytes);
    std::byte* rtp = packets[i]->data + kFrameHeaderBytes;
    if (::srtp_unprotect(open_[stream], rtp, &bytes) != srtp_err_status_ok ||
        ::srtp_protect(seal_[stream], rtp, &bytes) != srtp_err_status_ok)
      throw std::runtime_error("libsrtp refuses a packet of the benchmark");
  }
  const std::uint64_t spent = ticks() - begin;
  for (std::size_t i = 0; verify && i < packets.size(); ++i) {
    const auto place = source_.places()[i];
    verifier_.check(conferences_.listener(place.stream), place.stream, place.index,
                    {packets[i]->data + kFrameHeaderBytes, source_.frame_bytes() - kFrameHeaderBytes});
  }
  io_.release(packets);
  return {spent, 0};
}

}  // namespace mediaward::bench
