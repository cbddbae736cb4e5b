// SPDX-License-Identifier: Apache-2.0
// Crypto devices as a resource: found (PCI) or made (software), configured with one queue pair per engine, started; their session pools;
// what they can do. All devices of one object have the same driver, so that a session serves every queue pair.
// Deliberately no key and no packet here: those are cryptodev_keys.h and cryptodev_engine.h. EAL must be running. Main thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "crypto/error.h"
#include "crypto/suite.h"
#include "drivers/config.h"
#include "drivers/cryptodev_scratch.h"

struct rte_mempool;

namespace mediaward::drivers {

struct CryptodevSettings {
  std::string driver = "crypto_aesni_mb";  // crypto_aesni_mb, crypto_openssl: made here; crypto_qat: found at `addresses`
  std::vector<std::string> addresses;      // PCI addresses of virtual functions
  std::uint16_t queue_pairs = 1;           // one per engine
  std::uint32_t sessions = CryptoConfig{}.sessions;
  std::vector<std::uint16_t> gcm_header_bytes = CryptoConfig{}.gcm_header_bytes;
  std::int32_t numa = -1;            // -1: any
  std::uint16_t descriptors = 2048;  // of a queue pair, a power of two
  std::uint32_t slots = 1024;        // jobs in flight per engine
  bool sessionless = true;           // use operations without a session where the driver has them (QAT has none)
};

[[nodiscard]] CryptodevSettings cryptodev_settings(const CryptoConfig& config, std::size_t workers, std::int32_t numa);

// Megabytes that the devices of this configuration need besides the ports; 0 when it uses none.
[[nodiscard]] std::uint32_t cryptodev_memory_megabytes(const CryptoConfig& config, std::size_t workers);

class CryptodevDevices {
 public:
  [[nodiscard]] static Result<std::unique_ptr<CryptodevDevices>> open(const CryptodevSettings& settings);
  CryptodevDevices(const CryptodevDevices&) = delete;
  CryptodevDevices& operator=(const CryptodevDevices&) = delete;
  ~CryptodevDevices();  // all engines are gone and all keys are wiped

  [[nodiscard]] const CryptodevSettings& settings() const noexcept { return settings_; }
  // Fails with kUnsupported and names the algorithm that the device lacks.
  [[nodiscard]] Result<void> check(const crypto::SuiteInfo& suite) const;
  [[nodiscard]] std::uint8_t session_device() const noexcept { return devices_.front().id; }
  [[nodiscard]] rte_mempool* session_pool() const noexcept { return sessions_; }
  [[nodiscard]] bool takes_operations_without_session() const noexcept { return sessionless_; }
  [[nodiscard]] std::uint16_t max_aad_bytes() const noexcept { return max_aad_bytes_; }
  // A queue pair's slots that no engine has; null when there is none left.
  [[nodiscard]] CryptodevScratch* free_scratch() noexcept;

 private:
  struct Device {
    std::uint8_t id = 0;
    std::string vdev;  // empty: a PCI device, which stays when we go
    std::uint16_t pairs = 0;
    bool started = false;
  };

  explicit CryptodevDevices(const CryptodevSettings& settings) : settings_(settings) {}
  Result<void> make_software_device();
  Result<void> find_hardware_devices();
  Result<void> share_out_pairs();
  Result<void> make_session_pools();
  Result<void> configure(Device& device);
  Result<void> make_scratch();
  void look_at_capabilities();
  [[nodiscard]] bool prime_transient_sessions() const;
  [[nodiscard]] int socket() const noexcept;

  const CryptodevSettings settings_;
  std::vector<Device> devices_;
  rte_mempool* sessions_ = nullptr;   // main thread only, so that a freed element can be wiped
  rte_mempool* transient_ = nullptr;  // what the driver itself takes for operations without a session
  bool sessionless_ = false;
  std::uint16_t max_aad_bytes_ = 0;
  std::vector<std::unique_ptr<CryptodevScratch>> scratch_;
};

}  // namespace mediaward::drivers
