// SPDX-License-Identifier: Apache-2.0
// The provider interface over devices, keys and engines, and how the start-up chooses it. Main thread.
#include "drivers/cryptodev_provider.h"

#include <rte_version.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "crypto/provider_measure.h"
#include "crypto/self_test.h"
#include "drivers/cryptodev_engine.h"
#include "drivers/cryptodev_keys.h"

namespace mediaward::drivers {
namespace {

using crypto::CryptoProvider;
using crypto::Engine;
using crypto::KeyContext;
using crypto::ProviderRow;
using crypto::SessionKeys;
using crypto::Suite;

constexpr std::size_t kMaxReasonBytes = 159;  // what crypto::ProviderRow promises

class CryptodevProvider final : public CryptoProvider {
 public:
  explicit CryptodevProvider(std::unique_ptr<CryptodevDevices> devices) : devices_(std::move(devices)) {}

  std::string_view name() const noexcept override { return "cryptodev"; }
  std::string_view isa() const noexcept override { return devices_->settings().driver; }
  std::string version() const override { return rte_version(); }

  // Null when every queue pair has an engine.
  std::unique_ptr<Engine> make_engine() override {
    CryptodevScratch* scratch = devices_->free_scratch();
    if (scratch == nullptr) return nullptr;
    return std::make_unique<CryptodevEngine>(*devices_, *scratch);
  }

  std::size_t key_context_bytes(Suite suite) const noexcept override {
    const auto* info = crypto::find_suite(suite);
    return info == nullptr ? 0 : cryptodev_key_bytes(*info);
  }
  // The OpenSSL driver of 22.11 keeps cipher state in the session; the others only read it.
  bool key_contexts_shared() const noexcept override { return devices_->settings().driver != "crypto_openssl"; }

  Result<void> expand(Suite suite, const SessionKeys& keys, KeyContext* context) override {
    const auto* info = crypto::find_suite(suite);
    if (info == nullptr)
      return fail(ErrorCode::kUnsupported, "cryptodev: suite " + std::to_string(static_cast<unsigned>(suite)) + " is not known");
    return expand_cryptodev_key(*devices_, *info, keys, context);
  }
  void wipe(Suite, KeyContext* context) noexcept override { wipe_cryptodev_key(*devices_, context); }

 private:
  const std::unique_ptr<CryptodevDevices> devices_;
};

std::string nanoseconds(double ns) {
  return std::to_string(std::lround(ns)) + " ns per packet";
}

ProviderRow row_of(CryptoProvider& provider) {
  ProviderRow row;
  row.provider = provider.name();
  row.isa = provider.isa();
  row.version = provider.version();
  row.self_test_passed = true;
  row.in_use = true;
  CryptoProvider* const subjects[] = {&provider};
  row.ns_per_packet = crypto::measure_providers(subjects).front();
  row.reason =
      row.ns_per_packet > 0 ? "configured; measured: " + nanoseconds(row.ns_per_packet) + " of this CPU, copies included" : "configured";
  return row;
}

void mark_not_chosen(ProviderRow& row) {
  row.in_use = false;
  if (row.ns_per_packet > 0) row.reason = "not what the configuration asks for; " + nanoseconds(row.ns_per_packet);
  row.reason.resize(std::min(row.reason.size(), kMaxReasonBytes));
}

}  // namespace

Result<std::unique_ptr<CryptoProvider>> make_cryptodev_provider(const CryptodevSettings& settings) {
  auto devices = CryptodevDevices::open(settings);
  if (!devices) return tl::unexpected<Error>(devices.error());
  return std::make_unique<CryptodevProvider>(std::move(*devices));
}

Result<crypto::ProviderChoice> choose_cryptodev_provider(const CryptodevSettings& settings) {
  auto provider = make_cryptodev_provider(settings);
  if (!provider) return tl::unexpected<Error>(provider.error());
  if (auto tested = crypto::self_test(**provider); !tested) return tl::unexpected<Error>(tested.error());
  crypto::ProviderChoice choice;
  choice.rows.push_back(row_of(**provider));
  if (auto others = crypto::choose_provider({})) {
    for (ProviderRow& row : others->rows) {
      mark_not_chosen(row);
      choice.rows.push_back(std::move(row));
    }
  }
  choice.provider = std::move(*provider);
  return choice;
}

}  // namespace mediaward::drivers
