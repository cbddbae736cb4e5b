// SPDX-License-Identifier: Apache-2.0
// Finding, making, configuring and ending crypto devices. What a device cannot do is found out here, before any key is given to it.
// Main thread.
#ifndef ALLOW_EXPERIMENTAL_API
#define ALLOW_EXPERIMENTAL_API  // rte_cryptodev_sym_session_pool_create is marked so in 22.11, and there is no other way
#endif
#include "drivers/cryptodev_devices.h"

#include <openssl/provider.h>
#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#include <algorithm>

#include "drivers/cryptodev_keys.h"

namespace mediaward::drivers {
namespace {

using crypto::SuiteInfo;
using crypto::Transform;

constexpr std::uint32_t kTransientSessions = 256;       // operations without a session that a driver has in work at once, per queue pair
constexpr std::uint32_t kEstimatedSessionBytes = 2560;  // drivers differ (crypto_aesni_mb: 1408); known only when there is a device
constexpr std::uint32_t kEstimatedSlotBytes = kCryptodevSmallBytes + 1024;

std::string what(const CryptodevSettings& settings) {
  return "crypto.device \"" + settings.driver + "\"";
}

std::string reason(int code) {
  return rte_strerror(code < 0 ? -code : code);
}

struct DriverPackage {
  std::string_view driver, library;
};
constexpr std::array kPackages{DriverPackage{"crypto_aesni_mb", "librte_crypto_ipsec_mb"},
                               DriverPackage{"crypto_openssl", "librte_crypto_openssl"}, DriverPackage{"crypto_qat", "librte_common_qat"}};

std::string package_hint(const std::string& driver) {
  for (const auto& row : kPackages)
    if (row.driver == driver) return "is " + std::string(row.library) + ".so among DPDK's drivers (its Debian package is named after it)?";
  return "DPDK has no driver of that name here";
}

const rte_cryptodev_symmetric_capability* capability(std::uint8_t device, rte_crypto_sym_xform_type type, int algorithm) {
  rte_cryptodev_sym_capability_idx index{};
  index.type = type;
  if (type == RTE_CRYPTO_SYM_XFORM_CIPHER) index.algo.cipher = static_cast<rte_crypto_cipher_algorithm>(algorithm);
  if (type == RTE_CRYPTO_SYM_XFORM_AUTH) index.algo.auth = static_cast<rte_crypto_auth_algorithm>(algorithm);
  if (type == RTE_CRYPTO_SYM_XFORM_AEAD) index.algo.aead = static_cast<rte_crypto_aead_algorithm>(algorithm);
  return rte_cryptodev_sym_capability_get(device, &index);
}

bool has_counter_mode(std::uint8_t device, std::uint8_t key_bytes) {
  const auto* found = capability(device, RTE_CRYPTO_SYM_XFORM_CIPHER, RTE_CRYPTO_CIPHER_AES_CTR);
  return found != nullptr && rte_cryptodev_sym_capability_check_cipher(found, key_bytes, 16) == 0;
}

bool has_hmac_sha1(std::uint8_t device, std::uint8_t key_bytes) {
  const auto* found = capability(device, RTE_CRYPTO_SYM_XFORM_AUTH, RTE_CRYPTO_AUTH_SHA1_HMAC);
  return found != nullptr && rte_cryptodev_sym_capability_check_auth(found, key_bytes, kCryptodevDigestBytes, 0) == 0;
}

bool has_gcm(std::uint8_t device, std::uint8_t key_bytes) {
  const auto* found = capability(device, RTE_CRYPTO_SYM_XFORM_AEAD, RTE_CRYPTO_AEAD_AES_GCM);
  return found != nullptr && rte_cryptodev_sym_capability_check_aead(found, key_bytes, kCryptodevAeadTagBytes, 12, 12) == 0;
}

// Empty when the device can do the suite.
std::string lacking(std::uint8_t device, const SuiteInfo& suite) {
  const std::string bits = std::to_string(suite.key_bytes * 8);
  if (suite.transform == Transform::kAesGcm) return has_gcm(device, suite.key_bytes) ? "" : "AES-GCM with " + bits + "-bit keys";
  if (!has_hmac_sha1(device, suite.auth_key_bytes)) return "HMAC-SHA1 with whole digests";
  if (suite.transform == Transform::kAesCmHmacSha1 && !has_counter_mode(device, suite.key_bytes))
    return "AES-CTR with " + bits + "-bit keys";
  return "";
}

// The OpenSSL driver loads libcrypto's providers when it is made and unloads them when it goes, from under everybody else in the process.
// One more reference, never given back, keeps the default one.
void keep_openssl_provider(const std::string& driver) {
  if (driver == "crypto_openssl") OSSL_PROVIDER_load(nullptr, "default");
}

rte_cryptodev_info information(std::uint8_t device) {
  rte_cryptodev_info info{};
  rte_cryptodev_info_get(device, &info);
  return info;
}

}  // namespace

CryptodevSettings cryptodev_settings(const CryptoConfig& config, std::size_t workers, std::int32_t numa) {
  CryptodevSettings out;
  out.driver = config.device;
  out.addresses = config.addresses;
  out.queue_pairs = static_cast<std::uint16_t>(workers);
  out.sessions = config.sessions;
  out.gcm_header_bytes = config.gcm_header_bytes;
  out.numa = numa;
  return out;
}

std::uint32_t cryptodev_memory_megabytes(const CryptoConfig& config, std::size_t workers) {
  if (config.provider != "cryptodev") return 0;
  const CryptodevSettings settings = cryptodev_settings(config, workers, -1);
  const std::uint64_t per_worker = std::uint64_t{settings.slots} * kEstimatedSlotBytes +
                                   CryptodevScratch::kLargeSlots * (kCryptodevLargeBytes + 1024u) +
                                   kTransientSessions * kEstimatedSessionBytes + (std::uint64_t{1} << 20);  // rings and the driver's own
  return static_cast<std::uint32_t>((workers * per_worker + std::uint64_t{settings.sessions} * kEstimatedSessionBytes) >> 20) + 8;
}

Result<std::unique_ptr<CryptodevDevices>> CryptodevDevices::open(const CryptodevSettings& settings) {
  std::unique_ptr<CryptodevDevices> devices(new CryptodevDevices(settings));  // make_unique cannot reach the private constructor
  const auto step = [&](Result<void> (CryptodevDevices::*run)()) { return ((*devices).*run)(); };
  for (const auto run : {settings.addresses.empty() ? &CryptodevDevices::make_software_device : &CryptodevDevices::find_hardware_devices,
                         &CryptodevDevices::share_out_pairs, &CryptodevDevices::make_session_pools})
    if (auto done = step(run); !done) return tl::unexpected<Error>(done.error());
  for (Device& device : devices->devices_)
    if (auto done = devices->configure(device); !done) return tl::unexpected<Error>(done.error());
  if (auto done = devices->make_scratch(); !done) return tl::unexpected<Error>(done.error());
  devices->look_at_capabilities();
  devices->sessionless_ = settings.sessionless && devices->sessionless_ && devices->prime_transient_sessions();
  return devices;
}

Result<void> CryptodevDevices::make_software_device() {
  const std::string name = settings_.driver + "0";
  if (rte_cryptodev_get_dev_id(name.c_str()) >= 0)
    return fail(ErrorCode::kConflict, what(settings_) + " is in use in this process already");
  keep_openssl_provider(settings_.driver);
  std::string arguments = "max_nb_queue_pairs=" + std::to_string(settings_.queue_pairs);
  if (settings_.numa >= 0) arguments += ",socket_id=" + std::to_string(settings_.numa);
  const int status = rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str());
  const int id = status == 0 ? rte_cryptodev_get_dev_id(name.c_str()) : -1;
  if (id < 0)
    return fail(ErrorCode::kUnavailable,
                what(settings_) + ": DPDK cannot make the device (" + reason(status) + "); " + package_hint(settings_.driver));
  devices_.push_back({static_cast<std::uint8_t>(id), name, 0, false});
  return {};
}

// EAL has probed the addresses already; the driver names its devices after them.
Result<void> CryptodevDevices::find_hardware_devices() {
  for (const std::string& address : settings_.addresses) {
    const int id = rte_cryptodev_get_dev_id((address + "_qat_sym").c_str());
    if (id < 0)
      return fail(ErrorCode::kUnavailable, "crypto.addresses: no QAT device at " + address +
                                               "; is its virtual function made and bound to vfio-pci (docs/hardware-crypto.md), and " +
                                               package_hint(settings_.driver));
    devices_.push_back({static_cast<std::uint8_t>(id), "", 0, false});
  }
  return {};
}

Result<void> CryptodevDevices::share_out_pairs() {
  std::uint32_t wanted = settings_.queue_pairs;
  std::uint32_t offered = 0;
  for (Device& device : devices_) {
    const std::uint32_t most = information(device.id).max_nb_queue_pairs;
    device.pairs = static_cast<std::uint16_t>(std::min(wanted, most));
    wanted -= device.pairs;
    offered += most;
  }
  std::erase_if(devices_, [](const Device& device) { return device.pairs == 0 && device.vdev.empty(); });  // more than needed
  if (wanted == 0) return {};
  return fail(ErrorCode::kUnavailable,
              what(settings_) + " has " + std::to_string(offered) + " queue pairs, and every one of " +
                  std::to_string(settings_.queue_pairs) +
                  " workers needs one; name more crypto.addresses or set workers.count = " + std::to_string(offered));
}

Result<void> CryptodevDevices::make_session_pools() {
  unsigned bytes = 0;
  for (const Device& device : devices_) bytes = std::max(bytes, rte_cryptodev_sym_get_private_session_size(device.id));
  const auto make = [&](const char* name, std::uint32_t count) {
    return rte_cryptodev_sym_session_pool_create(name, count, bytes, 0, 0, socket());
  };
  sessions_ = make("mw-crypto-sessions", settings_.sessions);
  if (sessions_ != nullptr) transient_ = make("mw-crypto-transient", kTransientSessions * settings_.queue_pairs);
  if (transient_ != nullptr) return {};
  return fail(ErrorCode::kExhausted, "no memory for " + std::to_string(settings_.sessions) + " crypto sessions of " +
                                         std::to_string(bytes) + " bytes: lower crypto.sessions or raise memory.megabytes");
}

Result<void> CryptodevDevices::configure(Device& device) {
  rte_cryptodev_config config{};
  config.socket_id = rte_cryptodev_socket_id(device.id);
  config.nb_queue_pairs = device.pairs;
  config.ff_disable = RTE_CRYPTODEV_FF_SECURITY | RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO;
  rte_cryptodev_qp_conf queue{};
  queue.nb_descriptors = settings_.descriptors;
  queue.mp_session = transient_;
  int status = rte_cryptodev_configure(device.id, &config);
  for (std::uint16_t pair = 0; status == 0 && pair < device.pairs; ++pair)
    status = rte_cryptodev_queue_pair_setup(device.id, pair, &queue, config.socket_id);
  if (status == 0) status = rte_cryptodev_start(device.id);
  if (status != 0)
    return fail(ErrorCode::kUnavailable,
                what(settings_) + ": " + std::to_string(device.pairs) + " queue pairs cannot be set up (" + reason(status) + ")");
  device.started = true;
  return {};
}

Result<void> CryptodevDevices::make_scratch() {
  for (const Device& device : devices_) {
    for (std::uint16_t pair = 0; pair < device.pairs; ++pair) {
      auto scratch = CryptodevScratch::create({device.id, pair}, settings_.slots, socket());
      if (!scratch) return tl::unexpected<Error>(scratch.error());
      scratch_.push_back(std::move(*scratch));
    }
  }
  return {};
}

// What is used is what every device has.
void CryptodevDevices::look_at_capabilities() {
  sessionless_ = true;
  max_aad_bytes_ = crypto::kMaxAadBytes;
  for (const Device& device : devices_) {
    const auto* gcm = capability(device.id, RTE_CRYPTO_SYM_XFORM_AEAD, RTE_CRYPTO_AEAD_AES_GCM);
    sessionless_ = sessionless_ && gcm != nullptr && (information(device.id).feature_flags & RTE_CRYPTODEV_FF_SYM_SESSIONLESS) != 0;
    if (gcm != nullptr) max_aad_bytes_ = std::min(max_aad_bytes_, gcm->aead.aad_size.max);
  }
}

// Drivers of 22.11 take such sessions raw from the pool but expect a header that only the making of a session writes: so each is made
// once and freed.
bool CryptodevDevices::prime_transient_sessions() const {
  const std::array<std::byte, 16> key{};
  std::vector<void*> made;
  for (std::uint32_t i = 0; i < kTransientSessions * settings_.queue_pairs; ++i) {
    rte_crypto_sym_xform transform = gcm_transform(key.data(), key.size(), true, 12);
    void* session = rte_cryptodev_sym_session_create(session_device(), &transform, transient_);
    if (session == nullptr) break;
    made.push_back(session);
  }
  for (void* session : made) rte_cryptodev_sym_session_free(session_device(), session);
  return made.size() == kTransientSessions * settings_.queue_pairs;
}

Result<void> CryptodevDevices::check(const SuiteInfo& suite) const {
  for (const Device& device : devices_)
    if (const std::string missing = lacking(device.id, suite); !missing.empty())
      return fail(ErrorCode::kUnsupported, what(settings_) + " cannot do " + std::string(suite.name) + ": it lacks " + missing +
                                               "; choose another suite, or crypto.provider = \"auto\"");
  return {};
}

CryptodevScratch* CryptodevDevices::free_scratch() noexcept {
  const auto found = std::find_if(scratch_.begin(), scratch_.end(), [](const auto& scratch) { return !scratch->lent; });
  return found == scratch_.end() ? nullptr : found->get();
}

int CryptodevDevices::socket() const noexcept {
  return settings_.numa >= 0 ? settings_.numa : SOCKET_ID_ANY;
}

// Operations that a device did not give back must not outlive it: devices first, memory afterwards.
CryptodevDevices::~CryptodevDevices() {
  for (Device& device : devices_) {
    if (device.started) rte_cryptodev_stop(device.id);
    rte_cryptodev_close(device.id);
    if (!device.vdev.empty()) rte_eal_hotplug_remove("vdev", device.vdev.c_str());
  }
  scratch_.clear();
  rte_mempool_free(transient_);
  rte_mempool_free(sessions_);
}

}  // namespace mediaward::drivers
