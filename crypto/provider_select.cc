// SPDX-License-Identifier: Apache-2.0
// Candidates in order of preference, and the choice among them. OpenSSL is always looked at, so that the display shows
// what the fallback would cost. Main thread.
#include "crypto/provider_select.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "crypto/ipsec_mb_provider.h"
#include "crypto/openssl_provider.h"
#include "crypto/provider_measure.h"
#include "crypto/self_test.h"

namespace mediaward::crypto {
namespace {

constexpr std::size_t kMaxReasonBytes = 159;

struct Candidate {
  std::unique_ptr<CryptoProvider> provider;  // null: could not be made
  ProviderRow row;
};

Candidate examine(std::string name, std::string isa, Result<std::unique_ptr<CryptoProvider>> made) {
  Candidate c;
  c.row.provider = std::move(name);
  c.row.isa = std::move(isa);
  if (!made) {
    c.row.reason = made.error().message;
    return c;
  }
  c.provider = std::move(*made);
  c.row.version = c.provider->version();
  const auto tested = self_test(*c.provider);
  c.row.self_test_passed = tested.has_value();
  if (!tested) c.row.reason = tested.error().message;
  return c;
}

std::vector<Candidate> examine_all() {
  std::vector<Candidate> all;
  for (const IsaLevel level : kIsaLevels) all.push_back(examine("ipsec-mb", std::string(to_string(level)), make_ipsec_mb_provider(level)));
  all.push_back(examine("openssl", "-", make_openssl_provider()));
  return all;
}

void measure(std::vector<Candidate>& all) {
  std::vector<CryptoProvider*> subjects;
  for (const Candidate& c : all)
    if (c.row.self_test_passed) subjects.push_back(c.provider.get());
  const std::vector<double> ns = measure_providers(subjects);
  std::size_t at = 0;
  for (Candidate& c : all)
    if (c.row.self_test_passed) c.row.ns_per_packet = ns[at++];
}

std::string label(const ProviderRow& row) {
  return row.isa == "-" ? row.provider : row.isa;
}

std::string nanoseconds(const ProviderRow& row) {
  return label(row) + " " + std::to_string(std::lround(row.ns_per_packet)) + " ns";
}

std::string measured_list(const std::vector<Candidate>& all) {
  std::vector<const ProviderRow*> rows;
  for (const Candidate& c : all)
    if (c.row.ns_per_packet > 0) rows.push_back(&c.row);
  std::sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) { return a->ns_per_packet < b->ns_per_packet; });
  std::string text = "measured: ";
  for (const ProviderRow* row : rows) text += (row == rows.front() ? "" : ", ") + nanoseconds(*row);
  return text + " per packet";
}

bool is_wanted(const ProviderRow& row, const ProviderRequest& request) {
  const bool by_name = request.name == "auto" || request.name == row.provider;
  const bool by_isa = request.isa == "auto" || request.isa == row.isa;
  return by_name && by_isa;
}

// ipsec-mb goes before OpenSSL whatever the clock said: its key contexts are shared and compact.
bool is_better(const ProviderRow& a, const ProviderRow& b) {
  if (a.provider != b.provider) return a.provider == "ipsec-mb";
  return a.ns_per_packet < b.ns_per_packet;
}

Candidate* pick(std::vector<Candidate>& all, const ProviderRequest& request) {
  Candidate* best = nullptr;
  for (Candidate& c : all) {
    if (!is_wanted(c.row, request) || c.row.ns_per_packet <= 0) continue;
    if (best == nullptr || is_better(c.row, best->row)) best = &c;
  }
  return best;
}

std::string reason_of(const Candidate& c, const Candidate& best, const ProviderRequest& request, const std::string& list) {
  const bool asked = request.name != "auto" || request.isa != "auto";
  if (&c == &best) return asked && request.isa != "auto" ? "configured; " + list : list;
  if (!c.row.reason.empty()) return c.row.reason;
  if (c.row.ns_per_packet <= 0) return "passed its self-test but not the measuring burst: not used";
  if (!is_wanted(c.row, request)) return "not what the configuration asks for; " + nanoseconds(c.row) + " per packet";
  if (c.row.provider == "openssl") return "fallback; " + nanoseconds(c.row) + " per packet";
  return "slower than " + label(best.row) + ": " + nanoseconds(c.row) + " per packet";
}

std::optional<Error> check(const ProviderRequest& request) {
  if (request.name != "auto" && request.name != "ipsec-mb" && request.name != "openssl")
    return Error{ErrorCode::kInvalid, "crypto provider \"" + request.name + "\" is not known: use \"auto\", \"ipsec-mb\" or \"openssl\""};
  if (request.isa != "auto" && !find_isa(request.isa))
    return Error{ErrorCode::kInvalid, "crypto isa \"" + request.isa + "\" is not known: use \"auto\", \"sse\", \"avx2\" or \"avx512\""};
  if (request.name == "openssl" && request.isa != "auto")
    return Error{ErrorCode::kInvalid, "crypto isa \"" + request.isa + "\" does not apply to provider \"openssl\": leave it at \"auto\""};
  return std::nullopt;
}

Error nothing_fits(const std::vector<Candidate>& all, const ProviderRequest& request) {
  std::string why;
  for (const Candidate& c : all)
    if (is_wanted(c.row, request))
      why += (why.empty() ? "" : "; ") + label(c.row) + ": " + (c.row.reason.empty() ? "failed the measuring burst" : c.row.reason);
  return Error{ErrorCode::kUnsupported, "no crypto provider fits name \"" + request.name + "\", isa \"" + request.isa + "\": " + why};
}

}  // namespace

Result<ProviderChoice> choose_provider(const ProviderRequest& request) {
  if (auto wrong = check(request)) return tl::unexpected<Error>(std::move(*wrong));
  std::vector<Candidate> all = examine_all();
  measure(all);
  Candidate* best = pick(all, request);
  if (best == nullptr) return tl::unexpected<Error>(nothing_fits(all, request));
  const std::string list = measured_list(all);
  ProviderChoice choice;
  for (Candidate& c : all) {
    c.row.in_use = &c == best;
    c.row.reason = reason_of(c, *best, request, list).substr(0, kMaxReasonBytes);
    choice.rows.push_back(c.row);
  }
  choice.provider = std::move(best->provider);
  return choice;
}

}  // namespace mediaward::crypto
