// SPDX-License-Identifier: Apache-2.0
// Packet pools over rte_mempool, with a Packet constructed in every mbuf's private area. Main thread.
#include "drivers/pools.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include <memory>
#include <new>
#include <utility>

namespace mediaward::drivers {
namespace {

static_assert(kHeadroomBytes == RTE_PKTMBUF_HEADROOM);
static_assert(sizeof(rte_mbuf) == 2 * RTE_CACHE_LINE_SIZE);

std::string pool_name(const std::string& port) { return ("mw-" + port).substr(0, RTE_MEMPOOL_NAMESIZE - 1); }

struct PoolDeleter {
  void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
};

// What rte_pktmbuf_pool_create does, with flags. By default no element crosses a page, as a device may see pages elsewhere than they
// lie for us. Without hugepages that is one element per page: nearly half of the memory is lost, all elements compete for the same few
// sets of the cache, and there is no such device. af_xdp names elements by their distance from the first one and tells the kernel a
// length that knows no gaps: what lies behind it is never sent.
rte_mempool* make_pool(const PoolSettings& settings, int node) {
  const unsigned flags = settings.gapless || rte_eal_has_hugepages() == 0 ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0;
  const auto element_bytes = static_cast<unsigned>(sizeof(rte_mbuf) + sizeof(dataplane::Packet) + settings.room);
  std::unique_ptr<rte_mempool, PoolDeleter> pool(rte_mempool_create_empty(pool_name(settings.name).c_str(), settings.packets, element_bytes,
                                                                          kPoolCachePackets, sizeof(rte_pktmbuf_pool_private), node, flags));
  if (pool == nullptr) return nullptr;
  if (const int status = rte_mempool_set_ops_byname(pool.get(), rte_mbuf_best_mempool_ops(), nullptr); status != 0)
    return rte_errno = -status, nullptr;
  rte_pktmbuf_pool_private layout{};
  layout.mbuf_data_room_size = settings.room;
  layout.mbuf_priv_size = sizeof(dataplane::Packet);
  rte_pktmbuf_pool_init(pool.get(), &layout);
  if (const int status = rte_mempool_populate_default(pool.get()); status < 0) return rte_errno = -status, nullptr;
  if (settings.gapless && pool->nb_mem_chunks != 1) return rte_errno = ENOMEM, nullptr;
  rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
  return pool.release();
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
