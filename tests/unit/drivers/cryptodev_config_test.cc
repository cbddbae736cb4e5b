// SPDX-License-Identifier: Apache-2.0
// [crypto] for crypto devices: what is read, what is refused and how, and what EAL gets to know of it. No EAL.
#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/cryptodev_devices.h"
#include "drivers/eal.h"

namespace mediaward::drivers {
namespace {

constexpr std::string_view kPort =
    "[[port]]\nname = \"m0\"\nkind = \"virtio-user\"\npath = \"/run/m0.sock\"\naddresses = [\"192.0.2.1/24\"]\n";

Result<DataplaneConfig> parse(const std::string& crypto, const std::string& before = "") {
  return parse_config(before + "[crypto]\n" + crypto + "\n" + std::string(kPort), "t.toml");
}

std::string finding(const std::string& crypto, const std::string& before = "") {
  const auto config = parse(crypto, before);
  return config ? "" : config.error().message;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(CryptodevConfig, SoftwareDevice) {
  const auto config = parse("provider = \"cryptodev\"\ndevice = \"crypto_openssl\"\nsessions = 100\ngcm_header_bytes = [12, 16]");
  ASSERT_TRUE(config) << config.error().message;
  const CryptodevSettings settings = cryptodev_settings(config->crypto, 3, 1);
  EXPECT_EQ(settings.driver, "crypto_openssl");
  EXPECT_EQ(settings.queue_pairs, 3u);
  EXPECT_EQ(settings.sessions, 100u);
  EXPECT_EQ(settings.gcm_header_bytes, (std::vector<std::uint16_t>{12, 16}));
  EXPECT_EQ(settings.numa, 1);
}

TEST(CryptodevConfig, QatByNameAndByAddress) {
  const auto named = parse("provider = \"cryptodev\"\ndevice = \"crypto_qat\"\naddresses = [\"0000:3b:01.0\", \"0000:3b:01.1\"]");
  const auto addressed = parse("provider = \"cryptodev\"\ndevice = \"0000:3b:01.0\"\naddresses = [\"0000:3b:01.1\"]");
  for (const auto* config : {&named, &addressed}) {
    ASSERT_TRUE(*config) << config->error().message;
    EXPECT_EQ((*config)->crypto.device, "crypto_qat");
    EXPECT_EQ((*config)->crypto.addresses, (std::vector<std::string>{"0000:3b:01.0", "0000:3b:01.1"}));
  }
}

TEST(CryptodevConfig, FindingsNameTheNearestValidValue) {
  const std::string cryptodev = "provider = \"cryptodev\"\n";
  EXPECT_TRUE(contains(finding("provider = \"cryptodevs\""), "cryptodev"));
  EXPECT_TRUE(contains(finding(cryptodev + "device = \"crypto_aesni_gcm\""), "crypto_aesni_mb"));
  EXPECT_TRUE(contains(finding(cryptodev + "device = \"crypto_qat\""), "needs the PCI addresses"));
  EXPECT_TRUE(contains(finding(cryptodev + "device = \"3b:01.0\""), "0000:3b:01.0"));
  EXPECT_TRUE(contains(finding(cryptodev + "addresses = [\"0000:3b:01.0\"]"), "crypto_aesni_mb has no address"));
  EXPECT_TRUE(contains(finding(cryptodev + "device = \"crypto_qat\"\naddresses = [\"0000:3b:01.0\", \"0000:3b:01.0\"]"), "named twice"));
  EXPECT_TRUE(contains(finding(cryptodev + "isa = \"avx2\""), "isa = \"auto\""));
  EXPECT_TRUE(contains(finding(cryptodev + "sessions = 0"), "sessions"));
  EXPECT_TRUE(contains(finding(cryptodev + "gcm_header_bytes = []"), "1 to 8"));
  EXPECT_TRUE(contains(finding(cryptodev + "gcm_header_bytes = [13]"), "nearest valid: 12"));
  EXPECT_TRUE(contains(finding(cryptodev + "gcm_header_bytes = [12, 12]"), "named twice"));
  EXPECT_TRUE(contains(finding("device = \"crypto_openssl\""), "is used by provider = \"cryptodev\" only"));
  EXPECT_TRUE(contains(finding(cryptodev + "device = \"0000:3b:01.0\"", "[memory]\nhugepages = \"no\"\n"), "needs hugepages"));
}

TEST(CryptodevConfig, AQatDeviceIsNotAPort) {
  const std::string text =
      "[crypto]\nprovider = \"cryptodev\"\ndevice = \"0000:3b:00.0\"\n[[port]]\nname = \"m0\"\nkind = \"pci\"\naddress = \"0000:3b:00.0\"\n"
      "addresses = [\"192.0.2.1/24\"]\n";
  const auto config = parse_config(text, "t.toml");
  ASSERT_FALSE(config);
  EXPECT_TRUE(contains(config.error().message, "already taken by port \"m0\"")) << config.error().message;
}

struct EalForCryptodev : testing::Test {
  EalForCryptodev() {
    plan.workers.push_back({1, 0, dataplane::IdlePolicy::kSpin, {{0, 0}}});
    plan.main_cpus = {0};
    plan.port_queues = {1};
  }
  Result<EalSettings> settings(const std::string& crypto, const HugepageStatus& status) {
    config = parse(crypto).value();
    return make_eal_settings(config, plan, status, reasons);
  }
  DataplaneConfig config;
  WorkerPlan plan;
  std::vector<std::string> reasons;
};

TEST_F(EalForCryptodev, LooksAtTheQatDeviceAndAtNoOther) {
  const auto qat = settings("provider = \"cryptodev\"\ndevice = \"0000:3b:01.0\"", {4096, 2048});
  ASSERT_TRUE(qat) << qat.error().message;
  EXPECT_TRUE(qat->hugepages);
  ASSERT_EQ(qat->pci_addresses.size(), 1u);
  EXPECT_TRUE(qat->pci_addresses[0].starts_with("0000:3b:01.0")) << "the driver of some releases wants an argument behind it";
  const auto software = settings("provider = \"cryptodev\"", {0, 2048});
  ASSERT_TRUE(software) << software.error().message;
  EXPECT_TRUE(software->pci_addresses.empty());
  EXPECT_FALSE(settings("provider = \"cryptodev\"\ndevice = \"0000:3b:01.0\"", {0, 2048})) << "a PCI device needs hugepages";
}

TEST_F(EalForCryptodev, ReservesMemoryForSessionsAndBuffers) {
  const std::uint32_t without = settings("", {0, 2048})->megabytes;
  const std::uint32_t with = settings("provider = \"cryptodev\"", {0, 2048})->megabytes;
  const std::uint32_t more = settings("provider = \"cryptodev\"\nsessions = 100000", {0, 2048})->megabytes;
  EXPECT_EQ(with, without + cryptodev_memory_megabytes(parse("provider = \"cryptodev\"")->crypto, 1));
  EXPECT_GT(more, with + 100);
  EXPECT_EQ(cryptodev_memory_megabytes(CryptoConfig{}, 8), 0u);
}

}  // namespace
}  // namespace mediaward::drivers
