// SPDX-License-Identifier: Apache-2.0
// EAL for tests of crypto devices: started once per process, without hugepages and without any device of the machine; and the settings
// of the software devices that every test machine has. Needs root for EAL's runtime directory. For tests; main thread.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

#include "drivers/cryptodev_provider.h"
#include "drivers/eal.h"

namespace mediaward::drivers {

inline constexpr std::array<std::string_view, 2> kSoftwareDevices{"crypto_openssl", "crypto_aesni_mb"};

// Ends EAL after the last test; null when this user may not start it.
class EalForTests : public testing::Environment {
 public:
  void SetUp() override {
    if (geteuid() != 0) return;
    EalSettings settings;
    settings.main_cpus = {0};
    settings.megabytes = 512;
    settings.file_prefix = make_file_prefix("cryptodev-test");
    auto eal = Eal::start(settings);
    ASSERT_TRUE(eal) << eal.error().message;
    eal_.emplace(std::move(*eal));
  }
  void TearDown() override { eal_.reset(); }

 private:
  std::optional<Eal> eal_;
};

inline bool eal_can_run() {
  return geteuid() == 0;
}

inline CryptodevSettings device_settings(std::string_view driver) {
  CryptodevSettings settings;
  settings.driver = driver;
  settings.queue_pairs = 4;
  settings.sessions = 2048;
  return settings;
}

// Null where EAL cannot run: the caller skips.
inline std::unique_ptr<crypto::CryptoProvider> make_device_provider(const CryptodevSettings& settings) {
  if (!eal_can_run()) return nullptr;
  auto made = make_cryptodev_provider(settings);
  if (made) return std::move(*made);
  ADD_FAILURE() << made.error().message;
  return nullptr;
}

}  // namespace mediaward::drivers
