// SPDX-License-Identifier: Apache-2.0
// Pools are only where DPDK wants operations and mbufs to come from: every element is taken out once and stays with its slot. Main thread.
#include "drivers/cryptodev_scratch.h"

#include <openssl/crypto.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#include <new>

namespace mediaward::drivers {
namespace {

static_assert(kCryptodevLargeBytes <= UINT16_MAX - RTE_PKTMBUF_HEADROOM);

rte_mempool* make_buffers(const std::string& name, std::uint32_t count, std::uint16_t bytes, int socket) {
  return rte_pktmbuf_pool_create(name.c_str(), count, 0, 0, bytes, socket);
}

void wipe_buffer(rte_mempool*, void*, void* element, unsigned) {
  auto* mbuf = static_cast<rte_mbuf*>(element);
  OPENSSL_cleanse(mbuf->buf_addr, mbuf->buf_len);
}

}  // namespace

Result<std::unique_ptr<CryptodevScratch>> CryptodevScratch::create(CryptodevQueue queue, std::uint32_t small_slots, int socket) {
  std::unique_ptr<CryptodevScratch> scratch(new CryptodevScratch(queue));
  const std::string name = "mw-crypto-" + std::to_string(queue.device) + "-" + std::to_string(queue.pair);
  scratch->operations_ = rte_crypto_op_pool_create((name + "-op").c_str(), RTE_CRYPTO_OP_TYPE_SYMMETRIC, small_slots + kLargeSlots, 0,
                                                   kCryptodevPrivateBytes, socket);
  if (scratch->operations_ != nullptr) scratch->small_buffers_ = make_buffers(name + "-small", small_slots, kCryptodevSmallBytes, socket);
  if (scratch->small_buffers_ != nullptr)
    scratch->large_buffers_ = make_buffers(name + "-large", kLargeSlots, kCryptodevLargeBytes, socket);
  const bool made = scratch->large_buffers_ != nullptr && scratch->fill(scratch->small_buffers_, small_slots, false) &&
                    scratch->fill(scratch->large_buffers_, kLargeSlots, true);
  if (made) return scratch;
  return fail(ErrorCode::kExhausted,
              "no memory for the operations of a crypto queue pair (" + std::string(rte_strerror(rte_errno)) + "): raise memory.megabytes");
}

bool CryptodevScratch::fill(rte_mempool* buffers, std::uint32_t count, bool large) {
  std::vector<rte_crypto_op*> ops(count);
  std::vector<rte_mbuf*> mbufs(count);
  if (rte_crypto_op_bulk_alloc(operations_, RTE_CRYPTO_OP_TYPE_SYMMETRIC, ops.data(), static_cast<std::uint16_t>(count)) != count)
    return false;
  if (rte_pktmbuf_alloc_bulk(buffers, mbufs.data(), count) != 0) return false;
  std::vector<CryptodevSlot*>& free = large ? large_ : small_;
  free.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto* slot = ::new (static_cast<void*>(&slot_of(ops[i]))) CryptodevSlot{};
    slot->op = ops[i];
    slot->mbuf = mbufs[i];
    slot->large = large;
    mbufs[i]->data_off = 0;  // the whole buffer, from its aligned beginning
    slot->data = rte_pktmbuf_mtod(mbufs[i], std::byte*);
    symmetric(ops[i]).m_src = mbufs[i];
    symmetric(ops[i]).m_dst = nullptr;  // in place
    free.push_back(slot);
  }
  return true;
}

// Elements are not given back one by one: the pools go as a whole.
CryptodevScratch::~CryptodevScratch() {
  for (rte_mempool* buffers : {small_buffers_, large_buffers_})
    if (buffers != nullptr) rte_mempool_obj_iter(buffers, wipe_buffer, nullptr);
  for (rte_mempool* pool : {operations_, small_buffers_, large_buffers_}) rte_mempool_free(pool);
}

}  // namespace mediaward::drivers
