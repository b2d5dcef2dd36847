// SPDX-License-Identifier: MIT
//
// Talk: what `headrace chat` does, whoever sits at our end and whatever is at the other: lines that
// are typed go out, lines that come are shown. Not here: rooms of a server (chat_client.hpp),
// datagrams (datagram_talk.hpp), terminal and pipes (talk_ends.hpp).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/channel.hpp"
#include "headrace/task.hpp"

namespace headrace::tool {

class Talk {
 public:
  /// A line to be shown, without '\n'. On the engine's thread. False: nobody reads any more.
  using Show = std::function<bool(std::string_view)>;

  Talk() = default;
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;
  virtual ~Talk() = default;

  /// Before `run`.
  void show_with(Show show) { show_ = std::move(show); }

  /// Lines to be sent, without '\n'; from any thread. Closed: nothing more will come.
  [[nodiscard]] Channel<std::string>& typed() noexcept { return typed_; }

  /// Until `typed` is closed and the other side has ended too, or it cannot go on.
  virtual Task<> run() = 0;
  /// `typed` is closed and nothing is to be waited for: end soon.
  virtual void hurry() {}
  /// Bytes; longer lines are not put into `typed` but told to `refuse`.
  [[nodiscard]] virtual std::size_t longest_line() const noexcept = 0;
  virtual void refuse(std::size_t size) = 0;
  /// Whether a moment to say good-bye makes sense.
  [[nodiscard]] virtual bool is_under_way() const noexcept = 0;
  /// After `run`: the exit status; what went wrong has been said on stderr.
  [[nodiscard]] virtual int status() = 0;

 protected:
  [[nodiscard]] bool show(std::string_view line) { return show_(line); }

 private:
  Show show_ = [](std::string_view) { return true; };
  Channel<std::string> typed_{1000};
};

}  // namespace headrace::tool
