// SPDX-License-Identifier: Apache-2.0
// Live content between peers of tools/ppspp (RFC 7574 §6.1, unified Merkle tree with signed munros), and what the reference
// implementation's injector sent (tests/captures/README.md, capture 12). Keys are made anew for every run, one of each algorithm.
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tests/support/capture_file.h"
#include "tests/support/ppspp_link.h"
#include "tests/support/ppspp_text.h"
#include "tools/ppspp/peer.h"

namespace mediaward::tools::ppspp {
namespace {

using crypto::SignatureAlgorithm;
using test::PpsppLink;
using wire::MessageType;

const Endpoint kInjector = endpoint_v4(0x0a000001, 6778), kRelay = endpoint_v4(0x0a000002, 6778), kReceiver = endpoint_v4(0x0a000003, 6778);

std::shared_ptr<const crypto::SigningKey> make_key(SignatureAlgorithm algorithm) {
  const bool rsa = algorithm == SignatureAlgorithm::kRsaSha1 || algorithm == SignatureAlgorithm::kRsaSha256;
  EVP_PKEY* key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen(algorithm == SignatureAlgorithm::kEcdsaP256Sha256 ? "P-256" : "P-384");
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const auto bytes = static_cast<std::size_t>(BIO_get_mem_data(out, &text));
  auto made = crypto::SigningKey::from_pem({text, bytes}, algorithm);
  BIO_free(out);
  EVP_PKEY_free(key);
  return std::make_shared<crypto::SigningKey>(std::move(*made));
}

std::shared_ptr<const crypto::SigningKey> key_of(SignatureAlgorithm algorithm) {
  static std::map<SignatureAlgorithm, std::shared_ptr<const crypto::SigningKey>> keys;
  auto& key = keys[algorithm];
  if (!key) key = make_key(algorithm);
  return key;
}

std::string text_of(const PpsppPeer& peer) {
  std::string text;
  for (const std::string& line : peer.findings()) text += line + "\n";
  return text;
}

Blob chunk_of(std::uint64_t n) {
  return random_bytes(256, n + 1);
}

class PpsppLive : public testing::TestWithParam<SignatureAlgorithm> {
 protected:
  PeerSettings settings(const std::string& name, Role role, const Endpoint& at) {
    PeerSettings s{
        .name = name, .role = role, .local = at, .seed = at.address[3] == std::byte{1} ? 1u : 2u, .unix_us_at_zero = 1'700'000'000'000'000};
    s.metadata = {.live = true, .swarm_id = key_->swarm_id(), .chunk_bytes = 256, .chunks_per_signature = 8};
    s.metadata.addressing = addressing_;
    s.metadata.munro_form = form_;
    if (role == Role::kSeeder) s.signing_key = key_;
    return s;
  }
  void inject(PpsppLink& link, PpsppPeer& injector, std::uint64_t chunks) {
    for (std::uint64_t n = 0; n < chunks; ++n) {
      injector.inject(link.now(), chunk_of(injected_++));
      link.run_for(3000);
    }
  }
  // All that is signed arrives, and is what was injected.
  void stream(test::Impairment network) {
    PpsppLink link(network);
    PpsppPeer& injector = link.add(settings("injector", Role::kSeeder, kInjector));
    PpsppPeer& relay = link.add(settings("relay", Role::kBoth, kRelay));
    PpsppPeer& receiver = link.add(settings("receiver", Role::kLeecher, kReceiver));
    relay.connect(link.now(), kInjector);
    receiver.connect(link.now(), kRelay);
    inject(link, injector, 203);
    ASSERT_TRUE(link.run_until([&] { return receiver.chunks_held() == 200; })) << receiver.chunks_held() << " of " << relay.chunks_held();
    for (std::uint64_t n = 0; n < 200; ++n) EXPECT_TRUE(std::ranges::equal(receiver.chunk(n), chunk_of(n))) << n;
    EXPECT_FALSE(receiver.has(200)) << "its munro is not signed yet";
    EXPECT_EQ(receiver.counters().chunks_bad + relay.counters().chunks_bad, 0u);
    EXPECT_EQ(text_of(receiver) + text_of(relay) + text_of(injector), "");
  }

  std::shared_ptr<const crypto::SigningKey> key_ = key_of(GetParam());
  wire::Addressing addressing_ = wire::Addressing::kChunk32;
  crypto::MunroForm form_ = crypto::MunroForm::kRfc7574;
  std::uint64_t injected_ = 0;
};

TEST_P(PpsppLive, Rfc7574_6_1_2_SignedMunrosThroughARelay) {
  stream({});
}
TEST_P(PpsppLive, Rfc7574_6_1_2_OverABadNetwork) {
  stream({.loss = 0.05, .duplicate = 0.02, .reorder = 0.05});
}
TEST_P(PpsppLive, Rfc7574_6_1_2_InBinsOf64Bits) {
  addressing_ = wire::Addressing::kBin64;
  stream({.loss = 0.02});
}
TEST_P(PpsppLive, LibswiftSignsTheHashAlone) {
  form_ = crypto::MunroForm::kLibswift;
  stream({});
}

TEST_P(PpsppLive, Rfc7574_6_1_2_3_WhoJoinsLateGetsTheNewestMunroFirst) {
  PpsppLink link;
  PpsppPeer& injector = link.add(settings("injector", Role::kSeeder, kInjector));
  inject(link, injector, 40);
  std::string first;
  link.on_send = [&](const Datagram& d) {
    if (d.from != kInjector || !first.empty()) return;
    wire::MessageReader reader(ConstBytes(d.payload).subspan(wire::kChannelBytes), injector.settings().metadata.framing());
    for (wire::Message m; reader.next(m);)
      if (m.type == MessageType::kSignedIntegrity) first = test::text_of(m);
  };
  PpsppPeer& receiver = link.add(settings("receiver", Role::kLeecher, kReceiver));
  receiver.connect(link.now(), kInjector);
  ASSERT_TRUE(link.run_until([&] { return receiver.chunks_held() == 40; }));
  EXPECT_EQ(first, "SIGNED_INTEGRITY 32-39");
}

TEST_P(PpsppLive, Rfc7574_7_9_WhatIsOlderThanTheWindowIsForgotten) {
  PpsppLink link;
  PeerSettings s = settings("injector", Role::kSeeder, kInjector);
  s.metadata.discard_window = 16;
  PpsppPeer& injector = link.add(s);
  PeerSettings r = settings("receiver", Role::kLeecher, kReceiver);
  r.metadata.discard_window = 16;
  PpsppPeer& receiver = link.add(r);
  receiver.connect(link.now(), kInjector);
  inject(link, injector, 80);
  link.run_for(1'000'000);
  EXPECT_EQ(receiver.counters().chunks_good, 80u);
  EXPECT_EQ(receiver.chunks_held(), 16u);
  EXPECT_FALSE(injector.has(63));
  EXPECT_TRUE(injector.has(64));
}

TEST_P(PpsppLive, Rfc7574_12_6_5_WrongSignaturesAreNoticed) {
  PpsppLink link;
  PeerSettings s = settings("injector", Role::kSeeder, kInjector);
  s.misbehaviour = {.attack = Attack::kBadSignature};
  PpsppPeer& injector = link.add(s);
  PpsppPeer& receiver = link.add(settings("receiver", Role::kLeecher, kReceiver));
  receiver.connect(link.now(), kInjector);
  inject(link, injector, 40);
  EXPECT_EQ(receiver.chunks_held(), 0u);
  EXPECT_NE(text_of(receiver).find("munro whose signature is wrong"), std::string::npos) << text_of(receiver);
}

TEST_P(PpsppLive, Rfc7574_12_6_5_AnOldMunroIsRepeated) {
  PpsppLink link;
  PeerSettings s = settings("injector", Role::kSeeder, kInjector);
  s.misbehaviour = {.attack = Attack::kStaleMunro, .per_second = 50};
  PpsppPeer& injector = link.add(s);
  PpsppPeer& receiver = link.add(settings("receiver", Role::kLeecher, kReceiver));
  receiver.connect(link.now(), kInjector);
  inject(link, injector, 80);
  link.run_for(2'000'000);
  EXPECT_EQ(receiver.chunks_held(), 0u);
  EXPECT_GT(receiver.counters().received_of(MessageType::kSignedIntegrity), 90u);
  EXPECT_EQ(text_of(receiver), "");  // true, and old
}

INSTANTIATE_TEST_SUITE_P(All, PpsppLive, testing::ValuesIn(crypto::kSignatureAlgorithms),
                         [](const auto& of) { return std::string(to_string(of.param)); });

TEST(PpsppLiveCapture, Rfc7574_6_1_2_TheReferencesInjector) {
  const auto all = test::read_capture(std::string(PPSPP_CAPTURES) + "/12-live-umt-ecdsap256-sha1.pcap.gz");
  Metadata m{.live = true,
             .hash = wire::MerkleFunction::kSha1,
             .chunk_bytes = 256,
             .chunks_per_signature = 32,
             .munro_form = crypto::MunroForm::kLibswift};
  m.swarm_id = test::bytes_of(
      "0dc03814d83597c2a73103b03bda72b5225fc1d04170dcff925d708b438d8dd36f23cb98976a99c0b276a2a9bc3c6ef3dc3bddc76546c9b880eadc587a35a504f1");
  PpsppPeer receiver({.name = "receiver", .metadata = m, .local = kReceiver, .profile = wire::Profile::kLibswift, .request_window = 4096});
  receiver.connect(0, kInjector);
  (void)receiver.poll(0);
  std::uint16_t low = 0xffff;
  for (const auto& d : all) low = std::min({low, d.source_port, d.destination_port});
  for (const auto& d : all) {
    if (d.source_port != low) continue;
    Blob payload = d.payload;
    store_be32(payload.data(), receiver.channels().at(0).local_id);
    receiver.handle(d.time_us - all[0].time_us, kInjector, payload);
    (void)receiver.poll(d.time_us - all[0].time_us);
  }
  EXPECT_EQ(receiver.counters().chunks_good, 23u);
  EXPECT_EQ(receiver.counters().chunks_bad + receiver.counters().chunks_unverifiable, 0u);
  EXPECT_EQ(receiver.counters().received_of(MessageType::kSignedIntegrity), 1u);
  EXPECT_EQ(text_of(receiver), "");
}

}  // namespace
}  // namespace mediaward::tools::ppspp
