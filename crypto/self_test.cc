// SPDX-License-Identifier: Apache-2.0
// The run of the known answers: every packet is sealed, opened and checked, then opened and checked with one bit wrong.
// Which operations a suite has is read from its row. Bursts of every size are self_test_tags.cc. Main thread.
#include "crypto/self_test.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/self_test_run.h"
#include "crypto/self_test_tags.h"
#include "crypto/self_test_vectors.h"
#include "crypto/srtp_index.h"

namespace mediaward::crypto {
namespace {

constexpr std::array<std::size_t, 2> kBatches{1, 33};
constexpr std::byte kGuard{0xa5};
constexpr std::size_t kGuardBytes = 8;

unsigned nibble(char c) noexcept {
  return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
}

template <typename Out>
void put_hex(std::string_view hex, Out* out) {
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out[i / 2] = static_cast<Out>(nibble(hex[i]) << 4 | nibble(hex[i + 1]));
}
std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> out(hex.size() / 2);
  put_hex(hex, out.data());
  return out;
}

// n copies of one known packet: header, payload, tag, guard.
class Batch {
 public:
  Batch(const KnownAnswer& answer, const KeyContext* key, std::size_t n)
      : answer_(answer),
        suite_(*find_suite(answer.suite)),
        header_(from_hex(answer.header)),
        plain_(from_hex(answer.plain)),
        cipher_(from_hex(answer.cipher)),
        tag_(from_hex(answer.tag)),
        tag_bytes_(tag_.empty() ? suite_.tag_bytes : tag_.size()),
        stride_(header_.size() + plain_.size() + tag_bytes_ + kGuardBytes),
        memory_(n * stride_),
        jobs_(n) {
    std::array<std::byte, 16> salt{};
    put_hex(answer.salt, salt.data());
    for (std::size_t i = 0; i < n; ++i) describe(jobs_[i], packet(i), key, salt.data());
  }

  [[nodiscard]] std::string run(Engine& engine) {
    if (std::string wrong = seal(engine); !wrong.empty()) return wrong;
    sealed_ = memory_;
    if (std::string wrong = open(engine); !wrong.empty()) return wrong;
    if (std::string wrong = check(engine); !wrong.empty()) return wrong;
    return refuse_tampered(engine);
  }

 private:
  std::byte* packet(std::size_t i) { return memory_.data() + i * stride_; }

  void describe(Job& job, std::byte* packet, const KeyContext* key, const std::byte* salt) {
    job.key = key;
    job.aad = packet;
    job.aad_bytes = static_cast<std::uint16_t>(header_.size());
    job.src = job.dst = packet + header_.size();
    job.bytes = static_cast<std::uint32_t>(plain_.size());
    job.tag = job.dst + job.bytes;
    job.tag_bytes = static_cast<std::uint8_t>(tag_bytes_);
    job.roc = answer_.roc;
    is_gcm(suite_.seal) ? make_gcm_iv(job.iv, salt, answer_.ssrc, answer_.index) : make_cm_iv(job.iv, salt, answer_.ssrc, answer_.index);
  }

  [[nodiscard]] bool run_all(Engine& engine, JobOp op, JobStatus expected) {
    return self_test_run::run_jobs(engine, jobs_, op) &&
           std::all_of(jobs_.begin(), jobs_.end(), [expected](const Job& job) { return job.status == expected; });
  }

  std::string seal(Engine& engine) {
    std::fill(memory_.begin(), memory_.end(), kGuard);
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      std::copy(header_.begin(), header_.end(), packet(i));
      std::copy(plain_.begin(), plain_.end(), packet(i) + header_.size());
    }
    if (!run_all(engine, suite_.seal, JobStatus::kOk)) return "sealing did not end well";
    for (const Job& job : jobs_) {
      if (!std::equal(cipher_.begin(), cipher_.end(), job.dst)) return "wrong ciphertext";
      if (!std::equal(tag_.begin(), tag_.end(), job.tag)) return "wrong tag";
      if (!std::all_of(job.tag + tag_bytes_, job.tag + tag_bytes_ + kGuardBytes, [](std::byte b) { return b == kGuard; }))
        return "wrote behind the tag";
    }
    return {};
  }

  std::string open(Engine& engine) {
    if (!run_all(engine, suite_.open, JobStatus::kOk)) return "a good packet was refused";
    for (const Job& job : jobs_)
      if (!std::equal(plain_.begin(), plain_.end(), job.dst)) return "wrong plaintext";
    return {};
  }

  std::string check(Engine& engine) {
    std::copy(sealed_.begin(), sealed_.end(), memory_.begin());
    if (!run_all(engine, suite_.check, JobStatus::kOk)) return "a good packet was refused by the check";
    return memory_ == sealed_ ? "" : "the check wrote to the packet";
  }

  std::string refuse_tampered(Engine& engine) {
    const std::size_t bytes = stride_ - kGuardBytes;
    for (std::size_t i = 0; i < jobs_.size(); ++i) packet(i)[(i * 7 + bytes - 1) % bytes] ^= std::byte{0x10};
    const std::vector<std::byte> tampered = memory_;
    if (!run_all(engine, suite_.check, JobStatus::kAuthFailed)) return "a tampered packet was not refused by the check";
    if (memory_ != tampered) return "the check wrote to a tampered packet";
    if (!run_all(engine, suite_.open, JobStatus::kAuthFailed)) return "a tampered packet was not refused";
    if (plain_.empty() || suite_.transform == Transform::kNullHmacSha1) return {};
    for (const Job& job : jobs_)
      if (std::equal(plain_.begin(), plain_.end(), job.dst)) return "plaintext of a tampered packet was left behind";
    return {};
  }

  const KnownAnswer& answer_;
  const SuiteInfo& suite_;
  const std::vector<std::byte> header_, plain_, cipher_, tag_;
  const std::size_t tag_bytes_;
  const std::size_t stride_;
  std::vector<std::byte> memory_;
  std::vector<std::byte> sealed_;
  std::vector<Job> jobs_;
};

SessionKeys session_keys(const KnownAnswer& answer) {
  SessionKeys keys;
  put_hex(answer.key, keys.key.data());
  put_hex(answer.auth, keys.auth.data());
  put_hex(answer.salt, keys.salt.data());
  return keys;
}

Result<void> run(CryptoProvider& provider, Engine& engine, const KnownAnswer& answer) {
  const std::string where = "self-test of " + std::string(provider.name()) + " " + std::string(provider.isa()) + ", " +
                            std::string(find_suite(answer.suite)->name) + " " + std::string(answer.name);
  self_test_run::OwnedKey key(provider, answer.suite);
  if (auto expanded = key.expand(session_keys(answer)); !expanded)
    return fail(expanded.error().code, where + ": " + expanded.error().message);
  for (const std::size_t n : kBatches) {
    const std::string wrong = Batch(answer, key.get(), n).run(engine);
    if (!wrong.empty())
      return fail(ErrorCode::kInternal, where + ", burst of " + std::to_string(n) + ": " + wrong + "; this engine must not be used");
  }
  return {};
}

}  // namespace

Result<void> self_test(CryptoProvider& provider) {
  const std::unique_ptr<Engine> engine = provider.make_engine();
  if (engine == nullptr) return fail(ErrorCode::kInternal, "self-test of " + std::string(provider.name()) + ": it made no engine");
  for (const KnownAnswer& answer : kKnownAnswers)
    if (auto result = run(provider, *engine, answer); !result) return result;
  if (const std::string wrong = test_tags(provider, *engine); !wrong.empty())
    return fail(ErrorCode::kInternal, "self-test of " + std::string(provider.name()) + " " + std::string(provider.isa()) +
                                          ", HMAC-SHA1: " + wrong + "; this engine must not be used");
  return {};
}

}  // namespace mediaward::crypto
