// SPDX-License-Identifier: MIT
//
// Standard input and output as a task uses them: it waits, its loop does not.
#pragma once

#include <cstddef>
#include <span>

#include "headrace/engine.hpp"
#include "unblocked.hpp"

namespace headrace::tool {

/// Where the user's bytes come from. One task at a time.
class Input {
 public:
  /// Borrows `descriptor`.
  explicit Input(int descriptor);
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input();

  /// What is there, at least 1 byte and at most `into`; 0 at the end. A terminal gives a line.
  [[nodiscard]] Task<Result<std::size_t>> read(Engine& engine, std::span<char> into);

  /// Whether something lies there that has not been read.
  [[nodiscard]] bool has_more() const noexcept;
  [[nodiscard]] bool is_terminal() const noexcept { return is_terminal_; }

 private:
  [[nodiscard]] ssize_t read_some(std::span<char> into) const noexcept;

  Unblocked used_;
  bool is_terminal_;
};

/// Where the peer's bytes go. SIGPIPE must be ignored. One task at a time.
class Output {
 public:
  explicit Output(int descriptor);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output();

  /// All of `bytes`, which must stay valid until this completes; nothing is kept here.
  [[nodiscard]] Task<Result<>> write(Engine& engine, ByteView bytes);

  [[nodiscard]] bool is_terminal() const noexcept { return is_terminal_; }

 private:
  [[nodiscard]] ssize_t write_some(ByteView bytes) const noexcept;

  Unblocked used_;
  bool is_terminal_;
};

}  // namespace headrace::tool
