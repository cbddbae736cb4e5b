// SPDX-License-Identifier: Apache-2.0
// `show swarms` and `show swarm ID`: metadata, what is held and served, who is admitted. One thread.
#include <fmt/format.h>

#include "control/digest.h"
#include "tools/mediawardctl/commands.h"
#include "tools/mediawardctl/json.h"
#include "tools/mediawardctl/table.h"
#include "tools/swarm_file.h"

namespace mediaward::tools {

namespace {

std::string hex(const std::string& bytes) {
  return control::to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::string hash_word(const v1::Swarm& swarm) {
  return enum_word(v1::MerkleHash_descriptor(), swarm.hash());
}

std::string source_word(const v1::Swarm& swarm) {
  if (swarm.guard_only()) return "guard only";
  return swarm.has_preloaded() ? "preloaded" : "peers";
}

// What is held of how much: "1,234 / 7,000", and for a live stream what has been seen of it.
std::string held_text(const v1::SwarmState& state) {
  if (!state.counted()) return "-";
  return grouped(state.counts().chunks_held()) + " / " + grouped(state.counts().chunks());
}

std::string notes_text(const v1::SwarmState& state) {
  std::string out;
  const auto note = [&](bool holds, const char* text) {
    if (!holds) return;
    if (!out.empty()) out += ", ";
    out += text;
  };
  note(!state.counted(), "not counted");
  note(state.counts().expired(), "EXPIRED");
  note(state.counts().complete(), "complete");
  note(state.counts().leaves_preloaded(), "leaves preloaded");
  note(state.metadata_signed(), "signed");
  return out;
}

std::string limit_text(std::uint64_t value, const char* unit) {
  return value == 0 ? "no limit" : grouped(value) + " " + unit;
}

std::string metadata_text(const v1::SwarmState& state) {
  const auto& swarm = state.swarm();
  const bool live = swarm.kind() == v1::SWARM_KIND_LIVE;
  std::string out = fmt::format("swarm {}: {}, {}, version {}\n", swarm.id(), enum_word(v1::SwarmKind_descriptor(), swarm.kind()),
                                source_word(swarm), state.version());
  out += fmt::format("key          {}\n", hex(swarm.key()));
  out += fmt::format("chunks       {} bytes each, {}, {}\n", swarm.chunk_bytes(), hash_word(swarm),
                     enum_word(v1::ChunkAddressing_descriptor(), swarm.addressing()));
  if (live)
    out += fmt::format("live         {} chunks per signature, {}, window {}\n", 1u << swarm.live().munro_level(),
                       enum_word(v1::SignatureForm_descriptor(), swarm.live().signature_form()),
                       swarm.live().discard_window_chunks() == 0 ? "everything" : grouped(swarm.live().discard_window_chunks()));
  else
    out += fmt::format("content      {} bytes\n", grouped(swarm.content_bytes()));
  out += fmt::format("fetch        {}; cache {}, sending {}\n", enum_word(v1::FetchPolicy_descriptor(), swarm.fetch()),
                     limit_text(swarm.cache_quota_bytes(), "bytes"), limit_text(swarm.send_bytes_per_s(), "bytes/s"));
  out += fmt::format("guard        {} what cannot be judged\n", swarm.guard() == v1::GUARD_POLICY_DROP ? "drops" : "passes");
  if (swarm.expires_unix_ns() != 0) out += fmt::format("expires      {}\n", time_text(swarm.expires_unix_ns()));
  if (swarm.has_content_key())
    out += fmt::format("content key  {} version {}\n", swarm.content_key().key_id(), swarm.content_key().version());
  if (swarm.has_metadata_signature()) out += fmt::format("signed by    {}\n", swarm.metadata_signature().key_id());
  if (state.content() != v1::CONTENT_KIND_UNSPECIFIED)
    out += fmt::format("preloaded    {} from {}\n", enum_word(v1::ContentKind_descriptor(), state.content()),
                       state.content_file().empty() ? "the request" : state.content_file());
  return out;
}

std::string counts_text(const v1::SwarmState& state) {
  const auto& counts = state.counts();
  if (!state.counted()) return "counts       none: the data plane is down, or does not know the swarm\n";
  std::string out =
      fmt::format("held         {} chunks, {} bytes; worker {}, {} peers{}\n", held_text(state), grouped(counts.cached_bytes()),
                  counts.worker(), counts.peers(), notes_text(state).empty() ? "" : "; " + notes_text(state));
  out += fmt::format("chunks       {} verified, {} BAD, {} unverifiable, {} duplicate, {} evicted, {} fetched again\n",
                     grouped(counts.chunks_verified()), grouped(counts.chunks_bad()), grouped(counts.chunks_unverifiable()),
                     grouped(counts.chunks_duplicate()), grouped(counts.chunks_evicted()), grouped(counts.chunks_refetched()));
  out += fmt::format("bytes        {} received, {} served; {} hash calls\n", grouped(counts.received_bytes()),
                     grouped(counts.served_bytes()), grouped(counts.hash_calls()));
  return out;
}

std::string rights_text(const v1::Admission& one) {
  std::string out;
  const auto right = [&](bool holds, const char* word) {
    if (!holds) return;
    if (!out.empty()) out += ' ';
    out += word;
  };
  right(one.provide(), "provide");
  right(one.receive(), "receive");
  right(one.connect(), "connect");
  right(one.libswift(), "libswift");
  return out.empty() ? "none" : out;
}

// Every page of a list, one after the other.
template <typename In, typename Out>
Outcome call_all(Client& client, In in, Out& all) {
  do {
    Out page;
    if (auto good = client.call(in, page); !good) return good;
    in.set_page_token(page.next_page_token());
    all.MergeFrom(page);
  } while (!in.page_token().empty());
  all.clear_next_page_token();
  return {};
}

std::string admissions_text(const v1::ListAdmissionsResponse& all) {
  Table table({"ADMISSION", "PORT", "PEERS", ">UDP PORT", "RIGHTS", ">RANK", ">MAX", ">BYTES/S", "EXPIRES"});
  for (const auto& one : all.admissions())
    table.add({one.id(), one.port(), one.peers(), one.udp_port() == 0 ? "any" : std::to_string(one.udp_port()), rights_text(one),
               std::to_string(one.rank()), one.max_peers() == 0 ? "-" : std::to_string(one.max_peers()),
               one.send_bytes_per_s() == 0 ? "-" : grouped(one.send_bytes_per_s()),
               one.expires_unix_ns() == 0 ? "-" : time_text(one.expires_unix_ns())});
  return table.empty() ? "nobody is admitted\n" : table.text();
}

}  // namespace

CommandResult show_swarms(Client& client) {
  Table table(
      {"SWARM", "KIND", "SOURCE", "HASH", ">CHUNK", ">BYTES", ">HELD / CHUNKS", ">PEERS", ">ADMISSIONS", ">BAD", ">SERVED", "NOTES"});
  v1::ListSwarmsResponse all;
  if (auto good = call_all(client, v1::ListSwarmsRequest(), all); !good) return tl::unexpected(good.error());
  for (const auto& one : all.swarms()) {
    const auto& swarm = one.swarm();
    table.add({swarm.id(), enum_word(v1::SwarmKind_descriptor(), swarm.kind()), source_word(swarm), hash_word(swarm),
               std::to_string(swarm.chunk_bytes()), swarm.content_bytes() == 0 ? "-" : grouped(swarm.content_bytes()), held_text(one),
               std::to_string(one.counts().peers()), std::to_string(one.admission_count()), grouped(one.counts().chunks_bad()),
               grouped(one.counts().served_bytes()), notes_text(one)});
  }
  return Answer{table.empty() ? "no swarms\n" : table.text(), to_json(all)};
}

CommandResult show_swarm(Client& client, const std::string& id) {
  v1::GetSwarmRequest in;
  in.set_id(id);
  v1::SwarmState out;
  if (auto good = client.call(in, out); !good) return tl::unexpected(good.error());
  v1::ListAdmissionsRequest of;
  of.set_swarm_id(id);
  v1::ListAdmissionsResponse admissions;
  if (auto good = call_all(client, of, admissions); !good) return tl::unexpected(good.error());
  auto json = to_json(out);
  json["admissions"] = to_json(admissions)["admissions"];
  return Answer{metadata_text(out) + counts_text(out) + "\n" + admissions_text(admissions), json};
}

}  // namespace mediaward::tools
