// SPDX-License-Identifier: Apache-2.0
// The loop of the data-plane client: connect, greet, resynchronise, receive, send. Whatever is malformed ends the connection; the
// next greeting finds out where both sides stand. The loop's own thread, except for the handlers' shared state under the lock.
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "control/dataplane_client.h"

namespace mediaward::control {

namespace {

constexpr std::chrono::milliseconds kLongestPoll{500};  // so that beats() moves for the watchdog
constexpr std::size_t kMaxAnswers = 1 << 18;            // info messages to one query: peers of every swarm
constexpr std::size_t kCopyPiece = 16 << 20;            // bytes of content between two looks at the socket

ErrorCode to_code(std::uint32_t value) {
  return value >= 1 && value <= static_cast<std::uint32_t>(ErrorCode::kInternal) ? static_cast<ErrorCode>(value) : ErrorCode::kInternal;
}

tl::unexpected<Error> malformed(const std::string& what) {
  return fail(ErrorCode::kInvalid, "the data plane sent a malformed " + what);
}

}  // namespace

int DataplaneClient::poll_timeout_ms() const {
  auto until = Clock::now() + kLongestPoll;
  if (phase_ == Phase::kDown) until = std::min(until, retry_at_);
  if (phase_ == Phase::kGreeting || phase_ == Phase::kSyncing) until = std::min(until, deadline_);
  if (copy_ && !blocked_) return 0;
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count() + 1;
  return static_cast<int>(std::clamp<std::int64_t>(wait, 0, kLongestPoll.count()));
}

void DataplaneClient::run() {
  for (;;) {
    beats_.fetch_add(1, std::memory_order_relaxed);
    if (phase_ == Phase::kDown && Clock::now() >= retry_at_) connect();
    pollfd fds[2] = {{wake_.get(), POLLIN, 0}, {socket_ ? socket_->fd() : -1, static_cast<short>(POLLIN | (blocked_ ? POLLOUT : 0)), 0}};
    ::poll(fds, 2, poll_timeout_ms());
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t ignored = ::read(wake_.get(), &count, sizeof count);
    std::string drop;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) {
        info_.ready = false;
        fail_all("the daemon is stopping");
        break;
      }
      drop.swap(drop_reason_);
    }
    if (!drop.empty() && phase_ != Phase::kDown) disconnect(drop);
    if (socket_ && (fds[1].revents & ~POLLOUT) != 0) receive_all();
    if (socket_) flush();
    check_deadline();
  }
  socket_.reset();
}

void DataplaneClient::connect() {
  auto connected = SeqpacketSocket::connect(options_.socket_path);
  if (!connected) return disconnect(connected.error().message);
  socket_.emplace(std::move(*connected));
  phase_ = Phase::kGreeting;
  deadline_ = Clock::now() + options_.hello_timeout;
  abi::Hello hello{};
  hello.header = {abi::MessageType::kHello, 0, sizeof hello, 0};
  hello.has_state_fd = state_fd_ ? 1 : 0;
  const ConstBytes bytes(reinterpret_cast<const std::byte*>(&hello), sizeof hello);
  if (socket_->send(bytes, state_fd_.get()) != SeqpacketSocket::Sent::kDone) disconnect("the greeting could not be sent");
}

void DataplaneClient::disconnect(const std::string& reason) {
  const bool was_connected = phase_ != Phase::kDown;
  socket_.reset();
  blocked_ = false;
  sending_.clear();
  copy_.reset();
  phase_ = Phase::kDown;
  retry_at_ = Clock::now() + backoff_;
  backoff_ = std::min(backoff_ * 2, options_.reconnect_max);
  bool news = was_connected;
  {
    const std::lock_guard lock(mutex_);
    info_.ready = false;
    news = news || info_.last_error != reason;
    info_.last_error = reason;
    drop_reason_.clear();
    fail_all(reason);
  }
  if (news && handlers_.lost) handlers_.lost(reason);
}

void DataplaneClient::check_deadline() {
  if ((phase_ != Phase::kGreeting && phase_ != Phase::kSyncing) || Clock::now() < deadline_) return;
  disconnect(phase_ == Phase::kGreeting ? "it did not answer the greeting in time" : "it did not answer the resynchronisation in time");
}

void DataplaneClient::receive_all() {
  for (int budget = 256; budget > 0 && socket_; --budget) {
    auto received = socket_->receive();
    if (!received) return disconnect(received.error().message);
    if (!received->has_value()) return;
    if (auto good = handle(**received); !good) return disconnect(good.error().message);
  }
}

Result<void> DataplaneClient::handle(Datagram& datagram) {
  const abi::MessageType type = datagram.header().type;
  if (phase_ == Phase::kGreeting && type != abi::MessageType::kHelloReply && type != abi::MessageType::kEvent &&
      type != abi::MessageType::kEvidence)
    return malformed("greeting: it answered with message type " + std::to_string(static_cast<unsigned>(type)));
  switch (type) {
    case abi::MessageType::kHelloReply:
      return handle_hello(datagram);
    case abi::MessageType::kTransactionReply:
      return handle_reply(datagram);
    case abi::MessageType::kEvent: {
      const auto event = datagram.as<abi::EventMessage>();
      if (!event) return malformed("event");
      if (handlers_.event) handlers_.event(*event);
      return {};
    }
    case abi::MessageType::kEvidence: {
      const auto evidence = datagram.as<abi::EvidenceMessage>();
      if (!evidence) return malformed("evidence");
      if (handlers_.evidence) handlers_.evidence(*evidence);
      return {};
    }
    case abi::MessageType::kSwarmInfo:
    case abi::MessageType::kPeerInfo:
    case abi::MessageType::kPortInfo:
    case abi::MessageType::kWorkerInfo:
    case abi::MessageType::kEngineInfo:
    case abi::MessageType::kMemoryInfo:
    case abi::MessageType::kStageInfo:
    case abi::MessageType::kPlanLine:
    case abi::MessageType::kNeighbourInfo:
    case abi::MessageType::kQueryEnd:
      return handle_query_message(datagram);
    default:
      return malformed("message: type " + std::to_string(static_cast<unsigned>(type)) + " is not one it may send");
  }
}

Result<void> DataplaneClient::handle_hello(Datagram& datagram) {
  const auto hello = datagram.as<abi::HelloReply>();
  if (!hello || phase_ != Phase::kGreeting) return malformed("greeting");
  if (hello->magic != abi::kProtocolMagic || hello->version != abi::kProtocolVersion)
    return fail(ErrorCode::kUnsupported, "the data plane (" + field_text(hello->release) + ") speaks protocol version " +
                                             std::to_string(hello->version) + ", this daemon " + std::to_string(abi::kProtocolVersion) +
                                             ": install both of the same release");
  if (datagram.fds.size() != 2) return malformed("greeting: it must carry two descriptors");
  auto stats = StatsRegion::open(datagram.fds[0]);
  if (!stats) return tl::unexpected(stats.error());
  auto state = StateRegion::open(datagram.fds[1]);
  if (!state) return tl::unexpected(state.error());
  state_fd_ = std::move(datagram.fds[1]);
  {
    const std::lock_guard lock(mutex_);
    stats_ = *stats;
    state_ = *state;
    info_.boot_id = hello->boot_id;
    info_.release = field_text(hello->release);
    info_.state_adopted = hello->state_adopted != 0;
    info_.workers = hello->worker_count;
    info_.max_legs = hello->max_legs;
    info_.max_streams = hello->max_streams;
    info_.applied_transaction = hello->applied_transaction;
    ++info_.connections;
    next_id_ = std::max(next_id_, hello->applied_transaction + 1);
  }
  begin_sync();
  return {};
}

void DataplaneClient::begin_sync() {
  const Plan plan = handlers_.plan_sync ? handlers_.plan_sync(info()) : Plan{};
  if (plan.messages.empty() && !plan.resync) return finish_sync(0);
  phase_ = Phase::kSyncing;
  deadline_ = Clock::now() + time_for(plan);
  const std::lock_guard lock(mutex_);
  sync_id_ = next_id_++;
  info_.sync_transaction = sync_id_;
  enqueue(sync_id_, plan, false);
}

void DataplaneClient::finish_sync(const TransactResult& result) {
  phase_ = Phase::kReady;
  backoff_ = options_.reconnect_min;
  if (handlers_.synchronized) handlers_.synchronized(result);
  const std::lock_guard lock(mutex_);
  info_.ready = true;
  info_.last_error.clear();
  if (result && *result != 0) info_.applied_transaction = *result;
}

Result<void> DataplaneClient::handle_reply(const Datagram& datagram) {
  const auto reply = datagram.as<abi::TransactionReply>();
  if (!reply) return malformed("transaction reply");
  TransactResult result = reply->header.transaction_id;
  if (reply->code != 0) {
    Nack nack;
    nack.error = {to_code(reply->code), field_text(reply->message)};
    nack.has_operation = true;
    nack.operation_index = reply->operation_index;
    nack.object_id = reply->object_id;
    nack.field = field_text(reply->field);
    nack.transaction_id = reply->header.transaction_id;
    result = tl::unexpected(nack);
  }
  if (phase_ == Phase::kSyncing) {
    if (reply->header.transaction_id != sync_id_) return malformed("transaction reply: its id was not asked for");
    if (reply->code == static_cast<std::uint32_t>(ErrorCode::kUnavailable))  // busy with itself: greeted and asked again after a pause
      return fail(ErrorCode::kUnavailable, "it could not be resynchronised now: " + field_text(reply->message));
    finish_sync(result);
    return {};
  }
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(reply->header.transaction_id);
  if (found == pending_.end()) return malformed("transaction reply: its id was not asked for");
  found->second->result = result;
  found->second->done = true;
  if (result) info_.applied_transaction = *result;
  pending_.erase(found);
  answered_.notify_all();
  return {};
}

Result<void> DataplaneClient::handle_query_message(Datagram& datagram) {
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(datagram.header().transaction_id);
  if (found == pending_.end()) return {};  // the asker has given up
  Pending& pending = *found->second;
  if (datagram.header().type != abi::MessageType::kQueryEnd) {
    if (pending.messages.size() >= kMaxAnswers) return malformed("answer: it does not end");
    datagram.bytes.shrink_to_fit();  // it came in room for the longest
    pending.messages.push_back(std::move(datagram));
    return {};
  }
  const auto end = datagram.as<abi::QueryEnd>();
  if (!end) return malformed("end of an answer");
  if (end->code != 0) {
    Nack nack;
    nack.error = {to_code(end->code), "the data plane could not answer the query"};
    pending.result = tl::unexpected(nack);
  }
  pending.done = true;
  pending_.erase(found);
  answered_.notify_all();
  return {};
}

bool DataplaneClient::copy_content(const Outgoing& message) {
  const auto begin = [&]() -> Result<bool> {
    if (copy_) return true;
    auto copy =
        ContentCopy::begin(options_.content_directory, message.content, load_raw<abi::SwarmContent>(message.bytes.bytes().data()).bytes);
    if (!copy) return tl::unexpected(copy.error());
    copy_.emplace(std::move(*copy));
    return true;
  };
  auto ready = begin();
  if (ready) ready = copy_->step(kCopyPiece);
  if (ready) return *ready;
  const auto content = message.content;  // goes with the connection
  const std::string why = ready.error().message;
  disconnect("content of swarm " + content->swarm_id + " could not be handed over: " + why);
  if (handlers_.content_unreadable) handlers_.content_unreadable(content->swarm_id, why);
  return false;
}

void DataplaneClient::flush() {
  blocked_ = false;
  for (;;) {
    if (sending_.empty()) {
      const std::lock_guard lock(mutex_);
      sending_.swap(outgoing_);
    }
    if (sending_.empty()) return;
    const Outgoing& next = sending_.front();
    if (next.content != nullptr && !copy_content(next)) return;
    const auto sent = socket_->send(next.bytes.bytes(), copy_ ? copy_->fd() : -1);
    if (sent == SeqpacketSocket::Sent::kFull) {
      blocked_ = true;
      return;
    }
    if (sent == SeqpacketSocket::Sent::kBroken) return disconnect("the connection to the data plane broke while sending");
    copy_.reset();
    sending_.pop_front();
  }
}

}  // namespace mediaward::control
