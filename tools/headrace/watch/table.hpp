// SPDX-License-Identifier: MIT
//
// The rows of the live view: the first few thousand in the order the reader chose, of however many
// there are, and how they are drawn.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include "headrace/tcp_state.hpp"
#include "watch/canvas.hpp"

namespace headrace::watch {

enum class Order : std::uint8_t { state, age, queues, retransmits, rtt, timer, owner, address };
inline constexpr std::size_t kOrders = 8;
[[nodiscard]] std::string_view to_text(Order order) noexcept;

class Table {
 public:
  void set_order(Order order, bool reversed) noexcept;
  [[nodiscard]] Order order() const noexcept { return order_; }
  [[nodiscard]] bool is_reversed() const noexcept { return reversed_; }

  /// A look: begin, its rows, end.
  void begin();
  void add(const TcpSighting& row);
  void end();

  [[nodiscard]] std::size_t listeners() const noexcept { return listeners_.size(); }
  /// All that there are, kept or not.
  [[nodiscard]] std::size_t connections() const noexcept { return connections_count_; }
  /// How many can be scrolled to.
  [[nodiscard]] std::size_t kept() const noexcept { return connections_.size(); }

  /// Draws headings and rows; `later`: since the look, by which ages grow and timers run.
  void draw_listeners(Canvas& canvas, std::size_t row, std::size_t rows) const;
  void draw_connections(Canvas& canvas, std::size_t row, std::size_t rows, std::size_t first,
                        std::chrono::nanoseconds later) const;

 private:
  [[nodiscard]] bool before(const TcpSighting& one, const TcpSighting& other) const;
  void cut_to(std::size_t count);

  std::vector<TcpSighting> listeners_;
  std::vector<TcpSighting> connections_;
  std::size_t connections_count_ = 0;
  Order order_ = Order::state;
  bool reversed_ = false;
};

}  // namespace headrace::watch
