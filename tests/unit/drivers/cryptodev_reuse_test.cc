// SPDX-License-Identifier: Apache-2.0
// The tests that every engine passes (tests/unit/crypto/engine_*_test.cc: contract, published vectors, byte for byte against OpenSSL,
// against libsrtp), passed by the engine over crypto devices too. The build compiles this file once for each, named by ENGINE_TEST; only
// where providers come from is another. What a device cannot do by design is left out here (tags of AES-GCM other than 16 bytes) and
// tested for what it does instead in cryptodev_engine_test.cc.
#include <algorithm>

#include "tests/support/crypto_cases.h"
#include "tests/unit/drivers/cryptodev_fixture.h"

namespace mediaward::test_support {

inline constexpr auto& kDeviceNames = drivers::kSoftwareDevices;

// As many jobs in flight as the synchronous engines take, so that the same numbers hold. Any other name is an oracle's.
inline std::unique_ptr<crypto::CryptoProvider> make_provider_or_device(std::string_view name) {
  if (std::find(kDeviceNames.begin(), kDeviceNames.end(), name) == kDeviceNames.end()) return make_provider(name);
  drivers::CryptodevSettings settings = drivers::device_settings(name);
  settings.descriptors = 8192;
  settings.slots = 4096;
  return drivers::make_device_provider(settings);
}

inline PacketSpec random_spec_for_device(std::mt19937_64& random, unsigned keys, std::uint32_t max_bytes) {
  PacketSpec spec = random_spec(random, keys, max_bytes);
  if (crypto::is_gcm(spec.op) && is_open(spec.op)) spec.tag_bytes = 16;
  return spec;
}

}  // namespace mediaward::test_support

#define make_provider make_provider_or_device
#define kProviderNames kDeviceNames
#define random_spec random_spec_for_device
#include ENGINE_TEST
#ifdef FIXTURE  // its own instantiation names the engines that are compared, not the list
namespace mediaward::crypto {
INSTANTIATE_TEST_SUITE_P(Device, FIXTURE, testing::ValuesIn(drivers::kSoftwareDevices), [](const auto& p) { return std::string(p.param); });
}  // namespace mediaward::crypto
#endif

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new mediaward::drivers::EalForTests);
  return RUN_ALL_TESTS();
}
