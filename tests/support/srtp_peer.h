// SPDX-License-Identifier: Apache-2.0
// One end of SRTP and SRTCP as others wrote it: libsrtp, one session per direction. The oracle of everything the data plane
// seals or opens: every suite, several master keys with MKIs, new keys in mid-stream, roll-over counters set and read.
// For tests and benches; single thread.
#pragma once

#include <srtp2/srtp.h>

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "crypto/suite.h"

namespace mediaward::test {

// A master key with its salt behind it, as libsrtp wants them, and what names it on the wire. All MKIs of a session have one length.
struct SrtpMasterKey {
  std::vector<std::uint8_t> key;
  std::vector<std::uint8_t> mki;  // empty: packets carry none
};

struct SrtpPeerOptions {
  std::optional<std::uint32_t> ssrc;  // for one SSRC only, whose ROC may be set before its first packet
  bool unencrypted_srtp = false;      // RFC 4568 §6.3.2: authenticated only. Under GCM libsrtp encrypts SRTP all the same
  bool unencrypted_srtcp = false;     // ... and SRTCP not
  unsigned window_packets = 1024;     // libsrtp takes 64 to 32767
  bool allow_repeat = false;          // sender: the same sequence number may be protected again
};

// The suite's cipher and tag as a policy of libsrtp; the _32 suites are the _80 suites with a shorter SRTP tag.
inline void set_transform(crypto::Suite suite, bool rtcp, srtp_crypto_policy_t& policy) {
  const crypto::SuiteInfo& info = *crypto::find_suite(suite);
  const bool wide = info.key_bytes == 32;
  switch (info.transform) {
    case crypto::Transform::kAesGcm:
      wide ? ::srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy) : ::srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy);
      break;
    case crypto::Transform::kAesCmHmacSha1:
      wide ? ::srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy) : ::srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy);
      break;
    case crypto::Transform::kNullHmacSha1:
      ::srtp_crypto_policy_set_null_cipher_hmac_sha1_80(&policy);
      break;
  }
  policy.auth_tag_len = rtcp ? info.srtcp_tag_bytes : info.tag_bytes;
}

class SrtpPeer {
 public:
  enum class Direction { kSend, kReceive };
  using Octets = std::vector<std::uint8_t>;

  // key: master key and salt, as libsrtp wants them.
  SrtpPeer(crypto::Suite suite, Octets key, Direction direction) : SrtpPeer(suite, std::move(key), direction, std::nullopt) {}
  // For one SSRC only, whose ROC may be set before its first packet.
  SrtpPeer(crypto::Suite suite, Octets key, Direction direction, std::optional<std::uint32_t> ssrc)
      : SrtpPeer(suite, {SrtpMasterKey{std::move(key), {}}}, direction, SrtpPeerOptions{.ssrc = ssrc}) {}
  // Up to 16 keys; the sender names one by its position, the receiver takes any.
  SrtpPeer(crypto::Suite suite, std::vector<SrtpMasterKey> keys, Direction direction, const SrtpPeerOptions& options = {})
      : suite_(suite), direction_(direction), options_(options), keys_(std::move(keys)) {
    static const bool ready = ::srtp_init() == srtp_err_status_ok;
    if (!ready) throw std::runtime_error("srtp_init");
    with_policy(false, [this](srtp_policy_t& policy) { check(::srtp_create(&session_, &policy), "srtp_create"); });
    if (splits()) with_policy(true, [this](srtp_policy_t& policy) { check(::srtp_create(&rtcp_session_, &policy), "srtp_create"); });
  }
  SrtpPeer(SrtpPeer&& other) noexcept
      : suite_(other.suite_),
        direction_(other.direction_),
        options_(other.options_),
        keys_(std::move(other.keys_)),
        session_(std::exchange(other.session_, nullptr)),
        rtcp_session_(std::exchange(other.rtcp_session_, nullptr)) {}
  SrtpPeer& operator=(SrtpPeer&&) = delete;
  ~SrtpPeer() {
    if (session_ != nullptr) ::srtp_dealloc(session_);
    if (rtcp_session_ != nullptr) ::srtp_dealloc(rtcp_session_);
  }

  // `key` is the position of the master key to use; without MKIs there is only one.
  [[nodiscard]] Octets protect(Octets rtp, unsigned key = 0) {
    return grown(std::move(rtp),
                 [&](std::uint8_t* packet, int* bytes) { return ::srtp_protect_mki(session_, packet, bytes, with_mki(), key); });
  }
  [[nodiscard]] Octets protect_rtcp(Octets rtcp, unsigned key = 0) {
    return grown(std::move(rtcp),
                 [&](std::uint8_t* packet, int* bytes) { return ::srtp_protect_rtcp_mki(rtcp_session(), packet, bytes, with_mki(), key); });
  }
  // Nothing when libsrtp refuses it; why is in last_error().
  [[nodiscard]] std::optional<Octets> unprotect(Octets srtp) {
    return shrunk(std::move(srtp),
                  [&](std::uint8_t* packet, int* bytes) { return ::srtp_unprotect_mki(session_, packet, bytes, with_mki()); });
  }
  [[nodiscard]] std::optional<Octets> unprotect_rtcp(Octets srtcp) {
    return shrunk(std::move(srtcp),
                  [&](std::uint8_t* packet, int* bytes) { return ::srtp_unprotect_rtcp_mki(rtcp_session(), packet, bytes, with_mki()); });
  }
  [[nodiscard]] srtp_err_status_t last_error() const noexcept { return last_error_; }

  // Other keys from the next packet on, with MKIs if and only if the first had some. Roll-over counters and SRTCP indexes of
  // known streams go on (RFC 3711 §3.3.1); SRTP replay windows of a receiver start anew.
  void rekey(std::vector<SrtpMasterKey> keys) {
    keys_ = std::move(keys);
    with_policy(false, [this](srtp_policy_t& policy) { check(::srtp_update(session_, &policy), "srtp_update"); });
    if (splits()) with_policy(true, [this](srtp_policy_t& policy) { check(::srtp_update(rtcp_session_, &policy), "srtp_update"); });
  }

  // ROC of a stream of this session, for packets that begin after a wrap.
  void set_roc(std::uint32_t ssrc, std::uint32_t roc) { check(::srtp_set_stream_roc(session_, ssrc, roc), "srtp_set_stream_roc"); }
  // Nothing when the session has no stream of that SSRC yet.
  [[nodiscard]] std::optional<std::uint32_t> roc(std::uint32_t ssrc) {
    std::uint32_t roc = 0;
    if (::srtp_get_stream_roc(session_, ssrc, &roc) != srtp_err_status_ok) return std::nullopt;
    return roc;
  }

 private:
  static void leave_unencrypted(srtp_crypto_policy_t& policy) {
    policy.sec_serv = static_cast<srtp_sec_serv_t>(policy.sec_serv & ~sec_serv_conf);
  }

  // libsrtp copies what the policy points to: it lives for the call only.
  template <typename F>
  void with_policy(bool rtcp_only, F call) {
    std::array<srtp_master_key_t, SRTP_MAX_NUM_MASTER_KEYS> masters{};
    std::array<srtp_master_key_t*, SRTP_MAX_NUM_MASTER_KEYS> list{};
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      masters.at(i) = {keys_[i].key.data(), keys_[i].mki.data(), static_cast<unsigned>(keys_[i].mki.size())};
      list[i] = &masters[i];
    }
    srtp_policy_t policy{};
    set_transform(suite_, rtcp_only, policy.rtp);
    set_transform(suite_, true, policy.rtcp);
    if (options_.unencrypted_srtp) leave_unencrypted(policy.rtp);
    if (options_.unencrypted_srtcp) leave_unencrypted(policy.rtcp);
    policy.ssrc.type = options_.ssrc ? ssrc_specific : direction_ == Direction::kSend ? ssrc_any_outbound : ssrc_any_inbound;
    policy.ssrc.value = options_.ssrc.value_or(0);
    if (with_mki() != 0) {
      policy.keys = list.data();
      policy.num_master_keys = keys_.size();
    } else {
      policy.key = keys_.at(0).key.data();
    }
    policy.window_size = options_.window_packets;
    policy.allow_repeat_tx = options_.allow_repeat ? 1 : 0;
    call(policy);
  }

  template <typename F>
  Octets grown(Octets packet, F call) {
    int bytes = static_cast<int>(packet.size());
    packet.resize(packet.size() + SRTP_MAX_TRAILER_LEN + 4);  // SRTCP adds its index, too
    last_error_ = call(packet.data(), &bytes);
    check(last_error_, "srtp_protect");
    packet.resize(static_cast<std::size_t>(bytes));
    return packet;
  }
  template <typename F>
  std::optional<Octets> shrunk(Octets packet, F call) {
    int bytes = static_cast<int>(packet.size());
    last_error_ = call(packet.data(), &bytes);
    if (last_error_ != srtp_err_status_ok) return std::nullopt;
    packet.resize(static_cast<std::size_t>(bytes));
    return packet;
  }
  static void check(srtp_err_status_t status, const char* what) {
    if (status != srtp_err_status_ok) throw std::runtime_error(std::string(what) + ": libsrtp's status " + std::to_string(status));
  }
  [[nodiscard]] unsigned with_mki() const noexcept { return keys_.at(0).mki.empty() ? 0 : 1; }
  // libsrtp 2.5 looks for the MKI of a received SRTCP packet where the tag length of SRTP would put it: where the two lengths
  // differ, SRTCP has a session of its own in which they are equal.
  [[nodiscard]] bool splits() const noexcept {
    const crypto::SuiteInfo& info = *crypto::find_suite(suite_);
    return with_mki() != 0 && info.tag_bytes != info.srtcp_tag_bytes;
  }
  [[nodiscard]] srtp_t rtcp_session() const noexcept { return rtcp_session_ != nullptr ? rtcp_session_ : session_; }

  crypto::Suite suite_;
  Direction direction_;
  SrtpPeerOptions options_;
  std::vector<SrtpMasterKey> keys_;
  srtp_t session_ = nullptr;
  srtp_t rtcp_session_ = nullptr;
  srtp_err_status_t last_error_ = srtp_err_status_ok;
};

}  // namespace mediaward::test
