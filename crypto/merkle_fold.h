// SPDX-License-Identifier: Apache-2.0
// One level of a hash tree from the level below it, where whole levels are at hand: preloading, building, serving what is not kept.
// Private to crypto/merkle_*.cc. Any thread.
#pragma once

#include <cstddef>

#include "crypto/hash.h"

namespace mediaward::crypto {

// H(left || right) of `count` nodes that lie one behind the other; behind an odd last one lies room for one more, which becomes the zero of
// a node beyond the end (RFC 7574 §5.1). Writes (count + 1) / 2 digests elsewhere. False: the hasher failed.
[[nodiscard]] bool fold_level(HashId id, std::byte* digests, std::size_t count, Hasher& hasher, std::byte* parents) noexcept;

}  // namespace mediaward::crypto
