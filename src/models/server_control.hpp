// SPDX-License-Identifier: MIT
//
// The server's side of a ControlSource: who looks at it, and what its commands come to. Not here:
// how the owner of a kicked connection is made to look (the launchers).
#pragma once

#include <atomic>

#include "headrace/control.hpp"
#include "models/connection_table.hpp"
#include "models/server.hpp"

namespace headrace::models {

class ServerControl final : public Control {
 public:
  /// `source` may be null.
  ServerControl(ControlSource* source, ConnectionTable& table, Stop& stop) noexcept
      : source_{source},
        descriptor_{source != nullptr ? source->descriptor() : -1},
        table_{table},
        stop_{stop} {}

  [[nodiscard]] Statistics statistics() const noexcept override { return table_.statistics(); }
  void list(Visit visit, void* visitor) const override { table_.list(visit, visitor); }
  bool kick(std::uint64_t id) noexcept override { return table_.kick(id); }
  void stop() noexcept override {
    if (!stop_.begun()) stop_.call();
  }

  /// For poll(2); -1 when there is nothing to look at, or no more.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// It is readable. Only on the thread that called serve().
  void look() noexcept {
    if (descriptor_ >= 0 && !source_->readable(*this)) descriptor_ = -1;
  }

 private:
  ControlSource* source_;
  std::atomic<int> descriptor_;
  ConnectionTable& table_;
  Stop& stop_;
};

}  // namespace headrace::models
