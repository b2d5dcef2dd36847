// SPDX-License-Identifier: MIT
//
// TcpWatch: the sources opened, read in the order that loses least, and given to the tracker.
//
// A look reads the messages about ended sockets and the trace events first and the table second, so
// that a row never is older than an event that has been told.
#include <array>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "headrace/tcp_state.hpp"
#include "net/system_calls.hpp"
#include "tcp_state/diag_socket.hpp"
#include "tcp_state/owners.hpp"
#include "tcp_state/trace.hpp"
#include "tcp_state/tracker.hpp"

namespace headrace {

namespace {

constexpr std::array<std::string_view, kTcpSources> kSourceNames{"snapshot", "destroyed", "trace",
                                                                 "packet"};
constexpr std::array<std::string_view, 5> kTimerNames{"none", "retransmit", "keepalive",
                                                      "time-wait", "persist"};

TcpSourceStatus not_asked_for() noexcept {
  TcpSourceStatus status;
  status.failure = {.call = "not asked for", .error = 0, .code = Errc::not_supported};
  return status;
}

}  // namespace

std::string_view to_text(TcpSource source) noexcept {
  return kSourceNames[static_cast<std::size_t>(source)];
}

std::string_view to_text(TcpTimer timer) noexcept {
  return kTimerNames[static_cast<std::size_t>(timer)];
}

struct TcpWatch::State {
  State(tcp::DiagSocket diag, const TcpWatchOptions& chosen)
      : table{std::move(diag)}, options{chosen} {}

  tcp::DiagSocket table;
  TcpWatchOptions options;
  std::optional<tcp::DestroyedSockets> destroyed;
  std::optional<tcp::TraceInstance> trace;
  net::Socket interest;  // epoll: whatever may have something to read
  tcp::Owners owners;
  tcp::Tracker tracker;
  std::array<TcpSourceStatus, kTcpSources> status{not_asked_for(), not_asked_for(), not_asked_for(),
                                                  not_asked_for()};

  TcpSourceStatus& status_of(TcpSource source) {
    return status.at(static_cast<std::size_t>(source));
  }

  template <class Source>
  void note(TcpSource which, std::optional<Source>& slot, Result<Source> opened) {
    TcpSourceStatus& told = status_of(which);
    told.open = opened.has_value();
    if (!opened) {
      told.failure = opened.error();
      return;
    }
    slot.emplace(std::move(*opened));
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    // Not watched: then it is read with the next look.
    (void)sys::epoll_ctl(interest.descriptor(), EPOLL_CTL_ADD, slot->descriptor(), &wanted);
  }

  Result<> read_events();
  Result<> take_rows(TcpSnapshot& snapshot, void (*sees)(void*, const TcpSighting&), void* seer);
  [[nodiscard]] bool admit(TcpSocket& socket);
};

Result<> TcpWatch::State::read_events() {
  if (destroyed) {
    const tcp::Visitor visitor{[](void* self, const TcpSocket& socket) {
                                 auto& state = *static_cast<State*>(self);
                                 if (state.options.filter.matches(socket.local, socket.remote))
                                   state.tracker.destroyed(socket, sys::monotonic_ns());
                               },
                               this};
    const auto read = destroyed->read(visitor, status_of(TcpSource::destroyed));
    if (!read) return read;
  }
  if (!trace) return {};
  const tcp::TraceInstance::Visitor visitor{
      [](void* self, const tcp::TraceRecord& record) {
        auto& state = *static_cast<State*>(self);
        if (state.options.filter.matches(record.local, record.remote)) state.tracker.trace(record);
      },
      this};
  return trace->read(visitor, status_of(TcpSource::trace));
}

// Whether the process is the one that is meant; and who it is.
bool TcpWatch::State::admit(TcpSocket& socket) {
  const std::int32_t pid = options.filter.pid;
  if (socket.inode == 0) return pid == 0 || tracker.last_owner(socket).pid == pid;
  if (!owners.is_wanted(socket.inode)) return false;
  if (options.owners) socket.owner = owners.find(socket.inode);
  if (pid != 0 && socket.owner.pid != pid) socket.owner.pid = pid;  // one of several holders
  return true;
}

Result<> TcpWatch::State::take_rows(TcpSnapshot& snapshot, void (*sees)(void*, const TcpSighting&),
                                    void* seer) {
  struct Taking {
    State& state;
    TcpSnapshot& snapshot;
    void (*sees)(void*, const TcpSighting&);
    void* seer;
  } taking{*this, snapshot, sees, seer};
  const tcp::Visitor visitor{[](void* self, const TcpSocket& socket) {
                               auto& [state, counts, see, by] = *static_cast<Taking*>(self);
                               TcpSighting sighting;
                               sighting.socket = socket;
                               if (!state.admit(sighting.socket)) return;
                               ++counts.count.at(static_cast<std::size_t>(socket.state));
                               state.tracker.row(sighting);
                               see(by, sighting);
                             },
                             &taking};
  const auto dump = table.dump(options.filter, visitor);
  if (!dump) return std::unexpected(dump.error());
  snapshot.consistent = dump->consistent;
  status_of(TcpSource::snapshot).read += dump->rows;
  return {};
}

TcpWatch::TcpWatch(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
TcpWatch::TcpWatch(TcpWatch&&) noexcept = default;
TcpWatch& TcpWatch::operator=(TcpWatch&&) noexcept = default;
TcpWatch::~TcpWatch() = default;

Result<TcpWatch> TcpWatch::open(const TcpWatchOptions& options) {
  auto table = tcp::DiagSocket::open();
  if (!table) return std::unexpected(table.error());
  auto state = std::make_unique<State>(std::move(*table), options);
  state->status_of(TcpSource::snapshot).open = true;
  const int interest = sys::epoll_create1(EPOLL_CLOEXEC);
  if (interest < 0) return fail_errno("epoll_create1", interest);
  state->interest = net::Socket{interest};
  if (options.events)
    state->note(TcpSource::destroyed, state->destroyed,
                tcp::DestroyedSockets::open(options.filter));
  if (options.trace)
    state->note(TcpSource::trace, state->trace, tcp::TraceInstance::open(options.filter));
  return TcpWatch{std::move(state)};
}

Result<TcpSnapshot> TcpWatch::look(const Visits& visits) {
  State& state = *state_;
  if (const auto read = state.read_events(); !read) return std::unexpected(read.error());
  TcpSnapshot snapshot;
  if (state.options.owners || state.options.filter.pid != 0)
    state.owners.begin(state.options.filter.pid);
  snapshot.time_ns = sys::monotonic_ns();
  state.tracker.begin_look(snapshot.time_ns, state.options.filter.states == TcpFilter::kEveryState);
  const auto taken = state.take_rows(snapshot, visits.sees, visits.seer);
  if (taken && snapshot.consistent)
    state.tracker.end_look(sys::monotonic_ns());
  else
    state.tracker.abandon_look();
  state.tracker.deliver([&](const TcpEvent& event) { visits.hears(visits.hearer, event); });
  if (!taken) return std::unexpected(taken.error());
  return snapshot;
}

Result<> TcpWatch::listen(const Visits& visits) {
  if (const auto read = state_->read_events(); !read) return read;
  state_->tracker.deliver([&](const TcpEvent& event) { visits.hears(visits.hearer, event); });
  return {};
}

int TcpWatch::descriptor() const noexcept { return state_->interest.descriptor(); }

std::array<TcpSourceStatus, kTcpSources> TcpWatch::sources() const noexcept {
  return state_->status;
}

std::uint64_t TcpWatch::foreign_events() const noexcept { return state_->tracker.foreign(); }

Result<> TcpWatch::set_filter(const TcpFilter& filter) {
  state_->options.filter = filter;
  state_->tracker.forget();
  if (state_->destroyed)
    if (auto set = state_->destroyed->set_filter(filter); !set) return set;
  return state_->trace ? state_->trace->set_filter(filter) : Result<>{};
}

std::uint64_t network_namespace() noexcept {
  const int descriptor = sys::open_file("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  const net::Socket file{descriptor};
  struct stat status{};
  return sys::fstat(descriptor, &status) < 0 ? 0 : status.st_ino;
}

}  // namespace headrace
