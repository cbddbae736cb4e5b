// SPDX-License-Identifier: Apache-2.0
// The provider over DPDK's crypto devices: software ones (crypto_aesni_mb, crypto_openssl) and Intel QuickAssist (crypto_qat).
// It does every suite on the device or none of it elsewhere: what a device cannot do is refused with a reason, never computed by the CPU
// behind the operator's back. Lives in drivers/ because only this folder knows DPDK. Main thread; its engines run on one worker each.
#pragma once

#include <memory>

#include "crypto/provider_select.h"
#include "drivers/cryptodev_devices.h"

namespace mediaward::drivers {

// EAL must be running, and the devices are ended before it.
[[nodiscard]] Result<std::unique_ptr<crypto::CryptoProvider>> make_cryptodev_provider(const CryptodevSettings& settings);

// The provider after its self-test, and one row for each of the others, so that the display shows what they would cost.
[[nodiscard]] Result<crypto::ProviderChoice> choose_cryptodev_provider(const CryptodevSettings& settings);

}  // namespace mediaward::drivers
