// SPDX-License-Identifier: Apache-2.0
// What reconcile.cc and reconcile_peer.cc share: making a message, and the difference of two states as far as swarms are concerned.
// Only these two include this. Any thread.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "control/reconcile.h"

namespace mediaward::control {

template <typename Message>
Message make(abi::MessageType type) {
  Message message{};
  message.header.type = type;
  message.header.bytes = sizeof message;
  return message;
}

template <typename Message>
SecretBuffer to_buffer(Message& message) {
  SecretBuffer buffer(ConstBytes(reinterpret_cast<const std::byte*>(&message), sizeof message));
  OPENSSL_cleanse(&message, sizeof message);
  return buffer;
}

inline void add(Plan& plan, SecretBuffer message, ObjectKind kind, const std::string& id) {
  plan.messages.push_back(std::move(message));
  plan.objects.push_back({kind, id});
}

template <std::size_t N>
void fill_name(char (&out)[N], const std::string& name) {
  std::copy_n(name.begin(), std::min(name.size(), N - 1), out);
}

// Swarms, admissions and content that lie between two states. What both share is skipped by blocks (shared_map.h).
class PeerDifference {
 public:
  PeerDifference(const DesiredState& carried, const DesiredState& desired);

  void add_removals(Plan& plan) const;
  void add_sweep_removals(Plan& plan) const;  // of what is named again otherwise: the sweep sees to all else
  void add_objects(Plan& plan, bool all) const;

 private:
  [[nodiscard]] bool comes_anew(const std::string& id) const { return leaving_.contains(id) && desired_.swarms.contains(id); }
  void add_swarms(Plan& plan, bool all) const;
  void add_admissions(Plan& plan, bool all) const;
  void add_contents(Plan& plan) const;

  const DesiredState& carried_;
  const DesiredState& desired_;
  std::set<std::string> leaving_;  // swarms that go, or come anew with everything in them
};

}  // namespace mediaward::control
