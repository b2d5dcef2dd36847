// SPDX-License-Identifier: MIT
//
// LineEditor: a person at a terminal, on a thread of its own: what is typed, line by line, and what
// comes meanwhile, above the half-typed line. libedit(3) stands behind it.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "chat/waiting_lines.hpp"

struct editline;

namespace headrace::tool {

class LineEditor {
 public:
  /// A whole line; false when it could not be taken. And the end: end of file, a signal, `stop`.
  using Typed = std::function<bool(std::string)>;
  using Ended = std::function<void()>;

  /// Throws std::system_error when there is no thread or descriptor for it.
  LineEditor(Typed typed, Ended ended);
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;
  /// Ends the reading and gives the terminal back as it was.
  ~LineEditor();

  // Any thread.
  void show(std::string line);
  /// Words that the Tab key completes beside the commands.
  void know(std::string_view nick);
  void stop() noexcept;

  /// For the functions that libedit calls.
  struct Calls;

 private:
  friend struct Calls;
  void run();
  int get_character(wchar_t* character);
  bool wait_for_key();
  void answer_signals();
  void print_waiting();
  void wipe_half_line();
  void draw_half_line();
  void complete();
  [[nodiscard]] std::vector<std::string> words_with(std::string_view beginning, bool commands);

  Typed typed_;
  Ended ended_;
  int bell_;  // eventfd(2): something is to be shown, or the end
  struct editline* editor_ = nullptr;
  WaitingLines waiting_{std::size_t{4} << 20};
  std::mutex mutex_;
  std::set<std::string> nicks_;
  bool stopping_ = false;
  bool reading_ = false;  // a half-typed line is on the screen
  std::thread thread_;
};

}  // namespace headrace::tool
