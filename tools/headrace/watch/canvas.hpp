// SPDX-License-Identifier: MIT
//
// A screenful of characters with styles, drawn in memory and written in one piece. Knows nothing of
// TCP and nothing of terminals' modes (terminal.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headrace::watch {

enum class Style : std::uint8_t { plain, dim, strong, good, busy, warn, bad, heading };

/// What the reader's terminal shows.
struct Looks {
  bool colour = true;  ///< false: no escape sequences but those that place the cursor
  bool lines = true;   ///< false: ASCII instead of box drawing
};

class Canvas {
 public:
  Canvas(std::size_t columns, std::size_t rows);

  [[nodiscard]] std::size_t columns() const noexcept { return columns_; }
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }

  /// Writes UTF-8 `text` from there on; what lies beyond the edges is left out. Returns the column
  /// behind it.
  std::size_t put(std::size_t column, std::size_t row, std::string_view text,
                  Style style = Style::plain);
  /// In a field of `width` columns; longer text is cut, with an ellipsis.
  void put_field(std::size_t column, std::size_t row, std::size_t width, std::string_view text,
                 Style style = Style::plain);
  /// The same flush right.
  void put_right(std::size_t column, std::size_t row, std::size_t width, std::string_view text,
                 Style style = Style::plain);
  /// The whole row in one style, beneath what it shows.
  void paint(std::size_t row, Style style);

  /// The bytes that show it from the top left corner of a terminal.
  [[nodiscard]] std::string frame(const Looks& looks) const;

 private:
  struct Cell {
    char32_t character = U' ';
    Style style = Style::plain;
  };
  [[nodiscard]] Cell& at(std::size_t column, std::size_t row) {
    return cells_[row * columns_ + column];
  }
  [[nodiscard]] std::size_t used_columns(std::size_t row) const noexcept;

  std::size_t columns_;
  std::size_t rows_;
  std::vector<Cell> cells_;
};

}  // namespace headrace::watch
