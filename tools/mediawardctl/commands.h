// SPDX-License-Identifier: Apache-2.0
// The commands of mediawardctl as functions: each gives its answer for people and for programs, or an error with code, object and
// field. Nothing here prints. One thread.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/mediawardctl/client.h"

namespace mediaward::tools {

struct Answer {
  std::string text;  // ends with a newline
  nlohmann::ordered_json json;
};
using CommandResult = tl::expected<Answer, v1::ErrorDetail>;

[[nodiscard]] CommandResult show_status(Client& client);
[[nodiscard]] CommandResult show_topology(Client& client);
[[nodiscard]] CommandResult show_ports(Client& client);
[[nodiscard]] CommandResult show_workers(Client& client);
[[nodiscard]] CommandResult show_pipeline(Client& client);
[[nodiscard]] CommandResult show_conferences(Client& client);
[[nodiscard]] CommandResult show_conference(Client& client, const std::string& id);
[[nodiscard]] CommandResult show_drops(Client& client, bool all);
[[nodiscard]] CommandResult show_counters(Client& client, bool all);
[[nodiscard]] CommandResult show_neighbours(Client& client);
[[nodiscard]] CommandResult show_memory(Client& client);
[[nodiscard]] CommandResult show_engine(Client& client);
[[nodiscard]] CommandResult show_config(Client& client);
[[nodiscard]] CommandResult show_swarms(Client& client);
[[nodiscard]] CommandResult show_swarm(Client& client, const std::string& id);
// A peer is ADDRESS or ADDRESS:PORT, in IPv6 [ADDRESS]:PORT. Swarm and peer "": all.
[[nodiscard]] CommandResult show_peers(Client& client, const std::string& swarm);
[[nodiscard]] CommandResult show_peer(Client& client, const std::string& swarm, const std::string& peer);
[[nodiscard]] CommandResult show_evidence(Client& client, const std::string& swarm, const std::string& peer);
[[nodiscard]] CommandResult show_audit(Client& client);

// Meaning of a drop reason and, when the daemon answers, how often it happened. An unknown reason is answered with the nearest.
[[nodiscard]] CommandResult explain(Client& client, const std::string& reason);

struct ApplyOptions {
  bool dry_run = false;
  bool state_complete = false;
  std::uint64_t epoch = 0;
  std::string request_id;  // empty: a random one
};
// Sends the file's conference as one replace_conference: participants that are no longer in it go.
[[nodiscard]] CommandResult apply_conference(Client& client, const std::string& path, const ApplyOptions& options);
[[nodiscard]] CommandResult remove_conference(Client& client, const std::string& id, const ApplyOptions& options);
// Sends nothing but the file's keys: of the group and everybody, or of the named participants. Whatever else was set meanwhile stays.
[[nodiscard]] CommandResult rekey(Client& client, const std::string& path, const std::vector<std::string>& participants,
                                  const ApplyOptions& options);
// participant: a leg's id, or what `show conference` calls it.
[[nodiscard]] CommandResult mute(Client& client, const std::string& conference, const std::string& participant, bool muted,
                                 const ApplyOptions& options);
// relation: "both", "oneway" (`to` hears `from` and not the other way round), "isolate".
[[nodiscard]] CommandResult set_topology(Client& client, const std::string& conference, const std::string& from, const std::string& to,
                                         const std::string& relation, const ApplyOptions& options);
[[nodiscard]] CommandResult move_bucket(Client& client, std::uint32_t bucket, std::uint32_t worker);

// Sends the file as one replace_swarm: admissions and content that are no longer in it go.
[[nodiscard]] CommandResult apply_swarm(Client& client, const std::string& path, const ApplyOptions& options);
[[nodiscard]] CommandResult remove_swarm(Client& client, const std::string& id, const std::string& author, const std::string& reason,
                                         const ApplyOptions& options);
// What the content provider signs of the file's swarm.
[[nodiscard]] CommandResult swarm_text(const std::string& path);
[[nodiscard]] CommandResult ban_peer(Client& client, const std::string& swarm, const std::string& peer, std::uint32_t seconds,
                                     const std::string& author, const std::string& reason);
[[nodiscard]] CommandResult unban_peer(Client& client, const std::string& swarm, const std::string& peer, const std::string& author,
                                       const std::string& reason);
[[nodiscard]] CommandResult report_peer(Client& client, const std::string& swarm, const std::string& peer, std::uint64_t uploaded,
                                        std::uint64_t downloaded, bool complete);
[[nodiscard]] CommandResult acknowledge_evidence(Client& client, std::uint64_t up_to);

// Content on this machine; no daemon is asked.
struct HashOptions {
  std::string path, hash = "sha256";
  std::uint32_t chunk_bytes = 1024;
  std::string leaves;  // file to write every chunk's digest to; empty: none
  bool toml = false;   // the text is a [swarm] section
  std::string id;      // of that; empty: the file's name
};
[[nodiscard]] CommandResult hash_content(const HashOptions& options);
struct CipherOptions {
  std::string path, key_file, salt, out;
  std::uint32_t chunk_bytes = 1024;
  std::string root, hash = "sha256";  // of what is opened; empty: not checked
};
[[nodiscard]] CommandResult cipher_content(const CipherOptions& options, bool encrypt);

// kind: "auto", "controld", "dataplane", "conference", "swarm". A data-plane file is checked by `mediaward-dataplane --check-config`, which
// is looked for beside this program and in PATH.
[[nodiscard]] CommandResult check_config(const std::string& path, const std::string& kind);

[[nodiscard]] std::string event_line(const v1::Event& event);

}  // namespace mediaward::tools
