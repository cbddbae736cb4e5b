// SPDX-License-Identifier: Apache-2.0
// See swarm_text.h.
#include "control/proto/swarm_text.h"

#include "control/digest.h"

namespace mediaward::control {

namespace {

// By number of the API; UNSPECIFIED has the word of its default, a number of a later release its digits.
std::string hash_word(v1::MerkleHash hash) {
  constexpr const char* kWords[] = {"sha256", "sha1", "sha224", "sha256", "sha384", "sha512"};
  return hash >= 0 && hash <= v1::MERKLE_HASH_SHA512 ? std::string(kWords[hash]) : std::to_string(hash);
}

std::string addressing_word(v1::ChunkAddressing addressing) {
  return std::to_string(addressing == v1::CHUNK_ADDRESSING_UNSPECIFIED ? v1::CHUNK_ADDRESSING_CHUNK32 - 1 : addressing - 1);
}

std::string form_word(const v1::Swarm& swarm) {
  if (swarm.kind() != v1::SWARM_KIND_LIVE) return "none";
  return swarm.live().signature_form() == v1::SIGNATURE_FORM_LIBSWIFT ? "libswift" : "rfc7574";
}

}  // namespace

std::string metadata_text(const v1::Swarm& swarm) {
  std::string out = "mediaward-swarm-v1\n";
  const auto line = [&](const char* name, const std::string& value) { out += std::string(name) + "=" + value + "\n"; };
  const bool live = swarm.kind() == v1::SWARM_KIND_LIVE;
  line("kind", live ? "live" : "static");
  line("key", to_hex({reinterpret_cast<const std::uint8_t*>(swarm.key().data()), swarm.key().size()}));
  line("hash", hash_word(swarm.hash()));
  line("addressing", addressing_word(swarm.addressing()));
  line("chunk_bytes", std::to_string(swarm.chunk_bytes()));
  line("content_bytes", std::to_string(swarm.content_bytes()));
  line("munro_level", std::to_string(live ? swarm.live().munro_level() : 0));
  line("signature_form", form_word(swarm));
  line("content_key_id", swarm.content_key().key_id());
  line("content_key_version", std::to_string(swarm.content_key().version()));
  return out;
}

}  // namespace mediaward::control
