// SPDX-License-Identifier: Apache-2.0
// `swarm hash`, `swarm encrypt` and `swarm open`: content on this machine, before it is put and after it was received. Content keys are
// used here and go nowhere else. One thread.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "control/digest.h"
#include "tools/content/content_file.h"
#include "tools/mediawardctl/commands.h"
#include "tools/mediawardctl/table.h"
#include "tools/swarm_file.h"

namespace mediaward::tools {

namespace {

tl::unexpected<v1::ErrorDetail> bad(const Error& error) {
  return tl::unexpected(local_error(to_string(error.code), error.message));
}

// Ids have no space and nothing that is not ASCII.
std::string id_of(const HashOptions& options) {
  std::string out = options.id.empty() ? std::filesystem::path(options.path).stem().string() : options.id;
  for (char& c : out)
    if (c <= ' ' || c > '~') c = '-';
  return out;
}

std::string section(const HashOptions& options, crypto::HashId hash, const ContentHash& result) {
  SwarmFile swarm;
  swarm.id = id_of(options);
  swarm.key = result.root;
  swarm.hash = static_cast<SwarmFile::Hash>(static_cast<std::uint8_t>(hash) + 1);
  swarm.chunk_bytes = options.chunk_bytes;
  swarm.content_bytes = result.bytes;
  return to_toml(swarm);
}

}  // namespace

CommandResult hash_content(const HashOptions& options) {
  const auto hash = parse_hash(options.hash);
  if (!hash) return bad(hash.error());
  const auto result = hash_file(options.path, *hash, options.chunk_bytes, options.leaves);
  if (!result) return bad(result.error());
  const std::string root = control::to_hex(result->root);
  Answer answer;
  if (options.toml)
    answer.text = section(options, *hash, *result);
  else
    answer.text = fmt::format("root     {}\nhash     {}\nbytes    {}\nchunks   {} of {} bytes\n", root, options.hash, result->bytes,
                              result->chunks, options.chunk_bytes);
  if (!options.leaves.empty() && !options.toml) answer.text += fmt::format("leaves   {}\n", options.leaves);
  answer.json = {{"root", root},
                 {"hash", options.hash},
                 {"content_bytes", result->bytes},
                 {"chunk_bytes", options.chunk_bytes},
                 {"chunks", result->chunks}};
  if (!options.leaves.empty()) answer.json["leaves"] = options.leaves;
  return answer;
}

CommandResult cipher_content(const CipherOptions& options, bool encrypt) {
  const auto key = read_content_key(options.key_file, options.salt);
  if (!key) return bad(key.error());
  if (!options.root.empty()) {
    const auto hash = parse_hash(options.hash);
    if (!hash) return bad(hash.error());
    const auto found = hash_file(options.path, *hash, options.chunk_bytes, "");
    if (!found) return bad(found.error());
    std::string wanted = options.root;
    std::transform(wanted.begin(), wanted.end(), wanted.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (const std::string root = control::to_hex(found->root); root != wanted)
      return bad({ErrorCode::kInvalid, options.path + " has root " + root + ", not " + options.root + ": it is not decrypted"});
  }
  const auto bytes = cipher_file(options.path, options.out, *key, options.chunk_bytes);
  if (!bytes) return bad(bytes.error());
  const char* verb = encrypt ? "encrypted" : "decrypted";
  return Answer{fmt::format("{} bytes {} to {}\n", grouped(*bytes), verb, options.out),
                {{"bytes", *bytes}, {"out", options.out}, {"verified", !options.root.empty()}}};
}

}  // namespace mediaward::tools
