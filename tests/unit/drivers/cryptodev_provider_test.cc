// SPDX-License-Identifier: Apache-2.0
// Devices, sessions and the choice of the provider: what cannot be had is refused with a sentence to act on, sessions run out and come
// back, and no key stays behind in memory. Needs root for EAL, no hugepages.
#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>

#include "crypto/secret.h"
#include "crypto/self_test.h"
#include "tests/unit/drivers/cryptodev_fixture.h"

namespace mediaward::drivers {
namespace {

using crypto::KeyContext;
using crypto::SessionKeys;
using crypto::Suite;

std::string refusal(const CryptodevSettings& settings) {
  const auto made = make_cryptodev_provider(settings);
  return made ? "" : made.error().message;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

class CryptodevProviderTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!eal_can_run()) GTEST_SKIP() << "EAL's runtime directory needs root";
    arena_ = std::move(*crypto::SecretArena::create({std::size_t{1} << 20, false}));
  }
  KeyContext* context(crypto::CryptoProvider& provider, Suite suite) { return arena_->allocate_key(provider.key_context_bytes(suite)); }

  std::unique_ptr<crypto::SecretArena> arena_;
};

TEST_F(CryptodevProviderTest, AMissingDriverIsNamed) {
  const std::string text = refusal(device_settings("crypto_nothere"));
  EXPECT_TRUE(contains(text, "crypto_nothere") && contains(text, "no driver")) << text;
}

TEST_F(CryptodevProviderTest, AMissingQatDeviceIsNamed) {
  CryptodevSettings settings = device_settings("crypto_qat");
  settings.addresses = {"0000:3b:01.0"};
  const std::string text = refusal(settings);
  EXPECT_TRUE(contains(text, "0000:3b:01.0") && contains(text, "vfio-pci") && contains(text, "librte_common_qat")) << text;
}

// crypto_null is a device like any other and knows no AES.
TEST_F(CryptodevProviderTest, ASuiteThatTheDeviceCannotDoIsRefusedByName) {
  auto provider = make_device_provider(device_settings("crypto_null"));
  ASSERT_NE(provider, nullptr);
  for (const auto& suite : crypto::kSuites) {
    KeyContext* key = context(*provider, suite.id);
    const auto expanded = provider->expand(suite.id, SessionKeys{}, key);
    ASSERT_FALSE(expanded);
    EXPECT_EQ(expanded.error().code, ErrorCode::kUnsupported);
    const std::string_view missing = suite.transform == crypto::Transform::kAesGcm ? "AES-GCM" : "HMAC-SHA1";
    EXPECT_TRUE(contains(expanded.error().message, suite.name) && contains(expanded.error().message, missing)) << expanded.error().message;
  }
  provider.reset();
  const auto choice = choose_cryptodev_provider(device_settings("crypto_null"));
  ASSERT_FALSE(choice) << "and such a device is not started with";
  EXPECT_TRUE(contains(choice.error().message, "it lacks")) << choice.error().message;
}

TEST_F(CryptodevProviderTest, ADeviceHasOneOwner) {
  const CryptodevSettings settings = device_settings("crypto_openssl");
  const auto provider = make_device_provider(settings);
  ASSERT_NE(provider, nullptr);
  EXPECT_TRUE(contains(refusal(settings), "in use"));
  EXPECT_TRUE(crypto::self_test(*provider)) << "the refused attempt took nothing away";
}

TEST_F(CryptodevProviderTest, EveryEngineHasAQueuePairOfItsOwn) {
  const auto provider = make_device_provider(device_settings("crypto_aesni_mb"));
  ASSERT_NE(provider, nullptr);
  std::vector<std::unique_ptr<crypto::Engine>> engines;
  for (unsigned i = 0; i < 4; ++i) engines.push_back(provider->make_engine());
  EXPECT_TRUE(std::none_of(engines.begin(), engines.end(), [](const auto& engine) { return engine == nullptr; }));
  EXPECT_EQ(provider->make_engine(), nullptr);
  engines[2].reset();
  EXPECT_NE(provider->make_engine(), nullptr);
}

// 16 sessions: five AES-CM keys of three, and one for a NULL cipher.
TEST_F(CryptodevProviderTest, SessionsRunOutAndComeBack) {
  CryptodevSettings settings = device_settings("crypto_aesni_mb");
  settings.sessions = 16;
  const auto provider = make_device_provider(settings);
  ASSERT_NE(provider, nullptr);
  std::vector<KeyContext*> keys;
  for (unsigned i = 0; i < 5; ++i) {
    keys.push_back(context(*provider, Suite::kAesCm128HmacSha1_80));
    ASSERT_TRUE(provider->expand(Suite::kAesCm128HmacSha1_80, SessionKeys{}, keys.back()));
  }
  KeyContext* last = context(*provider, Suite::kAesCm128HmacSha1_80);
  const auto refused = provider->expand(Suite::kAesCm128HmacSha1_80, SessionKeys{}, last);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kExhausted);
  EXPECT_TRUE(contains(refused.error().message, "crypto.sessions")) << refused.error().message;
  EXPECT_TRUE(provider->expand(Suite::kNullHmacSha1_80, SessionKeys{}, last)) << "the refused key left nothing behind";
  provider->wipe(Suite::kNullHmacSha1_80, last);
  for (KeyContext* key : keys) provider->wipe(Suite::kAesCm128HmacSha1_80, key);
  const rte_mempool* pool = rte_mempool_lookup("mw-crypto-sessions");
  ASSERT_NE(pool, nullptr);
  EXPECT_EQ(rte_mempool_avail_count(pool), 16u);
}

struct Search {
  std::array<std::byte, 16> pattern;
  unsigned found = 0;
};

void search_element(rte_mempool* pool, void* search, void* element, unsigned) {
  auto& wanted = *static_cast<Search*>(search);
  const auto* begin = static_cast<const std::byte*>(element);
  wanted.found += std::search(begin, begin + pool->elt_size, wanted.pattern.begin(), wanted.pattern.end()) != begin + pool->elt_size;
}

// The first round key of AES is the key itself, so an expanded key is easy to find.
TEST_F(CryptodevProviderTest, WipedSessionsHoldNoKey) {
  const auto provider = make_device_provider(device_settings("crypto_aesni_mb"));
  ASSERT_NE(provider, nullptr);
  rte_mempool* pool = rte_mempool_lookup("mw-crypto-sessions");
  ASSERT_NE(pool, nullptr);
  for (const Suite suite : {Suite::kAesCm128HmacSha1_80, Suite::kAesCm256HmacSha1_80, Suite::kAeadAes128Gcm, Suite::kAeadAes256Gcm}) {
    SessionKeys session;
    Search search{};
    for (std::size_t i = 0; i < session.key.size(); ++i) session.key[i] = static_cast<std::byte>(0x90 + i);
    std::copy_n(session.key.begin(), 16, search.pattern.begin());
    KeyContext* key = context(*provider, suite);
    ASSERT_TRUE(provider->expand(suite, session, key));
    rte_mempool_obj_iter(pool, search_element, &search);
    EXPECT_GT(search.found, 0u) << "else this test looks in the wrong place";
    search.found = 0;
    provider->wipe(suite, key);
    rte_mempool_obj_iter(pool, search_element, &search);
    EXPECT_EQ(search.found, 0u);
  }
}

TEST_F(CryptodevProviderTest, TheChosenProviderPassesItsSelfTestAndIsShownAmongTheOthers) {
  for (const std::string_view device : kSoftwareDevices) {
    const auto choice = choose_cryptodev_provider(device_settings(device));
    ASSERT_TRUE(choice) << choice.error().message;
    EXPECT_EQ(choice->provider->name(), "cryptodev");
    ASSERT_GT(choice->rows.size(), 1u);
    EXPECT_TRUE(choice->rows[0].in_use && choice->rows[0].self_test_passed);
    EXPECT_EQ(choice->rows[0].isa, device);
    EXPECT_LE(choice->rows[0].isa.size(), 15u) << "the field that shows it holds no more";
    EXPECT_EQ(std::count_if(choice->rows.begin(), choice->rows.end(), [](const auto& row) { return row.in_use; }), 1);
  }
}

}  // namespace
}  // namespace mediaward::drivers

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new mediaward::drivers::EalForTests);
  return RUN_ALL_TESTS();
}
