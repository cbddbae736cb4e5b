// SPDX-License-Identifier: Apache-2.0
// What workers report and what the main thread learned or decided, as event messages for the controller: numbers for programs, a
// text for people. Sends nothing and decides nothing; the server puts in the time. Main thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/abi/protocol.h"
#include "dataplane/ip_address.h"
#include "dataplane/worker_context.h"
#include "dataplane/ppspp/peer_events.h"

namespace mediaward::dataplane {

// An event with its text, cut to what the message holds.
[[nodiscard]] abi::EventMessage make_event(abi::EventKind kind, std::uint64_t object_id, std::uint64_t a, std::uint64_t b,
                                           std::string_view text);

// Of the kinds that are told as they come. What a worker saw of sources and SSRCs is the concern of Learning, never an event itself.
[[nodiscard]] bool is_told(WorkerEvent::Kind kind) noexcept;
[[nodiscard]] abi::EventMessage event_of(const WorkerEvent& e, std::uint32_t worker);

[[nodiscard]] abi::EventMessage address_latched(std::uint64_t leg, const IpAddress& address, std::uint16_t udp_port, bool rtcp);
[[nodiscard]] abi::EventMessage ssrc_bound(std::uint64_t leg, std::uint32_t ssrc, std::uint64_t stream);
[[nodiscard]] abi::EventMessage ssrc_refused(std::uint64_t leg, std::uint32_t ssrc, std::string_view why);
[[nodiscard]] abi::EventMessage speakers_changed(std::uint64_t conference, std::span<const std::uint64_t> legs);
[[nodiscard]] abi::EventMessage bucket_moved(std::uint32_t bucket, std::uint32_t worker);

[[nodiscard]] abi::EvidenceMessage evidence_of(const ppspp::Evidence& evidence, std::uint32_t worker, std::uint64_t time_ns);

}  // namespace mediaward::dataplane
