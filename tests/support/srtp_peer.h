// SPDX-License-Identifier: Apache-2.0
// One end of SRTP as others wrote it: libsrtp, one session per direction. The oracle of everything the data plane seals or opens.
#pragma once

#include <srtp2/srtp.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "crypto/suite.h"

namespace mediaward::test {

class SrtpPeer {
 public:
  enum class Direction { kSend, kReceive };

  // key: master key and salt, as libsrtp wants them.
  SrtpPeer(crypto::Suite suite, std::vector<std::uint8_t> key, Direction direction) : SrtpPeer(suite, std::move(key), direction, std::nullopt) {}
  // For one SSRC only, whose ROC may be set before its first packet.
  SrtpPeer(crypto::Suite suite, std::vector<std::uint8_t> key, Direction direction, std::optional<std::uint32_t> ssrc) : key_(std::move(key)) {
    static const bool ready = ::srtp_init() == srtp_err_status_ok;
    if (!ready) throw std::runtime_error("srtp_init");
    srtp_policy_t policy{};
    if (suite == crypto::Suite::kAeadAes128Gcm) {
      ::srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
      ::srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
      ::srtp_crypto_policy_set_rtp_default(&policy.rtp);
      ::srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    policy.ssrc.type = ssrc ? ssrc_specific : direction == Direction::kSend ? ssrc_any_outbound : ssrc_any_inbound;
    policy.ssrc.value = ssrc.value_or(0);
    policy.key = key_.data();
    policy.window_size = 1024;
    if (::srtp_create(&session_, &policy) != srtp_err_status_ok) throw std::runtime_error("srtp_create");
  }
  SrtpPeer(SrtpPeer&& other) noexcept : key_(std::move(other.key_)), session_(std::exchange(other.session_, nullptr)) {}
  SrtpPeer& operator=(SrtpPeer&&) = delete;
  ~SrtpPeer() {
    if (session_ != nullptr) ::srtp_dealloc(session_);
  }

  [[nodiscard]] std::vector<std::uint8_t> protect(std::vector<std::uint8_t> rtp) {
    int bytes = static_cast<int>(rtp.size());
    rtp.resize(rtp.size() + SRTP_MAX_TRAILER_LEN);
    if (::srtp_protect(session_, rtp.data(), &bytes) != srtp_err_status_ok) throw std::runtime_error("srtp_protect");
    rtp.resize(static_cast<std::size_t>(bytes));
    return rtp;
  }
  // Nothing when libsrtp refuses it.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> unprotect(std::vector<std::uint8_t> srtp) {
    int bytes = static_cast<int>(srtp.size());
    if (::srtp_unprotect(session_, srtp.data(), &bytes) != srtp_err_status_ok) return std::nullopt;
    srtp.resize(static_cast<std::size_t>(bytes));
    return srtp;
  }
  // ROC of a stream of this session, for packets that begin after a wrap.
  void set_roc(std::uint32_t ssrc, std::uint32_t roc) {
    if (::srtp_set_stream_roc(session_, ssrc, roc) != srtp_err_status_ok) throw std::runtime_error("srtp_set_stream_roc");
  }

 private:
  std::vector<std::uint8_t> key_;
  srtp_t session_ = nullptr;
};

}  // namespace mediaward::test
