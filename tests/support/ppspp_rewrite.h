// SPDX-License-Identifier: Apache-2.0
// Writes a message that was read: what codec tests compare with the bytes it was read from. No test framework: fuzz targets use it, too.
#pragma once

#include "dataplane/wire/ppspp_message.h"
#include "dataplane/wire/ppspp_writer.h"

namespace mediaward::test {

// options: of a HANDSHAKE. False: it does not fit.
inline bool write_again(dataplane::ppspp::MessageWriter& w, const dataplane::ppspp::Message& m, const dataplane::ppspp::HandshakeOptions& options) {
  using dataplane::ppspp::MessageType;
  switch (m.type) {
    case MessageType::kHandshake: return w.handshake(m.channel, options);
    case MessageType::kData: return w.data(m.range, m.timestamp, m.body);
    case MessageType::kAck: return w.ack(m.range, m.timestamp);
    case MessageType::kHave: return w.have(m.range);
    case MessageType::kIntegrity: return w.integrity(m.range, m.body);
    case MessageType::kPexResV4: return w.pex_res_v4(m.body, m.port);
    case MessageType::kPexReq: return w.pex_req();
    case MessageType::kSignedIntegrity: return w.signed_integrity(m.range, m.timestamp, m.body);
    case MessageType::kRequest: return w.request(m.range);
    case MessageType::kCancel: return w.cancel(m.range);
    case MessageType::kChoke: return w.choke();
    case MessageType::kUnchoke: return w.unchoke();
    case MessageType::kPexResV6: return w.pex_res_v6(m.body, m.port);
    case MessageType::kPexResCert: return w.pex_res_cert(m.body);
  }
  return false;
}

}  // namespace mediaward::test
