// SPDX-License-Identifier: Apache-2.0
// The calls of other threads: they put messages into the queue, wake the loop and wait for the answer. The loop itself is in
// dataplane_loop.cc.
#include "control/dataplane_client.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>

namespace mediaward::control {

namespace {

template <typename Message>
SecretBuffer as_buffer(const Message& message) {
  return SecretBuffer(ConstBytes(reinterpret_cast<const std::byte*>(&message), sizeof message));
}

}  // namespace

DataplaneClient::DataplaneClient(DataplaneOptions options, Handlers handlers)
    : options_(std::move(options)), handlers_(std::move(handlers)), backoff_(options_.reconnect_min) {}

DataplaneClient::~DataplaneClient() {
  stop();
}

Result<void> DataplaneClient::start() {
  wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return fail(ErrorCode::kInternal, std::string("eventfd: ") + std::strerror(errno));
  thread_ = std::thread([this] { run(); });
  return {};
}

void DataplaneClient::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

void DataplaneClient::wake() noexcept {
  const std::uint64_t one = 1;
  if (wake_) [[maybe_unused]]
    const ssize_t ignored = ::write(wake_.get(), &one, sizeof one);  // full: the loop is awake anyway
}

void DataplaneClient::enqueue(std::uint64_t id, const Plan& plan, bool dry_run) {
  abi::Begin begin{};
  begin.header = {abi::MessageType::kBegin, 0, sizeof begin, id};
  begin.resync = plan.resync ? 1 : 0;
  begin.dry_run = dry_run ? 1 : 0;
  outgoing_.push_back({as_buffer(begin)});
  const std::size_t first_content = plan.messages.size() - plan.contents.size();
  for (std::size_t i = 0; i < plan.messages.size(); ++i) {
    SecretBuffer copy = plan.messages[i];
    std::memcpy(copy.bytes().data() + offsetof(abi::MessageHeader, transaction_id), &id, sizeof id);
    outgoing_.push_back({std::move(copy), i < first_content ? nullptr : plan.contents[i - first_content]});
  }
  abi::End end{};
  end.header = {abi::MessageType::kEnd, 0, sizeof end, id};
  end.operation_count = static_cast<std::uint32_t>(plan.messages.size());
  outgoing_.push_back({as_buffer(end)});
}

std::chrono::milliseconds DataplaneClient::time_for(const Plan& plan) const {
  constexpr std::uint64_t kBytesPerMs = 64 * 1024;  // copied here, mapped and hashed there
  constexpr std::uint64_t kObjectsPerMs = 16;
  std::uint64_t bytes = plan.messages.size() / kObjectsPerMs * kBytesPerMs;
  for (std::size_t i = plan.messages.size() - plan.contents.size(); i < plan.messages.size(); ++i)
    bytes += load_raw<abi::SwarmContent>(plan.messages[i].bytes().data()).bytes;
  return options_.transaction_timeout + std::chrono::milliseconds(bytes / kBytesPerMs);
}

TransactResult DataplaneClient::transact(const Plan& plan, bool dry_run) {
  std::unique_lock lock(mutex_);
  if (!info_.ready || stop_) {
    Nack nack;
    nack.error = {ErrorCode::kUnavailable,
                  "the data plane is not there: " + (info_.last_error.empty() ? "not connected yet" : info_.last_error)};
    return tl::unexpected(nack);
  }
  const std::uint64_t id = next_id_++;
  const auto pending = std::make_shared<Pending>();
  pending_[id] = pending;
  enqueue(id, plan, dry_run);
  wake();
  const auto timeout = time_for(plan);
  if (answered_.wait_for(lock, timeout, [&] { return pending->done; })) return pending->result;
  pending_.erase(id);
  Nack nack;
  nack.error = {ErrorCode::kUnavailable, "the data plane did not answer within " + std::to_string(timeout.count()) + " ms"};
  nack.transaction_id = id;
  nack.outcome_unknown = true;
  drop_reason_ = "it did not answer transaction " + std::to_string(id) + " in time";
  info_.ready = false;  // nothing more goes out before the next greeting has told what was applied
  wake();
  return tl::unexpected(nack);
}

Result<std::vector<Datagram>> DataplaneClient::query(abi::QueryKind kind, std::uint64_t object_id) {
  std::unique_lock lock(mutex_);
  if (!info_.ready || stop_)
    return fail(ErrorCode::kUnavailable,
                "the data plane is not there: " + (info_.last_error.empty() ? "not connected yet" : info_.last_error));
  const std::uint64_t id = next_id_++;
  const auto pending = std::make_shared<Pending>();
  pending_[id] = pending;
  abi::Query message{};
  message.header = {abi::MessageType::kQuery, 0, sizeof message, id};
  message.kind = kind;
  message.object_id = object_id;
  outgoing_.push_back({as_buffer(message)});
  wake();
  const bool answered = answered_.wait_for(lock, options_.transaction_timeout, [&] { return pending->done; });
  pending_.erase(id);
  if (!answered) return fail(ErrorCode::kUnavailable, "the data plane did not answer a query in time");
  if (!pending->result) return tl::unexpected(pending->result.error().error);
  return std::move(pending->messages);
}

void DataplaneClient::fail_all(const std::string& reason) {
  for (auto& [id, pending] : pending_) {
    Nack nack;
    nack.error = {ErrorCode::kUnavailable, reason};
    nack.transaction_id = id;
    nack.outcome_unknown = true;
    pending->result = tl::unexpected(nack);
    pending->done = true;
  }
  pending_.clear();
  outgoing_.clear();
  answered_.notify_all();
}

DataplaneInfo DataplaneClient::info() const {
  const std::lock_guard lock(mutex_);
  return info_;
}

std::shared_ptr<const StatsRegion> DataplaneClient::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

std::shared_ptr<const StateRegion> DataplaneClient::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace mediaward::control
