// SPDX-License-Identifier: Apache-2.0
// `conference apply` and `conference remove`: a conference file as one transaction. Keys are wiped from memory once they are sent.
// One thread.
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <random>

#include "crypto/suite.h"
#include "tools/conference_file.h"
#include "tools/mediawardctl/commands.h"
#include "tools/mediawardctl/json.h"

namespace mediaward::tools {

namespace {

std::string random_request_id() {
  std::random_device source;
  return fmt::format("mediawardctl-{:08x}{:08x}", source(), source());
}

// key ‖ salt as the file has it, cut where the suite says. A wrong length is left for the daemon to name.
void fill_key(v1::KeySet& out, const std::string& suite, const std::vector<std::uint8_t>& key_and_salt) {
  const auto* row = crypto::find_suite(std::string_view(suite));
  const std::size_t cut = std::min<std::size_t>(row != nullptr ? row->key_bytes : 16, key_and_salt.size());
  const auto* bytes = reinterpret_cast<const char*>(key_and_salt.data());
  out.set_suite(suite);
  out.mutable_master_key()->assign(bytes, cut);
  out.mutable_master_salt()->assign(bytes + cut, key_and_salt.size() - cut);
}

void fill_leg(v1::Leg& out, const std::string& conference, const ConferenceFile::Participant& in) {
  out.set_id(conference + "/" + in.id);
  out.set_conference_id(conference);
  out.set_port(in.port);
  out.mutable_local()->set_address(in.local.address);
  out.mutable_local()->set_udp_port(in.local.udp_port);
  out.mutable_remote()->set_address(in.remote.address);
  out.mutable_remote()->set_udp_port(in.remote.udp_port);
  fill_key(*out.mutable_receive_key(), in.receive_suite, in.receive_key);
  fill_key(*out.mutable_send_key(), in.send_suite, in.send_key);
  out.set_dscp(in.dscp);
  out.set_direction(in.may_send ? (in.may_receive ? v1::DIRECTION_BOTH : v1::DIRECTION_SEND_ONLY)
                                : (in.may_receive ? v1::DIRECTION_RECEIVE_ONLY : v1::DIRECTION_INACTIVE));
}

void fill(v1::ReplaceConference& out, const ConferenceFile& in) {
  out.mutable_conference()->set_id(in.id);
  out.mutable_conference()->set_mode(v1::FORWARDING_MODE_PER_PARTICIPANT_KEYS);
  for (const auto& participant : in.participants) {
    fill_leg(*out.add_legs(), in.id, participant);
    for (const std::uint32_t ssrc : participant.ssrcs) {
      auto& stream = *out.add_streams();
      stream.set_id(fmt::format("{}/{}/{:08x}", in.id, participant.id, ssrc));
      stream.set_leg_id(in.id + "/" + participant.id);
      stream.set_ssrc(ssrc);
    }
  }
}

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
}

void wipe_keys(v1::ReplaceConference& request, ConferenceFile& file) {
  for (auto& leg : *request.mutable_legs())
    for (v1::KeySet* key : {leg.mutable_receive_key(), leg.mutable_send_key()}) {
      wipe(*key->mutable_master_key());
      wipe(*key->mutable_master_salt());
    }
  for (auto& participant : file.participants)
    for (auto* key : {&participant.receive_key, &participant.send_key}) OPENSSL_cleanse(key->data(), key->size());
}

v1::ApplyTransactionRequest new_request(const ApplyOptions& options) {
  v1::ApplyTransactionRequest request;
  request.set_request_id(options.request_id.empty() ? random_request_id() : options.request_id);
  request.set_dry_run(options.dry_run);
  request.set_state_complete(options.state_complete);
  request.set_leadership_epoch(options.epoch);
  return request;
}

Answer applied_answer(const std::string& id, const v1::ApplyTransactionResponse& out) {
  const char* what = out.dry_run() ? "would be applied" : out.replayed() ? "was applied before" : "applied";
  return {fmt::format("conference {} {}: {} created, {} changed, {} removed; revision {}\n", id, what, out.created(), out.changed(),
                      out.removed(), out.revision()),
          to_json(out)};
}

}  // namespace

CommandResult apply_conference(Client& client, const std::string& path, const ApplyOptions& options) {
  auto file = read_conference(path);
  if (!file) return tl::unexpected(local_error(to_string(file.error().code), file.error().message));
  v1::ApplyTransactionRequest request = new_request(options);
  auto& replace = *request.add_operations()->mutable_replace_conference();
  fill(replace, *file);
  v1::ApplyTransactionResponse out;
  const auto good = client.call(request, out);
  wipe_keys(replace, *file);
  if (!good) return tl::unexpected(good.error());
  return applied_answer(file->id, out);
}

CommandResult remove_conference(Client& client, const std::string& id, const ApplyOptions& options) {
  v1::ApplyTransactionRequest request = new_request(options);
  auto& remove = *request.add_operations()->mutable_remove_conference();
  remove.set_id(id);
  remove.set_cascade(true);
  v1::ApplyTransactionResponse out;
  if (auto good = client.call(request, out); !good) return tl::unexpected(good.error());
  return applied_answer(id, out);
}

}  // namespace mediaward::tools
