// SPDX-License-Identifier: Apache-2.0
// The one seam to everything that computes: ipsec-mb, OpenSSL, later an accelerator behind cryptodev, and test doubles.
// A CryptoProvider is made once per process (main thread) and prepares keys; it makes one Engine per worker.
// Calls through these vtables happen per burst or per key, never per packet.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "crypto/error.h"
#include "crypto/job.h"
#include "crypto/srtp_kdf.h"
#include "crypto/suite.h"

namespace mediaward::crypto {

// Used by exactly one worker thread.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  // Takes jobs from the front; returns how many were taken (fewer only when a device queue is full). A taken job comes back
  // exactly once from poll, with a status other than kPending. Does not wait.
  [[nodiscard]] virtual std::size_t submit(std::span<Job* const> jobs) noexcept = 0;

  // Fills `done` from the front with completed jobs, returns how many. Jobs of one key context come back in the order of
  // submission. A synchronous engine returns everything that was submitted.
  [[nodiscard]] virtual std::size_t poll(std::span<Job*> done) noexcept = 0;

  // Jobs taken and not yet returned.
  [[nodiscard]] virtual std::size_t in_flight() const noexcept = 0;
};

class CryptoProvider {
 public:
  CryptoProvider() = default;
  CryptoProvider(const CryptoProvider&) = delete;
  CryptoProvider& operator=(const CryptoProvider&) = delete;
  virtual ~CryptoProvider() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;  // "ipsec-mb", "openssl"
  [[nodiscard]] virtual std::string_view isa() const noexcept = 0;   // "avx512", "avx2", "sse", "-"
  [[nodiscard]] virtual std::string version() const = 0;             // of the library behind it

  [[nodiscard]] virtual std::unique_ptr<Engine> make_engine() = 0;

  // A key context is key_context_bytes(suite) bytes at an address aligned to 64. If it may be read by several engines at once
  // key_contexts_shared() is true; otherwise every worker needs its own.
  [[nodiscard]] virtual std::size_t key_context_bytes(Suite suite) const noexcept = 0;
  [[nodiscard]] virtual bool key_contexts_shared() const noexcept = 0;

  // Expands session keys into `context`. On error nothing needs wiping.
  [[nodiscard]] virtual Result<void> expand(Suite suite, const SessionKeys& keys, KeyContext* context) = 0;

  // Releases what expand took and overwrites the context.
  virtual void wipe(Suite suite, KeyContext* context) noexcept = 0;
};

}  // namespace mediaward::crypto
