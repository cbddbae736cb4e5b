// SPDX-License-Identifier: Apache-2.0
// See fake_peers.h.
#include "tests/unit/control/fake_peers.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <set>

namespace mediaward::control::test {

namespace {

constexpr std::size_t kDigests[] = {20, 28, 32, 48, 64};

std::string digest_of(const std::string& bytes, std::uint8_t hash) {
  const EVP_MD* kinds[] = {EVP_sha1(), EVP_sha224(), EVP_sha256(), EVP_sha384(), EVP_sha512()};
  std::string out(kDigests[hash], '\0');
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr, kinds[hash], nullptr);
  return out;
}

FakeRefusal no(std::string field, std::string message, ErrorCode code = ErrorCode::kInvalid) {
  return {code, 0, std::move(field), std::move(message)};
}

bool bits_behind(const abi::Admission& one) {
  for (unsigned bit = one.prefix_bits; bit < (one.family == abi::Family::kIpv4 ? 32u : 128u); ++bit)
    if ((one.address[bit / 8] >> (7 - bit % 8) & 1) != 0) return true;
  return false;
}

bool other_identity(const abi::Swarm& a, const abi::Swarm& b) {
  return a.kind != b.kind || a.hash != b.hash || a.addressing != b.addressing || a.chunk_bytes != b.chunk_bytes ||
         a.content_bytes != b.content_bytes || a.munro_level != b.munro_level || a.signature_form != b.signature_form ||
         a.stored_level != b.stored_level || a.flags != b.flags || a.discard_window != b.discard_window ||
         a.cache_quota_bytes != b.cache_quota_bytes || a.key_bytes != b.key_bytes || std::memcmp(a.key, b.key, sizeof a.key) != 0;
}

std::string read_all(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return {};
  std::string out(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(done));
    if (got <= 0) return {};
    done += static_cast<std::size_t>(got);
  }
  return out;
}

}  // namespace

std::string naive_leaves(const std::string& content, std::uint32_t chunk_bytes, std::uint8_t hash) {
  std::string out;
  for (std::size_t at = 0; at < content.size(); at += chunk_bytes) out += digest_of(content.substr(at, chunk_bytes), hash);
  return out;
}

std::string naive_root(const std::string& leaves, std::uint8_t hash) {
  const std::string zero(kDigests[hash], '\0');
  std::vector<std::string> level;
  for (std::size_t at = 0; at < leaves.size(); at += zero.size()) level.push_back(leaves.substr(at, zero.size()));
  while (level.size() > 1) {
    if (level.size() % 2 != 0) level.push_back(zero);
    std::vector<std::string> above;
    for (std::size_t i = 0; i < level.size(); i += 2)
      above.push_back(level[i] == zero && level[i + 1] == zero ? zero : digest_of(level[i] + level[i + 1], hash));
    level = std::move(above);
  }
  return level.empty() ? zero : level[0];
}

std::string capture_content(std::size_t bytes) {
  std::string out;
  char line[17];
  for (unsigned i = 0; out.size() < bytes; ++i) {
    std::snprintf(line, sizeof line, "%015x\n", i);
    out += line;
  }
  out.resize(bytes);
  return out;
}

bool FakePeers::knows(abi::MessageType type) noexcept {
  return type >= abi::MessageType::kSwarm && type <= abi::MessageType::kPeerCommand;
}

std::optional<FakeRefusal> FakePeers::apply(const Datagram& operation) {
  switch (operation.header().type) {
    case abi::MessageType::kSwarm:
      return put(*operation.as<abi::Swarm>());
    case abi::MessageType::kAdmission:
      return put(*operation.as<abi::Admission>());
    case abi::MessageType::kSwarmContent:
      return put(*operation.as<abi::SwarmContent>(), operation.fds);
    case abi::MessageType::kPeerCommand:
      if (!swarms.contains(operation.as<abi::PeerCommand>()->swarm_id)) return no("peer", "unknown swarm", ErrorCode::kNotFound);
      commands.push_back(*operation.as<abi::PeerCommand>());
      return std::nullopt;
    default:
      return remove(*operation.as<abi::ObjectRemove>());
  }
}

std::optional<FakeRefusal> FakePeers::put(const abi::Swarm& swarm) {
  const bool live = swarm.kind == abi::SwarmKind::kLive;
  if (swarm.swarm_id == 0 || swarm.hash > 4 || swarm.addressing > 4 || swarm.addressing == 1 || swarm.chunk_bytes < 1)
    return no("swarm", "impossible");
  if (!live && (swarm.key_bytes != kDigests[swarm.hash] || swarm.content_bytes == 0)) return no("swarm.key", "impossible root");
  if (live && (swarm.munro_level < 1 || swarm.discard_window == 0)) return no("swarm.live", "impossible");
  const auto old = swarms.find(swarm.swarm_id);
  if (old != swarms.end() && other_identity(old->second, swarm)) return no("swarm.key", "is fixed");
  swarms[swarm.swarm_id] = swarm;
  return std::nullopt;
}

std::optional<FakeRefusal> FakePeers::put(const abi::Admission& one) {
  const unsigned width = one.family == abi::Family::kIpv4 ? 32 : 128;
  if (!swarms.contains(one.swarm_id)) return no("admission.swarm", "unknown swarm", ErrorCode::kNotFound);
  if (one.prefix_bits > width || bits_behind(one)) return no("admission.address", "bits behind the prefix");
  if (one.flags > 15) return no("admission.flags", "unknown");
  if ((one.flags & (abi::kAdmitProvide | abi::kAdmitReceive)) == 0) return no("admission.flags", "neither provides nor receives");
  if ((swarms[one.swarm_id].flags & abi::kSwarmGuardOnly) != 0) return no("admission.swarm", "guards only");
  if ((one.flags & abi::kAdmitConnect) != 0 && (one.prefix_bits != width || one.udp_port == 0)) return no("admission.flags", "connect");
  admissions[one.admission_id] = one;
  return std::nullopt;
}

std::optional<FakeRefusal> FakePeers::put(const abi::SwarmContent& message, const std::vector<UniqueFd>& fds) {
  const auto swarm = swarms.find(message.swarm_id);
  if (swarm == swarms.end()) return no("content.swarm", "unknown swarm", ErrorCode::kNotFound);
  if (fds.size() != 1) return no("content", "comes without its descriptor");
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if ((::fcntl(fds[0].get(), F_GET_SEALS) & kSeals) != kSeals) return no("content", "is not sealed");
  auto& held = contents[message.swarm_id];
  if (std::any_of(held.begin(), held.end(), [&](const Content& one) { return one.kind == message.kind; })) return std::nullopt;
  const std::string bytes = read_all(fds[0].get());
  const abi::Swarm& of = swarm->second;
  if (bytes.size() != message.bytes) return no("content.bytes", "are not those of the descriptor");
  const bool leaves = message.kind == abi::ContentKind::kLeafHashes;
  const std::string root = naive_root(leaves ? bytes : naive_leaves(bytes, of.chunk_bytes, of.hash), of.hash);
  if (root.size() != of.key_bytes || std::memcmp(root.data(), of.key, root.size()) != 0) return no("content", "does not hash to the root");
  held.push_back({message.kind, std::make_shared<const std::string>(bytes)});
  return std::nullopt;
}

void FakePeers::forget(std::uint64_t swarm) {
  std::erase_if(admissions, [&](const auto& one) { return one.second.swarm_id == swarm; });
  contents.erase(swarm);
  swarms.erase(swarm);
}

std::optional<FakeRefusal> FakePeers::remove(const abi::ObjectRemove& message) {
  const bool swarm = message.header.type == abi::MessageType::kSwarmRemove;
  const bool known = swarm ? swarms.contains(message.object_id) : admissions.erase(message.object_id) == 1;
  if (!known) return no("object", "there is no such object", ErrorCode::kNotFound);
  if (swarm) forget(message.object_id);
  return std::nullopt;
}

void FakePeers::sweep(const std::vector<Datagram>& operations) {
  std::set<std::uint64_t> named;
  for (const auto& operation : operations) {
    if (operation.header().type == abi::MessageType::kSwarm) named.insert(operation.as<abi::Swarm>()->swarm_id);
    if (operation.header().type == abi::MessageType::kAdmission) named.insert(operation.as<abi::Admission>()->admission_id);
  }
  std::vector<std::uint64_t> gone;
  for (const auto& [id, swarm] : swarms)
    if (!named.contains(id)) gone.push_back(id);
  for (const std::uint64_t id : gone) forget(id);
  std::erase_if(admissions, [&](const auto& one) { return !named.contains(one.first); });
}

}  // namespace mediaward::control::test
