// SPDX-License-Identifier: MIT
//
// The operator of `headrace serve talk`: the program's stdin and stdout, with what clients say made
// fit for a terminal.
#pragma once

#include <string>
#include <string_view>

#include "headrace/services.hpp"
#include "log.hpp"

namespace headrace::tool {

/// A client's bytes line by line, each escaped; newlines stay what they are.
class LineEscaper {
 public:
  /// Whether whoever looks also types on the same screen: then a piece that ends within a line is
  /// ended at once, so that what is typed stands by itself.
  enum class Pieces : bool { joined, ended };

  explicit LineEscaper(Pieces pieces) noexcept : pieces_{pieces} {}

  /// What to write for `bytes`; valid until the next call. A character that is cut by their end is
  /// kept for the next piece.
  [[nodiscard]] std::string_view escape(std::string_view bytes);
  /// What to write behind the last piece.
  [[nodiscard]] std::string_view finish();

 private:
  void append(std::string_view bytes);

  Pieces pieces_;
  std::string kept_;   // the beginning of a character
  std::string shown_;  // by the last call
  bool within_line_ = false;
};

class Console final : public services::Operator {
 public:
  /// Borrows all.
  Console(Stopper& stopper, Log& log, LogFormat format);

 protected:
  [[nodiscard]] ByteView shown(ByteView bytes) override;
  [[nodiscard]] ByteView parting() override;
  void input_ended() noexcept override;

 private:
  Log& log_;
  LogFormat format_;
  LineEscaper escaper_;
};

}  // namespace headrace::tool
