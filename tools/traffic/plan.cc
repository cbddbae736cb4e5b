// SPDX-License-Identifier: Apache-2.0
// Conference files with random keys (see the header). Main thread.
#include "tools/traffic/plan.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "crypto/suite.h"
#include "tools/traffic/frame.h"

namespace mediaward::tools::traffic {

namespace {

constexpr crypto::Suite kCm = crypto::Suite::kAesCm128HmacSha1_80, kGcm = crypto::Suite::kAeadAes128Gcm;

struct SuitePair {
  crypto::Suite receive, send;
};

// Mixed: four combinations in turn, so that every suite meets every suite on the way in and out.
Result<SuitePair> choose_suites(const std::string& suites, std::uint32_t number) {
  constexpr SuitePair kMixed[] = {{kCm, kCm}, {kGcm, kGcm}, {kCm, kGcm}, {kGcm, kCm}};
  if (suites == "cm128") return SuitePair{kCm, kCm};
  if (suites == "gcm128") return SuitePair{kGcm, kGcm};
  if (suites == "mixed") return kMixed[number % 4];
  return fail(ErrorCode::kInvalid, "--suites: `" + suites + "` is unknown; there are mixed, cm128 and gcm128");
}

Result<std::vector<std::uint8_t>> random_key(crypto::Suite suite) {
  const auto* row = crypto::find_suite(suite);
  std::vector<std::uint8_t> key(std::size_t{row->key_bytes} + row->salt_bytes);
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) return fail(ErrorCode::kInternal, "OpenSSL has no random bytes");
  return key;
}

Result<ConferenceFile::Participant> make_participant(const PlanSettings& s, std::uint32_t number) {
  const bool v6 = s.family == PlanFamily::kIpv6 || (s.family == PlanFamily::kMixed && number % 2 == 1);
  const auto first = Address::parse(v6 ? s.remote_v6 : s.remote_v4);
  if (!first || first->v6 != v6 || !Address::parse(v6 ? s.local_v6 : s.local_v4))
    return fail(ErrorCode::kInvalid, "the local or the remote address is not an address of its family");
  const auto suites = choose_suites(s.suites, number);
  if (!suites) return tl::unexpected(suites.error());
  auto receive_key = random_key(suites->receive), send_key = random_key(suites->send);
  if (!receive_key || !send_key) return fail(ErrorCode::kInternal, "OpenSSL has no random bytes");
  ConferenceFile::Participant p;
  p.id = std::string("p").append(std::to_string(number + 1));  // GCC 12 warns of operator+ here (PR 105651)
  p.port = s.port;
  p.local = {v6 ? s.local_v6 : s.local_v4, static_cast<std::uint16_t>(s.local_port_first + 2 * number)};
  p.remote = {first->plus(number).to_string(), s.remote_port};
  p.receive_suite = crypto::find_suite(suites->receive)->name;
  p.send_suite = crypto::find_suite(suites->send)->name;
  p.receive_key = std::move(*receive_key);
  p.send_key = std::move(*send_key);
  for (std::uint32_t i = 0; i < s.streams; ++i) p.ssrcs.push_back(s.ssrc_first + number * s.streams + i);
  p.dscp = s.dscp;
  if (s.one_way) (number == 0 ? p.may_receive : p.may_send) = false;
  return p;
}

}  // namespace

Result<ConferenceFile> make_plan(const PlanSettings& s) {
  if (s.participants < 2) return fail(ErrorCode::kInvalid, "--participants: a conference has at least two");
  if (std::uint32_t{s.local_port_first} + 2 * (s.participants - 1) > 65535)
    return fail(ErrorCode::kInvalid,
                "--local-port-first: " + std::to_string(s.participants) + " participants do not fit between it and 65535");
  ConferenceFile file;
  file.id = s.id;
  for (std::uint32_t i = 0; i < s.participants; ++i) {
    auto participant = make_participant(s, i);
    if (!participant) return tl::unexpected(participant.error());
    file.participants.push_back(std::move(*participant));
  }
  return file;
}

Result<void> write_secret_file(const std::string& path, const std::string& text) {
  const auto failed = [&](const char* what) { return fail(ErrorCode::kInvalid, path + ": " + what + ": " + std::strerror(errno)); };
  std::string temporary = path + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);  // mode 0600
  if (fd < 0) return failed("cannot be created");
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  const bool written = done == text.size();
  if (close(fd) == 0 && written && std::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const auto error = failed("cannot be written");
  unlink(temporary.c_str());
  return error;
}

}  // namespace mediaward::tools::traffic
