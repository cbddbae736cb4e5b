// SPDX-License-Identifier: Apache-2.0
// See swarm_bundle.h: memory of swarms, and what the controller hands over in memfds. Main thread.
#include "dataplane/ppspp/swarm_bundle.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "crypto/huge_pages.h"

namespace mediaward::dataplane::ppspp {

Result<MappedMemory> MappedMemory::create(std::size_t bytes, bool hugetlb) {
  MappedMemory out;
  if (bytes >= crypto::kHugePageBytes) {
    out.memory_ = crypto::map_huge_pages(bytes, hugetlb).memory;
    out.mapped_ = true;
  } else if (void* p = std::aligned_alloc(64, (bytes + 63) / 64 * 64); p != nullptr) {
    std::memset(p, 0, bytes);
    out.memory_ = {static_cast<std::byte*>(p), bytes};
  }
  if (out.memory_.empty() && bytes != 0) return fail(ErrorCode::kExhausted, "the kernel has no " + std::to_string(bytes) + " bytes of memory for it");
  return out;
}

MappedMemory::~MappedMemory() {
  if (mapped_)
    crypto::unmap_huge_pages(memory_);
  else
    std::free(memory_.data());
}

Result<std::shared_ptr<const MappedContent>> MappedContent::map(int fd, std::uint64_t bytes) {
  constexpr int kSealed = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSealed) != kSealed) return fail(ErrorCode::kInvalid, "content must come in a memfd that is sealed against every change");
  struct stat status {};
  if (fstat(fd, &status) != 0 || static_cast<std::uint64_t>(status.st_size) != bytes || bytes == 0)
    return fail(ErrorCode::kInvalid, "the memfd has " + std::to_string(status.st_size) + " bytes, not " + std::to_string(bytes));
  void* p = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) return fail(ErrorCode::kExhausted, std::string("cannot map the content: ") + std::strerror(errno));
  return std::make_shared<const MappedContent>(ConstBytes{static_cast<const std::byte*>(p), bytes});
}

MappedContent::~MappedContent() { munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

}  // namespace mediaward::dataplane::ppspp
