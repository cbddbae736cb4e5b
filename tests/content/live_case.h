// SPDX-License-Identifier: Apache-2.0
// A live swarm with its injector at a stand (RFC 7574 §6): keys, munros, leechers, and what of it must have arrived. Single thread.
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tests/content/content_case.h"

namespace mediaward::test {

using crypto::SignatureAlgorithm;

inline std::shared_ptr<const crypto::SigningKey> make_key(SignatureAlgorithm algorithm) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      algorithm == SignatureAlgorithm::kRsaSha256 ? EVP_RSA_gen(2048)
                                                  : EVP_EC_gen(algorithm == SignatureAlgorithm::kEcdsaP256Sha256 ? "P-256" : "P-384"),
      EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  EXPECT_EQ(PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
  char* text = nullptr;
  const auto bytes = static_cast<std::size_t>(BIO_get_mem_data(out.get(), &text));
  auto made = crypto::SigningKey::from_pem({text, bytes}, algorithm);
  EXPECT_TRUE(made);
  return std::make_shared<crypto::SigningKey>(std::move(*made));
}

struct Form {
  std::string name;
  SignatureAlgorithm algorithm;
  pp::wire::MerkleFunction hash = pp::wire::MerkleFunction::kSha256;
  bool libswift = false;
  double loss = 0;
};

struct Live {
  explicit Live(const Form& form, pp::Misbehaviour misbehaviour = {}, std::uint64_t window = pp::wire::kDiscardNothing,
                Dataplane::Options options = ContentStand::defaults());

  void inject(unsigned chunks);
  [[nodiscard]] pp::PeerSettings leech(std::string name) const;
  // Everything that this one holds is what was injected.
  void expect_true(const pp::PpsppPeer& leecher) const;

  Form form;
  std::shared_ptr<const crypto::SigningKey> key;
  pp::Metadata metadata;
  std::vector<pp::Blob> chunks;
  ContentStand stand;
  pp::PpsppPeer* injector = nullptr;
};

inline Live::Live(const Form& f, pp::Misbehaviour misbehaviour, std::uint64_t window, Dataplane::Options options)
    : form(f), stand(std::move(options)) {
  key = make_key(form.algorithm);
  metadata.live = true;
  metadata.swarm_id = key->swarm_id();
  metadata.hash = form.hash;
  metadata.chunk_bytes = 256;
  metadata.discard_window = window;
  metadata.munro_form = form.libswift ? crypto::MunroForm::kLibswift : crypto::MunroForm::kRfc7574;
  stand.faults = {.loss = form.loss};
  pp::PeerSettings s;
  s.name = "injector";
  s.role = pp::Role::kSeeder;
  s.metadata = metadata;
  s.signing_key = key;
  s.misbehaviour = misbehaviour;
  s.unix_us_at_zero = ContentStand::realtime_ns(0) / 1000 - stand.dp.now();
  if (form.libswift) s.profile = pp::wire::Profile::kLibswift;
  injector = &stand.add_peer(1, s);
}

inline pp::PeerSettings Live::leech(std::string name) const {
  pp::PeerSettings s;
  s.name = std::move(name);
  s.role = pp::Role::kLeecher;
  s.metadata = metadata;
  s.unix_us_at_zero = injector->settings().unix_us_at_zero + 60'000'000;
  if (form.libswift) s.profile = pp::wire::Profile::kLibswift;
  return s;
}

inline void Live::inject(unsigned n) {
  for (unsigned i = 0; i < n; ++i) {
    chunks.push_back(pp::random_bytes(256, 1000 + chunks.size()));
    injector->inject(stand.dp.now(), chunks.back());
    stand.run_ms(5);
  }
}

inline void Live::expect_true(const pp::PpsppPeer& leecher) const {
  for (std::uint64_t c = 0; c < chunks.size(); ++c) {
    EXPECT_TRUE(!leecher.has(c) || std::ranges::equal(leecher.chunk(c), chunks[c])) << "chunk " << c;
  }
  expect_no_findings(leecher);
}

// The stand's time runs faster than the day: signed times would be of the future.
inline void any_age(abi::Swarm& m) {
  m.munro_max_age_ms = ~std::uint32_t{0};
}

inline std::uint32_t with_form(const Form& form, std::uint32_t flags) {
  return flags | (form.libswift ? std::uint32_t{abi::kAdmitLibswift} : 0);
}

}  // namespace mediaward::test
