// SPDX-License-Identifier: Apache-2.0
// Staging jobs, talking to the device, concluding jobs. A job that the device cannot do ends as kEngineError in its turn; one for which
// there is no room is not taken, and its buffers are as they were. Worker thread.
#include "drivers/cryptodev_engine.h"

#include <openssl/crypto.h>
#include <rte_cryptodev.h>

#include <algorithm>
#include <cstring>

#include "crypto/bytes.h"
#include "crypto/job_check.h"

namespace mediaward::drivers {
namespace {

using crypto::Job;
using crypto::JobOp;
using crypto::JobStatus;
using crypto::Transform;

constexpr std::uint32_t kRocBytes = 4;
constexpr unsigned kDrainPolls = 1u << 24;  // a device that is silent for so long has failed

constexpr bool is_check(JobOp op) noexcept {
  return op == JobOp::kGcm128Check || op == JobOp::kGcm256Check;
}
constexpr bool is_null(JobOp op) noexcept {
  return op == JobOp::kNullOpen || op == JobOp::kNullSeal;
}

std::uint32_t round_up(std::uint32_t bytes) noexcept {
  return (bytes + 15) & ~15u;
}

// A header and a payload in one piece, with room for what an operation needs beside them.
std::uint32_t staged_bytes(const Job& job) noexcept {
  return round_up(job.aad_bytes) + static_cast<std::uint32_t>(crypto::total_bytes(job)) + kRocBytes;
}

// Runs f(src, dst, bytes) over the first piece and the further segments.
template <typename F>
void for_each_piece(const Job& job, F f) noexcept {
  f(job.src, job.dst, job.bytes);
  for (unsigned i = 0; i < job.more_count; ++i) f(job.more[i].src, job.more[i].dst, job.more[i].bytes);
}

// Copies the header to the front and the pieces behind each other to `payload`.
void gather(const Job& job, std::uint32_t payload, CryptodevSlot& slot) noexcept {
  if (job.aad_bytes != 0) std::memcpy(slot.data, job.aad, job.aad_bytes);
  std::byte* at = slot.data + payload;
  for_each_piece(job, [&at](const std::byte* src, const std::byte*, std::uint32_t bytes) {
    if (bytes != 0) std::memcpy(at, src, bytes);
    at += bytes;
  });
  slot.payload = payload;
  slot.bytes = static_cast<std::uint32_t>(at - slot.data) - payload;
}

void scatter(const Job& job, const CryptodevSlot& slot) noexcept {
  const std::byte* at = slot.data + slot.payload;
  for_each_piece(job, [&at](const std::byte*, std::byte* dst, std::uint32_t bytes) {
    if (bytes != 0) std::memcpy(dst, at, bytes);
    at += bytes;
  });
}

// job.h: in place the packet stays as it was, elsewhere the destination is destroyed. Nothing was written to it, but callers see one
// contract.
void destroy_destination(const Job& job) noexcept {
  for_each_piece(job, [](const std::byte* src, std::byte* dst, std::uint32_t bytes) {
    if (src != dst && bytes != 0) OPENSSL_cleanse(dst, bytes);
  });
}

void wipe_payload(const CryptodevSlot& slot) noexcept {
  if (slot.bytes != 0) OPENSSL_cleanse(slot.data + slot.payload, slot.bytes);
}

rte_iova_t digest_address(const CryptodevSlot& slot) noexcept {
  return rte_crypto_op_ctophys_offset(slot.op, kCryptodevSlotOffset + offsetof(CryptodevSlot, digest));
}

void set_length(CryptodevSlot& slot, std::uint32_t bytes) noexcept {
  slot.mbuf->data_len = static_cast<std::uint16_t>(bytes);
  slot.mbuf->pkt_len = bytes;
}

void set_session(CryptodevSlot& slot, void* session) noexcept {
  slot.op->sess_type = RTE_CRYPTO_OP_WITH_SESSION;
  symmetric(slot.op).session = session;
}

}  // namespace

CryptodevEngine::CryptodevEngine(const CryptodevDevices& devices, CryptodevScratch& scratch)
    : settings_(devices.settings()),
      scratch_(scratch),
      queue_(scratch.queue()),
      sessionless_(devices.takes_operations_without_session()),
      max_aad_bytes_(devices.max_aad_bytes()) {
  scratch_.lent = true;
}

// A queue pair whose device kept operations is never lent again: they would come back to the wrong engine.
CryptodevEngine::~CryptodevEngine() {
  std::array<rte_crypto_op*, kBurst> ops;
  for (unsigned polls = 0; on_device_ != 0 && polls < kDrainPolls; ++polls) {
    const std::uint16_t n = rte_cryptodev_dequeue_burst(queue_.device, queue_.pair, ops.data(), kBurst);
    for (unsigned i = 0; i < n; ++i) scratch_.give(&slot_of(ops[i]));
    on_device_ -= n;
  }
  scratch_.lent = on_device_ != 0;
}

std::size_t CryptodevEngine::submit(std::span<Job* const> jobs) noexcept {
  std::size_t taken = 0;
  while (taken < jobs.size()) {
    const auto next = jobs.subspan(taken, std::min<std::size_t>(jobs.size() - taken, kBurst));
    const std::size_t staged = stage(next);
    const std::size_t accepted = staged - enqueue();
    taken += accepted;
    if (accepted < next.size()) break;
  }
  return taken;
}

std::size_t CryptodevEngine::stage(std::span<Job* const> jobs) noexcept {
  staged_ = 0;
  std::size_t n = 0;
  while (n < jobs.size() && in_flight() < kEntries && stage_one(jobs[n])) ++n;
  return n;
}

// False: no slot is free. A job that cannot be done takes its place in the order all the same.
inline bool CryptodevEngine::stage_one(Job* job) noexcept {
  if (!crypto::is_well_formed(*job)) {
    entry(tail_++) = {job, JobStatus::kEngineError};
    return true;
  }
  CryptodevSlot* slot = scratch_.take(staged_bytes(*job));
  if (slot == nullptr) return false;
  if (prepare(*job, *slot)) {
    slot->entry = tail_;
    burst_[staged_++] = slot->op;
    entry(tail_++) = {job, JobStatus::kPending};
  } else {
    scratch_.give(slot);
    entry(tail_++) = {job, JobStatus::kEngineError};
  }
  return true;
}

inline bool CryptodevEngine::prepare(const Job& job, CryptodevSlot& slot) const noexcept {
  const CryptodevKey& key = cryptodev_key(job.key);
  slot.op->status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED;
  std::memcpy(slot.iv, job.iv, sizeof slot.iv);
  return crypto::is_gcm(job.op) ? prepare_gcm(job, key, slot) : prepare_hmac(job, key, slot);
}

// Header, payload and ROC without a gap: what RFC 3711 §4.2 authenticates. Counter mode over nothing is refused by some drivers.
bool CryptodevEngine::prepare_hmac(const Job& job, const CryptodevKey& key, CryptodevSlot& slot) const noexcept {
  gather(job, job.aad_bytes, slot);
  void* const chain = crypto::is_seal(job.op) ? key.seal : key.open;
  void* const session = is_null(job.op) || slot.bytes == 0 ? key.tag : chain;
  if (session == nullptr) return false;  // a key of another transform
  store_be32(slot.data + slot.payload + slot.bytes, job.roc);
  const std::uint32_t authenticated = slot.payload + slot.bytes + kRocBytes;
  set_length(slot, authenticated);
  set_session(slot, session);
  rte_crypto_sym_op& sym = symmetric(slot.op);
  sym.cipher.data.offset = slot.payload;
  sym.cipher.data.length = session == key.tag ? 0 : slot.bytes;
  sym.auth.data.offset = 0;
  sym.auth.data.length = authenticated;
  sym.auth.digest.data = reinterpret_cast<std::uint8_t*>(slot.digest);
  sym.auth.digest.phys_addr = digest_address(slot);
  return true;
}

// Drivers want the header zero-padded to whole blocks, so the payload begins on the next one.
bool CryptodevEngine::prepare_gcm(const Job& job, const CryptodevKey& key, CryptodevSlot& slot) const noexcept {
  if (key.transform != Transform::kAesGcm || job.aad_bytes > max_aad_bytes_) return false;
  if (!crypto::is_seal(job.op) && job.tag_bytes != kCryptodevAeadTagBytes) return false;  // a device compares whole tags
  if (!choose_gcm_session(job, static_cast<const CryptodevGcmKey&>(key), slot)) return false;
  const std::uint32_t payload = round_up(job.aad_bytes);
  gather(job, payload, slot);
  std::memset(slot.data + job.aad_bytes, 0, payload - job.aad_bytes);
  if (!crypto::is_seal(job.op)) std::memcpy(slot.digest, job.tag, kCryptodevAeadTagBytes);
  set_length(slot, payload + slot.bytes);
  rte_crypto_sym_op& sym = symmetric(slot.op);
  sym.aead.data.offset = payload;
  sym.aead.data.length = slot.bytes;
  sym.aead.digest.data = reinterpret_cast<std::uint8_t*>(slot.digest);
  sym.aead.digest.phys_addr = digest_address(slot);
  sym.aead.aad.data = reinterpret_cast<std::uint8_t*>(slot.data);
  sym.aead.aad.phys_addr = rte_pktmbuf_iova(slot.mbuf);
  return true;
}

// A header of a length nobody prepared for: an operation without a session, where the driver has such. It expands the key per packet.
bool CryptodevEngine::choose_gcm_session(const Job& job, const CryptodevGcmKey& key, CryptodevSlot& slot) const noexcept {
  const bool seal = crypto::is_seal(job.op);
  const auto& lengths = settings_.gcm_header_bytes;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] != job.aad_bytes) continue;
    set_session(slot, seal ? key.seals[i] : key.opens[i]);
    return true;
  }
  if (!sessionless_) return false;
  slot.xform = gcm_transform(key.key.data(), key.key_bytes, seal, job.aad_bytes);
  slot.op->sess_type = RTE_CRYPTO_OP_SESSIONLESS;
  symmetric(slot.op).xform = &slot.xform;
  return true;
}

// Hands what is staged to the device; returns how many jobs it had no room for, which are then not in the order any more.
std::size_t CryptodevEngine::enqueue() noexcept {
  unsigned sent = 0;
  while (sent < staged_) {
    const std::uint16_t n =
        rte_cryptodev_enqueue_burst(queue_.device, queue_.pair, &burst_[sent], static_cast<std::uint16_t>(staged_ - sent));
    sent += n;
    on_device_ += n;
    if (sent == staged_) break;
    const std::uint8_t status = burst_[sent]->status;
    const bool refused = status == RTE_CRYPTO_OP_STATUS_INVALID_SESSION || status == RTE_CRYPTO_OP_STATUS_INVALID_ARGS ||
                         status == RTE_CRYPTO_OP_STATUS_ERROR;
    if (!refused) return take_back(sent);
    settle(slot_of(burst_[sent++]), JobStatus::kEngineError);
  }
  return 0;
}

std::size_t CryptodevEngine::take_back(unsigned from) noexcept {
  const std::uint64_t first = slot_of(burst_[from]).entry;
  const std::size_t refused = tail_ - first;
  for (unsigned i = from; i < staged_; ++i) scratch_.give(&slot_of(burst_[i]));
  tail_ = first;
  return refused;
}

std::size_t CryptodevEngine::poll(std::span<Job*> done) noexcept {
  drain();
  std::size_t n = 0;
  for (; n < done.size() && head_ != tail_ && entry(head_).status != JobStatus::kPending; ++n, ++head_) {
    done[n] = entry(head_).job;
    done[n]->status = entry(head_).status;
  }
  return n;
}

// Software devices work here, and flush what waits for a full lane only when asked with nothing new to do: hence until it is silent.
void CryptodevEngine::drain() noexcept {
  std::array<rte_crypto_op*, kBurst> ops;
  while (on_device_ != 0) {
    const std::uint16_t n = rte_cryptodev_dequeue_burst(queue_.device, queue_.pair, ops.data(), kBurst);
    if (n == 0) return;
    on_device_ -= n;
    for (unsigned i = 0; i < n; ++i) finish(slot_of(ops[i]));
  }
}

inline void CryptodevEngine::settle(CryptodevSlot& slot, JobStatus status) noexcept {
  entry(slot.entry).status = status;
  scratch_.give(&slot);
}

void CryptodevEngine::finish(CryptodevSlot& slot) noexcept {
  const Job& job = *entry(slot.entry).job;
  const bool gcm = crypto::is_gcm(job.op);
  bool authentic = slot.op->status != RTE_CRYPTO_OP_STATUS_AUTH_FAILED;
  if (authentic && slot.op->status != RTE_CRYPTO_OP_STATUS_SUCCESS) {
    wipe_payload(slot);
    return settle(slot, JobStatus::kEngineError);
  }
  if (crypto::is_seal(job.op)) {
    scatter(job, slot);
    std::memcpy(job.tag, slot.digest, job.tag_bytes);
    return settle(slot, JobStatus::kOk);
  }
  if (!gcm) authentic = CRYPTO_memcmp(slot.digest, job.tag, job.tag_bytes) == 0;
  if (authentic && !is_check(job.op)) scatter(job, slot);
  if (!authentic && gcm && !is_check(job.op)) destroy_destination(job);
  if (!authentic || is_check(job.op)) wipe_payload(slot);
  settle(slot, authentic ? JobStatus::kOk : JobStatus::kAuthFailed);
}

}  // namespace mediaward::drivers
