// SPDX-License-Identifier: Apache-2.0
// See content_file.h.
#include "tools/content/content_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "crypto/merkle_builder.h"

namespace mediaward::tools {

namespace {

constexpr std::size_t kChunksAtOnce = 64;
constexpr std::size_t kMostKeyFileBytes = 4096;

tl::unexpected<Error> cannot(const std::string& path, const char* what) {
  return fail(errno == ENOENT   ? ErrorCode::kNotFound
              : errno == EEXIST ? ErrorCode::kConflict
                                : ErrorCode::kUnavailable,
              path + " " + what + ": " + std::strerror(errno));
}

// A descriptor and its path, for errors; a file that was made and not kept goes again.
class File {
 public:
  [[nodiscard]] static Result<File> open(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cannot(path, "cannot be opened");
    return File(path, fd, true);
  }
  [[nodiscard]] static Result<File> create(const std::string& path, mode_t mode) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return cannot(path, "cannot be made");
    return File(path, fd, false);
  }
  File(File&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), keep_(other.keep_) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ < 0) return;
    ::close(fd_);
    if (!keep_) ::unlink(path_.c_str());
  }

  // Fills `room` as far as the file goes.
  [[nodiscard]] Result<std::size_t> read(Bytes room) {
    std::size_t done = 0;
    while (done < room.size()) {
      const ssize_t got = ::read(fd_, room.data() + done, room.size() - done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return cannot(path_, "cannot be read");
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }
  [[nodiscard]] Result<void> write(ConstBytes bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return cannot(path_, "cannot be written");
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return {};
  }
  void keep() noexcept { keep_ = true; }

 private:
  File(std::string path, int fd, bool keep) : path_(std::move(path)), fd_(fd), keep_(keep) {}
  std::string path_;
  int fd_;
  bool keep_;
};

std::span<const ConstBytes> split(ConstBytes bytes, std::uint32_t chunk_bytes, std::vector<ConstBytes>& chunks) {
  chunks.clear();
  for (; !bytes.empty(); bytes = bytes.subspan(chunks.back().size()))
    chunks.push_back(bytes.first(std::min<std::size_t>(chunk_bytes, bytes.size())));
  return chunks;
}

}  // namespace

Result<crypto::HashId> parse_hash(const std::string& name) {
  constexpr std::string_view kNames[] = {"sha1", "sha224", "sha256", "sha384", "sha512"};
  const auto* found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return fail(ErrorCode::kInvalid, "`" + name + "` is not one of sha1 sha224 sha256 sha384 sha512");
  return static_cast<crypto::HashId>(found - std::begin(kNames));
}

Result<ContentHash> hash_file(const std::string& path, crypto::HashId hash, std::uint32_t chunk_bytes, const std::string& leaves) {
  auto in = File::open(path);
  if (!in) return tl::unexpected(in.error());
  std::optional<File> out;
  if (!leaves.empty()) {
    auto made = File::create(leaves, 0644);
    if (!made) return tl::unexpected(made.error());
    out.emplace(std::move(*made));
  }
  std::string refused;
  const auto provider = crypto::select_hash_provider(refused);
  const auto hasher = provider->make_hasher();
  Result<void> written;
  crypto::MerkleBuilder builder(hash, *hasher, [&](ConstBytes digests) {
    if (out && written) written = out->write(digests);
  });
  std::vector<std::byte> room(std::size_t{chunk_bytes} * kChunksAtOnce);
  std::vector<ConstBytes> chunks;
  ContentHash result;
  for (std::size_t got = room.size(); got == room.size(); result.bytes += got) {
    const auto read = in->read(room);
    if (!read) return tl::unexpected(read.error());
    got = *read;
    if (got == 0) break;
    if (auto good = builder.add(split(ConstBytes(room).first(got), chunk_bytes, chunks)); !good) return tl::unexpected(good.error());
  }
  if (result.bytes == 0) return fail(ErrorCode::kInvalid, path + " is empty: there is no tree over nothing");
  const auto root = builder.finish();
  if (!root) return tl::unexpected(root.error());
  if (!written) return tl::unexpected(written.error());
  if (out) out->keep();
  result.chunks = root->chunks;
  for (std::size_t i = 0; i < crypto::digest_bytes(hash); ++i) result.root.push_back(std::to_integer<std::uint8_t>(root->digest[i]));
  return result;
}

Result<std::uint64_t> cipher_file(const std::string& path, const std::string& out, const crypto::ContentKey& key,
                                  std::uint32_t chunk_bytes) {
  auto cipher = crypto::ChunkCipher::create(key);
  if (!cipher) return tl::unexpected(cipher.error());
  auto from = File::open(path);
  if (!from) return tl::unexpected(from.error());
  auto to = File::create(out, 0600);
  if (!to) return tl::unexpected(to.error());
  std::vector<std::byte> room(std::size_t{chunk_bytes} * kChunksAtOnce);
  std::uint64_t bytes = 0, chunk = 0;
  for (std::size_t got = room.size(); got == room.size(); bytes += got) {
    const auto read = from->read(room);
    if (!read) return tl::unexpected(read.error());
    got = *read;
    for (std::size_t at = 0; at < got; at += chunk_bytes, ++chunk) {
      const Bytes one = Bytes(room).subspan(at, std::min<std::size_t>(chunk_bytes, got - at));
      if (!cipher->encrypt(chunk, one, one))
        return fail(ErrorCode::kInternal, "libcrypto could not encrypt chunk " + std::to_string(chunk));
    }
    if (auto good = to->write(ConstBytes(room).first(got)); !good) return tl::unexpected(good.error());
  }
  OPENSSL_cleanse(room.data(), room.size());
  to->keep();
  return bytes;
}

Result<crypto::ContentKey> read_content_key(const std::string& path, const std::string& salt) {
  auto file = File::open(path);
  if (!file) return tl::unexpected(file.error());
  std::string text(kMostKeyFileBytes, '\0');
  const auto got = file->read({reinterpret_cast<std::byte*>(text.data()), text.size()});
  if (!got) return tl::unexpected(got.error());
  std::size_t end = *got;
  while (end > 0 && static_cast<unsigned char>(text[end - 1]) <= ' ') --end;
  std::string both;
  both.reserve(end + salt.size());  // never moved: no copy of the key stays behind
  both.append(text, 0, end).append(salt);
  auto key = crypto::parse_content_key(both);
  for (std::string* used : {&text, &both}) OPENSSL_cleanse(used->data(), used->size());
  if (key) return key;
  return fail(key.error().code, path + (salt.empty() ? ": " : " with --salt: ") + key.error().message);
}

}  // namespace mediaward::tools
