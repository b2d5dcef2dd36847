// SPDX-License-Identifier: MIT
//
// The terminal while a view has it: no echo, keys one by one, a screen of its own; and afterwards
// as it was.
#pragma once

#include <cstddef>
#include <string_view>

#include <termios.h>

namespace headrace::watch {

struct Size {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

enum class Key : unsigned char {
  none,
  character,
  up,
  down,
  page_up,
  page_down,
  home,
  end,
  enter,
  erase,
  escape
};
struct Press {
  Key key = Key::none;
  char character = 0;
};

class Terminal {
 public:
  /// Takes over the terminal that is stdout, and the keys where stdin is one too.
  Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() { leave(); }

  void enter();
  void leave() noexcept;

  [[nodiscard]] Size size() const noexcept;
  /// False when there is no terminal any more.
  [[nodiscard]] bool write(std::string_view bytes) const noexcept;

  /// For poll(2): stdin, or -1 when no keys can come.
  [[nodiscard]] int descriptor() const noexcept;
  /// Reads what is there into `keys_`; then `next` gives it key by key.
  void read_keys() noexcept;
  [[nodiscard]] Press next() noexcept;

 private:
  termios before_{};
  bool has_keys_ = false;
  bool inside_ = false;
  char pending_[64]{};
  std::size_t count_ = 0;
  std::size_t at_ = 0;
};

}  // namespace headrace::watch
