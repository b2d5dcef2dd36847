// SPDX-License-Identifier: MIT
//
// The chat service: a member's connection. Two tasks, one that reads what the member types and one
// that writes what is for it; a third, the one that was spawned, waits for the end of either. The
// writer never holds up anybody else: what the member does not read stays in the room's ring.
#include "headrace/chat.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "headrace/engine.hpp"
#include "headrace/task_scope.hpp"
#include "headrace/transcoder.hpp"
#include "services/chat/history_file.hpp"
#include "services/chat/lines.hpp"
#include "services/chat/local_hub.hpp"
#include "services/chat/session.hpp"

namespace headrace::services {

using namespace std::chrono_literals;
using chat::HistoryFile;
using chat::LineReader;
using chat::Session;

struct ChatRooms::State {
  State(const ChatOptions& asked, HistoryFile kept)
      : options{asked},
        file{std::move(kept)},
        hub{{.bytes = asked.outbox, .when_slow = asked.when_slow},
            file.is_open() ? &file : nullptr} {}

  ChatOptions options;
  HistoryFile file;
  chat::LocalHub hub;
  chat::Counters counters{};
  std::atomic<std::uint64_t> ids = 0;
};

ChatRooms::ChatRooms(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
ChatRooms::ChatRooms(ChatRooms&& other) noexcept = default;
ChatRooms& ChatRooms::operator=(ChatRooms&& other) noexcept = default;
ChatRooms::~ChatRooms() = default;

Result<ChatRooms> ChatRooms::open(const ChatOptions& options) {
  for (const ChatEncoding& one : options.encodings)
    if (const auto known = Transcoder::open(one.encoding, "UTF-8"); !known)
      return std::unexpected(known.error());
  auto file = HistoryFile::open(options.history_file);
  if (!file) return std::unexpected(file.error());
  auto state = std::make_unique<State>(options, std::move(*file));
  const auto read = state->file.read([&](std::string_view room, std::string_view line) {
    state->hub.remember(room, std::string{line});
  });
  if (!read) return std::unexpected(read.error());
  return ChatRooms{std::move(state)};
}

KeptHistory ChatRooms::kept() const noexcept { return state_->file.found(); }

Result<> ChatRooms::keeping() const noexcept { return state_->file.keeping(); }

ChatCounts ChatRooms::counts() const noexcept {
  const chat::Counters& now = state_->counters;
  return {.members = now.members,
          .lines = now.lines,
          .delivered = now.delivered,
          .skipped = now.skipped,
          .disconnected = now.disconnected,
          .too_long = now.too_long,
          .invalid = now.invalid};
}

namespace {

/// How many lines a member may send, by the time: one more every `interval`, some in a burst.
class Pace {
 public:
  explicit Pace(unsigned lines_a_second) noexcept
      : interval_{lines_a_second == 0 ? 0ns : std::chrono::nanoseconds{1s} / lines_a_second} {}

  [[nodiscard]] bool is_limited() const noexcept { return interval_ != 0ns; }
  /// When the next line may be taken; counts it.
  Deadline::TimePoint next() noexcept {
    const auto now = std::chrono::steady_clock::now();
    due_ = std::max(due_ + interval_, now - kBurst * interval_);
    return due_;
  }

 private:
  static constexpr int kBurst = 10;
  std::chrono::nanoseconds interval_;
  Deadline::TimePoint due_{};
};

/// The encoding of a member, if it is not UTF-8.
struct Translation {
  std::string_view encoding;
  Transcoder from;
  Transcoder to;
  bool shares;  // what others of that encoding are sent
  std::uint64_t told_invalid = 0;
};

struct Connection {
  ChatRooms::State& rooms;
  Stream& peer;
  Session session;
  LineReader lines;
  Pace pace;
  std::optional<Translation> translation{};

  void add(std::string_view bytes) {
    if (!translation) return lines.add(bytes);
    lines.add(text_of(translation->from.convert(bytes_of(bytes))));
    const std::uint64_t invalid = translation->from.invalid();
    rooms.counters.invalid += invalid - std::exchange(translation->told_invalid, invalid);
  }
  /// Valid until the next call, and as long as `text`.
  ByteView encoded(const chat::SharedText& text) {
    if (!translation) return bytes_of(text.utf8());
    if (!translation->shares) return translation->to.convert(bytes_of(text.utf8()));
    return bytes_of(text.in(translation->encoding, translation->to));
  }
};

/// By which of the addresses with an encoding the member has come in; null: none.
const ChatEncoding* encoding_of(const Address& local, std::span<const ChatEncoding> encodings) {
  const auto is_here = [&](const ChatEncoding& one) {
    return one.at.transport() == local.transport() && one.at.port() == local.port() &&
           one.at.path() == local.path();
  };
  const auto found = std::ranges::find_if(encodings, is_here);
  return found == encodings.end() ? nullptr : &*found;
}

/// False when there is no memory for it.
bool translate(Connection& at) {
  const ChatEncoding* const found = encoding_of(at.peer.local(), at.rooms.options.encodings);
  if (found == nullptr) return true;
  auto from = Transcoder::open(found->encoding, "UTF-8");
  auto to = Transcoder::open("UTF-8", found->encoding);
  if (!from || !to) return false;
  const bool shares = chat::can_be_joined(*to);
  at.translation.emplace(found->encoding, std::move(*from), std::move(*to), shares);
  return true;
}

/// On a loop: the others have their turn, as this uses up what is left of ours. A pause of a
/// millisecond, the shortest that sleep knows, would be too long for who talks fast.
Task<bool> give_way(Engine& engine) {
  constexpr int kMoreThanATurn = 32;
  for (int operation = 0; operation < kMoreThanATurn; ++operation) {
    const auto slept = co_await engine.sleep(Deadline::after(0ns));
    if (!slept) co_return false;
  }
  co_return true;
}

/// Takes what has come line by line; false when the member has quit or the wait was cancelled.
Task<bool> take_lines(Connection& at) {
  while (auto line = at.lines.next()) {
    if (at.pace.is_limited()) {
      const auto due = at.pace.next();
      const auto waited = co_await at.peer.engine().sleep(Deadline::at(due));
      if (!waited) co_return false;
    }
    if (line->too_long)
      at.session.refuse_too_long();
    else
      at.session.take(line->text);
    if (at.session.has_quit()) co_return false;
    if (!at.session.should_pause()) continue;
    const bool goes_on = co_await give_way(at.peer.engine());
    if (!goes_on) co_return false;
  }
  co_return true;
}

/// Reads what the member types until it leaves. Half a line at the end is not said: nobody knows
/// what was to follow.
Task<> read_lines(Connection& at) {
  for (;;) {
    std::string_view how;
    {
      const auto bytes = co_await at.peer.receive();
      if (bytes) {
        at.add(text_of(*bytes));
      } else {
        how = bytes.error().code == Errc::draining    ? "has left: the server stops"
              : bytes.error().code == Errc::timed_out ? "has left: nothing said for too long"
              : bytes.error().code == Errc::reset     ? "has left: connection lost"
                                                      : "has left";
      }
    }
    if (how.empty()) {
      const bool goes_on = co_await take_lines(at);
      if (goes_on) continue;
      how = "has left";
    }
    at.session.leave(how);
    break;
  }
  (void)at.session.mailbox().ends().try_send({});
}

/// Writes what is for the member, as fast as it reads, until it has left and has got all.
Task<> write_lines(Connection& at) {
  for (;;) {
    const auto text = at.session.next();
    if (text == nullptr) {
      if (at.session.has_left()) break;
      const auto rung = co_await at.session.mailbox().woken(at.peer.engine());
      if (!rung) break;
      at.session.mailbox().awake();
      continue;
    }
    const auto sent = co_await at.peer.send(at.encoded(*text));
    if (!sent || at.session.mailbox().is_overrun()) break;
  }
  (void)at.session.mailbox().ends().try_send({});
}

constexpr auto kLastWords = 5s;  // for a member that has left to read what is on its way

}  // namespace

Task<> chat(ChatRooms& rooms, Stream peer) {
  ChatRooms::State& state = rooms.state();
  Connection connection{.rooms = state,
                        .peer = peer,
                        .session = Session{state.hub, state.counters, state.options, ++state.ids},
                        .lines = LineReader{state.options.max_line},
                        .pace = Pace{state.options.rate_limit}};
  auto& ends = connection.session.mailbox().ends();
  TaskScope tasks{peer.engine()};
  const bool starts = translate(connection) && tasks.spawn(write_lines(connection)) &&
                      tasks.spawn(read_lines(connection));
  if (starts) {
    (void)co_await ends.receive(peer.engine());  // the reader's end, the writer's, or an overrun
    const bool overrun = connection.session.mailbox().is_overrun();
    if (overrun && !connection.session.has_left()) {
      ++state.counters.disconnected;
      connection.session.leave("has been disconnected: too slow");
    } else if (connection.session.has_left()) {
      (void)co_await ends.receive(peer.engine(), Deadline::after(kLastWords));
    }
  }
  tasks.cancel();
  co_await tasks.join();
}

}  // namespace headrace::services
