// SPDX-License-Identifier: Apache-2.0
// libsrtp behind RAII (see the header). Suites are rows: another one needs only libsrtp's policy function here.
#include "tools/traffic/sealer.h"

#include <openssl/crypto.h>
#include <srtp2/srtp.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "crypto/suite.h"

namespace mediaward::tools::traffic {

namespace {

struct SuiteRow {
  std::string_view name;
  void (*set)(srtp_crypto_policy_t*);
};

constexpr std::array kPolicies{
    SuiteRow{"AES_CM_128_HMAC_SHA1_80", srtp_crypto_policy_set_rtp_default},
    SuiteRow{"AEAD_AES_128_GCM", srtp_crypto_policy_set_aes_gcm_128_16_auth},
};

Error srtp_error(const std::string& what, srtp_err_status_t status) {
  return {ErrorCode::kInternal, what + ": libsrtp status " + std::to_string(static_cast<int>(status))};
}

Result<srtp_ctx_t_*> make_session(std::string_view suite, std::span<const std::uint8_t> key, std::uint32_t ssrc,
                                  std::uint64_t first_index) {
  const auto row = std::find_if(kPolicies.begin(), kPolicies.end(), [&](const SuiteRow& r) { return r.name == suite; });
  const auto* info = crypto::find_suite(suite);
  if (row == kPolicies.end() || info == nullptr)
    return fail(ErrorCode::kUnsupported, "suite `" + std::string(suite) + "` is not known to the traffic tool");
  if (key.size() != std::size_t{info->key_bytes} + info->salt_bytes)
    return fail(ErrorCode::kInvalid, "key and salt of " + std::to_string(key.size()) + " bytes do not fit " + std::string(suite));
  std::vector<std::uint8_t> copy(key.begin(), key.end());  // libsrtp takes a mutable pointer
  srtp_policy_t policy{};
  row->set(&policy.rtp);
  row->set(&policy.rtcp);
  policy.ssrc.type = ssrc_specific;
  policy.ssrc.value = ssrc;
  policy.key = copy.data();
  policy.window_size = 128;
  srtp_t session = nullptr;
  const srtp_err_status_t created = srtp_create(&session, &policy);
  OPENSSL_cleanse(copy.data(), copy.size());
  if (created != srtp_err_status_ok) return tl::unexpected(srtp_error("srtp_create", created));
  const auto roc = static_cast<std::uint32_t>(first_index >> 16);
  if (roc != 0) {
    if (const auto status = srtp_set_stream_roc(session, ssrc, roc); status != srtp_err_status_ok) {
      srtp_dealloc(session);
      return tl::unexpected(srtp_error("srtp_set_stream_roc", status));
    }
  }
  return session;
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

Result<SrtpContext> SrtpContext::sealer(std::string_view suite, std::span<const std::uint8_t> key, std::uint32_t ssrc,
                                        std::uint64_t first_index) {
  auto session = make_session(suite, key, ssrc, first_index);
  if (!session) return tl::unexpected(session.error());
  return SrtpContext(*session);
}

// The same policy: libsrtp learns a stream's direction from its first packet.
Result<SrtpContext> SrtpContext::opener(std::string_view suite, std::span<const std::uint8_t> key, std::uint32_t ssrc,
                                        std::uint64_t first_index) {
  return sealer(suite, key, ssrc, first_index);
}

SrtpContext::SrtpContext(SrtpContext&& other) noexcept : session_(std::exchange(other.session_, nullptr)) {}

SrtpContext& SrtpContext::operator=(SrtpContext&& other) noexcept {
  std::swap(session_, other.session_);
  return *this;
}

SrtpContext::~SrtpContext() {
  if (session_ != nullptr) srtp_dealloc(session_);
}

bool SrtpContext::seal(std::byte* packet, std::size_t& bytes) noexcept {
  int length = static_cast<int>(bytes);
  if (srtp_protect(session_, packet, &length) != srtp_err_status_ok) return false;
  bytes = static_cast<std::size_t>(length);
  return true;
}

OpenVerdict SrtpContext::open(std::byte* packet, std::size_t& bytes) noexcept {
  int length = static_cast<int>(bytes);
  switch (srtp_unprotect(session_, packet, &length)) {
    case srtp_err_status_ok:
      bytes = static_cast<std::size_t>(length);
      return OpenVerdict::kOk;
    case srtp_err_status_auth_fail:
      return OpenVerdict::kAuthFailed;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
      return OpenVerdict::kReplayed;
    default:
      return OpenVerdict::kOther;
  }
}

}  // namespace mediaward::tools::traffic
