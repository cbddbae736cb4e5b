// SPDX-License-Identifier: Apache-2.0
// See swarm_message.h. One thread.
#include "tools/mediawardctl/swarm_message.h"

namespace mediaward::tools {

namespace {

static_assert(static_cast<int>(SwarmFile::Kind::kLive) == v1::SWARM_KIND_LIVE &&
              static_cast<int>(SwarmFile::Hash::kSha512) == v1::MERKLE_HASH_SHA512 &&
              static_cast<int>(SwarmFile::Addressing::kChunk64) == v1::CHUNK_ADDRESSING_CHUNK64 &&
              static_cast<int>(SwarmFile::Fetch::kEverything) == v1::FETCH_POLICY_EVERYTHING &&
              static_cast<int>(SwarmFile::Guard::kDrop) == v1::GUARD_POLICY_DROP &&
              static_cast<int>(SwarmFile::SignatureForm::kLibswift) == v1::SIGNATURE_FORM_LIBSWIFT &&
              static_cast<int>(SwarmFile::Action::kBan) == v1::CONDUCT_ACTION_BAN &&
              static_cast<int>(SwarmFile::ContentKind::kContent) == v1::CONTENT_KIND_CONTENT);
static_assert(std::size(kVerdictNames) == v1::PEER_VERDICT_HASH_FLOOD + 1);

// The thresholds have the names of their fields.
void fill_conduct(v1::ConductPolicy& out, const SwarmFile& in) {
  const auto& reflection = *out.GetReflection();
  for (const auto& [name, value] : in.conduct) {
    const auto* field = out.GetDescriptor()->FindFieldByName(name);
    if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_UINT64)
      reflection.SetUInt64(&out, field, value);
    else
      reflection.SetUInt32(&out, field, static_cast<std::uint32_t>(value));
  }
  for (std::size_t verdict = 1; verdict < std::size(kVerdictNames); ++verdict) {
    if (in.actions[verdict] == SwarmFile::Action::kDefault) continue;
    auto& rule = *out.add_rules();
    rule.set_verdict(static_cast<v1::PeerVerdict>(verdict));
    rule.set_action(static_cast<v1::ConductAction>(in.actions[verdict]));
  }
}

void fill_live(v1::LiveParameters& out, const SwarmFile::Live& in) {
  out.set_munro_level(in.munro_level);
  out.set_discard_window_chunks(in.discard_window_chunks);
  out.set_signature_form(static_cast<v1::SignatureForm>(in.signature_form));
  out.set_munro_max_age_ms(in.munro_max_age_ms);
}

void fill_labels(v1::Swarm& out, const SwarmFile& in) {
  if (!in.content_key_id.empty()) {
    out.mutable_content_key()->set_key_id(in.content_key_id);
    out.mutable_content_key()->set_version(in.content_key_version);
  }
  if (in.signature_key_id.empty()) return;
  out.mutable_metadata_signature()->set_key_id(in.signature_key_id);
  out.mutable_metadata_signature()->set_signature(in.signature.data(), in.signature.size());
}

void fill(v1::Admission& out, const SwarmFile::Admission& in) {
  out.set_id(in.id);
  out.set_port(in.port);
  out.set_peers(in.peers);
  out.set_udp_port(in.udp_port);
  out.set_provide(in.provide);
  out.set_receive(in.receive);
  out.set_connect(in.connect);
  out.set_libswift(in.libswift);
  out.set_rank(in.rank);
  out.set_local_address(in.local_address);
  out.set_max_peers(in.max_peers);
  out.set_expires_unix_ns(in.expires_unix_ns);
  out.set_send_bytes_per_s(in.send_bytes_per_s);
}

}  // namespace

void fill(v1::Swarm& out, const SwarmFile& in) {
  out.set_id(in.id);
  out.set_kind(static_cast<v1::SwarmKind>(in.kind));
  out.set_key(in.key.data(), in.key.size());
  out.set_hash(static_cast<v1::MerkleHash>(in.hash));
  out.set_addressing(static_cast<v1::ChunkAddressing>(in.addressing));
  out.set_chunk_bytes(in.chunk_bytes);
  out.set_content_bytes(in.content_bytes);
  if (in.live) fill_live(*out.mutable_live(), *in.live);
  if (in.source == SwarmFile::Source::kPeers) out.mutable_peers();
  if (in.source == SwarmFile::Source::kPreloaded) out.mutable_preloaded();
  out.set_fetch(static_cast<v1::FetchPolicy>(in.fetch));
  out.set_expires_unix_ns(in.expires_unix_ns);
  out.set_cache_quota_bytes(in.cache_quota_bytes);
  out.set_send_bytes_per_s(in.send_bytes_per_s);
  out.set_stored_level(in.stored_level);
  out.set_guard(static_cast<v1::GuardPolicy>(in.guard));
  out.set_guard_only(in.guard_only);
  fill_conduct(*out.mutable_conduct(), in);
  fill_labels(out, in);
}

void fill(v1::ReplaceSwarm& out, const SwarmFile& in) {
  fill(*out.mutable_swarm(), in);
  for (const auto& one : in.admissions) fill(*out.add_admissions(), one);
  if (!in.content) return;
  out.mutable_content()->set_kind(static_cast<v1::ContentKind>(in.content->kind));
  if (!in.content->file.empty()) out.mutable_content()->set_file(in.content->file);
}

}  // namespace mediaward::tools
