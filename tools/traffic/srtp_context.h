// SPDX-License-Identifier: Apache-2.0
// libsrtp as RAII: SrtpContext seals or opens the SRTP of one stream, SrtcpContext the SRTCP of any SSRC under one set of keys.
// libsrtp is somebody else's implementation of RFC 3711, RFC 6188 and RFC 7714, which is why this tool may judge the data plane with it.
// Replay protection stays on in both directions. A context belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "crypto/bytes.h"
#include "crypto/error.h"
#include "tools/traffic/key_set.h"

struct srtp_ctx_t_;

namespace mediaward::tools::traffic {

// Once per process, before the first context and until after the last.
class SrtpLibrary {
 public:
  [[nodiscard]] static Result<SrtpLibrary> start();
  SrtpLibrary(SrtpLibrary&& other) noexcept;
  SrtpLibrary& operator=(SrtpLibrary&&) = delete;
  ~SrtpLibrary();
  [[nodiscard]] static std::string version();  // "libsrtp2 2.5.0"

 private:
  SrtpLibrary() = default;
  bool active_ = true;
};

enum class OpenVerdict : std::uint8_t { kOk, kAuthFailed, kReplayed, kUnknownMki, kOther };

// What a sealed packet may grow by, at most: tag, MKI and SRTCP index.
inline constexpr std::size_t kMaxTrailerBytes = 16 + 128 + 4;

// Owner of a libsrtp session.
class SrtpSession {
 public:
  SrtpSession() = default;
  explicit SrtpSession(srtp_ctx_t_* session) noexcept : session_(session) {}
  SrtpSession(SrtpSession&& other) noexcept;
  SrtpSession& operator=(SrtpSession&& other) noexcept;
  ~SrtpSession();
  [[nodiscard]] srtp_ctx_t_* get() const noexcept { return session_; }

 private:
  srtp_ctx_t_* session_ = nullptr;
};

class SrtpContext {
 public:
  // Direction is learned from the first packet. first_index >> 16 is the ROC to begin with.
  [[nodiscard]] static Result<SrtpContext> create(const KeySet& keys, std::uint32_t ssrc, std::uint64_t first_index);
  SrtpContext() = default;
  [[nodiscard]] explicit operator bool() const noexcept { return session_.get() != nullptr; }

  // In place; `packet` has kMaxTrailerBytes room behind `bytes`. `key`: which of the keys. False: libsrtp refused (an index repeated).
  [[nodiscard]] bool seal(std::byte* packet, std::size_t& bytes, unsigned key = 0) noexcept;
  // In place; on kOk `bytes` is the length of the RTP packet.
  [[nodiscard]] OpenVerdict open(std::byte* packet, std::size_t& bytes) noexcept;

 private:
  SrtpSession session_;
  bool mki_ = false;
};

enum class SrtpDirection : std::uint8_t { kSend, kReceive };

class SrtcpContext {
 public:
  // encrypted = false: packets go with E = 0, authenticated only (RFC 3711 §3.4). With a NULL cipher libsrtp does the same. A receiver
  // takes what its own flag says, of an AEAD both: who cares looks at the flag himself.
  [[nodiscard]] static Result<SrtcpContext> create(const KeySet& keys, SrtpDirection direction, bool encrypted);
  SrtcpContext() = default;
  [[nodiscard]] explicit operator bool() const noexcept { return session_.get() != nullptr; }

  [[nodiscard]] bool seal(std::byte* packet, std::size_t& bytes, unsigned key = 0) noexcept;
  [[nodiscard]] OpenVerdict open(std::byte* packet, std::size_t& bytes) noexcept;

 private:
  SrtpSession session_;
  bool mki_ = false;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace mediaward::tools::traffic
