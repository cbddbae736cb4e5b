// SPDX-License-Identifier: Apache-2.0
// Stale files, mode and group of the API's unix socket. Main thread.
#include "control/listen_socket.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "control/unique_fd.h"

namespace mediaward::control {

namespace {

tl::unexpected<Error> system_error(const std::string& path, const char* what) {
  return fail(ErrorCode::kInternal, path + ": " + what + ": " + std::strerror(errno));
}

}  // namespace

Result<void> clear_stale_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(ErrorCode::kInvalid, "api.listen: `" + path + "` is empty or too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return system_error(path, "cannot be looked at");
  }
  if (!S_ISSOCK(status.st_mode))
    return fail(ErrorCode::kInvalid, path + ": exists and is not a socket; remove it or choose another api.listen");
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN)
    return fail(ErrorCode::kConflict, path + ": another daemon answers there; stop it or choose another api.listen");
  if (::unlink(path.c_str()) != 0) return system_error(path, "a stale socket cannot be removed");
  return {};
}

Result<void> set_socket_owner(const std::string& path, std::uint32_t mode, const std::string& group) {
  if (!group.empty()) {
    const ::group* entry = ::getgrnam(group.c_str());
    if (entry == nullptr) return fail(ErrorCode::kInvalid, "api.group: there is no group `" + group + "`");
    if (::chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) return system_error(path, "its group cannot be set");
  }
  if (::chmod(path.c_str(), mode) != 0) return system_error(path, "its mode cannot be set");
  return {};
}

PrivateUmask::PrivateUmask() noexcept : before_(::umask(0177)) {}
PrivateUmask::~PrivateUmask() {
  ::umask(static_cast<mode_t>(before_));
}

}  // namespace mediaward::control
