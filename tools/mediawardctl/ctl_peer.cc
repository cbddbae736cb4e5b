// SPDX-License-Identifier: Apache-2.0
// The words of the command line that concern swarms and peers. One thread.
#include "tools/mediawardctl/command_line.h"

namespace mediaward::tools {

namespace {

void add_hash(CLI::App& swarm, const CommandSet& set) {
  CommandLine& line = set.line;
  auto* hash = swarm.add_subcommand("hash", "root hash, length and chunk count of a file (RFC 7574 §5)");
  hash->add_option("FILE", line.hash.path)->required();
  hash->add_option("--chunk-bytes", line.hash.chunk_bytes, "bytes per chunk")->check(CLI::Range(1, 65535))->capture_default_str();
  hash->add_option("--hash", line.hash.hash, "sha1, sha224, sha256, sha384, sha512")
      ->check(CLI::IsMember({"sha1", "sha224", "sha256", "sha384", "sha512"}))
      ->capture_default_str();
  hash->add_option("--leaves", line.hash.leaves, "write the digest of every chunk to this file, which must not exist");
  hash->add_flag("--toml", line.hash.toml, "print a [swarm] section for a swarm file");
  hash->add_option("--id", line.hash.id, "with --toml: id of the swarm (default: the file's name)");
  set.on(*hash, [&line](Client&) { return hash_content(line.hash); });
}

void add_cipher(CLI::App& swarm, const CommandSet& set, bool encrypt) {
  CommandLine& line = set.line;
  auto* command =
      swarm.add_subcommand(encrypt ? "encrypt" : "open", encrypt ? "encrypt a file chunk by chunk under a content key (AES-CTR)"
                                                                 : "what a receiver does: check a file against its root, then decrypt it");
  command->add_option("FILE", line.cipher.path)->required();
  command->add_option("--key-file", line.cipher.key_file, "file with key and salt in hex: `openssl rand -hex 38` makes one for AES-256")
      ->required();
  command->add_option("--salt", line.cipher.salt, "the salt in hex, 12 digits, when the key file has the key alone");
  command->add_option("--chunk-bytes", line.cipher.chunk_bytes, "bytes per chunk")->check(CLI::Range(1, 65535))->capture_default_str();
  command->add_option("--out", line.cipher.out, "file to write, which must not exist")->required();
  if (!encrypt) {
    command->add_option("--root", line.cipher.root, "root hash in hex: nothing is decrypted unless the file has it");
    command->add_option("--hash", line.cipher.hash, "of --root")
        ->check(CLI::IsMember({"sha1", "sha224", "sha256", "sha384", "sha512"}))
        ->capture_default_str();
  }
  set.on(*command, [&line, encrypt](Client&) { return cipher_content(line.cipher, encrypt); });
}

void add_swarm_changes(CLI::App& swarm, const CommandSet& set) {
  CommandLine& line = set.line;
  auto* apply = swarm.add_subcommand("apply", "make a swarm, its admissions and its content what a file says");
  apply->add_option("FILE", line.name)->required();
  add_transaction_options(*apply, line);
  set.on(*apply, [&line](Client& client) { return apply_swarm(client, line.name, line.apply); });
  auto* remove = swarm.add_subcommand("remove", "take a swarm down with its admissions and its content; who and why are kept");
  remove->add_option("ID", line.name)->required();
  remove->add_option("--author", line.author, "who has it taken down")->required();
  remove->add_option("--reason", line.reason, "why")->required();
  add_transaction_options(*remove, line);
  set.on(*remove, [&line](Client& client) { return remove_swarm(client, line.name, line.author, line.reason, line.apply); });
  auto* text = swarm.add_subcommand("text", "what the content provider signs, for `openssl dgst -sha256 -sign`");
  text->add_option("FILE", line.name)->required();
  set.on(*text, [&line](Client&) { return swarm_text(line.name); });
}

void add_peer_options(CLI::App& command, CommandLine& line) {
  command.add_option("SWARM", line.swarm)->required();
  command.add_option("PEER", line.peer, "ADDRESS or ADDRESS:PORT; IPv6 with a port as [ADDRESS]:PORT")->required();
}

void add_peer(CLI::App& app, const CommandSet& set) {
  CommandLine& line = set.line;
  CLI::App& peer = *app.add_subcommand("peer", "act on a peer of a swarm")->require_subcommand(1);
  auto* ban = peer.add_subcommand("ban", "give a peer no answer for a time");
  auto* unban = peer.add_subcommand("unban", "end a ban or throttle, and forget what led to it");
  for (auto* command : {ban, unban}) {
    add_peer_options(*command, line);
    command->add_option("--author", line.author, "who has it done, for `show audit`");
    command->add_option("--reason", line.reason, "why");
  }
  ban->add_option("--seconds", line.seconds, "how long")->required()->check(CLI::Range(1, 31536000));
  set.on(*ban, [&line](Client& client) { return ban_peer(client, line.swarm, line.peer, line.seconds, line.author, line.reason); });
  set.on(*unban, [&line](Client& client) { return unban_peer(client, line.swarm, line.peer, line.author, line.reason); });
  auto* report = peer.add_subcommand("report", "compare what a peer reported of itself with what was counted (RFC 7846 §4.1.3)");
  add_peer_options(*report, line);
  report->add_option("--uploaded", line.uploaded, "bytes that it says it sent to this appliance")->required();
  report->add_option("--downloaded", line.downloaded, "bytes that it says it received from this appliance")->required();
  report->add_flag("--complete", line.complete, "that is all it exchanged with this appliance and nothing else: too much is found as well");
  set.on(*report, [&line](Client& client) {
    return report_peer(client, line.swarm, line.peer, line.uploaded, line.downloaded, line.complete);
  });
}

}  // namespace

void add_show_peers(CLI::App& show, const CommandSet& set) {
  CommandLine& line = set.line;
  set.on(*show.add_subcommand("swarms", "all swarms"), [](Client& client) { return show_swarms(client); });
  auto* swarm = show.add_subcommand("swarm", "one swarm with its metadata, counts and admissions");
  swarm->add_option("ID", line.name)->required();
  set.on(*swarm, [&line](Client& client) { return show_swarm(client, line.name); });
  auto* peers = show.add_subcommand("peers", "peers and their conduct");
  peers->add_option("SWARM", line.swarm, "only of this one");
  set.on(*peers, [&line](Client& client) { return show_peers(client, line.swarm); });
  auto* peer = show.add_subcommand("peer", "one peer with everything that is counted of it");
  add_peer_options(*peer, line);
  set.on(*peer, [&line](Client& client) { return show_peer(client, line.swarm, line.peer); });
  auto* evidence = show.add_subcommand("evidence", "evidence against peers, and verdicts, that nobody has acknowledged");
  evidence->add_option("SWARM", line.swarm, "only of this one");
  evidence->add_option("--peer", line.peer, "only against this address");
  set.on(*evidence, [&line](Client& client) { return show_evidence(client, line.swarm, line.peer); });
  set.on(*show.add_subcommand("audit", "who had swarms taken down and peers banned, and why"),
         [](Client& client) { return show_audit(client); });
}

void add_swarm(CLI::App& app, const CommandSet& set) {
  CommandLine& line = set.line;
  CLI::App& swarm = *app.add_subcommand("swarm", "change swarms, and prepare their content")->require_subcommand(1);
  add_swarm_changes(swarm, set);
  add_hash(swarm, set);
  for (const bool encrypt : {true, false}) add_cipher(swarm, set, encrypt);
  add_peer(app, set);
  CLI::App& evidence = *app.add_subcommand("evidence", "evidence against peers (`show evidence` lists it)")->require_subcommand(1);
  auto* ack = evidence.add_subcommand("ack", "forget evidence up to a sequence number");
  ack->add_option("SEQUENCE", line.sequence)->required();
  set.on(*ack, [&line](Client& client) { return acknowledge_evidence(client, line.sequence); });
}

}  // namespace mediaward::tools
