// SPDX-License-Identifier: Apache-2.0
// libsrtp behind RAII (see the header). Every suite of crypto/suite.h is one of three libsrtp policies with its key and tag lengths.
#include "tools/traffic/srtp_context.h"

#include <openssl/crypto.h>
#include <srtp2/srtp.h>

#include <array>
#include <utility>
#include <vector>

namespace mediaward::tools::traffic {

namespace {

Error srtp_error(const std::string& what, srtp_err_status_t status) {
  return {ErrorCode::kInternal, what + ": libsrtp status " + std::to_string(static_cast<int>(status))};
}

void set_transform(const crypto::SuiteInfo& suite, std::uint8_t tag_bytes, srtp_crypto_policy_t& policy) {
  const bool wide = suite.key_bytes == 32;
  switch (suite.transform) {
    case crypto::Transform::kAesCmHmacSha1:
      wide ? srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy) : srtp_crypto_policy_set_rtp_default(&policy);
      break;
    case crypto::Transform::kAesGcm:
      wide ? srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy) : srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy);
      break;
    case crypto::Transform::kNullHmacSha1:
      srtp_crypto_policy_set_null_cipher_hmac_sha1_80(&policy);
      break;
  }
  policy.auth_tag_len = tag_bytes;
}

Result<void> check_keys(const KeySet& keys) {
  if (keys.suite == nullptr || keys.empty()) return fail(ErrorCode::kInvalid, "no suite or no key");
  if (keys.keys.size() > SRTP_MAX_NUM_MASTER_KEYS) return fail(ErrorCode::kUnsupported, "libsrtp takes 16 master keys at most");
  for (const MasterKey& key : keys.keys) {
    if (key.bytes.size() != std::size_t{keys.suite->key_bytes} + keys.suite->salt_bytes)
      return fail(ErrorCode::kInvalid,
                  "key and salt of " + std::to_string(key.bytes.size()) + " bytes do not fit " + std::string(keys.suite->name));
    if (key.mki.size() != keys.mki_bytes()) return fail(ErrorCode::kInvalid, "the MKIs of one direction must have one length");
  }
  return {};
}

// libsrtp takes mutable pointers and copies what they point to during srtp_create.
Result<srtp_t> create_session(const KeySet& set, srtp_policy_t& policy) {
  std::vector<MasterKey> copies = set.keys;
  std::array<srtp_master_key_t, SRTP_MAX_NUM_MASTER_KEYS> masters{};
  std::array<srtp_master_key_t*, SRTP_MAX_NUM_MASTER_KEYS> list{};
  for (std::size_t i = 0; i < copies.size(); ++i) {
    masters[i] = {copies[i].bytes.data(), copies[i].mki.data(), static_cast<unsigned>(copies[i].mki.size())};
    list[i] = &masters[i];
  }
  if (set.mki_bytes() != 0) {
    policy.keys = list.data();
    policy.num_master_keys = copies.size();
  } else {
    policy.key = copies[0].bytes.data();
  }
  policy.window_size = 1024;
  srtp_t session = nullptr;
  const srtp_err_status_t created = srtp_create(&session, &policy);
  for (MasterKey& copy : copies) OPENSSL_cleanse(copy.bytes.data(), copy.bytes.size());
  if (created != srtp_err_status_ok) return tl::unexpected(srtp_error("srtp_create", created));
  return session;
}

OpenVerdict verdict_of(srtp_err_status_t status) noexcept {
  switch (status) {
    case srtp_err_status_ok:
      return OpenVerdict::kOk;
    case srtp_err_status_auth_fail:
      return OpenVerdict::kAuthFailed;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
      return OpenVerdict::kReplayed;
    case srtp_err_status_bad_mki:
      return OpenVerdict::kUnknownMki;
    default:
      return OpenVerdict::kOther;
  }
}

}  // namespace

Result<SrtpLibrary> SrtpLibrary::start() {
  if (const auto status = srtp_init(); status != srtp_err_status_ok) return tl::unexpected(srtp_error("srtp_init", status));
  return SrtpLibrary();
}
SrtpLibrary::SrtpLibrary(SrtpLibrary&& other) noexcept : active_(std::exchange(other.active_, false)) {}
SrtpLibrary::~SrtpLibrary() {
  if (active_) srtp_shutdown();
}
std::string SrtpLibrary::version() {
  return srtp_get_version_string();
}

SrtpSession::SrtpSession(SrtpSession&& other) noexcept : session_(std::exchange(other.session_, nullptr)) {}
SrtpSession& SrtpSession::operator=(SrtpSession&& other) noexcept {
  std::swap(session_, other.session_);
  return *this;
}
SrtpSession::~SrtpSession() {
  if (session_ != nullptr) srtp_dealloc(session_);
}

Result<SrtpContext> SrtpContext::create(const KeySet& keys, std::uint32_t ssrc, std::uint64_t first_index) {
  if (auto good = check_keys(keys); !good) return tl::unexpected(good.error());
  srtp_policy_t policy{};
  set_transform(*keys.suite, keys.suite->tag_bytes, policy.rtp);
  set_transform(*keys.suite, keys.suite->srtcp_tag_bytes, policy.rtcp);
  policy.ssrc.type = ssrc_specific;
  policy.ssrc.value = ssrc;
  auto session = create_session(keys, policy);
  if (!session) return tl::unexpected(session.error());
  SrtpContext context;
  context.session_ = SrtpSession(*session);
  context.mki_ = keys.mki_bytes() != 0;
  const auto roc = static_cast<std::uint32_t>(first_index >> 16);
  if (roc == 0) return context;
  if (const auto status = srtp_set_stream_roc(*session, ssrc, roc); status != srtp_err_status_ok)
    return tl::unexpected(srtp_error("srtp_set_stream_roc", status));
  return context;
}

bool SrtpContext::seal(std::byte* packet, std::size_t& bytes, unsigned key) noexcept {
  int length = static_cast<int>(bytes);
  if (srtp_protect_mki(session_.get(), packet, &length, mki_ ? 1 : 0, key) != srtp_err_status_ok) return false;
  bytes = static_cast<std::size_t>(length);
  return true;
}

OpenVerdict SrtpContext::open(std::byte* packet, std::size_t& bytes) noexcept {
  int length = static_cast<int>(bytes);
  const OpenVerdict verdict = verdict_of(srtp_unprotect_mki(session_.get(), packet, &length, mki_ ? 1 : 0));
  if (verdict == OpenVerdict::kOk) bytes = static_cast<std::size_t>(length);
  return verdict;
}

Result<SrtcpContext> SrtcpContext::create(const KeySet& keys, SrtpDirection direction, bool encrypted) {
  if (auto good = check_keys(keys); !good) return tl::unexpected(good.error());
  srtp_policy_t policy{};
  // libsrtp 2.5 looks for the MKI of SRTCP where it would lie with SRTP's tag length: a session for SRTCP alone gives both the same.
  set_transform(*keys.suite, keys.suite->srtcp_tag_bytes, policy.rtp);
  set_transform(*keys.suite, keys.suite->srtcp_tag_bytes, policy.rtcp);
  policy.rtcp.sec_serv = encrypted && keys.encrypts() ? sec_serv_conf_and_auth : sec_serv_auth;
  policy.ssrc.type = direction == SrtpDirection::kSend ? ssrc_any_outbound : ssrc_any_inbound;
  auto session = create_session(keys, policy);
  if (!session) return tl::unexpected(session.error());
  SrtcpContext context;
  context.session_ = SrtpSession(*session);
  context.mki_ = keys.mki_bytes() != 0;
  context.trailer_bytes_ = keys.srtcp_trailer_bytes();
  return context;
}

bool SrtcpContext::seal(std::byte* packet, std::size_t& bytes, unsigned key) noexcept {
  int length = static_cast<int>(bytes);
  if (srtp_protect_rtcp_mki(session_.get(), packet, &length, mki_ ? 1 : 0, key) != srtp_err_status_ok) return false;
  bytes = static_cast<std::size_t>(length);
  return true;
}

// The length is reckoned here: libsrtp 2.5 does not take the trailer off an AEAD packet with E = 0.
OpenVerdict SrtcpContext::open(std::byte* packet, std::size_t& bytes) noexcept {
  int length = static_cast<int>(bytes);
  if (bytes < trailer_bytes_) return OpenVerdict::kOther;
  const OpenVerdict verdict = verdict_of(srtp_unprotect_rtcp_mki(session_.get(), packet, &length, mki_ ? 1 : 0));
  if (verdict == OpenVerdict::kOk) bytes -= trailer_bytes_;
  return verdict;
}

}  // namespace mediaward::tools::traffic
