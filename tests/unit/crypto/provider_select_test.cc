// SPDX-License-Identifier: Apache-2.0
// The choice of the provider: what is asked for is what one gets, and the display says why.
#include "crypto/provider_select.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "crypto/cpu_features.h"
#include "crypto/ipsec_mb_provider.h"
#include "crypto/self_test.h"

namespace mediaward::crypto {
namespace {

const ProviderRow& row_in_use(const ProviderChoice& choice) {
  EXPECT_EQ(std::count_if(choice.rows.begin(), choice.rows.end(), [](const auto& row) { return row.in_use; }), 1);
  return *std::find_if(choice.rows.begin(), choice.rows.end(), [](const auto& row) { return row.in_use; });
}

TEST(ProviderSelect, AutoTakesTheFastestAndSaysSo) {
  const auto choice = choose_provider({});
  ASSERT_TRUE(choice) << choice.error().message;
  const ProviderRow& used = row_in_use(*choice);
  EXPECT_EQ(choice->rows.size(), kIsaLevels.size() + 1) << "every provider is shown";
  EXPECT_EQ(used.provider, choice->provider->name());
  EXPECT_EQ(used.isa, choice->provider->isa());
  EXPECT_TRUE(used.self_test_passed);
  EXPECT_EQ(used.reason.rfind("measured: ", 0), 0u) << used.reason;
  for (const ProviderRow& row : choice->rows) {
    EXPECT_FALSE(row.reason.empty());
    EXPECT_LT(row.reason.size(), 160u);
    if (row.provider == "ipsec-mb" && row.ns_per_packet > 0) {
      EXPECT_LE(used.ns_per_packet, row.ns_per_packet);
    }
  }
}

TEST(ProviderSelect, AnExplicitWishIsFollowed) {
  for (const IsaLevel level : kIsaLevels) {
    const auto choice = choose_provider({"auto", std::string(to_string(level))});
    EXPECT_EQ(choice.has_value(), cpu_supports(level)) << to_string(level);
    if (!choice) continue;
    EXPECT_EQ(row_in_use(*choice).isa, to_string(level));
    EXPECT_EQ(choice->provider->name(), "ipsec-mb");
  }
  const auto openssl = choose_provider({"openssl", "auto"});
  ASSERT_TRUE(openssl);
  EXPECT_EQ(row_in_use(*openssl).provider, "openssl");
  EXPECT_TRUE(self_test(*openssl->provider));
}

TEST(ProviderSelect, WrongNamesAreRefusedWithTheRightOnes) {
  const auto name = choose_provider({"nss", "auto"});
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().code, ErrorCode::kInvalid);
  EXPECT_NE(name.error().message.find("\"ipsec-mb\""), std::string::npos);
  const auto isa = choose_provider({"auto", "avx1024"});
  ASSERT_FALSE(isa);
  EXPECT_NE(isa.error().message.find("\"avx512\""), std::string::npos);
  EXPECT_FALSE(choose_provider({"openssl", "avx2"}));
}

TEST(ProviderSelect, LevelsTheCpuLacksAreRefused) {
  for (const IsaLevel level : kIsaLevels) {
    const auto made = make_ipsec_mb_provider(level);
    EXPECT_EQ(made.has_value(), cpu_supports(level));
    if (!made) {
      EXPECT_EQ(made.error().code, ErrorCode::kUnsupported);
    }
  }
}

}  // namespace
}  // namespace mediaward::crypto
