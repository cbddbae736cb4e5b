// SPDX-License-Identifier: Apache-2.0
// Packet pools over rte_mempool, with a Packet constructed in every mbuf's private area. Main thread.
#include "drivers/pools.h"

#include <rte_errno.h>
#include <rte_mempool.h>

#include <new>
#include <utility>

namespace mediaward::drivers {
namespace {

static_assert(kHeadroomBytes == RTE_PKTMBUF_HEADROOM);
static_assert(sizeof(rte_mbuf) == 2 * RTE_CACHE_LINE_SIZE);

std::string pool_name(const std::string& port) { return ("mw-" + port).substr(0, RTE_MEMPOOL_NAMESIZE - 1); }

rte_mempool* make_pool(const PoolSettings& settings, int node) {
  return rte_pktmbuf_pool_create(pool_name(settings.name).c_str(), settings.packets, kPoolCachePackets, sizeof(dataplane::Packet),
                                 data_room_bytes(settings.mtu), node);
}

void construct_packet(rte_mempool*, void*, void* element, unsigned) { new (packet_of(static_cast<rte_mbuf*>(element))) dataplane::Packet(); }

}  // namespace

Result<PacketPool> PacketPool::create(const PoolSettings& settings) {
  PacketPool pool;
  pool.name_ = "pool." + settings.name;
  pool.pool_ = make_pool(settings, settings.numa >= 0 ? settings.numa : SOCKET_ID_ANY);
  // Without hugepages all memory belongs to node 0 for EAL, so a node of its own may have none.
  if (pool.pool_ == nullptr && settings.numa > 0) pool.pool_ = make_pool(settings, SOCKET_ID_ANY);
  if (pool.pool_ == nullptr)
    return fail(ErrorCode::kExhausted, "port \"" + settings.name + "\": no memory for a pool of " + std::to_string(settings.packets) +
                                           " packets (" + rte_strerror(rte_errno) + "); lower pool_packets or raise memory.megabytes");
  rte_mempool_obj_iter(pool.pool_, construct_packet, nullptr);
  return pool;
}

PacketPool::PacketPool(PacketPool&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), name_(std::move(other.name_)) {}

PacketPool::~PacketPool() { rte_mempool_free(pool_); }

std::uint32_t PacketPool::capacity() const noexcept { return pool_->size; }

std::uint32_t PacketPool::in_use() const noexcept { return rte_mempool_in_use_count(pool_); }

std::uint32_t PacketPool::unit_bytes() const noexcept { return pool_->header_size + pool_->elt_size + pool_->trailer_size; }

}  // namespace mediaward::drivers
