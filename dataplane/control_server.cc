// SPDX-License-Identifier: Apache-2.0
// See control_server.h. Answers to queries are in control_info.cc. Main thread.
#include "dataplane/control_server.h"

#include <grp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <x86gprintrin.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "dataplane/control_send.h"
#include "dataplane/event_text.h"

namespace mediaward::dataplane {
namespace {

using abi::MessageType;

constexpr std::size_t kMaxOperations = std::size_t{1} << 20;  // of one transaction; more is a controller gone wrong
constexpr long kNsPerMs = 1'000'000;
// How long to wait for the socket at most while ...
constexpr long kMovingWaitNs = 100'000;        // a bucket moves: its packets are parked
constexpr long kPendingWaitNs = 1'000'000;     // a transaction is being applied
constexpr long kRestlessWaitNs = 10'000'000;   // addresses, SSRCs or speakers may change at any time
constexpr long kRestWaitNs = 100'000'000;      // retired memory, workers and links are looked after

std::uint64_t random_id() {
  std::uint64_t id = 0;
  while (id == 0)
    if (::getrandom(&id, sizeof id, 0) != static_cast<ssize_t>(sizeof id)) break;
  return id;
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(ErrorCode::kInvalid, "control.socket: path must have 1 to " + std::to_string(sizeof address.sun_path - 1) + " characters");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// A socket file that nobody listens on is left over from a crash.
Result<void> clear_stale(const sockaddr_un& address) {
  UniqueFd probe(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN)
    return fail(ErrorCode::kConflict, std::string(address.sun_path) + ": another data plane serves this socket");
  if (errno == ECONNREFUSED) ::unlink(address.sun_path);
  return {};
}

Result<UniqueFd> listen_at(const ControlServerSettings& settings) {
  const auto address = address_of(settings.socket_path);
  if (!address) return tl::unexpected(address.error());
  if (auto ok = clear_stale(*address); !ok) return tl::unexpected(ok.error());
  const auto failed = [&](const char* what) { return fail(ErrorCode::kInternal, settings.socket_path + ": " + what + ": " + std::strerror(errno)); };
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failed("socket");
  const mode_t before = ::umask(0177);  // closed until mode and group are set
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  ::umask(before);
  if (bound != 0) return failed("cannot make the control socket");
  if (!settings.group.empty()) {
    const group* g = ::getgrnam(settings.group.c_str());
    if (g == nullptr) return fail(ErrorCode::kInvalid, "control.group: no group is called '" + settings.group + "'");
    if (::chown(address->sun_path, static_cast<uid_t>(-1), g->gr_gid) != 0) return failed("cannot set the group");
  }
  if (::chmod(address->sun_path, settings.mode) != 0) return failed("cannot set the mode");
  if (::listen(fd.get(), 4) != 0) return failed("listen");
  return fd;
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::create(Core& core, ControlServerSettings settings, InfoSource& info) {
  auto listener = listen_at(settings);
  if (!listener) return tl::unexpected(listener.error());
  return std::unique_ptr<ControlServer>(new ControlServer(core, std::move(settings), info, std::move(*listener)));
}

ControlServer::ControlServer(Core& core, ControlServerSettings settings, InfoSource& info, UniqueFd listener)
    : core_(core),
      settings_(std::move(settings)),
      info_(info),
      listener_(std::move(listener)),
      learning_({.latch = [&core](std::uint64_t leg, const Source& s, bool rtcp) { return core.set_latched(leg, s.address, s.udp_port, rtcp); },
                 .bind = [&core](std::uint64_t leg, std::uint32_t ssrc) { return core.bind_ssrc(leg, ssrc); }}),
      boot_id_(random_id()),
      watched_(core.worker_count()),
      link_up_(core.settings().ports.size(), true) {
  if (!settings_.clock) settings_.clock = [] { return std::uint64_t{__rdtsc()}; };
}

ControlServer::~ControlServer() { ::unlink(settings_.socket_path.c_str()); }

void ControlServer::run(int timeout_ms) {
  wait(timeout_ms);
  take_events();
  take_evidence();
  learn();
  core_.advance(settings_.clock());
  finish_moves();
  finish_pending();
  send_events();
  watch_workers();
  watch_links();
  core_.collect();
}

void ControlServer::wait(int timeout_ms) {
  const bool busy = has_pending_ || core_.moving();
  pollfd fds[2] = {{listener_.get(), POLLIN, 0}, {client_.get(), POLLIN, 0}};
  if (client_) fds[0].events = 0;  // one controller at a time: others wait in the backlog
  if (busy) fds[1].events = 0;     // answer first; what else was sent waits in the socket
  const long most = core_.moving() ? kMovingWaitNs : has_pending_ ? kPendingWaitNs : core_.restless() ? kRestlessWaitNs : kRestWaitNs;
  const timespec timeout{0, std::min(timeout_ms * kNsPerMs, most)};
  if (::ppoll(fds, 2, &timeout, nullptr) <= 0) return;
  if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_client();
  if ((fds[0].revents & POLLIN) != 0) accept_client();
}

void ControlServer::finish_moves() {
  for (const auto& move : core_.take_moves()) {
    if (move.done) {
      send_event(bucket_moved(move.bucket, move.worker));
    } else if (has_pending_) {
      has_pending_ = false;
      if (greeted_) answer(Refusal{move.done.error().code, 0, move.bucket, "bucket_move", move.done.error().message}, pending_);
    }
  }
}

void ControlServer::finish_pending() {
  if (!has_pending_ || core_.moving() || !core_.applied()) return;
  has_pending_ = false;
  applied_ = pending_;
  if (greeted_) answer(Refusal{ErrorCode::kOk, 0, 0, "", ""}, pending_);
}

void ControlServer::accept_client() {
  client_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  greeted_ = false;
}

void ControlServer::drop_client(const char* why) {
  std::fprintf(stderr, "mediaward-dataplane: controller gone: %s\n", why);
  client_.reset();
  greeted_ = false;
  open_.reset();  // what was handed to the workers goes on: the next HelloReply says that it was applied
}

// Reads until the socket is empty, so that a long transaction costs one wake-up.
void ControlServer::read_client() {
  alignas(8) std::byte buffer[abi::kMaxMessageBytes];
  while (client_ && !has_pending_ && !core_.moving()) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    iovec io{buffer, sizeof buffer};
    msghdr m{};
    m.msg_iov = &io;
    m.msg_iovlen = 1;
    m.msg_control = control;
    m.msg_controllen = sizeof control;
    const ssize_t n = ::recvmsg(client_.get(), &m, MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (n <= 0) return drop_client(n == 0 ? "closed" : std::strerror(errno));
    UniqueFd fd;
    if (const cmsghdr* c = CMSG_FIRSTHDR(&m); c != nullptr && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
      int raw = -1;
      std::memcpy(&raw, CMSG_DATA(c), sizeof raw);
      fd = UniqueFd(raw);
    }
    if ((m.msg_flags & MSG_TRUNC) != 0) return drop_client("oversized message");
    handle({buffer, static_cast<std::size_t>(n)}, std::move(fd));
  }
  OPENSSL_cleanse(buffer, sizeof buffer);  // keys passed through
}

template <typename T>
bool ControlServer::collect_operation(ConstBytes message) {
  T m;
  if (message.size() != sizeof m || open_ == nullptr || open_->operations.size() == kMaxOperations) return false;
  std::memcpy(static_cast<void*>(&m), message.data(), sizeof m);
  open_->operations.emplace_back(m);
  OPENSSL_cleanse(&m, sizeof m);
  return true;
}

template <typename T>
bool ControlServer::collect_single(ConstBytes message, std::optional<T> Transaction::* where) {
  T m;
  if (message.size() != sizeof m || open_ == nullptr || (*open_).*where) return false;
  std::memcpy(static_cast<void*>(&m), message.data(), sizeof m);
  (*open_).*where = m;
  return true;
}

// What cannot be mapped is refused with the transaction, by whoever finds no content.
bool ControlServer::collect_content(ConstBytes message, const UniqueFd& fd) {
  ppspp::ContentOperation operation;
  if (message.size() != sizeof operation.message || open_ == nullptr || open_->operations.size() == kMaxOperations) return false;
  std::memcpy(static_cast<void*>(&operation.message), message.data(), message.size());
  if (auto mapped = ppspp::MappedContent::map(fd.get(), operation.message.bytes); mapped) operation.content = std::move(*mapped);
  open_->operations.emplace_back(std::move(operation));
  return true;
}

void ControlServer::handle(ConstBytes message, UniqueFd fd) {
  abi::MessageHeader header;
  if (message.size() < sizeof header) return drop_client("message shorter than its header");
  std::memcpy(&header, message.data(), sizeof header);
  if (header.bytes != message.size()) return drop_client("message length does not match its header");
  if (!greeted_ && header.type != MessageType::kHello) return drop_client("no Hello");
  const auto as = [&]<typename T>(void (ControlServer::*f)(const T&)) {
    if (message.size() != sizeof(T)) return drop_client("message of the wrong size");
    T m;
    std::memcpy(static_cast<void*>(&m), message.data(), sizeof m);
    (this->*f)(m);
  };
  bool good = true;
  switch (header.type) {
    case MessageType::kHello: {
      if (message.size() != sizeof(abi::Hello)) return drop_client("Hello of the wrong size: the programs are of different releases");
      abi::Hello m;
      std::memcpy(&m, message.data(), sizeof m);
      return hello(m, std::move(fd));
    }
    case MessageType::kBegin: return as(&ControlServer::begin);
    case MessageType::kEnd: return as(&ControlServer::end);
    case MessageType::kQuery: return as(&ControlServer::query);
    case MessageType::kConference: good = collect_operation<abi::Conference>(message); break;
    case MessageType::kLeg: good = collect_operation<abi::Leg>(message); break;
    case MessageType::kStream: good = collect_operation<abi::Stream>(message); break;
    case MessageType::kTopology: good = collect_operation<abi::Topology>(message); break;
    case MessageType::kBucketMove: good = collect_single(message, &Transaction::move); break;
    case MessageType::kPeerCommand: good = collect_single(message, &Transaction::peer); break;
    case MessageType::kSwarm: good = collect_operation<abi::Swarm>(message); break;
    case MessageType::kAdmission: good = collect_operation<abi::Admission>(message); break;
    case MessageType::kSwarmContent: good = collect_content(message, fd); break;
    case MessageType::kConferenceRemove:
    case MessageType::kLegRemove:
    case MessageType::kSwarmRemove:
    case MessageType::kAdmissionRemove:
    case MessageType::kStreamRemove: good = collect_operation<abi::ObjectRemove>(message); break;
    default: return drop_client("unknown message type");
  }
  if (!good) drop_client("object outside a transaction, or of the wrong size");
}

void ControlServer::hello(const abi::Hello& m, UniqueFd fd) {
  if (m.magic != abi::kProtocolMagic || m.version != abi::kProtocolVersion) return drop_client("protocol version differs: install both programs of one release");
  abi::HelloReply reply{};
  if (m.has_state_fd != 0 && fd) {
    if (auto adopted = core_.adopt_state(std::move(fd)); adopted)
      reply.state_adopted = 1;
    else
      std::fprintf(stderr, "mediaward-dataplane: kept SRTP state not taken over: %s\n", adopted.error().message.c_str());
  }
  reply.magic = abi::kProtocolMagic;
  reply.version = abi::kProtocolVersion;
  reply.boot_id = boot_id_;
  reply.worker_count = static_cast<std::uint32_t>(core_.worker_count());
  reply.max_legs = core_.settings().limits.legs;
  reply.max_streams = core_.settings().limits.slots;
  reply.applied_transaction = applied_;
  std::strncpy(reply.release, core_.settings().release.c_str(), sizeof reply.release - 1);
  const auto stats = core_.stats().region().read_only_fd();
  if (!stats) return drop_client(stats.error().message.c_str());
  greeted_ = true;
  const int fds[] = {stats->get(), core_.state().region().fd()};
  send(reply, MessageType::kHelloReply, 0, fds);
}

void ControlServer::begin(const abi::Begin& m) {
  if (open_ != nullptr) return drop_client("Begin inside a transaction");
  open_ = std::make_unique<Transaction>();
  open_->id = m.header.transaction_id;
  open_->options = {m.resync != 0, m.dry_run != 0};
}

void ControlServer::end(const abi::End& m) {
  if (open_ == nullptr || open_->id != m.header.transaction_id) return drop_client("End without its Begin");
  const std::unique_ptr<Transaction> transaction = std::move(open_);
  const std::uint64_t id = transaction->id;
  if (m.operation_count != transaction->operations.size() + (transaction->move ? 1 : 0) + (transaction->peer ? 1 : 0))
    return answer(Refusal{ErrorCode::kInvalid, 0, 0, "transaction", "operation count does not match: a message was lost"}, id);
  const bool alone = transaction->operations.empty() && !transaction->options.resync && !(transaction->move && transaction->peer);
  if (transaction->peer) {
    if (!alone) return answer(Refusal{ErrorCode::kInvalid, 0, transaction->peer->swarm_id, "peer", "in a transaction of its own"}, id);
    if (const auto done = core_.command_peer(*transaction->peer, transaction->options); !done) return answer(done.error(), id);
  } else if (transaction->move) {
    const auto done = alone ? core_.move_bucket(transaction->move->bucket, transaction->move->worker, transaction->options.dry_run)
                            : Result<void>(fail(ErrorCode::kInvalid, "a bucket moves in a transaction of its own"));
    if (!done) return answer(Refusal{done.error().code, 0, transaction->move->bucket, "bucket_move", done.error().message}, id);
  } else if (const auto done = core_.submit(transaction->operations, transaction->options); !done) {
    return answer(done.error(), id);
  }
  if (transaction->options.dry_run) return answer(Refusal{ErrorCode::kOk, 0, 0, "", ""}, id);
  pending_ = id;
  has_pending_ = true;  // answered once every worker has applied it
}

void ControlServer::answer(const Refusal& refusal, std::uint64_t id) {
  abi::TransactionReply reply{};
  reply.code = static_cast<std::uint32_t>(refusal.code);
  reply.operation_index = refusal.operation;
  reply.object_id = refusal.object_id;
  std::strncpy(reply.field, refusal.field.c_str(), sizeof reply.field - 1);
  std::strncpy(reply.message, refusal.message.c_str(), sizeof reply.message - 1);
  send(reply, MessageType::kTransactionReply, id);
}

}  // namespace mediaward::dataplane
