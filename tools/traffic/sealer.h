// SPDX-License-Identifier: Apache-2.0
// libsrtp as RAII: one context seals or opens one stream (one SSRC under one key). libsrtp is somebody else's implementation of
// RFC 3711 and RFC 7714, which is why this tool may judge the data plane with it.
// Replay protection stays on in both directions; no SRTCP, no MKI. A context belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "crypto/bytes.h"
#include "crypto/error.h"

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

enum class OpenVerdict : std::uint8_t { kOk, kAuthFailed, kReplayed, kOther };

class SrtpContext {
 public:
  // What a sealed packet may grow by, at most.
  static constexpr std::size_t kMaxTrailerBytes = 16;

  // key: master key ‖ master salt. first_index >> 16 is the ROC to begin with.
  [[nodiscard]] static Result<SrtpContext> sealer(std::string_view suite, std::span<const std::uint8_t> key, std::uint32_t ssrc,
                                                  std::uint64_t first_index);
  [[nodiscard]] static Result<SrtpContext> opener(std::string_view suite, std::span<const std::uint8_t> key, std::uint32_t ssrc,
                                                  std::uint64_t first_index);
  SrtpContext() = default;
  SrtpContext(SrtpContext&& other) noexcept;
  SrtpContext& operator=(SrtpContext&& other) noexcept;
  ~SrtpContext();

  [[nodiscard]] explicit operator bool() const noexcept { return session_ != nullptr; }

  // In place; `packet` has kMaxTrailerBytes room behind `bytes`. False: libsrtp refused (an index repeated).
  [[nodiscard]] bool seal(std::byte* packet, std::size_t& bytes) noexcept;
  // In place; on kOk `bytes` is the length of the RTP packet.
  [[nodiscard]] OpenVerdict open(std::byte* packet, std::size_t& bytes) noexcept;

 private:
  explicit SrtpContext(srtp_ctx_t_* session) noexcept : session_(session) {}
  srtp_ctx_t_* session_ = nullptr;
};

}  // namespace mediaward::tools::traffic
