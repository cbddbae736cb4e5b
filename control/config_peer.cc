// SPDX-License-Identifier: Apache-2.0
// Keys of [peer], in one place for reading and in one for writing. Any thread; control path.
#include "control/config_peer.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "control/validate.h"

namespace mediaward::control {

namespace {

using config::TomlTable;

constexpr std::size_t kMostPemBytes = 65536;

// The PEM text that the table names or has; empty when there is none, which has been reported.
std::string read_pem(TomlTable& table, ProviderKeySetting& key) {
  const bool has_path = table.read("path", key.path);
  const bool has_text = table.read("public_key", key.public_key);
  if (has_path == has_text) {
    table.fail("path", "give either `path`, the file of a public key in PEM, or `public_key`, its text");
    return {};
  }
  if (has_text) return key.public_key;
  std::ifstream file(key.path, std::ios::binary);
  std::string pem(kMostPemBytes, '\0');
  file.read(pem.data(), static_cast<std::streamsize>(pem.size()));
  pem.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (key.path.empty() || key.path.front() != '/' || pem.empty()) {
    table.fail("path", "`" + key.path + "` must be the absolute path of a file that can be read");
    return {};
  }
  return pem;
}

void read_provider_keys(TomlTable& peer, Settings& settings) {
  auto keys = std::make_shared<ProviderKeys>();
  for (TomlTable& table : peer.tables("provider_keys")) {
    auto& key = settings.provider_keys.emplace_back();
    table.require("id");
    if (table.read("id", key.id) && !is_good_id(key.id)) table.fail("id", "must be 1 to 128 printable ASCII characters without space");
    const std::string pem = read_pem(table, key);
    if (pem.empty()) continue;
    if (auto good = keys->add(key.id, pem); !good)
      table.fail(good.error().code == ErrorCode::kConflict ? "id" : key.path.empty() ? "public_key" : "path", good.error().message);
  }
  settings.controller.swarms.provider_keys = std::move(keys);
}

}  // namespace

void read_peer(TomlTable peer, Settings& settings) {
  auto& controller = settings.controller;
  std::string& directory = controller.dataplane.content_directory;
  if (peer.read("content_directory", directory) && !directory.empty() && directory.front() != '/')
    peer.fail("content_directory", "must be an absolute path, or empty: content then comes with requests only");
  peer.read("evidence_max", controller.evidence_max, 16, 10000000);
  peer.read("audit_max", controller.audit_max, 1, 1000000);
  peer.read("allow_sha1", controller.swarms.allow_sha1);
  peer.read("require_metadata_signature", controller.swarms.require_metadata_signature);
  read_provider_keys(peer, settings);
  if (controller.swarms.require_metadata_signature && settings.provider_keys.empty())
    peer.fail("require_metadata_signature", "needs at least one [[peer.provider_keys]]: without a key no swarm could be put");
}

std::string quoted_toml(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + "\"";
}

std::string peer_toml(const Settings& s) {
  const auto& swarms = s.controller.swarms;
  std::string out = "[peer]\n";
  out += fmt::format("content_directory = {}  # put_content names files below it; empty: content comes with requests only\n",
                     quoted_toml(s.controller.dataplane.content_directory));
  out += fmt::format("evidence_max = {}  # of evidence and verdicts, kept until acknowledged\n", s.controller.evidence_max);
  out += fmt::format("audit_max = {}  # of take-downs and bans; the log has them all\n", s.controller.audit_max);
  out += fmt::format("allow_sha1 = {}  # of swarms that name it\n", swarms.allow_sha1);
  out += fmt::format("require_metadata_signature = {}  # by one of the keys below\n", swarms.require_metadata_signature);
  if (s.provider_keys.empty())
    out +=
        "# [[peer.provider_keys]]  # public key of a content provider: EC P-256, Ed25519 or RSA\n# id = \"studio\"\n"
        "# path = \"/etc/mediaward/studio.pem\"  # or public_key, the text itself\n";
  for (const auto& key : s.provider_keys)
    out += fmt::format("\n[[peer.provider_keys]]\nid = {}\n{} = {}\n", quoted_toml(key.id), key.path.empty() ? "public_key" : "path",
                       quoted_toml(key.path.empty() ? key.public_key : key.path));
  return out + "\n";
}

}  // namespace mediaward::control
