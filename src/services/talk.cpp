// SPDX-License-Identifier: MIT
//
// The operator's chat: two tasks on one stream. One shows what the client says; the other waits for
// what the operator types, and sends it. The client's end cancels the second one in the middle of
// its wait, with nothing read: what is typed afterwards is the next client's.
//
// The operator's descriptors belong to the shell, which must not find them non-blocking. So both
// are waited for (poll(2), epoll(7)) before each read(2), and before each write(2), which is then
// of no more than a pipe has room for. Not here: how bytes are made fit for a terminal (`shown`),
// and that one client is served after another (the launchers).
#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <new>
#include <string_view>

#include "headrace/engine.hpp"
#include "headrace/serve.hpp"
#include "headrace/services.hpp"
#include "headrace/task_scope.hpp"
#include "net/system_calls.hpp"

namespace headrace::services {

/// What was typed and is not sent yet. One task at a time, also of all processes: clients are
/// served one after another.
struct Operator::Typed {
  std::size_t size;
  int output_error;  // the errno that ended the showing
  bool ended;
  std::array<char, 65536> bytes;

  /// What is to be sent next: a line; what is there when no more fits or comes; or nothing yet.
  [[nodiscard]] std::string_view next() const noexcept {
    const std::string_view all{bytes.data(), size};
    const std::size_t newline = all.find('\n');
    if (newline != std::string_view::npos) return all.substr(0, newline + 1);
    return ended || size == bytes.size() ? all : std::string_view{};
  }
  void forget(std::size_t count) noexcept {
    std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(count),
              bytes.begin() + static_cast<std::ptrdiff_t>(size), bytes.begin());
    size -= count;
  }
};

Operator::Operator(int input, int output, Stopper* stopper)
    : input_{input}, output_{output}, stopper_{stopper} {
  void* const memory = sys::map_memory(sizeof(Typed), true);  // zeros: nothing typed
  if (memory == nullptr) throw std::bad_alloc{};
  typed_ = static_cast<Typed*>(memory);
}

Operator::~Operator() { sys::unmap_memory(typed_, sizeof(Typed)); }

Result<> Operator::showing() const noexcept {
  if (typed_->output_error == 0) return {};
  return fail_errno("write", typed_->output_error);
}

/// One client and the operator.
class Conversation {
 public:
  Conversation(Operator& person, Stream& peer) noexcept
      : person_{person}, typed_{*person.typed_}, peer_{peer} {}

  /// Shows what the client says, until it has ended its side.
  Task<> listen() {
    while (typed_.output_error == 0) {
      const auto bytes = co_await peer_.receive();
      if (!bytes) break;
      co_await show(person_.shown(*bytes));
    }
    co_await show(person_.parting());
  }

  /// Sends what is typed, until there is no more; then tells the client so.
  Task<> answer() {
    for (;;) {
      for (auto line = typed_.next(); !line.empty(); line = typed_.next()) {
        const auto sent = co_await peer_.send(bytes_of(line));
        if (!sent) co_return;
        typed_.forget(line.size());
      }
      if (typed_.ended) break;
      const auto ready = co_await peer_.engine().wait_ready(person_.input_, Direction::readable);
      if (!ready) co_return;
      read_typed();
    }
    (void)peer_.shutdown_send();  // the client may be gone already
  }

  /// Nobody answers, or sees, any more: further clients would wait for nothing.
  void end() noexcept {
    const bool over = typed_.ended || typed_.output_error != 0;
    if (over && person_.stopper_ != nullptr) person_.stopper_->stop();
  }

 private:
  Task<> show(ByteView bytes) {
    while (!bytes.empty() && typed_.output_error == 0) {
      const auto ready = co_await peer_.engine().wait_ready(person_.output_, Direction::writable);
      if (!ready) co_return;
      const std::size_t size = std::min<std::size_t>(bytes.size(), PIPE_BUF);
      const ssize_t answer = sys::write(person_.output_, bytes.data(), size);
      if (answer > 0) bytes = bytes.subspan(static_cast<std::size_t>(answer));
      if (answer < 0 && answer != -EINTR && answer != -EAGAIN)
        typed_.output_error = static_cast<int>(-answer);
    }
  }

  void read_typed() noexcept {
    const ssize_t answer = sys::read(person_.input_, typed_.bytes.data() + typed_.size,
                                     typed_.bytes.size() - typed_.size);
    if (answer > 0) typed_.size += static_cast<std::size_t>(answer);
    if (answer > 0 || answer == -EINTR || answer == -EAGAIN) return;
    typed_.ended = true;  // an error, such as that of a terminal that was hung up, is an end too
    person_.input_ended();
  }

  Operator& person_;
  Operator::Typed& typed_;
  Stream& peer_;
};

Task<> talk(Operator& person, Stream peer) {
  Conversation conversation{person, peer};
  TaskScope answering{peer.engine()};
  // Without a thread for it (blocking models) nobody could answer.
  if (const auto spawned = answering.spawn(conversation.answer()); spawned)
    co_await conversation.listen();
  answering.cancel();
  co_await answering.join();
  conversation.end();
}

}  // namespace headrace::services
