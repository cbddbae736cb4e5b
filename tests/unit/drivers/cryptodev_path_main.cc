// SPDX-License-Identifier: Apache-2.0
// The whole data plane over crypto devices: runs the scenarios of tests/unit/dataplane/, in which libsrtp speaks and listens, once more
// with the asynchronous engine over the device that the first argument names. Needs root for EAL, no hugepages.
#include <iostream>
#include <string>
#include <utility>

#include "tests/unit/dataplane/media_hall.h"
#include "tests/unit/drivers/cryptodev_fixture.h"

namespace mediaward::crypto {
namespace {

CryptoProvider* device_under_test = nullptr;
std::unique_ptr<CryptoProvider> borrow_device();

class BorrowedProvider final : public CryptoProvider {
 public:
  explicit BorrowedProvider(CryptoProvider& lender) : lender_(lender) {}
  std::string_view name() const noexcept override { return lender_.name(); }
  std::string_view isa() const noexcept override { return lender_.isa(); }
  std::string version() const override { return lender_.version(); }
  std::unique_ptr<Engine> make_engine() override { return lender_.make_engine(); }
  std::size_t key_context_bytes(Suite suite) const noexcept override { return lender_.key_context_bytes(suite); }
  bool key_contexts_shared() const noexcept override { return lender_.key_contexts_shared(); }
  Result<void> expand(Suite suite, const SessionKeys& keys, KeyContext* context) override { return lender_.expand(suite, keys, context); }
  void wipe(Suite suite, KeyContext* context) noexcept override { lender_.wipe(suite, context); }

 private:
  CryptoProvider& lender_;
};

// After EAL, and gone before it.
class DeviceForTests : public testing::Environment {
 public:
  explicit DeviceForTests(std::string driver) : driver_(std::move(driver)) {}
  void SetUp() override {
    drivers::CryptodevSettings settings = drivers::device_settings(driver_);
    settings.queue_pairs = 16;
    settings.sessions = 16384;
    provider_ = drivers::make_device_provider(settings);
    ASSERT_NE(provider_, nullptr);
    device_under_test = provider_.get();
    test::make_plain_provider = borrow_device;
  }
  void TearDown() override { provider_.reset(); }

 private:
  const std::string driver_;
  std::unique_ptr<CryptoProvider> provider_;
};

// Forwards to the one device of the process, so that a data plane which is made while the last one still stands has one too.
std::unique_ptr<CryptoProvider> borrow_device() {
  return std::make_unique<BorrowedProvider>(*device_under_test);
}

}  // namespace
}  // namespace mediaward::crypto

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc < 2) {
    std::cerr << "which device? crypto_openssl or crypto_aesni_mb\n";
    return 2;
  }
  if (!mediaward::drivers::eal_can_run()) {  // 77 is a skip, and the line is its reason
    std::cout << "SKIP: EAL's runtime directory needs root\n";
    return 77;
  }
  testing::AddGlobalTestEnvironment(new mediaward::drivers::EalForTests);
  testing::AddGlobalTestEnvironment(new mediaward::crypto::DeviceForTests(argv[1]));
  return RUN_ALL_TESTS();
}
