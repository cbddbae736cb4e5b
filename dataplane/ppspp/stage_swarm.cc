// SPDX-License-Identifier: Apache-2.0
// Validation of swarms, admissions and content, and the memory that a swarm needs. See swarm_book.h. Main thread.
#include <algorithm>
#include <cstdio>

#include "crypto/signature.h"
#include "dataplane/neighbour.h"
#include "dataplane/ppspp/policy.h"
#include "dataplane/ppspp/swarm_book.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/ppspp_swarm_key.h"
#include "dataplane/wire/ppspp_writer.h"
#include "dataplane/wire/udp.h"
#include "dataplane/worker.h"

namespace mediaward::dataplane::ppspp {
namespace {

constexpr std::uint64_t kAllChunks = ~std::uint64_t{0};
constexpr std::uint32_t kWindowMunros = 1024;         // of a live swarm: subtrees that are remembered
constexpr std::uint16_t kOpenGroups = 1024;           // of a tree that keeps its upper levels only
constexpr std::uint8_t kMaxMunroLevel = 16;
constexpr std::uint32_t kMunroMaxAgeMs = 30'000;      // libswift's
constexpr std::uint32_t kLiveWindowChunks = 16'384;   // when the discard window says: keep everything

tl::unexpected<Refusal> wrong(const abi::Swarm& m, const char* field, std::string message, ErrorCode code = ErrorCode::kInvalid) {
  return refuse(code, m.swarm_id, field, std::move(message));
}
tl::unexpected<Refusal> wrong(const abi::Admission& m, const char* field, std::string message, ErrorCode code = ErrorCode::kInvalid) {
  return refuse(code, m.admission_id, field, std::move(message));
}

Framing framing_of(const abi::Swarm& m, std::uint16_t signature_bytes) {
  return {static_cast<Addressing>(m.addressing), static_cast<std::uint8_t>(crypto::digest_bytes(static_cast<crypto::HashId>(m.hash))), signature_bytes,
          m.chunk_bytes};
}

// What makes it this swarm and no other.
bool same_content(const abi::Swarm& a, const abi::Swarm& b) noexcept {
  return a.kind == b.kind && a.hash == b.hash && a.addressing == b.addressing && a.chunk_bytes == b.chunk_bytes && a.content_bytes == b.content_bytes &&
         a.munro_level == b.munro_level && a.signature_form == b.signature_form && a.stored_level == b.stored_level && a.flags == b.flags &&
         a.discard_window == b.discard_window && a.cache_quota_bytes == b.cache_quota_bytes && a.key_bytes == b.key_bytes &&
         std::memcmp(a.key, b.key, a.key_bytes) == 0;
}

std::uint64_t window_chunks(const abi::Swarm& m) noexcept {
  const std::uint64_t most = std::uint64_t{kWindowMunros} << m.munro_level;
  return std::min(most, m.discard_window == kDiscardNothing ? std::max<std::uint64_t>(kLiveWindowChunks, std::uint64_t{2} << m.munro_level) : m.discard_window);
}

ChunkShape shape_of(const abi::Swarm& m) noexcept {
  const bool live = m.kind == abi::SwarmKind::kLive;
  return {m.chunk_bytes, live ? 0 : m.content_bytes, live ? window_chunks(m) : 0};
}

crypto::MerkleTreeSettings tree_of(const abi::Swarm& m) noexcept {
  crypto::MerkleTreeSettings s;
  s.hash = static_cast<crypto::HashId>(m.hash);
  if (m.kind == abi::SwarmKind::kStatic) {
    s.chunks = crypto::chunks_of(m.content_bytes, m.chunk_bytes);
    s.stored_level = m.stored_level;
    s.open_groups = kOpenGroups;
  } else {
    s.munro_level = m.munro_level;
    s.window_munros = static_cast<std::uint32_t>(std::min<std::uint64_t>(kWindowMunros, (window_chunks(m) >> m.munro_level) + 2));
  }
  return s;
}

constexpr std::size_t padded(std::size_t bytes) noexcept { return (bytes + 63) / 64 * 64; }

}  // namespace

SwarmBook::Check SwarmBook::check_values(const abi::Swarm& m) const {
  if (!enabled_) return wrong(m, "swarm", "no port of the data plane has a ppspp_port, or is a guard", ErrorCode::kUnsupported);
  if (m.swarm_id == 0) return wrong(m, "swarm.id", "0 is not an id");
  if (m.kind != abi::SwarmKind::kStatic && m.kind != abi::SwarmKind::kLive) return wrong(m, "swarm.kind", "no such kind in this release", ErrorCode::kUnsupported);
  if (m.hash >= crypto::kHashIds) return wrong(m, "swarm.hash", "not in the registry (RFC 7574 §7.6): 0 to 4");
  if (m.addressing > 4 || m.addressing == static_cast<std::uint8_t>(Addressing::kByte64))
    return wrong(m, "swarm.addressing", "0, 2, 3 or 4 (RFC 7574 §7.8; byte ranges are not offered)", ErrorCode::kUnsupported);
  if (m.source < abi::SwarmSource::kPeers || m.source > abi::SwarmSource::kPreloaded)
    return wrong(m, "swarm.source", "no such source in this release", ErrorCode::kUnsupported);
  if (m.fetch < abi::FetchPolicy::kNothing || m.fetch > abi::FetchPolicy::kEverything)
    return wrong(m, "swarm.fetch", "no such policy in this release", ErrorCode::kUnsupported);
  constexpr std::uint32_t kFlags = abi::kSwarmGuardDrops | abi::kSwarmGuardOnly | abi::kSwarmMetadataSigned;
  if ((m.flags & ~kFlags) != 0) return wrong(m, "swarm.flags", "flags that this release does not know", ErrorCode::kUnsupported);
  if (m.key_bytes == 0 || m.key_bytes > abi::kMaxSwarmKeyBytes) return wrong(m, "swarm.key", "1 to " + std::to_string(abi::kMaxSwarmKeyBytes) + " bytes");
  return check_sizes(m);
}

SwarmBook::Check SwarmBook::check_sizes(const abi::Swarm& m) const {
  if (m.chunk_bytes == 0 || m.chunk_bytes > kMaxChunkBytes) return wrong(m, "swarm.chunk_bytes", "1 to " + std::to_string(kMaxChunkBytes));
  const bool live = m.kind == abi::SwarmKind::kLive;
  if (!live) {
    const std::size_t digest = crypto::digest_bytes(static_cast<crypto::HashId>(m.hash));
    if (m.key_bytes != digest) return wrong(m, "swarm.key", "the root hash has " + std::to_string(digest) + " bytes with this hash");
    if (m.content_bytes == 0) return wrong(m, "swarm.content_bytes", "the exact length must be known: without it a content can be truncated (RFC 7574 §5.6)");
    if (crypto::chunks_of(m.content_bytes, m.chunk_bytes) > crypto::kMaxMerkleChunks) return wrong(m, "swarm.content_bytes", "more than 2^32 chunks");
    if (m.stored_level > crypto::MerkleTree::kMaxStoredLevel)
      return wrong(m, "swarm.stored_level", "0 to " + std::to_string(crypto::MerkleTree::kMaxStoredLevel));
  } else {
    if (m.content_bytes != 0) return wrong(m, "swarm.content_bytes", "a live content has no length");
    if (m.munro_level < 1 || m.munro_level > kMaxMunroLevel) return wrong(m, "swarm.munro_level", "1 to 16 (RFC 7574 §6.1.2.1)");
    if (m.signature_form != abi::SignatureForm::kRfc7574 && m.signature_form != abi::SignatureForm::kLibswift)
      return wrong(m, "swarm.signature_form", "no such form in this release", ErrorCode::kUnsupported);
    SwarmKey key;
    const ConstBytes bytes{reinterpret_cast<const std::byte*>(m.key), m.key_bytes};
    if (const KeyError error = parse_swarm_key(bytes, key); error != KeyError::kNone) return wrong(m, "swarm.key", std::string(to_string(error)));
  }
  if ((m.flags & abi::kSwarmGuardOnly) != 0) return {};
  // A datagram must be able to carry a chunk: DATA with its header, and nothing else.
  for (const PortSettings& port : settings_.ports) {
    if (port.ppspp_port == 0) continue;
    const std::size_t room = port.mtu - wire::kIpv6Bytes - wire::kUdpBytes;
    const std::size_t needed = kChannelBytes + data_bytes(framing_of(m, 0), m.chunk_bytes);
    if (needed > room)
      return wrong(m, "swarm.chunk_bytes", "a chunk needs " + std::to_string(needed) + " bytes of UDP payload, and port " + port.name + " has room for " + std::to_string(room));
  }
  return {};
}

SwarmBook::Check SwarmBook::stage(const abi::Swarm& m, bool resync) {
  if (auto ok = check_values(m); !ok) return ok;
  const SwarmObject* existing = swarms_.find(m.swarm_id);
  if (existing != nullptr && !same_content(existing->terms, m)) {
    if (!resync)
      return wrong(m, "swarm", "key, kind, hash, addressing, sizes, quota and flags of a swarm are fixed: remove and add it", ErrorCode::kConflict);
    if (auto ok = remove_swarm(m.swarm_id); !ok) return ok;
    existing = nullptr;
  }
  const std::uint64_t key = SwarmKeyView{reinterpret_cast<const std::byte*>(m.key), m.key_bytes}.hash();
  if (const std::uint64_t* other = keys_.find(key); other != nullptr && *other != m.swarm_id)
    return wrong(m, "swarm.key", "another swarm has this key", ErrorCode::kConflict);
  SwarmObject& swarm = swarms_.edit(m.swarm_id);
  if (existing == nullptr) {
    swarm = SwarmObject{};
    keys_.edit(key) = m.swarm_id;
  }
  swarm.terms = m;
  if (swarm.judge == nullptr) swarm.judge = std::make_shared<ConductJudge>(policy_of(m.conduct), tsc_hz_);
  if (existing == nullptr) {
    if (auto ok = take_place(swarm); !ok) return ok;
    if (auto ok = make_bundle(swarm, nullptr, false); !ok) return ok;
  }
  make_view(swarm);
  // Peers name their swarm: they follow it.
  for_each(peers_, [&](std::uint64_t id, const PeerObject& peer) {
    if (peer.swarm == m.swarm_id) (void)make_peer_view(peers_.edit(id));
  });
  return {};
}

SwarmBook::Check SwarmBook::take_place(SwarmObject& swarm) {
  if (free_swarms_.empty())
    return wrong(swarm.terms, "swarm", "the data plane holds " + std::to_string(settings_.peer_limits.swarms) + " swarms at most (peer.swarms)", ErrorCode::kExhausted);
  swarm.number = std::make_shared<TableNumber>(free_swarms_, next_generation_++);
  swarm.owner = least_loaded();
  swarm.notices = std::make_shared<SwarmNotices>();
  return {};
}

std::uint8_t SwarmBook::least_loaded() const {
  std::vector<std::size_t> load(settings_.workers.size(), 0);
  for (std::size_t w = 0; w < load.size(); ++w) load[w] = swarms_of_worker_[w];
  for (const auto& [id, staged] : swarms_.staged())
    if (staged != nullptr && staged->number != nullptr && swarms_.committed(id) == nullptr) ++load[staged->owner];
  return static_cast<std::uint8_t>(std::min_element(load.begin(), load.end()) - load.begin());
}

SwarmBook::Check SwarmBook::make_bundle(SwarmObject& swarm, std::shared_ptr<const MappedContent> content, bool is_leaves) {
  const abi::Swarm& m = swarm.terms;
  auto bundle = std::make_shared<SwarmBundle>();
  bundle->words.resize(settings_.workers.size());
  bundle->key.assign(reinterpret_cast<const std::byte*>(m.key), reinterpret_cast<const std::byte*>(m.key) + m.key_bytes);
  const crypto::MerkleTreeSettings tree = tree_of(m);
  const ChunkShape shape = shape_of(m);
  const bool guard_only = (m.flags & abi::kSwarmGuardOnly) != 0;
  const bool stores = !guard_only && (content == nullptr || is_leaves);
  const std::uint64_t places = shape.live() ? shape.groups() * shape.chunks_per_extent() : shape.chunks();
  const std::size_t tree_bytes = padded(crypto::MerkleTree::bytes_needed(tree));
  const std::size_t store_bytes = guard_only ? 0 : padded(ChunkStore::bytes_needed(shape));
  const std::size_t words = guard_only ? 0 : FetchState::words_needed(places);
  auto memory = MappedMemory::create(tree_bytes + store_bytes + words * sizeof(std::uint64_t), settings_.huge_pages);
  if (!memory) return wrong(m, "swarm.content_bytes", memory.error().message, memory.error().code);
  bundle->memory = std::move(*memory);
  const Bytes bytes = bundle->memory.bytes();
  bundle->tree.emplace(tree, bytes.first(tree_bytes));
  if (m.kind == abi::SwarmKind::kStatic) {
    (void)bundle->tree->set_root(bundle->key.data());
  } else {
    auto key = crypto::SignatureKey::from_swarm_id(bundle->key, crypto::ShortRsaKeys::kAllowed);
    if (!key) return wrong(m, "swarm.key", key.error().message, key.error().code);
    bundle->munros.emplace(tree.window_munros, key->signature_bytes());
    const crypto::Handle place = swarm.number->handle();
    bundle->signature_key = {shared_.peer.signatures.get(), place.slot, place.generation};
    shared_.peer.signatures->set_key(place.slot, place.generation, std::make_shared<const crypto::SignatureKey>(std::move(*key)));
  }
  if (!guard_only) {
    const CacheArena& arena = *shared_.peer.arena;
    const auto quota = static_cast<std::uint32_t>(m.cache_quota_bytes == 0 ? 0 : std::max<std::uint64_t>(1, m.cache_quota_bytes / kExtentBytes));
    const std::uint64_t extents = quota == 0 ? arena.share() : std::min(quota, arena.share());
    bundle->store.emplace(arena, ChunkStore::Settings{shape, quota, false}, bytes.subspan(tree_bytes, store_bytes));
    auto* first_word = reinterpret_cast<std::uint64_t*>(bytes.data() + tree_bytes + store_bytes);
    bundle->fetch.emplace(std::span<std::uint64_t>(first_word, words), places, stores ? extents * shape.chunks_per_extent() : kAllChunks);
  }
  if (content != nullptr) {
    const auto hasher = shared_.hashes->make_hasher();
    bool good;
    if (is_leaves) {
      good = bundle->tree->preload_leaves(content->bytes(), *hasher);
    } else {
      auto leaves = leaves_of(content->bytes(), m.chunk_bytes, tree.hash, *hasher);
      good = leaves && bundle->tree->preload_leaves(*leaves, *hasher);
      bundle->content = std::move(content);
    }
    if (!good) return wrong(m, "content", is_leaves ? "the leaf hashes do not make up the swarm's root" : "the content does not hash to the swarm's root");
  }
  swarm.bundle = std::move(bundle);
  return {};
}

void SwarmBook::make_view(SwarmObject& swarm) {
  const abi::Swarm& m = swarm.terms;
  SwarmBundle& bundle = *swarm.bundle;
  auto view = tables_.make<Swarm>();
  view->key = {bundle.key.data(), static_cast<std::uint16_t>(bundle.key.size())};
  view->slot = swarm.number->handle().slot;
  view->generation = swarm.number->handle().generation;
  view->id = m.swarm_id;
  view->content_bytes = m.content_bytes;
  view->chunks = m.kind == abi::SwarmKind::kStatic ? crypto::chunks_of(m.content_bytes, m.chunk_bytes) : 0;
  view->expires_tsc = expiry_tsc(m.expires_ns, tsc_hz_, clock_());
  view->hash = static_cast<crypto::HashId>(m.hash);
  view->kind = m.kind;
  view->fetch = m.source == abi::SwarmSource::kPreloaded ? abi::FetchPolicy::kNothing : m.fetch;
  view->signature_form = m.signature_form;
  std::uint16_t signature_bytes = 0;
  if (m.kind == abi::SwarmKind::kLive) {
    SwarmKey key;
    (void)parse_swarm_key(bundle.key, key);
    view->live_signature = key.algorithm;
    signature_bytes = key.signature_bytes;
  }
  view->framing = framing_of(m, signature_bytes);
  view->munro_level = m.munro_level;
  view->owner = swarm.owner;
  view->guard_drops = (m.flags & abi::kSwarmGuardDrops) != 0;
  view->guard_only = (m.flags & abi::kSwarmGuardOnly) != 0;
  view->all_leaves = swarm.leaves_preloaded && bundle.tree->stored_level() == 0;
  view->chunk_bytes = m.chunk_bytes;
  view->discard_window = m.kind == abi::SwarmKind::kLive ? m.discard_window : kDiscardNothing;
  view->send_bytes_per_s = m.send_bytes_per_s;
  view->munro_max_age_us = m.munro_max_age_ms == ~std::uint32_t{0} ? kAnyAge : std::uint64_t{m.munro_max_age_ms != 0 ? m.munro_max_age_ms : kMunroMaxAgeMs} * 1000;
  view->tree = &*bundle.tree;
  view->store = bundle.store ? &*bundle.store : nullptr;
  view->fetch_state = bundle.fetch ? &*bundle.fetch : nullptr;
  view->stats = &bundle.stats;
  view->words = bundle.words.data();
  view->send = &bundle.send;
  view->munros = bundle.munros ? &*bundle.munros : nullptr;
  view->preloaded = bundle.content != nullptr ? bundle.content->bytes().data() : nullptr;
  view->released = &bundle.released;
  swarm.view = std::move(view);
}

SwarmBook::Check SwarmBook::stage(const ContentOperation& operation) {
  const abi::SwarmContent& m = operation.message;
  const auto refused = [&](ErrorCode code, const char* field, std::string message) { return refuse(code, m.swarm_id, field, std::move(message)); };
  const SwarmObject* found = swarms_.find(m.swarm_id);
  if (found == nullptr) return refused(ErrorCode::kNotFound, "content.swarm", "no such swarm");
  if (m.kind != abi::ContentKind::kLeafHashes && m.kind != abi::ContentKind::kContent)
    return refused(ErrorCode::kUnsupported, "content.kind", "no such kind in this release");
  if (found->terms.kind != abi::SwarmKind::kStatic) return refused(ErrorCode::kInvalid, "content", "only a static swarm can be preloaded");
  const bool is_leaves = m.kind == abi::ContentKind::kLeafHashes;
  if (is_leaves ? found->leaves_preloaded : found->bundle->content != nullptr) return {};
  const std::uint64_t chunks = crypto::chunks_of(found->terms.content_bytes, found->terms.chunk_bytes);
  const std::uint64_t wanted = is_leaves ? chunks * crypto::digest_bytes(static_cast<crypto::HashId>(found->terms.hash)) : found->terms.content_bytes;
  if (operation.content == nullptr || operation.content->bytes().size() != wanted)
    return refused(ErrorCode::kInvalid, "content.bytes", "must have exactly " + std::to_string(wanted) + " bytes");
  // Workers may be at work on what there is: it begins anew, at another place.
  SwarmObject& swarm = swarms_.edit(m.swarm_id);
  if (swarms_.committed(m.swarm_id) != nullptr && swarms_.committed(m.swarm_id)->number == swarm.number) {
    drop_peers(m.swarm_id, 0);
    if (auto ok = take_place(swarm); !ok) return ok;
  }
  if (auto ok = make_bundle(swarm, operation.content, is_leaves); !ok) return ok;
  swarm.leaves_preloaded = true;
  make_view(swarm);
  return restage_admissions(m.swarm_id);
}

// The swarm has another place in the tables: its admissions name it.
SwarmBook::Check SwarmBook::restage_admissions(std::uint64_t swarm) {
  std::vector<abi::Admission> all;
  for_each(admissions_, [&](std::uint64_t, const AdmissionObject& a) {
    if (a.terms.swarm_id == swarm) all.push_back(a.terms);
  });
  for (const auto& terms : all) {
    if (auto ok = remove_admission(terms.admission_id); !ok) return ok;
    if (auto ok = stage(terms); !ok) return ok;
  }
  return {};
}

SwarmBook::Check SwarmBook::remove_swarm(std::uint64_t id) {
  const SwarmObject* swarm = swarms_.find(id);
  if (swarm == nullptr) return refuse(ErrorCode::kNotFound, id, "swarm", "no such swarm");
  drop_peers(id, 0);
  std::vector<std::uint64_t> gone;
  for_each(admissions_, [&](std::uint64_t admission, const AdmissionObject& a) {
    if (a.terms.swarm_id == id) gone.push_back(admission);
  });
  for (const std::uint64_t admission : gone) (void)remove_admission(admission);
  keys_.erase(swarm->view->key.hash());
  swarms_.erase(id);
  return {};
}

SwarmBook::Check SwarmBook::stage(const abi::Admission& m) {
  if (m.admission_id == 0) return wrong(m, "admission.id", "0 is not an id");
  const SwarmObject* swarm = swarms_.find(m.swarm_id);
  if (swarm == nullptr) return wrong(m, "admission.swarm", "no such swarm", ErrorCode::kNotFound);
  if (swarm->view->guard_only) return wrong(m, "admission.swarm", "the appliance is no peer of this swarm: it is known to guards only");
  constexpr std::uint32_t kFlags = abi::kAdmitProvide | abi::kAdmitReceive | abi::kAdmitConnect | abi::kAdmitLibswift;
  if ((m.flags & ~kFlags) != 0) return wrong(m, "admission.flags", "flags that this release does not know", ErrorCode::kUnsupported);
  if ((m.flags & (abi::kAdmitProvide | abi::kAdmitReceive)) == 0) return wrong(m, "admission.flags", "a peer must be allowed to provide, to receive, or both");
  const AdmissionObject* existing = admissions_.find(m.admission_id);
  if (existing == nullptr && admissions_.size() + admissions_.staged().size() > settings_.peer_limits.admissions + std::size_t{1})
    return wrong(m, "admission", "the data plane holds " + std::to_string(settings_.peer_limits.admissions) + " admissions at most (peer.admissions)", ErrorCode::kExhausted);
  if (existing != nullptr && std::memcmp(&existing->terms.swarm_id, &m.swarm_id, sizeof m - offsetof(abi::Admission, swarm_id)) == 0 &&
      existing->view->key.swarm_slot == swarm->view->slot)
    return {};
  if (existing != nullptr)
    if (auto ok = remove_admission(m.admission_id); !ok) return ok;
  AdmissionObject& admission = admissions_.edit(m.admission_id);
  admission = AdmissionObject{m, nullptr};
  return stage_place(m, admission, *swarm);
}

SwarmBook::Check SwarmBook::stage_place(const abi::Admission& m, AdmissionObject& admission, const SwarmObject& swarm) {
  const auto at = std::find_if(settings_.ports.begin(), settings_.ports.end(), [&](const PortSettings& p) { return p.name == m.port_name; });
  if (at == settings_.ports.end() || at->ppspp_port == 0) return wrong(m, "admission.port", "no port of this name has a ppspp_port", ErrorCode::kNotFound);
  if (m.family != Family::kIpv4 && m.family != Family::kIpv6) return wrong(m, "admission.address", "4 or 6");
  const unsigned whole = m.family == Family::kIpv4 ? 32 : 128;
  if (m.prefix_bits > whole) return wrong(m, "admission.address", "prefix longer than an address");
  auto view = tables_.make<AdmissionView>();
  view->key.swarm_slot = swarm.view->slot;
  view->key.port = static_cast<std::uint16_t>(at - settings_.ports.begin());
  view->key.peer_port_raw = Be16(m.udp_port).raw();
  view->key.family = m.family;
  view->key.bits = m.prefix_bits;
  std::memcpy(view->key.address, m.address, whole / 8);
  for (unsigned bit = m.prefix_bits; bit < whole; ++bit)
    if ((m.address[bit / 8] & (0x80u >> (bit % 8))) != 0) return wrong(m, "admission.address", "bits are set behind the prefix");
  view->id = m.admission_id;
  view->expires_tsc = expiry_tsc(m.expires_ns, tsc_hz_, clock_());
  view->flags = m.flags;
  const std::uint64_t key = view->key.hash();
  if (keys_.find(key) != nullptr) return wrong(m, "admission.address", "another admission of the swarm has the same address and port", ErrorCode::kConflict);
  keys_.edit(key) = m.admission_id;
  admission.view = std::move(view);
  if ((m.flags & abi::kAdmitConnect) == 0) return {};
  if (m.prefix_bits != whole || m.udp_port == 0) return wrong(m, "admission.flags", "to be contacted a peer needs one address and a port");
  return make_peer(admission, swarm, contact_key(admission, *at));
}

SwarmBook::Check SwarmBook::remove_admission(std::uint64_t id) {
  const AdmissionObject* admission = admissions_.find(id);
  if (admission == nullptr) return refuse(ErrorCode::kNotFound, id, "admission", "no such admission");
  drop_peers(admission->terms.swarm_id, id);
  if (admission->view != nullptr) keys_.erase(admission->view->key.hash());
  admissions_.erase(id);
  return {};
}

void SwarmBook::sweep(const std::unordered_set<std::uint64_t>& swarms, const std::unordered_set<std::uint64_t>& admissions) {
  for (const std::uint64_t id : admissions_.committed_ids())
    if (admissions_.find(id) != nullptr && !admissions.contains(id)) (void)remove_admission(id);
  for (const std::uint64_t id : swarms_.committed_ids())
    if (swarms_.find(id) != nullptr && !swarms.contains(id)) (void)remove_swarm(id);
}

}  // namespace mediaward::dataplane::ppspp
