// SPDX-License-Identifier: Apache-2.0
// Handles, fingerprints, text forms and content comparison of the desired state's objects. Any thread.
#include "control/model.h"

#include <arpa/inet.h>

#include "control/digest.h"

namespace mediaward::control {

std::string_view to_string(ObjectKind kind) noexcept {
  constexpr std::string_view kNames[] = {"conference", "leg", "stream"};
  return kNames[static_cast<std::uint8_t>(kind)];
}

std::uint64_t object_handle(ObjectKind kind, std::string_view id) {
  const Sha256Digest digest = sha256(std::string(to_string(kind)) + "/" + std::string(id));
  std::uint64_t handle = 0;
  for (unsigned i = 0; i < 8; ++i) handle = handle << 8 | digest[i];
  return handle != 0 ? handle : 1;
}

std::string handle_text(std::uint64_t handle) {
  std::array<std::uint8_t, 8> bytes{};
  for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(handle >> (56 - 8 * i));
  return to_hex(bytes);
}

std::string KeySet::fingerprint() const {
  if (key.size() == 0) return {};
  const Sha256Digest digest = sha256({key.bytes(), salt.bytes()});
  return to_hex(std::span(digest).first(8));
}

std::string Endpoint::address_text() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(family == abi::Family::kIpv4 ? AF_INET : AF_INET6, address.data(), text, sizeof text);
  return text;
}

bool same_content(const Conference& a, const Conference& b) noexcept {
  return a.id == b.id && a.mode == b.mode;
}

bool same_content(const Leg& a, const Leg& b) noexcept {
  return a.id == b.id && a.conference_id == b.conference_id && a.port == b.port && a.local == b.local && a.remote == b.remote &&
         a.receive_key == b.receive_key && a.send_key == b.send_key && a.dscp == b.dscp && a.may_send == b.may_send &&
         a.may_receive == b.may_receive;
}

bool same_content(const Stream& a, const Stream& b) noexcept {
  return a.id == b.id && a.leg_id == b.leg_id && a.ssrc == b.ssrc && a.initial_roc == b.initial_roc;
}

std::string DesiredState::name_of(std::uint64_t handle) const {
  if (handle == 0) return {};
  const auto found = names.find(handle);
  return found != names.end() ? found->second.text() : "object " + handle_text(handle);
}

}  // namespace mediaward::control
