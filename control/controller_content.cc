// SPDX-License-Identifier: Apache-2.0
// Content that the data plane is to have: are its files still those that were put? What a transaction itself names must be readable, or it
// is refused; what went bad meanwhile must not keep a restarted data plane from everything else, so it is left out, told by an event, and
// tried again with every transaction.
// API threads under apply_mutex_, and the client's loop thread while it resynchronises.
#include "control/controller.h"

namespace mediaward::control {

namespace {

// The content that an operation names, nullptr when it names none.
const SwarmContent* content_of(const Operation& operation) {
  if (const auto* put = std::get_if<SwarmContent>(&operation)) return put;
  const auto* whole = std::get_if<ReplaceSwarm>(&operation);
  return whole != nullptr && whole->content ? &*whole->content : nullptr;
}

}  // namespace

std::string Controller::why_unreadable(const SwarmContent& content, const Swarm& swarm, FileStamp& stamp) const {
  const auto found = stamp_content(options_.dataplane.content_directory, content.file);
  if (!found) return found.error().message;
  stamp = *found;
  const std::uint64_t wants = bytes_of(swarm, content.kind);
  if (stamp.bytes == wants) return {};
  return "`" + content.file + "` has " + std::to_string(stamp.bytes) + " bytes; " +
         (content.kind == abi::ContentKind::kLeafHashes ? "one digest per chunk of swarm " : "the content of swarm ") + swarm.id +
         (content.kind == abi::ContentKind::kLeafHashes ? " are " : " has ") + std::to_string(wants);
}

ApiResult<void> Controller::check_named_contents(const Transaction& transaction, const DesiredState& next, ContentCheck& out) const {
  for (std::size_t i = 0; i < transaction.operations.size(); ++i) {
    const SwarmContent* content = content_of(transaction.operations[i]);
    const auto wanted = content != nullptr ? next.contents.find(content->swarm_id) : nullptr;
    if (wanted == nullptr || wanted->inline_bytes != nullptr || wanted->file != content->file) continue;
    FileStamp stamp;
    const std::string why = why_unreadable(*content, *next.swarms.find(content->swarm_id), stamp);
    if (!why.empty()) {
      ApiError error = object_error(ErrorCode::kInvalid, {ObjectKind::kContent, content->swarm_id}, "content.file", why);
      error.operation_index = static_cast<int>(i);
      return tl::unexpected(std::move(error));
    }
    out.stamps[content->swarm_id] = stamp;
  }
  return {};
}

void Controller::leave_out_unreadable(Plan& plan, const DesiredState& next, ContentCheck& check) const {
  const auto broken_off = [&](const std::string& swarm) -> std::string {
    const std::lock_guard lock(state_mutex_);
    const auto found = unreadable_.find(swarm);
    return found != unreadable_.end() ? found->second : std::string();
  };
  for (std::size_t i = plan.contents.size(); i-- > 0;) {
    const SwarmContent& content = *plan.contents[i];
    if (content.inline_bytes != nullptr || check.stamps.contains(content.swarm_id)) continue;
    FileStamp stamp;
    std::string why = broken_off(content.swarm_id);
    if (why.empty()) why = why_unreadable(content, *next.swarms.find(content.swarm_id), stamp);
    const auto known = content_stamps_.find(content.swarm_id);
    if (why.empty() && known != content_stamps_.end() && known->second != stamp)
      why = "`" + content.file + "` was changed since it was put";
    if (why.empty()) continue;
    check.lacking.emplace(content.swarm_id, std::move(why));
    plan.leave_out_content(i);
  }
}

void Controller::take_over(const ContentCheck& check) {
  for (const auto& [swarm, stamp] : check.stamps) content_stamps_[swarm] = stamp;
  {
    const std::lock_guard lock(state_mutex_);
    for (const auto& [swarm, stamp] : check.stamps) unreadable_.erase(swarm);
  }
  for (const auto& [swarm, why] : check.lacking) {
    if (lacking_.contains(swarm)) continue;
    events_.publish({.type = EventType::kContentUnreadable, .object = ObjectName{ObjectKind::kContent, swarm}.text(), .text = why});
    log_.write(LogLevel::kError, "content-unreadable", {{"swarm", swarm}, {"message", why}});
  }
  lacking_.clear();
  for (const auto& [swarm, why] : check.lacking) lacking_.insert(swarm);
}

// The connection was dropped over it; the resynchronisation that follows goes without.
void Controller::on_content_unreadable(const std::string& swarm_id, const std::string& why) {
  const std::lock_guard lock(state_mutex_);
  unreadable_[swarm_id] = why;
}

}  // namespace mediaward::control
