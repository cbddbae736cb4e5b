// SPDX-License-Identifier: Apache-2.0
// Swarm files for runs with content (see the header). Main thread.
#include "tools/traffic/content_plan.h"

#include <algorithm>
#include <array>

#include "tools/ppspp/misbehaviour.h"
#include "tools/traffic/frame.h"

namespace mediaward::tools::traffic {

namespace {

using ppspp::Attack;

// Position is the number of RFC 7574 §7.8; byte ranges are not offered.
constexpr std::array<std::string_view, 5> kAddressings = {"bin32", "byte64", "chunk32", "bin64", "chunk64"};
constexpr std::array<std::string_view, 3> kFetches = {"nothing", "on-demand", "everything"};
constexpr std::uint64_t kMaxContentBytes = std::uint64_t{1} << 32;

template <std::size_t N>
Result<std::size_t> index_of(const std::array<std::string_view, N>& names, const std::string& name, const char* option) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end() || name == "byte64") return fail(ErrorCode::kInvalid, std::string(option) + ": `" + name + "` is unknown");
  return static_cast<std::size_t>(it - names.begin());
}

std::uint64_t seed_of(const std::string& id) {
  std::uint64_t seed = 1;
  for (const char c : id) seed = ppspp::mix_word(seed ^ static_cast<unsigned char>(c));
  return seed;
}

// Addresses follow each other; every other one of a mixed family is IPv6.
Result<void> add(const ContentPlanSettings& s, const std::string& name, bool provide, bool receive, bool connect, bool libswift,
                 SwarmFile& file) {
  const auto number = static_cast<std::uint32_t>(file.admissions.size());
  const bool v6 = s.family == PlanFamily::kIpv6 || (s.family == PlanFamily::kMixed && number % 2 == 1);
  const auto first = Address::parse(v6 ? s.remote_v6 : s.remote_v4);
  if (!first || first->v6 != v6) return fail(ErrorCode::kInvalid, "the address of the first content peer is not an address of its family");
  SwarmFile::Admission a;
  a.id = name;
  a.port = s.port;
  a.peers = first->plus(number).to_string();
  a.udp_port = s.udp_port;
  a.provide = provide;
  a.receive = receive;
  a.connect = connect;
  if (connect) a.local_address = v6 ? s.local_v6 : s.local_v4;
  a.libswift = libswift;
  file.admissions.push_back(std::move(a));
  return {};
}

std::string numbered(std::string_view role, std::uint32_t number) {
  return std::string(role).append("-").append(std::to_string(number + 1));
}

Result<void> add_attackers(const ContentPlanSettings& s, SwarmFile& file) {
  const auto attacks = ppspp::parse_attacks(s.attackers);
  if (!attacks) return tl::unexpected(Error{attacks.error().code, "--content-attackers: " + attacks.error().message});
  std::array<std::uint32_t, ppspp::kAttacks> numbers{};
  for (const Attack attack : *attacks) {
    const auto& row = info(attack);
    if (row.live && s.attackers == "all") continue;
    if (row.live) return fail(ErrorCode::kInvalid, "--content-attackers: `" + std::string(row.name) + "` needs live content");
    auto& number = numbers[static_cast<std::size_t>(attack)];
    if (auto added = add(s, numbered(row.name, number++), row.seeder, row.leecher, false, false, file); !added) return added;
  }
  return {};
}

}  // namespace

Result<SwarmFile> make_content_plan(const ContentPlanSettings& s) {
  const auto hash = ppspp::parse_hash(s.hash);
  if (!hash) return tl::unexpected(hash.error());
  const auto addressing = index_of(kAddressings, s.addressing, "--content-addressing");
  if (!addressing) return tl::unexpected(addressing.error());
  const auto fetch = index_of(kFetches, s.fetch, "--content-fetch");
  if (!fetch) return tl::unexpected(fetch.error());
  if (s.bytes == 0 || s.bytes > kMaxContentBytes || s.chunk_bytes == 0 || s.chunk_bytes > 0xffff)
    return fail(ErrorCode::kInvalid, "content has 1 to 2^32 bytes, a chunk 1 to 65535");
  if (s.libswift && s.addressing != "chunk32" && s.addressing != "bin32")
    return fail(ErrorCode::kInvalid, "libswift knows the addressings chunk32 and bin32 only");
  SwarmFile file;
  file.id = s.id;
  file.kind = SwarmFile::Kind::kStatic;
  file.hash = static_cast<SwarmFile::Hash>(static_cast<int>(*hash) + 1);
  file.addressing = static_cast<SwarmFile::Addressing>(*addressing + 1);
  file.fetch = static_cast<SwarmFile::Fetch>(*fetch + 1);
  file.chunk_bytes = s.chunk_bytes;
  file.content_bytes = s.bytes;
  const ppspp::Content content(ppspp::random_bytes(s.bytes, seed_of(s.id)), s.chunk_bytes, *hash);
  for (const std::byte b : content.metadata().swarm_id) file.key.push_back(std::to_integer<std::uint8_t>(b));
  // The appliance contacts every other seeder; the others contact it.
  for (std::uint32_t i = 0; i < s.seeders; ++i)
    if (auto added = add(s, numbered("seeder", i), true, false, i % 2 == 1, s.libswift && i % 2 == 1, file); !added)
      return tl::unexpected(added.error());
  for (std::uint32_t i = 0; i < s.leechers; ++i)
    if (auto added = add(s, numbered("leecher", i), false, true, false, s.libswift && i % 2 == 1, file); !added)
      return tl::unexpected(added.error());
  if (auto added = add_attackers(s, file); !added) return tl::unexpected(added.error());
  return file;
}

Result<std::shared_ptr<const ppspp::Content>> content_of(const SwarmFile& file) {
  if (file.kind == SwarmFile::Kind::kLive) return fail(ErrorCode::kUnsupported, file.id + ": live content cannot be played");
  if (file.content_bytes == 0 || file.content_bytes > kMaxContentBytes || file.chunk_bytes == 0)
    return fail(ErrorCode::kInvalid, file.id + ": content_bytes and chunk_bytes are needed");
  const int hash =
      file.hash == SwarmFile::Hash::kDefault ? static_cast<int>(ppspp::wire::MerkleFunction::kSha256) : static_cast<int>(file.hash) - 1;
  const auto addressing = file.addressing == SwarmFile::Addressing::kDefault ? SwarmFile::Addressing::kChunk32 : file.addressing;
  auto content = std::make_shared<const ppspp::Content>(ppspp::random_bytes(file.content_bytes, seed_of(file.id)), file.chunk_bytes,
                                                        static_cast<ppspp::wire::MerkleFunction>(hash),
                                                        static_cast<ppspp::wire::Addressing>(static_cast<int>(addressing) - 1));
  const auto same = [](std::byte a, std::uint8_t b) { return std::to_integer<std::uint8_t>(a) == b; };
  if (!std::ranges::equal(content->metadata().swarm_id, file.key, same))
    return fail(ErrorCode::kInvalid,
                file.id + ": the root is not that of the content which this tool makes for the id; plan the file with this tool");
  return content;
}

}  // namespace mediaward::tools::traffic
