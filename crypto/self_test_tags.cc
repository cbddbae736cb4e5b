// SPDX-License-Identifier: Apache-2.0
// Tags of HMAC-SHA1 by the burst. Engines run packets side by side, and what a known answer cannot show is wrong there first: lanes left
// empty, packets of different lengths and keys in one group, a ROC or a padding that crosses a block. Every packet is sealed, compared with
// libcrypto, and opened, every third with a wrong tag. Main thread.
#include "crypto/self_test_tags.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/self_test_run.h"

namespace mediaward::crypto {
namespace {

using self_test_run::OwnedKey;

constexpr Suite kSuite = Suite::kNullHmacSha1_80;
constexpr std::size_t kMostTogether = 40;  // two groups of sixteen lanes and a rest
constexpr std::size_t kKeys = 5;
constexpr std::size_t kMostBytes = 2000;
constexpr std::size_t kBlockBytes = 64;
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kGuardBytes = 8;
constexpr std::byte kGuard{0xa5};
constexpr std::size_t kStride = 2048;
constexpr std::size_t kDigestBytes = 20;
constexpr std::array<std::uint8_t, 2> kTagBytes{10, 4};  // RFC 3711 §5.2
static_assert(kMostBytes + kDigestBytes + kGuardBytes <= kStride);

// What the last, broken block may hold: nothing; the most that leaves room for ROC and padding, and a byte more; a ROC up to the block's
// end and across it.
constexpr std::array<std::size_t, 9> kRests{0, 1, 51, 52, 55, 59, 60, 61, 63};

std::vector<std::size_t> all_lengths() {
  std::vector<std::size_t> lengths;
  for (std::size_t block = 0; block <= kMostBytes; block += kBlockBytes)
    for (const std::size_t rest : kRests)
      if (block + rest <= kMostBytes) lengths.push_back(block + rest);
  return lengths;
}

class TagTest {
 public:
  TagTest(CryptoProvider& provider, Engine& engine) : engine_(engine), lengths_(all_lengths()), memory_(kMostTogether * kStride) {
    for (std::size_t i = 0; i < kKeys; ++i) keys_.push_back(std::make_unique<OwnedKey>(provider, kSuite));
  }

  std::string run() {
    for (std::size_t i = 0; i < kKeys; ++i)
      if (auto expanded = keys_[i]->expand(session_keys(i)); !expanded) return expanded.error().message;
    for (std::size_t n = 1; n <= kMostTogether; ++n)
      for (const bool mixed : {false, true})
        if (std::string wrong = run_burst(n, mixed); !wrong.empty()) return "burst of " + std::to_string(n) + ": " + wrong;
    return {};
  }

 private:
  static SessionKeys session_keys(std::size_t i) {
    SessionKeys keys;
    for (std::size_t b = 0; b < keys.auth.size(); ++b) keys.auth[b] = static_cast<std::byte>(37 * i + 11 * b + 1);
    return keys;
  }

  std::byte* packet(std::size_t i) { return memory_.data() + i * kStride; }
  std::size_t length(const Job& job) const { return std::size_t{job.aad_bytes} + job.bytes; }

  // Seven is no divisor of the number of lengths: every one has its turn, beside others each time.
  std::size_t next_length() { return lengths_[(at_ += 7) % lengths_.size()]; }

  void describe(std::size_t i, std::size_t bytes) {
    Job& job = jobs_[i];
    job = Job{};
    job.key = keys_[i % kKeys]->get();
    job.aad = packet(i);
    job.aad_bytes = static_cast<std::uint16_t>(std::min(bytes, kHeaderBytes));
    job.src = job.dst = packet(i) + job.aad_bytes;
    job.bytes = static_cast<std::uint32_t>(bytes - job.aad_bytes);
    job.tag = packet(i) + bytes;
    job.tag_bytes = kTagBytes[i % kTagBytes.size()];
    job.roc = static_cast<std::uint32_t>(0x9e3779b9U * (i + at_));
    for (std::size_t b = 0; b < bytes; ++b) packet(i)[b] = static_cast<std::byte>(167 * b + (b >> 8) + 29 * i);
    std::fill_n(packet(i) + bytes, kDigestBytes + kGuardBytes, kGuard);
  }

  // The digest is longer than the tag: what an engine writes of it behind the tag shows as well.
  bool has_right_tag(std::size_t i, const std::vector<std::byte>& before) {
    const Job& job = jobs_[i];
    std::vector<std::byte> wanted(before.begin() + static_cast<std::ptrdiff_t>(i * kStride),
                                  before.begin() + static_cast<std::ptrdiff_t>((i + 1) * kStride));
    std::vector<std::byte> message(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(length(job) + sizeof job.roc));
    store_be32(message.data() + length(job), job.roc);
    const SessionKeys keys = session_keys(i % kKeys);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    if (HMAC(EVP_sha1(), keys.auth.data(), static_cast<int>(keys.auth.size()), reinterpret_cast<const unsigned char*>(message.data()),
             message.size(), digest.data(), nullptr) == nullptr)
      return false;
    std::memcpy(wanted.data() + length(job), digest.data(), job.tag_bytes);
    return std::equal(wanted.begin(), wanted.end(), packet(i));
  }

  std::string run_burst(std::size_t n, bool mixed) {
    const std::size_t same = next_length();
    for (std::size_t i = 0; i < n; ++i) describe(i, mixed ? next_length() : same);
    const auto jobs = std::span(jobs_).first(n);
    const std::vector<std::byte> plain = memory_;
    if (!self_test_run::run_jobs(engine_, jobs, JobOp::kNullSeal)) return "not all came back";
    for (std::size_t i = 0; i < n; ++i)
      if (jobs[i].status != JobStatus::kOk || !has_right_tag(i, plain))
        return "wrong tag of " + std::to_string(jobs[i].tag_bytes) + " bytes over " + std::to_string(length(jobs[i]));
    for (std::size_t i = 0; i < n; i += 3) jobs[i].tag[jobs[i].tag_bytes - 1] ^= std::byte{1};
    const std::vector<std::byte> sealed = memory_;
    if (!self_test_run::run_jobs(engine_, jobs, JobOp::kNullOpen)) return "not all came back";
    for (std::size_t i = 0; i < n; ++i)
      if (jobs[i].status != (i % 3 == 0 ? JobStatus::kAuthFailed : JobStatus::kOk))
        return "wrong verdict on a tag of " + std::to_string(jobs[i].tag_bytes) + " bytes over " + std::to_string(length(jobs[i]));
    return memory_ == sealed ? "" : "opening wrote to a packet";
  }

  Engine& engine_;
  const std::vector<std::size_t> lengths_;
  std::size_t at_ = 0;
  std::vector<std::unique_ptr<OwnedKey>> keys_;
  std::vector<std::byte> memory_;
  std::array<Job, kMostTogether> jobs_;
};

}  // namespace

std::string test_tags(CryptoProvider& provider, Engine& engine) {
  return TagTest(provider, engine).run();
}

}  // namespace mediaward::crypto
