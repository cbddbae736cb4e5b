// SPDX-License-Identifier: Apache-2.0
// A peer that says exactly what a test puts into its mouth: datagrams written message by message, for what no peer with a mind of its own
// would send. Single thread.
#pragma once

#include <optional>
#include <vector>

#include "dataplane/wire/ppspp_message.h"
#include "dataplane/wire/ppspp_writer.h"
#include "tests/content/content_case.h"

namespace mediaward::test {

class RawPeer {
 public:
  RawPeer(ContentStand& stand, const ContentPtr& content, unsigned number, std::uint16_t port = 0)
      : stand_(stand), content_(content), self_(ContentStand::endpoint_of(number)) {
    if (port != 0) self_.port = port;
  }

  using Write = std::function<void(pp::wire::MessageWriter&)>;
  // To a channel of the appliance; 0: where a HANDSHAKE goes.
  void say(std::uint32_t channel, const Write& write) {
    pp::Blob room(1472);
    pp::wire::MessageWriter w(room, channel, content_->metadata().framing());
    write(w);
    send({w.bytes().begin(), w.bytes().end()});
  }
  void say(const Write& write) { say(remote_, write); }
  void send(pp::Blob payload) {
    stand_.inject({self_, stand_.appliance(), std::move(payload)});
    stand_.run_ms(2);
  }
  [[nodiscard]] pp::wire::HandshakeOptions options() const {
    const pp::Metadata& m = content_->metadata();
    pp::wire::HandshakeOptions o;
    o.set_version(pp::wire::kPpsppVersion, pp::wire::kPpsppVersion);
    o.set_swarm_id(m.swarm_id);
    o.set_integrity(pp::wire::IntegrityMethod::kMerkleTree);
    o.set_merkle(m.hash);
    o.set_addressing(m.addressing);
    o.set_chunk_bytes(m.chunk_bytes);
    return o;
  }
  void shake_hands(std::uint32_t own_channel, const pp::wire::HandshakeOptions& o) {
    say(0, [&](pp::wire::MessageWriter& w) { EXPECT_TRUE(w.handshake(own_channel, o)); });
  }
  // The whole handshake, from the first datagram to the third; false: no answer.
  bool open(std::uint32_t own_channel = 0x11223344) {
    shake_hands(own_channel, options());
    stand_.run_ms(20);
    for (const pp::Datagram& d : answers()) {
      pp::wire::Handshake answer;
      std::uint32_t id = 0;
      ConstBytes messages;
      if (!pp::wire::split_channel(d.payload, id, messages) || id != own_channel) continue;
      if (parse_handshake(messages, pp::wire::Profile::kRfc, answer).error == pp::wire::ParseError::kNone) remote_ = answer.source_channel;
    }
    if (remote_ != 0) say([](pp::wire::MessageWriter&) {});
    return remote_ != 0;
  }
  // What the appliance sent to this endpoint since the last call.
  [[nodiscard]] std::vector<pp::Datagram> answers() {
    std::vector<pp::Datagram> mine;
    std::erase_if(stand_.strays, [&](pp::Datagram& d) {
      if (d.to != self_) return false;
      mine.push_back(std::move(d));
      return true;
    });
    return mine;
  }
  // Chunks that were asked of it since the last call.
  [[nodiscard]] std::vector<std::uint64_t> requests() {
    std::vector<std::uint64_t> chunks;
    for (const pp::Datagram& d : answers()) {
      std::uint32_t id = 0;
      ConstBytes messages;
      if (!pp::wire::split_channel(d.payload, id, messages) || messages.empty()) continue;
      pp::wire::MessageReader reader(messages, content_->metadata().framing(), pp::wire::Profile::kRfc);
      for (pp::wire::Message m; reader.next(m);)
        for (std::uint64_t c = m.range.first; m.type == pp::wire::MessageType::kRequest && c <= m.range.last; ++c) chunks.push_back(c);
    }
    return chunks;
  }
  // A chunk with all hashes of its path, the top first.
  void hashes_of(pp::wire::MessageWriter& w, std::uint64_t chunk) const {
    for (unsigned level = content_->top_level(); level-- > 0;) {
      const std::uint64_t sibling = (chunk >> level) ^ 1, first = sibling << level;
      if (first >= content_->metadata().chunks()) continue;
      EXPECT_TRUE(w.integrity({first, first + (std::uint64_t{1} << level) - 1}, content_->node(level, sibling)));
    }
  }
  [[nodiscard]] std::uint32_t remote() const { return remote_; }
  [[nodiscard]] const pp::Endpoint& self() const { return self_; }

 private:
  ContentStand& stand_;
  ContentPtr content_;
  pp::Endpoint self_;
  std::uint32_t remote_ = 0;
};

}  // namespace mediaward::test
