// SPDX-License-Identifier: Apache-2.0
// Commands that change what the appliance carries, each one transaction: conference apply, conference remove, rekey, mute, topology;
// and move-bucket, which is none. Keys are wiped from memory once they are sent. One thread.
#include <fmt/format.h>

#include <algorithm>

#include "config/nearest.h"
#include "tools/mediawardctl/conference_message.h"
#include "tools/mediawardctl/transaction.h"

namespace mediaward::tools {

namespace {

tl::expected<ConferenceFile, v1::ErrorDetail> read_file(const std::string& path) {
  auto file = read_conference(path);
  if (!file) return tl::unexpected(local_error(to_string(file.error().code), file.error().message));
  return std::move(*file);
}

// A leg by its own id or, as `show conference` names it, without "<conference>/".
tl::expected<std::string, v1::ErrorDetail> find_leg(const v1::ConferenceState& conference, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& leg : conference.legs()) {
    const std::string prefix = conference.id() + "/";
    names.push_back(leg.id().starts_with(prefix) ? leg.id().substr(prefix.size()) : leg.id());
    if (leg.id() == name || names.back() == name) return leg.id();
  }
  return tl::unexpected(local_error("not-found", "there is no participant `" + name + "`" + config::did_you_mean(name, names),
                                    "conference " + conference.id()));
}

tl::expected<v1::ConferenceState, v1::ErrorDetail> get_conference(Client& client, const std::string& id) {
  v1::GetConferenceRequest in;
  in.set_id(id);
  v1::ConferenceState out;
  if (auto good = client.call(in, out); !good) return tl::unexpected(good.error());
  return out;
}

}  // namespace

CommandResult apply_conference(Client& client, const std::string& path, const ApplyOptions& options) {
  auto file = read_file(path);
  if (!file) return tl::unexpected(file.error());
  v1::ApplyTransactionRequest request = new_request(options);
  fill(*request.add_operations()->mutable_replace_conference(), *file);
  wipe_keys(*file);
  return apply(client, request, "conference " + file->id);
}

CommandResult remove_conference(Client& client, const std::string& id, const ApplyOptions& options) {
  v1::ApplyTransactionRequest request = new_request(options);
  auto& remove = *request.add_operations()->mutable_remove_conference();
  remove.set_id(id);
  remove.set_cascade(true);
  return apply(client, request, "conference " + id);
}

CommandResult rekey(Client& client, const std::string& path, const std::vector<std::string>& participants, const ApplyOptions& options) {
  auto file = read_file(path);
  if (!file) return tl::unexpected(file.error());
  v1::ApplyTransactionRequest request = new_request(options);
  const auto wanted = [&](const std::string& id) {
    return participants.empty() || std::find(participants.begin(), participants.end(), id) != participants.end();
  };
  std::size_t found = 0;
  if (participants.empty() && !fill(*request.add_operations()->mutable_rekey_conference(), *file))
    request.mutable_operations()->RemoveLast();
  for (const auto& participant : file->participants) {
    if (!wanted(participant.id)) continue;
    ++found;
    if (!fill(*request.add_operations()->mutable_rekey_leg(), *file, participant)) request.mutable_operations()->RemoveLast();
  }
  wipe_keys(*file);
  if (found < participants.size())
    return tl::unexpected(local_error("not-found", "not every participant that was named is in the file", path));
  if (request.operations_size() == 0) return tl::unexpected(local_error("invalid", "the file has no key that the appliance knows", path));
  return apply(client, request, "keys of conference " + file->id);
}

CommandResult mute(Client& client, const std::string& conference, const std::string& participant, bool muted, const ApplyOptions& options) {
  const auto state = get_conference(client, conference);
  if (!state) return tl::unexpected(state.error());
  const auto leg = find_leg(*state, participant);
  if (!leg) return tl::unexpected(leg.error());
  v1::ApplyTransactionRequest request = new_request(options);
  auto& change = *request.add_operations()->mutable_mute_leg();
  change.set_leg_id(*leg);
  change.set_muted(muted);
  return apply(client, request, *leg + (muted ? " muted:" : " unmuted:"));
}

CommandResult set_topology(Client& client, const std::string& conference, const std::string& from, const std::string& to,
                           const std::string& relation, const ApplyOptions& options) {
  const auto state = get_conference(client, conference);
  if (!state) return tl::unexpected(state.error());
  v1::ApplyTransactionRequest request = new_request(options);
  auto& entry = *request.add_operations()->mutable_put_topology();
  entry.set_conference_id(conference);
  for (const auto& [name, out] : {std::pair{&from, entry.mutable_leg_a()}, std::pair{&to, entry.mutable_leg_b()}}) {
    const auto leg = find_leg(*state, *name);
    if (!leg) return tl::unexpected(leg.error());
    *out = *leg;
  }
  entry.set_relation(relation == "both"     ? v1::TOPOLOGY_RELATION_BOTH
                     : relation == "oneway" ? v1::TOPOLOGY_RELATION_ONEWAY
                                            : v1::TOPOLOGY_RELATION_ISOLATE);
  return apply(client, request, "topology of " + conference);
}

CommandResult move_bucket(Client& client, std::uint32_t bucket, std::uint32_t worker) {
  v1::MoveBucketRequest in;
  in.set_bucket(bucket);
  in.set_worker(worker);
  v1::MoveBucketResponse out;
  if (auto good = client.call(in, out); !good) return tl::unexpected(good.error());
  return Answer{fmt::format("bucket {} is worker {}'s now\n", bucket, worker), {{"bucket", bucket}, {"worker", worker}}};
}

}  // namespace mediaward::tools
