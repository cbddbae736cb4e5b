// SPDX-License-Identifier: Apache-2.0
// Digests by hash, message length and messages per call, hot: every provider of this machine, libcrypto as the peer. Google Benchmark. One thread.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "crypto/hash.h"

namespace {

using namespace mediaward;

void hashes(benchmark::State& state, const std::shared_ptr<crypto::HashProvider>& provider, crypto::HashId id) {
  const auto bytes = static_cast<std::uint32_t>(state.range(0));
  const auto together = static_cast<std::size_t>(state.range(1));
  std::vector<std::byte> content(together * bytes, std::byte{0x5c}), digests(together * crypto::kMaxDigestBytes);
  std::vector<crypto::HashMessage> messages;
  for (std::size_t i = 0; i < together; ++i) messages.push_back({content.data() + i * bytes, bytes, digests.data() + i * crypto::kMaxDigestBytes});
  const auto hasher = provider->make_hasher();
  for (auto _ : state) {
    if (!hasher->hash(id, messages)) return state.SkipWithError("the provider failed");
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * content.size()));
}

void add(std::shared_ptr<crypto::HashProvider> provider) {
  for (const auto& [id, name] : {std::pair{crypto::HashId::kSha1, "sha1"}, {crypto::HashId::kSha256, "sha256"}})
    benchmark::RegisterBenchmark(("hash/" + std::string(provider->name()) + "/" + std::string(provider->isa()) + "/" + name).c_str(), hashes, provider, id)
        ->ArgsProduct({{64, 1024, 8192}, {1, 4, 16, 32}});
}

[[maybe_unused]] const bool registered = [] {
  add(crypto::make_openssl_hash_provider());
  for (const crypto::HashIsa isa : crypto::kHashIsas)
    if (auto provider = crypto::make_native_hash_provider(isa)) add(std::move(*provider));
  return true;
}();

}  // namespace
