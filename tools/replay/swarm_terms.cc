// SPDX-License-Identifier: Apache-2.0
// See swarm_terms.h.
#include "tools/replay/swarm_terms.h"

#include <cstring>

namespace mediaward::tools::replay {

Result<abi::Swarm> swarm_terms(const SwarmFile& file) {
  using F = SwarmFile;
  abi::Swarm m{};
  const bool live = file.kind == F::Kind::kLive;
  m.swarm_id = 1;
  m.kind = live ? abi::SwarmKind::kLive : abi::SwarmKind::kStatic;
  m.hash = file.hash == F::Hash::kDefault ? std::uint8_t{2} : static_cast<std::uint8_t>(static_cast<unsigned>(file.hash) - 1);
  m.addressing = file.addressing == F::Addressing::kDefault ? std::uint8_t{2} : static_cast<std::uint8_t>(static_cast<unsigned>(file.addressing) - 1);
  m.source = abi::SwarmSource::kPeers;
  m.fetch = abi::FetchPolicy::kNothing;
  m.flags = file.guard == F::Guard::kDrop ? std::uint32_t{abi::kSwarmGuardDrops} : 0;
  m.stored_level = file.stored_level;
  m.chunk_bytes = file.chunk_bytes;
  m.content_bytes = live ? 0 : file.content_bytes;
  if (live) {
    if (!file.live) return fail(ErrorCode::kInvalid, "a live swarm needs a [swarm.live] section");
    m.munro_level = file.live->munro_level;
    m.discard_window = file.live->discard_window_chunks == 0 ? ~std::uint64_t{0} : file.live->discard_window_chunks;
    m.signature_form = file.live->signature_form == F::SignatureForm::kLibswift ? abi::SignatureForm::kLibswift : abi::SignatureForm::kRfc7574;
  }
  if (file.key.size() > sizeof m.key) return fail(ErrorCode::kInvalid, "swarm.key: longer than any key of RFC 7574");
  m.key_bytes = static_cast<std::uint16_t>(file.key.size());
  std::memcpy(m.key, file.key.data(), file.key.size());
  return m;
}

}  // namespace mediaward::tools::replay
