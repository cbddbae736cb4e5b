// SPDX-License-Identifier: Apache-2.0
// The vectors and their run. Sources: RFC 3711 B.2 (AES-CM keystream), RFC 2202 §3 (HMAC-SHA1), RFC 7714 §16.1 (AES-128-GCM),
// and the SRTP reference packet under the session keys of RFC 3711 B.3 that libsrtp validates itself with.
// Main thread.
#include "crypto/self_test.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/secret.h"
#include "crypto/srtp_index.h"

namespace mediaward::crypto {
namespace {

// All byte strings in hex. The tag is compared in as many bytes as are given.
struct KnownAnswer {
  std::string_view name;
  Suite suite;
  std::string_view key, auth, salt;
  std::uint32_t ssrc;
  std::uint64_t index;
  std::uint32_t roc;
  std::string_view header, plain, cipher, tag;
};

constexpr std::string_view kZeros48 = "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000";
constexpr std::string_view kDd46 = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
constexpr std::string_view kKey0b = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
constexpr std::string_view kKeyAa = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
constexpr std::string_view kCmKey = "2b7e151628aed2a6abf7158809cf4f3c";
constexpr std::string_view kGcmKey = "000102030405060708090a0b0c0d0e0f";
constexpr std::string_view kGcmSalt = "517569642070726f2071756f";
constexpr std::string_view kGallia = "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
constexpr std::string_view kGalliaHeader = "8040f17b8041f8d35501a0b2";

constexpr std::array kKnownAnswers{
    // The data of HMAC ends in the ROC: the keystream vector has no published tag, so only its cipher is compared.
    KnownAnswer{"RFC 3711 B.2 keystream", Suite::kAesCm128HmacSha1_80, kCmKey, kKey0b, "f0f1f2f3f4f5f6f7f8f9fafbfcfd", 0, 0, 0, "80000000",
                kZeros48, "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0", ""},
    // "Hi There" and fifty times 0xdd, split into header and ROC, without payload.
    KnownAnswer{"RFC 2202 case 1", Suite::kAesCm128HmacSha1_80, kCmKey, kKey0b, "", 0, 0, 0x68657265, "48692054", "", "",
                "b617318655057264e28bc0b6fb378c8e"},
    KnownAnswer{"RFC 2202 case 3", Suite::kAesCm128HmacSha1_80, kCmKey, kKeyAa, "", 0, 0, 0xdddddddd, kDd46, "", "",
                "125d7342b9ac11cd91a39af48aa17b4f"},
    KnownAnswer{"SRTP reference packet", Suite::kAesCm128HmacSha1_80, "c61e7a93744f39ee10734afe3ff7a087",
                "cebe321f6ff7716b6fd4ab49af256a156d38baa4", "30cbbc08863d8c85d49db34a9ae1", 0xcafebabe, 0x1234, 0,
                "800f1234decafbadcafebabe", "abababababababababababababababab", "4e55dc4ce79978d88ca4d215949d2402", "b78d6acc99ea179b8dbb"},
    KnownAnswer{"RFC 7714 16.1.1", Suite::kAeadAes128Gcm, kGcmKey, "", kGcmSalt, 0x5501a0b2, 0xf17b, 0, kGalliaHeader, kGallia,
                "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833", "899d7f27beb16a9152cf765ee4390cce"},
    KnownAnswer{"RFC 7714 16.1.3", Suite::kAeadAes128Gcm, kGcmKey, "", kGcmSalt, 0x5501a0b2, 0xf17b, 0,
                "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573", "", "",
                "22493f82d2bce397e9d79e3b19aa4216"},
};

constexpr std::array<std::size_t, 2> kBatches{1, 33};
constexpr std::size_t kMaxPolls = 1 << 20;  // an engine that does not answer by then has failed
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

// One key context that is released however the test ends.
class OwnedKey {
 public:
  OwnedKey(CryptoProvider& provider, Suite suite)
      : provider_(provider), suite_(suite), bytes_(provider.key_context_bytes(suite)), memory_(bytes_ + 63) {}
  OwnedKey(const OwnedKey&) = delete;
  OwnedKey& operator=(const OwnedKey&) = delete;
  ~OwnedKey() {
    if (expanded_) provider_.wipe(suite_, get());
  }
  [[nodiscard]] Result<void> expand(const SessionKeys& keys) {
    auto result = provider_.expand(suite_, keys, get());
    expanded_ = result.has_value();
    return result;
  }
  [[nodiscard]] KeyContext* get() noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(memory_.data());
    return reinterpret_cast<KeyContext*>((at + 63) & ~std::uintptr_t{63});
  }

 private:
  CryptoProvider& provider_;
  const Suite suite_;
  const std::size_t bytes_;
  SecretBytes memory_;
  bool expanded_ = false;
};

// n copies of one known packet: header, payload, tag, guard.
class Batch {
 public:
  Batch(const KnownAnswer& answer, const KeyContext* key, std::size_t n)
      : answer_(answer),
        header_(from_hex(answer.header)),
        plain_(from_hex(answer.plain)),
        cipher_(from_hex(answer.cipher)),
        tag_(from_hex(answer.tag)),
        tag_bytes_(tag_.empty() ? find_suite(answer.suite)->tag_bytes : tag_.size()),
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
    return open_tampered(engine);
  }

 private:
  std::byte* packet(std::size_t i) { return memory_.data() + i * stride_; }
  bool gcm() const { return answer_.suite == Suite::kAeadAes128Gcm; }

  void describe(Job& job, std::byte* packet, const KeyContext* key, const std::byte* salt) {
    job.key = key;
    job.aad = packet;
    job.aad_bytes = static_cast<std::uint16_t>(header_.size());
    job.src = job.dst = packet + header_.size();
    job.bytes = static_cast<std::uint32_t>(plain_.size());
    job.tag = job.dst + job.bytes;
    job.tag_bytes = static_cast<std::uint8_t>(tag_bytes_);
    job.roc = answer_.roc;
    gcm() ? make_gcm_iv(job.iv, salt, answer_.ssrc, answer_.index) : make_cm_iv(job.iv, salt, answer_.ssrc, answer_.index);
  }

  [[nodiscard]] bool run_all(Engine& engine, JobOp op, JobStatus expected) {
    std::vector<Job*> todo;
    for (Job& job : jobs_) {
      job.op = op;
      job.status = JobStatus::kPending;
      todo.push_back(&job);
    }
    std::vector<Job*> done(jobs_.size());
    std::size_t taken = 0;
    std::size_t back = 0;
    for (std::size_t polls = 0; back < jobs_.size() && polls < kMaxPolls; ++polls) {
      taken += engine.submit(std::span<Job* const>(todo).subspan(taken));
      back += engine.poll(std::span<Job*>(done).subspan(back));
    }
    return back == jobs_.size() && std::all_of(jobs_.begin(), jobs_.end(), [expected](const Job& job) { return job.status == expected; });
  }

  std::string seal(Engine& engine) {
    std::fill(memory_.begin(), memory_.end(), kGuard);
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      std::copy(header_.begin(), header_.end(), packet(i));
      std::copy(plain_.begin(), plain_.end(), packet(i) + header_.size());
    }
    if (!run_all(engine, gcm() ? JobOp::kGcmSeal : JobOp::kCmSeal, JobStatus::kOk)) return "sealing did not end well";
    for (const Job& job : jobs_) {
      if (!std::equal(cipher_.begin(), cipher_.end(), job.dst)) return "wrong ciphertext";
      if (!std::equal(tag_.begin(), tag_.end(), job.tag)) return "wrong tag";
      if (!std::all_of(job.tag + tag_bytes_, job.tag + tag_bytes_ + kGuardBytes, [](std::byte b) { return b == kGuard; }))
        return "wrote behind the tag";
    }
    return {};
  }

  std::string open(Engine& engine) {
    if (!run_all(engine, gcm() ? JobOp::kGcmOpen : JobOp::kCmOpen, JobStatus::kOk)) return "a good packet was refused";
    for (const Job& job : jobs_)
      if (!std::equal(plain_.begin(), plain_.end(), job.dst)) return "wrong plaintext";
    return {};
  }

  std::string open_tampered(Engine& engine) {
    memory_ = sealed_;
    const std::size_t bytes = stride_ - kGuardBytes;
    for (std::size_t i = 0; i < jobs_.size(); ++i) packet(i)[(i * 7 + bytes - 1) % bytes] ^= std::byte{0x10};
    for (std::size_t i = 0; i < jobs_.size(); ++i) rebase(jobs_[i], packet(i));
    if (!run_all(engine, gcm() ? JobOp::kGcmOpen : JobOp::kCmOpen, JobStatus::kAuthFailed)) return "a tampered packet was not refused";
    for (const Job& job : jobs_)
      if (!plain_.empty() && std::equal(plain_.begin(), plain_.end(), job.dst)) return "plaintext of a tampered packet was left behind";
    return {};
  }

  void rebase(Job& job, std::byte* packet) {
    job.aad = packet;
    job.src = job.dst = packet + header_.size();
    job.tag = job.dst + job.bytes;
  }

  const KnownAnswer& answer_;
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
  const std::string where =
      "self-test of " + std::string(provider.name()) + " " + std::string(provider.isa()) + ", " + std::string(answer.name);
  OwnedKey key(provider, answer.suite);
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
  return {};
}

}  // namespace mediaward::crypto
