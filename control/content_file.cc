// SPDX-License-Identifier: Apache-2.0
// openat part by part, sendfile and seals. See content_file.h.
#include "control/content_file.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/validate_peer.h"

namespace mediaward::control {

namespace {

constexpr unsigned kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

Error cannot(const std::string& path, const char* what) {
  const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
  const std::string why = errno == ELOOP ? "is a symbolic link, which is not followed" : std::string(what) + ": " + std::strerror(errno);
  return {code, "`" + path + "` " + why};
}

}  // namespace

Result<UniqueFd> open_content(const std::string& directory, const std::string& path) {
  if (directory.empty())
    return fail(ErrorCode::kUnsupported, "peer.content_directory of the daemon's configuration names no directory to read content from");
  if (!is_good_file(path)) return fail(ErrorCode::kInvalid, "must be a path below peer.content_directory: not absolute, no `.`, no `..`");
  UniqueFd at(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at) return tl::unexpected(cannot(directory, "cannot be opened"));
  std::size_t begin = 0;
  for (std::size_t slash = 0; (slash = path.find('/', begin)) != std::string::npos; begin = slash + 1) {
    at = UniqueFd(::openat(at.get(), path.substr(begin, slash - begin).c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!at) return tl::unexpected(cannot(path, "cannot be opened"));
  }
  UniqueFd file(::openat(at.get(), path.c_str() + begin, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));  // not stopped by a pipe
  if (!file) return tl::unexpected(cannot(path, "cannot be opened"));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return tl::unexpected(cannot(path, "cannot be looked at"));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, "`" + path + "` is not a regular file");
  return file;
}

Result<FileStamp> stamp_content(const std::string& directory, const std::string& path) {
  const auto file = open_content(directory, path);
  if (!file) return tl::unexpected(file.error());
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) return tl::unexpected(cannot(path, "cannot be looked at"));
  return FileStamp{static_cast<std::uint64_t>(status.st_size),
                   std::int64_t{status.st_mtim.tv_sec} * 1000000000 + std::int64_t{status.st_mtim.tv_nsec}};
}

Result<ContentCopy> ContentCopy::begin(const std::string& directory, std::shared_ptr<const SwarmContent> content, std::uint64_t bytes) {
  UniqueFd file;
  if (content->inline_bytes == nullptr) {
    auto opened = open_content(directory, content->file);
    if (!opened) return tl::unexpected(opened.error());
    file = std::move(*opened);
  }
  UniqueFd memfd(::memfd_create("mediaward-content", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memfd) return fail(ErrorCode::kExhausted, std::string("no memory for content: ") + std::strerror(errno));
  return ContentCopy(std::move(content), bytes, std::move(file), std::move(memfd));
}

Result<std::size_t> ContentCopy::copy(std::size_t most) {
  const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(most, bytes_ - done_));
  ssize_t got = 0;
  do {
    got =
        file_ ? ::sendfile(memfd_.get(), file_.get(), nullptr, want) : ::write(memfd_.get(), content_->inline_bytes->data() + done_, want);
  } while (got < 0 && errno == EINTR);
  const std::string name = file_ ? content_->file : "inline content of " + content_->swarm_id;
  if (got < 0) return tl::unexpected(cannot(name, "cannot be copied"));
  if (got == 0) return fail(ErrorCode::kUnavailable, "`" + name + "` has become shorter while it was read");
  return static_cast<std::size_t>(got);
}

Result<bool> ContentCopy::step(std::size_t most) {
  for (std::size_t left = most; left > 0 && done_ < bytes_;) {
    const auto copied = copy(left);
    if (!copied) return tl::unexpected(copied.error());
    done_ += *copied;
    left -= *copied;
  }
  if (done_ < bytes_) return false;
  if (sealed_) return true;
  if (::fcntl(memfd_.get(), F_ADD_SEALS, kSeals) != 0)
    return fail(ErrorCode::kInternal, std::string("content could not be sealed: ") + std::strerror(errno));
  sealed_ = true;
  return true;
}

}  // namespace mediaward::control
