// SPDX-License-Identifier: Apache-2.0
// See memfd.h. Main thread.
#include "dataplane/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mediaward::dataplane {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;

tl::unexpected<Error> system_failure(const std::string& what) {
  return fail(ErrorCode::kInternal, what + ": " + std::strerror(errno));
}

}  // namespace

void UniqueFd::reset() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<SharedRegion> SharedRegion::create(const std::string& name, std::size_t bytes) {
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return system_failure("memfd_create " + name);
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return system_failure("sizing memfd " + name);
  if (::fcntl(fd.get(), F_ADD_SEALS, kSizeSeals) != 0) return system_failure("sealing memfd " + name);
  return adopt(std::move(fd));
}

Result<SharedRegion> SharedRegion::adopt(UniqueFd fd) {
  // Without the seal the other side could truncate the file under our mapping and kill us with SIGBUS.
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & kSizeSeals) != kSizeSeals) return fail(ErrorCode::kInvalid, "shared region is not a memfd of fixed size");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_failure("fstat of shared region");
  const auto bytes = static_cast<std::size_t>(info.st_size);
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd.get(), 0);
  if (data == MAP_FAILED) return system_failure("mapping shared region");
  return SharedRegion(std::move(fd), static_cast<std::byte*>(data), bytes);
}

SharedRegion& SharedRegion::operator=(SharedRegion&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

SharedRegion::~SharedRegion() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

Result<UniqueFd> SharedRegion::read_only_fd() const {
  const std::string path = "/proc/self/fd/" + std::to_string(fd_.get());
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_failure("reopening shared region read-only");
  return fd;
}

}  // namespace mediaward::dataplane
