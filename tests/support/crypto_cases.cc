// SPDX-License-Identifier: Apache-2.0
// Memory layout of a packet under test: a source area and a destination area, each
//   guard | header | piece 0 | tag | guard | piece 1 | guard | piece 2 | guard ...
// and a detached header behind both, filled with random bytes, so that any write outside of what the contract allows shows in a comparison.
#include "tests/support/crypto_cases.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "crypto/bytes.h"
#include "crypto/ipsec_mb_provider.h"
#include "crypto/openssl_provider.h"

namespace mediaward::test_support {

using crypto::Job;
using crypto::JobOp;
using crypto::KeyContext;
using crypto::Suite;

namespace {

constexpr std::size_t kGuardBytes = 32;
constexpr std::size_t kTagGapBytes = 24;

void fill_random(std::mt19937_64& random, Bytes out) {
  for (std::byte& b : out) b = static_cast<std::byte>(random());
}

std::size_t area_bytes(const PacketSpec& spec) {
  std::size_t bytes = kGuardBytes + spec.aad_bytes + crypto::kMaxTagBytes;
  for (const std::uint32_t piece : spec.pieces) bytes += piece + kGuardBytes;
  return bytes;
}

Suite key_suite(const PacketSpec& spec) {
  return spec.key_suite != Suite::kNone ? spec.key_suite : suite_of(spec.op).id;
}

}  // namespace

std::vector<std::byte> from_hex(std::string_view hex) {
  std::vector<std::byte> out;
  const auto nibble = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10); };
  unsigned half = 0;
  bool high = true;
  for (const char c : hex) {
    if (c == ' ') continue;
    if (high) half = nibble(c);
    if (!high) out.push_back(static_cast<std::byte>(half << 4 | nibble(c)));
    high = !high;
  }
  return out;
}

std::unique_ptr<crypto::CryptoProvider> make_provider(std::string_view name) {
  if (name == "openssl") return crypto::make_openssl_provider();
  const bool of_library = name == "avx512-library";
  const auto isa = crypto::find_isa(of_library ? "avx512" : name);
  if (!isa) std::abort();  // a name the test misspelt
  auto made = crypto::make_ipsec_mb_provider(*isa, of_library ? crypto::HmacKernels::kLibrary : crypto::HmacKernels::kOwn);
  return made ? std::move(*made) : nullptr;
}

std::string test_name(std::string_view provider) {
  std::string name(provider);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

KeyRing::KeyRing(crypto::CryptoProvider& provider, unsigned keys) : provider_(provider) {
  auto arena = crypto::SecretArena::create({std::size_t{keys} * 8192, false});
  if (!arena) std::abort();
  arena_ = std::move(*arena);
  for (std::size_t s = 0; s < kRingSuites.size(); ++s) {
    for (unsigned i = 0; i < keys; ++i) {
      std::mt19937_64 random(1000 * s + i);
      crypto::SessionKeys session;
      fill_random(random, session.key);
      fill_random(random, session.auth);
      KeyContext* context = arena_->allocate_key(provider.key_context_bytes(kRingSuites[s]));
      if (context == nullptr || !provider.expand(kRingSuites[s], session, context)) std::abort();
      keys_[s].push_back(context);
    }
  }
}

KeyRing::~KeyRing() {
  for (std::size_t s = 0; s < kRingSuites.size(); ++s)
    for (KeyContext* context : keys_[s]) provider_.wipe(kRingSuites[s], context);
}

const KeyContext* KeyRing::key(Suite suite, unsigned i) const {
  const auto at = std::find(kRingSuites.begin(), kRingSuites.end(), suite);
  if (at == kRingSuites.end()) std::abort();  // not one of the ring's
  return keys_[static_cast<std::size_t>(at - kRingSuites.begin())].at(i);
}

const crypto::SuiteInfo& suite_of(JobOp op) {
  for (const Suite id :
       {Suite::kNullHmacSha1_80, Suite::kAesCm128HmacSha1_80, Suite::kAesCm256HmacSha1_80, Suite::kAeadAes128Gcm, Suite::kAeadAes256Gcm}) {
    const crypto::SuiteInfo& suite = *crypto::find_suite(id);
    if (suite.open == op || suite.seal == op || suite.check == op) return suite;
  }
  std::abort();  // an operation no suite has
}

Packet::Packet(const PacketSpec& spec, const KeyRing& keys, crypto::Engine& oracle, const KeyRing& oracle_keys) {
  std::mt19937_64 random(spec.seed);
  memory_.resize(2 * area_bytes(spec) + spec.aad_bytes + kGuardBytes);
  fill_random(random, memory_);
  fill_random(random, job_.iv);
  if (!crypto::is_gcm(spec.op)) job_.iv[14] = job_.iv[15] = std::byte{0};  // the block counter starts at 0 (RFC 3711 §4.1.1)
  lay_out(spec);
  if (is_open(spec.op)) seal_first(spec, oracle, oracle_keys);
  job_.key = keys.key(key_suite(spec), spec.key);
  tamper(spec);
}

void Packet::lay_out(const PacketSpec& spec) {
  std::byte* const source = memory_.data() + kGuardBytes;
  std::byte* const destination = spec.in_place ? source : source + area_bytes(spec);
  std::byte* const header = is_open(spec.op) ? source : destination;
  job_.op = spec.op;
  job_.tag_bytes = spec.tag_bytes;
  job_.roc = spec.roc;
  job_.aad = spec.detached_aad ? memory_.data() + memory_.size() - spec.aad_bytes - kGuardBytes : header;
  job_.aad_bytes = spec.aad_bytes;
  job_.src = source + spec.aad_bytes;
  job_.dst = destination + spec.aad_bytes;
  job_.bytes = spec.pieces[0];
  job_.tag = header + spec.aad_bytes + spec.pieces[0] + (spec.detached_tag ? kTagGapBytes : 0);
  std::size_t at = spec.aad_bytes + spec.pieces[0] + crypto::kMaxTagBytes + kGuardBytes;
  for (std::size_t i = 1; i < spec.pieces.size(); ++i) {
    more_.push_back({source + at, destination + at, spec.pieces[i]});
    at += spec.pieces[i] + kGuardBytes;
  }
  job_.more = more_.empty() ? nullptr : more_.data();
  job_.more_count = static_cast<std::uint16_t>(more_.size());
}

// Seals in the source area, in place, with the oracle.
void Packet::seal_first(const PacketSpec& spec, crypto::Engine& oracle, const KeyRing& oracle_keys) {
  Job seal = job_;
  seal.op = suite_of(spec.op).seal;
  seal.key = oracle_keys.key(key_suite(spec), spec.key);
  seal.dst = seal.src;
  std::vector<crypto::Segment> more = more_;
  for (auto& segment : more) segment.dst = segment.src;
  seal.more = more.data();
  run_all(oracle, {&seal});
  if (seal.status != crypto::JobStatus::kOk) std::abort();
}

std::uint32_t Packet::authenticated_bytes() const noexcept {
  std::uint32_t bytes = job_.aad_bytes + job_.bytes + job_.tag_bytes;
  for (const auto& segment : more_) bytes += segment.bytes;
  return bytes;
}

std::byte* Packet::authenticated_byte(std::uint32_t i) {
  if (i < job_.aad_bytes) return const_cast<std::byte*>(job_.aad) + i;
  i -= job_.aad_bytes;
  if (i < job_.bytes) return job_.src + i;
  i -= job_.bytes;
  for (const auto& segment : more_) {
    if (i < segment.bytes) return segment.src + i;
    i -= segment.bytes;
  }
  return job_.tag + i;
}

void Packet::tamper(const PacketSpec& spec) {
  if (spec.tamper_byte >= 0)
    *authenticated_byte(static_cast<std::uint32_t>(spec.tamper_byte) % authenticated_bytes()) ^=
        static_cast<std::byte>(1U << (spec.seed % 8));
  if (spec.tamper_roc) job_.roc ^= 0x100;
  if (spec.tamper_iv) job_.iv[3] ^= std::byte{1};
}

void run_all(crypto::Engine& engine, const std::vector<Job*>& jobs) {
  std::vector<Job*> done(jobs.size());
  std::size_t taken = 0;
  for (std::size_t back = 0; back < jobs.size();) {
    taken += engine.submit(std::span<Job* const>(jobs).subspan(taken));
    back += engine.poll(std::span<Job*>(done).subspan(back));
  }
  if (done != jobs || engine.in_flight() != 0) std::abort();  // order of submission, each exactly once
}

PacketSpec spec_of(JobOp op, std::vector<std::uint32_t> pieces, std::uint64_t seed) {
  PacketSpec spec;
  spec.op = op;
  spec.pieces = std::move(pieces);
  spec.tag_bytes = suite_of(op).tag_bytes;
  spec.seed = seed;
  spec.roc = static_cast<std::uint32_t>(seed * 2654435761U);
  return spec;
}

PacketSpec random_spec(std::mt19937_64& random, unsigned keys, std::uint32_t max_bytes) {
  PacketSpec spec;
  spec.op = kAllOps[random() % kAllOps.size()];
  spec.key = static_cast<unsigned>(random() % keys);
  if (suite_of(spec.op).id == Suite::kNullHmacSha1_80 && random() % 2 == 0)
    spec.key_suite = random() % 2 == 0 ? Suite::kAesCm128HmacSha1_80 : Suite::kAesCm256HmacSha1_80;
  spec.aad_bytes = static_cast<std::uint16_t>(12 + 4 * (random() % 4 == 0 ? random() % 30 : 0));
  spec.pieces = {static_cast<std::uint32_t>(random() % 8 == 0 ? 0 : random() % (max_bytes + 1))};
  spec.in_place = random() % 2 == 0;
  spec.tag_bytes = random() % 2 == 0 ? suite_of(spec.op).tag_bytes : static_cast<std::uint8_t>(4 + random() % 13);
  spec.detached_tag = random() % 8 == 0;
  spec.detached_aad = crypto::is_gcm(spec.op) && random() % 4 == 0;
  spec.roc = static_cast<std::uint32_t>(random());
  spec.seed = random();
  if (!crypto::is_seal(spec.op) && random() % 4 == 0) spec.tamper_byte = static_cast<int>(random() % 1000000);
  return spec;
}

}  // namespace mediaward::test_support
