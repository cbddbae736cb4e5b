// SPDX-License-Identifier: Apache-2.0
// See fake_dataplane.h. Its own thread serves; the lock covers everything that the test looks at.
#include "tests/unit/control/fake_dataplane.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>

#include "control/drop_reasons.h"

namespace mediaward::control::test {

namespace {

constexpr std::uint32_t kSlots = 64;
constexpr std::uint32_t kWorkers = 2;

UniqueFd sealed_memfd(const char* name, std::size_t bytes) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) std::abort();
  ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  return fd;
}

template <typename T>
void put(const UniqueFd& fd, std::size_t offset, const T& value) {
  if (::pwrite(fd.get(), &value, sizeof value, static_cast<off_t>(offset)) != static_cast<ssize_t>(sizeof value)) std::abort();
}

template <std::size_t N>
void put_text(char (&field)[N], const std::string& text) {
  std::strncpy(field, text.c_str(), N - 1);
}

constexpr std::size_t kEntriesAt = sizeof(abi::RegionHeader);

UniqueFd make_stats() {
  const auto reasons = drop_reasons();
  abi::RegionHeader header{};
  header.magic = abi::kStatsMagic;
  header.version = abi::kStatsVersion;
  header.directory_offset = kEntriesAt;
  header.directory_entries = static_cast<std::uint32_t>(reasons.size() + 1);
  header.blocks_offset = static_cast<std::uint32_t>(kEntriesAt + header.directory_entries * sizeof(abi::StatEntry));
  header.block_bytes = 8 * header.directory_entries;
  header.block_count = kWorkers;
  header.region_bytes = header.blocks_offset + std::uint64_t{header.block_bytes} * kWorkers;
  UniqueFd fd = sealed_memfd("fake-stats", header.region_bytes);
  put(fd, 0, header);
  for (std::uint32_t i = 0; i < header.directory_entries; ++i) {
    abi::StatEntry entry{};
    put_text(entry.name, i < reasons.size() ? std::string(reasons[i].name) : "rx.packets");
    put_text(entry.unit, "packets");
    entry.kind = i < reasons.size() ? abi::StatKind::kDrop : abi::StatKind::kCounter;
    entry.offset = 8 * i;
    entry.count = 1;
    put(fd, kEntriesAt + i * sizeof entry, entry);
  }
  return fd;
}

UniqueFd make_state() {
  abi::RegionHeader header{};
  header.magic = abi::kStateMagic;
  header.version = abi::kStateVersion;
  header.directory_offset = sizeof header;
  header.directory_entries = kSlots;
  header.blocks_offset = static_cast<std::uint32_t>(sizeof header + kSlots * sizeof(abi::StateSlot));
  header.block_bytes = sizeof(abi::StateSlot);
  header.block_count = 1;
  header.region_bytes = header.blocks_offset + kSlots * sizeof(abi::StateIdentity);
  UniqueFd fd = sealed_memfd("fake-state", header.region_bytes);
  put(fd, 0, header);
  return fd;
}

}  // namespace

TempDir::TempDir() {
  char name[] = "/tmp/mediaward-test-XXXXXX";
  if (::mkdtemp(name) == nullptr) std::abort();
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

FakeDataplane::FakeDataplane(std::string path) : path_(std::move(path)) {}

FakeDataplane::~FakeDataplane() {
  stop();
}

void FakeDataplane::start() {
  ::unlink(path_.c_str());
  stop_event_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  listener_ = UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_.get(), 4) != 0)
    std::abort();
  stats_fd_ = make_stats();
  state_fd_ = make_state();
  objects_ = {};
  applied_ = 0;
  ++boot_id_;
  thread_ = std::thread([this] { serve(); });
}

void FakeDataplane::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  if (::write(stop_event_.get(), &one, sizeof one) < 0) std::abort();
  thread_.join();
  const std::lock_guard lock(mutex_);
  listener_.reset();
  client_.reset();
  open_.reset();
}

void FakeDataplane::drop_connection() {
  const std::lock_guard lock(mutex_);
  if (client_) ::shutdown(client_.get(), SHUT_RDWR);
}

void FakeDataplane::serve() {
  for (;;) {
    int client = -1;
    {
      const std::lock_guard lock(mutex_);
      client = client_.get();
    }
    pollfd fds[3] = {{stop_event_.get(), POLLIN, 0}, {client < 0 ? listener_.get() : -1, POLLIN, 0}, {client, POLLIN, 0}};
    ::poll(fds, 3, -1);
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) {
      const std::lock_guard lock(mutex_);
      client_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }
    if (fds[2].revents != 0) serve_client();
  }
}

void FakeDataplane::serve_client() {
  Datagram datagram;
  datagram.bytes.resize(abi::kMaxMessageBytes);
  iovec part{datagram.bytes.data(), datagram.bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(client_.get(), &message, MSG_CMSG_CLOEXEC);
  const std::lock_guard lock(mutex_);
  if (const cmsghdr* c = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr; c != nullptr) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
    datagram.fds.emplace_back(fd);
  }
  if (got > 0) datagram.bytes.resize(static_cast<std::size_t>(got));
  datagram.bytes.shrink_to_fit();  // many are kept
  if (got > 0 && handle(std::move(datagram))) return;
  client_.reset();
  open_.reset();
}

template <typename T>
void FakeDataplane::send(T message, abi::MessageType type, std::uint64_t id, std::vector<int> fds) {
  message.header = {type, 0, sizeof message, id};
  iovec part{&message, sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
  msghdr out{};
  out.msg_iov = &part;
  out.msg_iovlen = 1;
  if (!fds.empty()) {
    out.msg_control = control;
    out.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* c = CMSG_FIRSTHDR(&out);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
  }
  ::sendmsg(client_.get(), &out, MSG_NOSIGNAL);
}

bool FakeDataplane::handle(Datagram datagram) {
  switch (datagram.header().type) {
    case abi::MessageType::kHello:
      hello(datagram);
      return true;
    case abi::MessageType::kBegin: {
      const auto begin = datagram.as<abi::Begin>();
      open_ = Transaction{begin->header.transaction_id, begin->resync != 0, begin->dry_run != 0, {}};
      return true;
    }
    case abi::MessageType::kEnd:
      finish(datagram);
      return true;
    case abi::MessageType::kQuery:
      answer_query(*datagram.as<abi::Query>());
      return true;
    default:
      if (!open_) return false;
      open_->operations.push_back(std::move(datagram));
      return true;
  }
}

void FakeDataplane::hello(const Datagram& datagram) {
  ++hellos_;
  offered_ = !datagram.fds.empty();
  abi::HelloReply reply{};
  if (offered_ && objects_.legs.empty()) {
    state_fd_ = datagram.fds[0].duplicate();
    reply.state_adopted = 1;
  }
  reply.boot_id = boot_id_;
  reply.worker_count = kWorkers;
  reply.max_legs = 4096;
  reply.max_streams = kSlots;
  reply.applied_transaction = applied_;
  put_text(reply.release, "fake 1.0");
  if (hello_change_) hello_change_(reply);
  send(reply, abi::MessageType::kHelloReply, 0, {stats_fd_.get(), state_fd_.get()});
}

void FakeDataplane::remove_leg(std::uint64_t id) {
  objects_.legs.erase(id);
  std::erase_if(objects_.streams, [&](const auto& one) { return one.second.leg_id == id; });
  std::erase_if(objects_.topology, [&](const auto& one) { return one.first.first == id || one.first.second == id; });
}

bool FakeDataplane::remove(const abi::ObjectRemove& message) {
  const std::uint64_t id = message.object_id;
  if (message.header.type == abi::MessageType::kConferenceRemove) return objects_.conferences.erase(id) == 1;
  if (message.header.type == abi::MessageType::kStreamRemove) return objects_.streams.erase(id) == 1;
  const bool known = objects_.legs.contains(id);
  if (message.header.type == abi::MessageType::kLegRemove) remove_leg(id);
  return known;
}

bool FakeDataplane::apply(const Datagram& operation) {
  switch (operation.header().type) {
    case abi::MessageType::kConference: {
      const auto m = *operation.as<abi::Conference>();
      const auto old = objects_.conferences.find(m.conference_id);
      if (old != objects_.conferences.end() && (old->second.mode != m.mode || old->second.flags != m.flags)) return false;
      objects_.conferences[m.conference_id] = m;
      return true;
    }
    case abi::MessageType::kLeg: {
      const auto m = *operation.as<abi::Leg>();
      objects_.legs[m.leg_id] = m;
      return objects_.conferences.contains(m.conference_id);
    }
    case abi::MessageType::kStream: {
      const auto m = *operation.as<abi::Stream>();
      const auto old = objects_.streams.find(m.stream_id);
      if (old != objects_.streams.end() && (old->second.leg_id != m.leg_id || old->second.ssrc != m.ssrc)) return false;
      objects_.streams[m.stream_id] = m;
      return objects_.legs.contains(m.leg_id);
    }
    case abi::MessageType::kTopology: {
      const auto m = *operation.as<abi::Topology>();
      const std::pair<std::uint64_t, std::uint64_t> pair = std::minmax(m.leg_a, m.leg_b);
      objects_.topology.erase(pair);
      if (m.relation != abi::TopologyRelation::kBoth) objects_.topology.emplace(pair, m);
      return objects_.legs.contains(m.leg_a) && objects_.legs.contains(m.leg_b);
    }
    case abi::MessageType::kBucketMove:
      bucket_moves_.push_back(*operation.as<abi::BucketMove>());
      return true;
    default:
      return remove(*operation.as<abi::ObjectRemove>());
  }
}

// What a resynchronisation does not name goes before anything else is done.
void FakeDataplane::sweep(const std::vector<Datagram>& operations) {
  std::set<std::uint64_t> named;
  for (const auto& operation : operations) {
    if (operation.header().type == abi::MessageType::kConference) named.insert(operation.as<abi::Conference>()->conference_id);
    if (operation.header().type == abi::MessageType::kLeg) named.insert(operation.as<abi::Leg>()->leg_id);
    if (operation.header().type == abi::MessageType::kStream) named.insert(operation.as<abi::Stream>()->stream_id);
  }
  const auto gone = [&](const auto& one) { return !named.contains(one.first); };
  std::erase_if(objects_.streams, gone);
  std::vector<std::uint64_t> legs;
  for (const auto& one : objects_.legs)
    if (gone(one)) legs.push_back(one.first);
  for (const std::uint64_t leg : legs) remove_leg(leg);
  std::erase_if(objects_.conferences, gone);
  objects_.topology.clear();
  objects_.peers.sweep(operations);
}

std::optional<FakeDataplane::Refusal> FakeDataplane::apply_all(const Transaction& transaction) {
  // FakePeers checks before it does: a single operation leaves nothing to take back, and a hundred thousand objects need no copy.
  const bool alone = transaction.operations.size() == 1 && FakePeers::knows(transaction.operations[0].header().type) &&
                     !transaction.dry_run && !transaction.resync;
  const Objects before = alone ? Objects() : objects_;
  if (transaction.resync) sweep(transaction.operations);
  std::optional<Refusal> refused;
  for (std::uint32_t i = 0; i < transaction.operations.size() && !refused; ++i) {
    const Datagram& operation = transaction.operations[i];
    if (FakePeers::knows(operation.header().type))
      refused = objects_.peers.apply(operation);
    else if (!apply(operation))
      refused = Refusal{ErrorCode::kNotFound, 0, "", "the fake data plane cannot do that"};
    if (refused) refused->operation_index = i;
  }
  if (!alone && (refused || transaction.dry_run)) objects_ = before;
  return refused;
}

void FakeDataplane::finish(const Datagram& datagram) {
  const auto end = *datagram.as<abi::End>();
  Transaction done = std::move(*open_);
  open_.reset();
  abi::TransactionReply reply{};
  if (end.operation_count != done.operations.size()) {
    reply.code = static_cast<std::uint32_t>(ErrorCode::kInvalid);
  } else {
    const auto refused = refusal_ ? std::exchange(refusal_, std::nullopt) : apply_all(done);
    if (refused) {
      reply.code = static_cast<std::uint32_t>(refused->code);
      reply.operation_index = refused->operation_index;
      put_text(reply.field, refused->field);
      put_text(reply.message, refused->message);
    } else if (!done.dry_run) {
      applied_ = done.id;
    }
  }
  for (auto& operation : done.operations) operation.fds.clear();
  const std::uint64_t id = done.id;
  transactions_.push_back(std::move(done));
  if (!silent_) send(reply, abi::MessageType::kTransactionReply, id);
}

void FakeDataplane::answer_query(const abi::Query& query) {
  const std::uint64_t id = query.header.transaction_id;
  switch (query.kind) {
    case abi::QueryKind::kPorts: {
      abi::PortInfo port{};
      put_text(port.name, "media0");
      put_text(port.kind, "vhost-user");
      put_text(port.addresses, "192.0.2.1/24");
      port.link_up = 1;
      port.rx_packets = 1234567;
      send(port, abi::MessageType::kPortInfo, id);
      break;
    }
    case abi::QueryKind::kWorkers:
      for (std::uint32_t i = 0; i < kWorkers; ++i) {
        abi::WorkerInfo worker{};
        worker.index = i;
        worker.cpu = static_cast<std::int32_t>(i);
        worker.busy_cycles = 25;
        worker.total_cycles = 100;
        send(worker, abi::MessageType::kWorkerInfo, id);
      }
      break;
    case abi::QueryKind::kEngine: {
      abi::EngineInfo engine{};
      put_text(engine.provider, "ipsec-mb");
      put_text(engine.reason, "measured \xff\xfe");  // not UTF-8: must not break an answer
      engine.self_test_passed = 1;
      send(engine, abi::MessageType::kEngineInfo, id);
      break;
    }
    case abi::QueryKind::kPlan: {
      abi::PlanLine line{};
      put_text(line.text, "worker 0 on cpu 1: same node as media0");
      send(line, abi::MessageType::kPlanLine, id);
      break;
    }
    default:
      answer_peer_query(query);
      break;
  }
  send(abi::QueryEnd{}, abi::MessageType::kQueryEnd, id);
}

void FakeDataplane::answer_peer_query(const abi::Query& query) {
  const auto wanted = [&](std::uint64_t swarm) { return query.object_id == 0 || query.object_id == swarm; };
  if (query.kind == abi::QueryKind::kSwarms)
    for (const auto& [id, swarm] : objects_.peers.swarms) {
      if (!wanted(id)) continue;
      abi::SwarmInfo info = swarm_infos_.contains(id) ? swarm_infos_[id] : abi::SwarmInfo{};
      info.swarm_id = id;
      send(info, abi::MessageType::kSwarmInfo, query.header.transaction_id);
    }
  if (query.kind == abi::QueryKind::kPeers)
    for (const auto& peer : peer_infos_)
      if (wanted(peer.swarm_id)) send(peer, abi::MessageType::kPeerInfo, query.header.transaction_id);
}

FakePeers FakeDataplane::peers() const {
  const std::lock_guard lock(mutex_);
  return objects_.peers;
}

void FakeDataplane::set_swarm_info(const abi::SwarmInfo& info) {
  const std::lock_guard lock(mutex_);
  swarm_infos_[info.swarm_id] = info;
}

void FakeDataplane::set_peers(std::vector<abi::PeerInfo> peers) {
  const std::lock_guard lock(mutex_);
  peer_infos_ = std::move(peers);
}

void FakeDataplane::send_evidence(abi::EvidenceMessage evidence) {
  const std::lock_guard lock(mutex_);
  send(evidence, abi::MessageType::kEvidence, 0);
}

void FakeDataplane::refuse_next(Refusal refusal) {
  const std::lock_guard lock(mutex_);
  refusal_ = std::move(refusal);
}

void FakeDataplane::answer_hello_with(std::function<void(abi::HelloReply&)> change) {
  const std::lock_guard lock(mutex_);
  hello_change_ = std::move(change);
}

void FakeDataplane::send_raw(ConstBytes bytes) {
  const std::lock_guard lock(mutex_);
  ::send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void FakeDataplane::send_event(abi::EventKind kind, std::uint64_t object_id, std::uint64_t a, std::uint64_t b, const std::string& text) {
  const std::lock_guard lock(mutex_);
  abi::EventMessage event{};
  event.kind = kind;
  event.object_id = object_id;
  event.a = a;
  event.b = b;
  put_text(event.text, text);
  send(event, abi::MessageType::kEvent, 0);
}

std::vector<FakeDataplane::Transaction> FakeDataplane::transactions() const {
  const std::lock_guard lock(mutex_);
  std::vector<Transaction> out;
  for (const auto& one : transactions_) {
    out.push_back({one.id, one.resync, one.dry_run, {}});
    for (const auto& operation : one.operations) out.back().operations.push_back({operation.bytes, {}});
  }
  return out;
}

std::map<std::uint64_t, abi::Conference> FakeDataplane::conferences() const {
  const std::lock_guard lock(mutex_);
  return objects_.conferences;
}
std::map<std::uint64_t, abi::Leg> FakeDataplane::legs() const {
  const std::lock_guard lock(mutex_);
  return objects_.legs;
}
std::map<std::uint64_t, abi::Stream> FakeDataplane::streams() const {
  const std::lock_guard lock(mutex_);
  return objects_.streams;
}
std::map<std::pair<std::uint64_t, std::uint64_t>, abi::Topology> FakeDataplane::topology() const {
  const std::lock_guard lock(mutex_);
  return objects_.topology;
}
std::vector<abi::BucketMove> FakeDataplane::bucket_moves() const {
  const std::lock_guard lock(mutex_);
  return bucket_moves_;
}
std::size_t FakeDataplane::hellos() const {
  const std::lock_guard lock(mutex_);
  return hellos_;
}
bool FakeDataplane::last_hello_offered_state() const {
  const std::lock_guard lock(mutex_);
  return offered_;
}
std::uint64_t FakeDataplane::state_inode() const {
  const std::lock_guard lock(mutex_);
  struct stat status {};
  ::fstat(state_fd_.get(), &status);
  return status.st_ino;
}

bool FakeDataplane::wait_until(const std::function<bool()>& condition) const {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

void FakeDataplane::write_slot(std::uint32_t slot, const abi::StateIdentity& identity, std::uint64_t highest_index, std::uint64_t packets,
                               std::uint64_t bytes, bool torn) {
  const std::size_t at = sizeof(abi::RegionHeader) + slot * sizeof(abi::StateSlot);
  put(state_fd_, at + offsetof(abi::StateSlot, ssrc), identity.ssrc);
  crypto::IndexWindow window;
  window.mark(highest_index);
  put(state_fd_, at + offsetof(abi::StateSlot, srtp), window);
  put(state_fd_, at + offsetof(abi::StateSlot, packets), packets);
  put(state_fd_, at + offsetof(abi::StateSlot, bytes), bytes);
  put(state_fd_, at, std::uint32_t{torn ? 3u : 2u});
  put(state_fd_, sizeof(abi::RegionHeader) + kSlots * sizeof(abi::StateSlot) + slot * sizeof identity, identity);
}

void FakeDataplane::write_srtcp(std::uint32_t slot, std::uint32_t index, std::uint32_t packets) {
  const std::size_t at = sizeof(abi::RegionHeader) + slot * sizeof(abi::StateSlot);
  put(state_fd_, at + offsetof(abi::StateSlot, srtcp_top), index);
  put(state_fd_, at + offsetof(abi::StateSlot, srtcp_packets), packets);
}

void FakeDataplane::write_latch(std::uint32_t slot, std::uint64_t leg_id, const abi::LegSlot& latch) {
  const std::size_t at = sizeof(abi::RegionHeader) + slot * sizeof latch;
  put(state_fd_, at + offsetof(abi::LegSlot, udp_port), latch.udp_port);
  put(state_fd_, at + offsetof(abi::LegSlot, rtcp_port), latch.rtcp_port);
  put(state_fd_, at + offsetof(abi::LegSlot, address), latch.address);
  put(state_fd_, at + offsetof(abi::LegSlot, family), latch.family);
  put(state_fd_, at, std::uint32_t{2});
  abi::StateIdentity identity;
  identity.kind = abi::SlotKind::kLeg;
  identity.leg_id = leg_id;
  put(state_fd_, sizeof(abi::RegionHeader) + kSlots * sizeof(abi::StateSlot) + slot * sizeof identity, identity);
}

void FakeDataplane::write_drop(std::size_t reason, std::uint64_t packets) {
  const std::size_t entries = drop_reasons().size() + 1;
  const std::size_t blocks = kEntriesAt + entries * sizeof(abi::StatEntry);
  put(stats_fd_, blocks + 8 * reason, packets);
  put(stats_fd_, blocks + 8 * entries + 8 * reason, packets - 1);
}

}  // namespace mediaward::control::test
