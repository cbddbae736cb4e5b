// SPDX-License-Identifier: Apache-2.0
// Desired state of swarms: what a swarm, an admission and content must be, rules between them, replace_swarm, the scale of admissions.
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/control/peer_fixture.h"
#include "tests/unit/control/provider_vectors.h"
#include "tests/unit/control/store_fixture.h"

namespace mediaward::control::test {
namespace {

class StorePeer : public StoreFixture {
 protected:
  void expect_swarm_refused(const std::string& field, const std::string& words, const std::function<void(Swarm&)>& change,
                            SwarmRequest request = make_swarm()) {
    change(request.swarm);
    expect_refused({request}, ErrorCode::kInvalid, "swarm " + request.swarm.id, field, words);
  }
  void expect_admission_refused(const std::string& field, const std::string& words, const std::function<void(Admission&)>& change) {
    Admission one = make_admission("movie", "alice", 7);
    change(one);
    expect_refused({make_swarm(), one}, ErrorCode::kInvalid, "admission " + one.key, field, words);
  }
};

TEST_F(StorePeer, SwarmAdmissionAndContentInOneTransaction) {
  const auto next = apply({make_swarm(), make_admission("movie", "alice", 7), leaf_hashes()});
  ASSERT_TRUE(next.has_value()) << next.error().error.message;
  ASSERT_EQ(next->changes.size(), 3u);
  EXPECT_EQ(next->changes[0].object.text(), "swarm movie");
  EXPECT_EQ(next->changes[1].object.text(), "admission movie alice");
  EXPECT_EQ(next->changes[2].object.text(), "content movie");
  EXPECT_EQ(state->name_of(object_handle(ObjectKind::kSwarm, "movie")), "swarm movie");
  EXPECT_EQ(state->name_of(object_handle(ObjectKind::kAdmission, "movie alice")), "admission movie alice");
  EXPECT_EQ(state->size(), 3u);
  const auto again = apply({make_swarm(), make_admission("movie", "alice", 7), leaf_hashes()});
  EXPECT_TRUE(again->changes.empty());
  EXPECT_EQ(state->revision, 1u);
}

TEST_F(StorePeer, Rfc7574_7_6_RootIsAsLongAsTheHash) {
  expect_swarm_refused("swarm.key", "has 32 bytes; a root hash of sha1 has 20", [](Swarm& swarm) { swarm.hash = 0; });
  expect_swarm_refused("swarm.key", "has 0 bytes; a root hash of sha256 has 32", [](Swarm& swarm) { swarm.key.clear(); });
  const std::size_t lengths[] = {20, 28, 32, 48, 64};
  for (std::uint8_t hash = 0; hash < 5; ++hash) {
    SwarmRequest request = make_swarm("h" + std::to_string(hash));
    request.swarm.hash = hash;
    request.swarm.key.assign(lengths[hash], hash);
    EXPECT_TRUE(apply({request})) << int{hash};
  }
}

TEST_F(StorePeer, Sha1IsTheOperatorsToForbid) {
  policy.allow_sha1 = false;
  expect_swarm_refused("swarm.hash", "peer.allow_sha1", [](Swarm& swarm) {
    swarm.hash = 0;
    swarm.key.assign(20, 1);
  });
}

TEST_F(StorePeer, Rfc7574_7_11_ChunksBelow512AreTakenWithAWarning) {
  for (const std::uint32_t bytes : {0u, 65536u})
    expect_swarm_refused("swarm.chunk_bytes", "must be 1 to 65535", [&](Swarm& swarm) { swarm.chunk_bytes = bytes; });
  SwarmRequest small = make_swarm();
  small.swarm.chunk_bytes = 511;
  const auto next = apply({small});
  ASSERT_TRUE(next.has_value());
  ASSERT_EQ(next->warnings.size(), 1u);
  EXPECT_EQ(next->warnings[0].object, "swarm movie");
  EXPECT_EQ(next->warnings[0].field, "swarm.chunk_bytes");
  EXPECT_EQ(next->warnings[0].operation_index, 0);
  EXPECT_TRUE(apply({make_other_swarm("other", 1)})->warnings.empty());
}

TEST_F(StorePeer, Rfc7574_3_1_LengthComesFromTheAsAndIsAddressable) {
  expect_swarm_refused("swarm.content_bytes", "must be given", [](Swarm& swarm) { swarm.content_bytes = 0; });
  expect_swarm_refused("swarm.content_bytes", "4294967297 chunks", [](Swarm& swarm) { swarm.content_bytes = (1024ull << 32) + 1; });
  expect_swarm_refused("swarm.content_bytes", "use larger chunks or addressing CHUNK32", [](Swarm& swarm) {
    swarm.addressing = 0;
    swarm.content_bytes = (1024ull << 31) + 1;
  });
  SwarmRequest most = make_swarm();
  most.swarm.content_bytes = 1024ull << 32;
  EXPECT_TRUE(apply({most}));
}

TEST_F(StorePeer, Rfc7574_7_8_ByteRangesAreNotOffered) {
  SwarmRequest request = make_swarm();
  request.swarm.addressing = 1;
  expect_refused({request}, ErrorCode::kUnsupported, "swarm movie", "swarm.addressing", "CHUNK32");
  for (const std::uint8_t addressing : std::vector<std::uint8_t>{0, 2, 3, 4}) {
    request = make_other_swarm("a" + std::to_string(addressing), addressing);
    request.swarm.addressing = addressing;
    EXPECT_TRUE(apply({request})) << int{addressing};
  }
}

TEST_F(StorePeer, Rfc7574_7_7_LiveKeysHaveTheLengthOfTheirAlgorithm) {
  const auto refused = [&](const std::string& words, SwarmKey key) {
    expect_swarm_refused(
        "swarm.key", words, [&](Swarm& swarm) { swarm.key = key; }, make_live_swarm());
  };
  const auto rsa = [](std::uint8_t algorithm, std::size_t modulus_bytes, std::uint8_t first = 0x80) {
    SwarmKey key{algorithm, 3, 1, 0, 1};
    key.resize(5 + modulus_bytes, 0x55);
    if (modulus_bytes > 0) key[5] = first;
    return key;
  };
  const auto point = [](std::uint8_t algorithm, std::size_t bytes) {
    SwarmKey key(1 + bytes, 9);
    key[0] = algorithm;
    return key;
  };
  refused("is missing", {});
  refused("begins with algorithm 7", point(7, 64));
  refused("a point of P-256 has 64", point(13, 63));
  refused("a point of P-384 has 96", point(14, 64));
  refused("ends before its modulus", rsa(8, 0));
  refused("RSA modulus of 1024 bits", rsa(8, 128));
  refused("RSA modulus of 2047 bits", rsa(5, 256, 0x7f));
  refused("RSA modulus of 4104 bits", rsa(8, 513));
  refused("begins with a zero octet", rsa(8, 256, 0));
  refused("more than 255 bytes", {8, 0, 1, 0, 1, 2, 3});
  refused("exponent of 9 bytes", {8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x80});
  int id = 0;
  for (const SwarmKey& key : {rsa(5, 256), rsa(8, 512), point(13, 64), point(14, 96)}) {
    SwarmRequest request = make_live_swarm("live" + std::to_string(id++));
    request.swarm.key = key;
    EXPECT_TRUE(apply({request})) << id;
  }
}

// The swarm of capture 12, from its README.
TEST_F(StorePeer, LiveSwarmOfTheCaptureIsTaken) {
  SwarmRequest request = make_live_swarm();
  request.swarm.key = key_from_hex(
      "0dc03814d83597c2a73103b03bda72b5225fc1d04170dcff925d708b438d8dd36f23cb98976a99c0b276a2a9bc3c6ef3dc3bddc76546c9b880eadc587a35a504f1");
  request.swarm.hash = 0;
  request.swarm.chunk_bytes = 256;
  request.swarm.signature_form = abi::SignatureForm::kLibswift;
  EXPECT_TRUE(apply({request}));
}

TEST_F(StorePeer, Rfc7574_6_1_LiveNeedsMunrosAndNoLength) {
  const auto refused = [&](const char* field, const char* words, const std::function<void(Swarm&)>& change) {
    expect_swarm_refused(field, words, change, make_live_swarm());
  };
  refused("swarm.live.munro_level", "1 to 16", [](Swarm& swarm) { swarm.munro_level = 0; });
  refused("swarm.live.munro_level", "1 to 16", [](Swarm& swarm) { swarm.munro_level = 17; });
  refused("swarm.content_bytes", "has no length", [](Swarm& swarm) { swarm.content_bytes = 1; });
  refused("swarm.live.discard_window_chunks", "at least the 32 chunks", [](Swarm& swarm) { swarm.discard_window = 31; });
  refused("swarm.preloaded", "cannot be preloaded", [](Swarm& swarm) {
    swarm.source = abi::SwarmSource::kPreloaded;
    swarm.fetch = abi::FetchPolicy::kNothing;
  });
  ASSERT_TRUE(apply({make_live_swarm()}));
  expect_refused({leaf_hashes("news")}, ErrorCode::kInvalid, "content news", "content.swarm_id", "live");
}

TEST_F(StorePeer, ExpiryInThePastIsRefused) {
  expect_swarm_refused("swarm.expires_unix_ns", "in the past", [](Swarm& swarm) { swarm.expires_unix_ns = 1; });
  expect_admission_refused("admission.expires_unix_ns", "in the past", [](Admission& one) { one.expires_unix_ns = 1; });
}

TEST_F(StorePeer, PoliciesThatContradictEachOtherAreRefused) {
  expect_swarm_refused("swarm.fetch", "no peer", [](Swarm& swarm) { swarm.guard_only = true; });
  expect_swarm_refused("swarm.fetch", "preloaded", [](Swarm& swarm) { swarm.source = abi::SwarmSource::kPreloaded; });
  expect_swarm_refused("swarm.conduct.suspect_permille", "0 to 1000", [](Swarm& swarm) { swarm.conduct.suspect_permille = 1001; });
  expect_swarm_refused("swarm.conduct.audit_interval_s", "audit_chunks", [](Swarm& swarm) { swarm.conduct.audit_chunks = 1; });
  expect_swarm_refused("swarm.content_key.key_id", "printable", [](Swarm& swarm) { swarm.content_key_id = "two words"; });
  expect_swarm_refused("swarm.stored_level", "0 to 5", [](Swarm& swarm) { swarm.stored_level = 6; });
}

TEST_F(StorePeer, IdentityOfASwarmIsFixedForItsLife) {
  ASSERT_TRUE(apply({make_swarm(), make_live_swarm()}));
  const auto fixed = [&](const std::string& field, const std::function<void(Swarm&)>& change) {
    expect_swarm_refused(field, "is fixed for the life of a swarm", change);
  };
  fixed("swarm.key", [](Swarm& swarm) { swarm.key[0] ^= 1; });
  fixed("swarm.hash", [](Swarm& swarm) {
    swarm.hash = 0;
    swarm.key.resize(20);
  });
  fixed("swarm.addressing", [](Swarm& swarm) { swarm.addressing = 4; });
  fixed("swarm.chunk_bytes", [](Swarm& swarm) { swarm.chunk_bytes = 2048; });
  fixed("swarm.content_bytes", [](Swarm& swarm) { ++swarm.content_bytes; });
  expect_swarm_refused(
      "swarm.live.munro_level", "is fixed", [](Swarm& swarm) { swarm.munro_level = 6; }, make_live_swarm());
  SwarmRequest changed = make_swarm();
  changed.swarm.send_bytes_per_s = 1000000;
  changed.swarm.fetch = abi::FetchPolicy::kEverything;
  EXPECT_EQ(apply({changed})->changes.size(), 1u) << "policies may change";
  changed.swarm.key[0] ^= 1;
  EXPECT_TRUE(apply({RemoveSwarm{"movie", "ops", "new cut"}, changed})) << "removed and put in one transaction";
}

TEST_F(StorePeer, OneSwarmPerKey) {
  ASSERT_TRUE(apply({make_swarm("a")}));
  expect_refused({make_swarm("b")}, ErrorCode::kConflict, "swarm b", "swarm.key", "swarm a");
  EXPECT_TRUE(apply({make_swarm("b"), RemoveSwarm{"a", "ops", "renamed"}})) << "what is there at the end counts";
  expect_refused({make_swarm("a")}, ErrorCode::kConflict, "swarm a", "swarm.key", "swarm b");
}

TEST_F(StorePeer, TakeDownNamesAuthorAndReason) {
  ASSERT_TRUE(apply({make_swarm(), make_admission("movie", "alice", 7), leaf_hashes()}));
  expect_refused({RemoveSwarm{"movie", "", "why"}}, ErrorCode::kInvalid, "swarm movie", "remove_swarm.author", "who");
  expect_refused({RemoveSwarm{"movie", "ops", ""}}, ErrorCode::kInvalid, "swarm movie", "remove_swarm.reason", "why");
  expect_refused({RemoveSwarm{"movie", "ops", "line\nbreak"}}, ErrorCode::kInvalid, "swarm movie", "remove_swarm.reason");
  expect_refused({RemoveSwarm{"other", "ops", "why"}}, ErrorCode::kNotFound, "swarm other", "remove_swarm.id");
  const auto gone = apply({RemoveSwarm{"movie", "ops", "court order 17"}});
  ASSERT_TRUE(gone.has_value());
  EXPECT_EQ(gone->changes.size(), 3u) << "with its admissions and its content";
  EXPECT_EQ(state->size(), 0u);
  EXPECT_TRUE(state->admission_places.empty() && state->admissions_by_handle.empty() && state->swarms_by_handle.empty() &&
              state->swarms_by_key.empty());
}

TEST_F(StorePeer, AdmissionsMustBeUsable) {
  expect_admission_refused("admission.id", "printable", [](Admission& one) { one.id = ""; });
  expect_admission_refused("admission.port", "1 to 31", [](Admission& one) { one.port = ""; });
  expect_admission_refused("admission.peers", "unicast", [](Admission& one) { one.peers.address = {224, 0, 0, 1}; });
  expect_admission_refused("admission.peers", "nobody", [](Admission& one) { one.peers.address = {}; });
  expect_admission_refused("admission.peers", "one address", [](Admission& one) {
    one.connect = true;
    one.peers = {abi::Family::kIpv4, {192, 0, 2}, 24};
  });
  expect_admission_refused("admission.udp_port", "UDP port", [](Admission& one) {
    one.connect = true;
    one.udp_port = 0;
  });
  expect_admission_refused("admission.provide", "or receive", [](Admission& one) { one.provide = one.receive = false; });
  expect_admission_refused("admission.local_address", "set connect", [](Admission& one) { one.has_local = true; });
  expect_refused({make_admission("nowhere", "alice", 7)}, ErrorCode::kNotFound, "admission nowhere alice", "admission.swarm_id");
  Admission everybody = make_admission("movie", "all", 0, 0);
  everybody.peers = {abi::Family::kIpv6, {}, 0};
  EXPECT_TRUE(apply({make_swarm(), everybody}));
}

TEST_F(StorePeer, NobodyIsAdmittedWhereTheApplianceIsNoPeer) {
  SwarmRequest guarded = make_swarm();
  guarded.swarm.guard_only = true;
  guarded.swarm.fetch = abi::FetchPolicy::kNothing;
  expect_refused({guarded, make_admission("movie", "alice", 7)}, ErrorCode::kInvalid, "swarm movie", "swarm.guard_only", "nobody");
  ASSERT_TRUE(apply({guarded, leaf_hashes()}));
  expect_refused({make_admission("movie", "alice", 7)}, ErrorCode::kInvalid, "swarm movie", "swarm.guard_only");
  EXPECT_TRUE(apply({make_swarm(), make_admission("movie", "alice", 7)})) << "from now on it is one";
}

TEST_F(StorePeer, OneAdmissionPerPlace) {
  ASSERT_TRUE(apply({make_swarm(), make_other_swarm("other", 1), make_admission("movie", "alice", 7)}));
  expect_refused({make_admission("movie", "bob", 7)}, ErrorCode::kConflict, "admission movie bob", "admission.peers",
                 "192.0.2.7, UDP port 6778, on media0 is already admitted by admission movie alice");
  EXPECT_TRUE(apply({make_admission("other", "bob", 7)})) << "in another swarm";
  EXPECT_TRUE(apply({make_admission("movie", "any", 7, 0)})) << "any port beside one port";
  const auto swapped = apply({make_admission("movie", "alice", 8), make_admission("movie", "bob", 7)});
  EXPECT_TRUE(swapped.has_value()) << "the place became free";
  EXPECT_TRUE(apply({make_admission("movie", "alice", 7), make_admission("movie", "bob", 8)})) << "they change places";
  expect_refused({make_admission("movie", "alice", 8)}, ErrorCode::kConflict, "admission movie alice", "admission.peers");
  EXPECT_TRUE(apply({RemoveAdmission{"movie", "bob"}, make_admission("movie", "alice", 8)}));
  expect_refused({RemoveAdmission{"movie", "bob"}}, ErrorCode::kNotFound, "admission movie bob", "remove_admission");
}

TEST_F(StorePeer, ContentHasTheSizeThatTheSwarmSays) {
  ASSERT_TRUE(apply({make_swarm()}));
  expect_refused({make_content("movie", abi::ContentKind::kContent, "short")}, ErrorCode::kInvalid, "content movie", "content.inline_bytes",
                 "are 5; swarm movie takes 7162");
  expect_refused({make_content("movie", abi::ContentKind::kLeafHashes, std::string(7 * 20, 'x'))}, ErrorCode::kInvalid, "content movie",
                 "content.inline_bytes", "takes 224");
  expect_refused({make_content("movie", abi::ContentKind::kContent, std::string(kMostInlineBytes + 1, 'x'))}, ErrorCode::kInvalid,
                 "content movie", "content.inline_bytes", "more than 1 MiB");
  for (const char* file : {"", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".", "./a"})
    expect_refused({make_file_content("movie", file)}, ErrorCode::kInvalid, "content movie", "content.file", "below");
  EXPECT_TRUE(apply({make_file_content("movie", "a/b.bin")})) << "whether it is there is seen when it is read";
  EXPECT_TRUE(apply({whole_content()}));
  expect_refused({whole_content("other")}, ErrorCode::kNotFound, "content other", "content.swarm_id", "put it first");
}

TEST_F(StorePeer, PreloadedNeedsTheContentItself) {
  SwarmRequest request = make_swarm();
  request.swarm.source = abi::SwarmSource::kPreloaded;
  request.swarm.fetch = abi::FetchPolicy::kNothing;
  expect_refused({request}, ErrorCode::kInvalid, "swarm movie", "swarm.preloaded", "put_content with kind CONTENT");
  expect_refused({request, leaf_hashes()}, ErrorCode::kInvalid, "swarm movie", "swarm.preloaded");
  ASSERT_TRUE(apply({request, whole_content()}));
  expect_refused({ReplaceSwarm{request, {}, std::nullopt}}, ErrorCode::kInvalid, "swarm movie", "swarm.preloaded");
}

TEST_F(StorePeer, ReplaceSwarmRemovesWhatIsNotNamed) {
  ASSERT_TRUE(apply({make_swarm(), make_admission("movie", "alice", 7), make_admission("movie", "bob", 8), leaf_hashes(),
                     make_other_swarm("other", 1), make_admission("other", "bob", 8)}));
  const auto next =
      apply({ReplaceSwarm{make_swarm(), {make_admission("movie", "alice", 7), make_admission("movie", "carol", 8)}, std::nullopt}});
  ASSERT_TRUE(next.has_value()) << next.error().error.message;
  EXPECT_FALSE(state->admissions.contains("movie bob"));
  EXPECT_TRUE(state->admissions.contains("movie carol")) << "in the place that bob had";
  EXPECT_TRUE(state->admissions.contains("other bob"));
  EXPECT_FALSE(state->contents.contains("movie"));
  EXPECT_EQ(state->admissions.find("movie alice")->version, 1u) << "untouched";
  expect_refused({ReplaceSwarm{make_swarm(), {make_admission("other", "x", 9)}, std::nullopt}}, ErrorCode::kInvalid, "admission other x",
                 "admission.swarm_id");
  expect_refused({ReplaceSwarm{make_swarm(), {make_admission("movie", "x", 9), make_admission("movie", "x", 10)}, std::nullopt}},
                 ErrorCode::kInvalid, "admission movie x", "admission.id", "twice");
}

// "a" and "a b" must not be taken for one another where admissions of a swarm lie side by side.
TEST_F(StorePeer, AdmissionsOfASwarmAreItsOwn) {
  ASSERT_TRUE(apply({make_other_swarm("a", 1), make_other_swarm("a!", 2), make_other_swarm("aa", 3), make_admission("a", "x", 1),
                     make_admission("a!", "y", 2), make_admission("aa", "z", 3)}));
  EXPECT_EQ(state->admission_count("a"), 1u);
  EXPECT_EQ(state->admission_count("a!"), 1u);
  EXPECT_EQ(state->admission_count("aa"), 1u);
}

TEST_F(StorePeer, LimitsAreKept) {
  limits.swarms = 1;
  expect_refused({make_swarm(), make_other_swarm("b", 1)}, ErrorCode::kExhausted, "", "swarms", "limits.swarms = 1");
  limits = {};
  limits.admissions_per_swarm = 1;
  expect_refused({make_swarm(), make_admission("movie", "a", 1), make_admission("movie", "b", 2)}, ErrorCode::kExhausted, "",
                 "admissions_per_swarm", "limits.admissions_per_swarm = 1");
  limits.admissions = 1;
  limits.admissions_per_swarm = 100;
  expect_refused({make_swarm(), make_admission("movie", "a", 1), make_admission("movie", "b", 2)}, ErrorCode::kExhausted, "", "admissions");
}

TEST_F(StorePeer, MetadataSignatureIsCheckedWhenThereIsOne) {
  auto keys = std::make_shared<ProviderKeys>();
  ASSERT_TRUE(keys->add("ec", kEcP256Key) && keys->add("ed", kEd25519Key) && keys->add("rsa", kRsa2048Key));
  policy.provider_keys = keys;
  const auto signed_by = [](const char* key, const char* signature) {
    SwarmRequest request = make_swarm();
    request.metadata_text = kSignedText;
    request.swarm.signature_key_id = key;
    request.swarm.signature = from_hex(signature);
    return request;
  };
  for (const auto& request : {signed_by("ec", kEcP256Signature), signed_by("ed", kEd25519Signature), signed_by("rsa", kRsa2048Signature)}) {
    EXPECT_TRUE(apply({request})) << request.swarm.signature_key_id;
    EXPECT_EQ(state->swarms.find("movie")->signature_key_id, request.swarm.signature_key_id);
    SwarmRequest other = request;
    other.metadata_text[other.metadata_text.size() - 2] ^= 1;
    expect_refused({other}, ErrorCode::kInvalid, "swarm movie", "swarm.metadata_signature.signature", "does not verify");
    for (std::size_t bit = 0; bit < 8 * request.swarm.signature.size(); bit += 7) {
      other = request;
      other.swarm.signature[bit / 8] = static_cast<char>(other.swarm.signature[bit / 8] ^ (1 << bit % 8));
      expect_refused({other}, ErrorCode::kInvalid, "swarm movie", "swarm.metadata_signature.signature");
    }
  }
  expect_refused({signed_by("ed", kEcP256Signature)}, ErrorCode::kInvalid, "swarm movie", "swarm.metadata_signature.signature");
  expect_refused({signed_by("rso", kRsa2048Signature)}, ErrorCode::kInvalid, "swarm movie", "swarm.metadata_signature.key_id",
                 "did you mean `rsa`?");
  EXPECT_TRUE(apply({make_other_swarm("free", 1)})) << "not needed";
  policy.require_metadata_signature = true;
  expect_refused({make_other_swarm("free", 1)}, ErrorCode::kInvalid, "swarm free", "swarm.metadata_signature", "must be given");
  EXPECT_TRUE(apply({signed_by("ec", kEcP256Signature)}));
}

TEST(ProviderKeys, OnlyKeysThatCanBeUsedAreTaken) {
  ProviderKeys keys;
  const auto why = [&](const char* pem) {
    const auto good = keys.add("x", pem);
    return good ? std::string("taken") : good.error().message;
  };
  EXPECT_NE(why("no key").find("not a public key in PEM"), std::string::npos);
  EXPECT_NE(why(kRsa1024Key).find("1024 bits"), std::string::npos);
  EXPECT_NE(why(kEcP384Key).find("EC P-256, Ed25519 or RSA"), std::string::npos);
  EXPECT_EQ(why(kEcP256Key), "taken");
  EXPECT_NE(why(kEd25519Key).find("named twice"), std::string::npos);
}

TEST_F(StorePeer, AHundredThousandAdmissionsCopyWithoutEffort) {
  std::vector<Operation> operations{make_swarm()};
  for (unsigned i = 0; i < 100000; ++i) {
    Admission one = make_admission("movie", "peer" + std::to_string(i), 0);
    one.peers.address = {10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
    operations.push_back(std::move(one));
  }
  ASSERT_TRUE(apply(operations));
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    Admission one = make_admission("movie", "peer" + std::to_string(4711 * round), 0);
    one.peers.address = {10, 9, 0, static_cast<std::uint8_t>(round)};
    const auto next = apply({one});
    ASSERT_TRUE(next.has_value()) << next.error().error.message;
    EXPECT_EQ(next->changes.size(), 1u);
  }
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin) / kRounds;
  RecordProperty("put_admission_us", static_cast<int>(took.count()));
  EXPECT_LT(took.count(), 20000) << "microseconds for one put_admission";
}

}  // namespace
}  // namespace mediaward::control::test
