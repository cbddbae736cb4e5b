// SPDX-License-Identifier: Apache-2.0
// See transaction.h.
#include "tools/mediawardctl/transaction.h"

#include <fmt/format.h>

#include <random>

#include "control/proto/wipe_keys.h"
#include "tools/mediawardctl/json.h"

namespace mediaward::tools {

namespace {

std::string random_request_id() {
  std::random_device source;
  return fmt::format("mediawardctl-{:08x}{:08x}", source(), source());
}

}  // namespace

v1::ApplyTransactionRequest new_request(const ApplyOptions& options) {
  v1::ApplyTransactionRequest request;
  request.set_request_id(options.request_id.empty() ? random_request_id() : options.request_id);
  request.set_dry_run(options.dry_run);
  request.set_state_complete(options.state_complete);
  request.set_leadership_epoch(options.epoch);
  return request;
}

CommandResult apply(Client& client, v1::ApplyTransactionRequest& request, const std::string& what) {
  v1::ApplyTransactionResponse out;
  const auto good = client.call(request, out);
  control::wipe_keys(request);
  if (!good) return tl::unexpected(good.error());
  const char* verb = out.dry_run() ? "would be applied" : out.replayed() ? "was applied before" : "applied";
  std::string text = fmt::format("{} {}: {} created, {} changed, {} removed; revision {}\n", what, verb, out.created(), out.changed(),
                                 out.removed(), out.revision());
  for (const auto& warning : out.warnings())
    text += fmt::format("warning: {}: {}: {}\n", warning.object(), warning.field(), warning.message());
  return Answer{text, to_json(out)};
}

}  // namespace mediaward::tools
