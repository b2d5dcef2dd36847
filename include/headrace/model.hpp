// SPDX-License-Identifier: MIT
//
// Model: an engine and a launcher, under the name a user types.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "headrace/engine.hpp"
#include "headrace/result.hpp"

namespace headrace {

enum class Model : std::uint8_t {
  iterative,
  process,
  prefork,
  thread,
  pool,
  polling,
  select,
  poll,
  epoll_level,
  epoll_edge,
  io_uring,
};

/// Who runs a connection.
enum class LauncherKind : std::uint8_t {
  iterative,               ///< the accepting thread itself: one client after another
  process_per_connection,  ///< a child for each
  prefork,                 ///< children made beforehand, which share the listener
  thread_per_connection,   ///< a thread for each
  thread_pool,             ///< a fixed number of threads; a connection holds one until it closes
  event_loop,              ///< one thread for many connections
};

/// A row of the table of models. Static storage.
struct ModelInfo {
  Model model;
  std::string_view name;  ///< what `--model` takes: "epoll-edge"
  LauncherKind launcher;
  EngineKind engine;
  unsigned default_workers;  ///< 0 where the model has no workers
  std::string_view workers;  ///< what a worker is: "loops"; empty where there are none
  std::string_view summary;  ///< one line for a person
  std::string_view limit;    ///< what bounds it
  bool built;                ///< this version of headrace has it
};

/// More of a model, for a person who chooses. Static storage.
struct ModelFacts {
  std::string_view seed_name;  ///< what courses call it: "epoll ET server"; empty where they do not
  std::string_view system_calls;  ///< those that an echo of one message takes
  std::string_view cost;          ///< what else it takes
};

/// Every model there is, in the order history invented them.
[[nodiscard]] std::span<const ModelInfo> all_models() noexcept;

[[nodiscard]] const ModelInfo& info(Model model) noexcept;

[[nodiscard]] const ModelFacts& facts(Model model) noexcept;

/// By name; null when there is none of that name.
[[nodiscard]] const ModelInfo* find_model(std::string_view name) noexcept;

/// What so many workers are: "32 children" or "1 child" without the number; "" where there are
/// none.
[[nodiscard]] std::string_view workers_text(const ModelInfo& model, unsigned count) noexcept;

/// "event-loop".
[[nodiscard]] std::string_view to_text(LauncherKind launcher) noexcept;

/// The event loop to take where nobody has chosen (`--model auto`): of those that can run here and
/// now the one whose messages cost least. It is tried, so this takes some system calls.
[[nodiscard]] Model best_model() noexcept;

/// Whether `model` can run here and now; else `not_supported`, and `call` says what is missing.
[[nodiscard]] Result<> can_run(Model model) noexcept;

}  // namespace headrace
