// SPDX-License-Identifier: MIT
//
// The table of engines: the one place that knows all of them by name, how each is made, whether
// every Linux has it, and which to take where there is a choice.
#include <algorithm>
#include <array>

#include "engines/engine_core.hpp"

namespace headrace {

namespace {

using detail::EngineCore;

enum class Presence : std::uint8_t { everywhere, asks_the_kernel };

struct Row {
  EngineKind kind;
  std::string_view name;
  Result<std::unique_ptr<EngineCore>> (*make)();
  Presence presence;
};

constexpr std::array kEngines{
    Row{EngineKind::blocking, "blocking", detail::make_blocking_engine, Presence::everywhere},
    Row{EngineKind::polling, "polling", detail::make_polling_engine, Presence::everywhere},
    Row{EngineKind::select, "select", detail::make_select_engine, Presence::everywhere},
    Row{EngineKind::poll, "poll", detail::make_poll_engine, Presence::everywhere},
    Row{EngineKind::epoll_level, "epoll-level", detail::make_epoll_level_engine,
        Presence::everywhere},
    Row{EngineKind::epoll_edge, "epoll-edge", detail::make_epoll_edge_engine, Presence::everywhere},
    Row{EngineKind::io_uring, "io_uring", detail::make_io_uring_engine, Presence::asks_the_kernel},
};

// By what a message costs, and how many may stay idle; the last one runs wherever there are
// sockets.
constexpr std::array kBestFirst{EngineKind::io_uring, EngineKind::epoll_edge,
                                EngineKind::epoll_level, EngineKind::poll};

const Row* find_row(EngineKind kind) noexcept {
  const auto* const found = std::ranges::find(kEngines, kind, &Row::kind);
  return found == kEngines.end() ? nullptr : found;
}

}  // namespace

std::string_view to_text(EngineKind kind) noexcept {
  const Row* const row = find_row(kind);
  return row == nullptr ? "" : row->name;
}

namespace detail {

Result<std::unique_ptr<EngineCore>> make_engine(EngineKind kind) {
  const Row* const row = find_row(kind);
  if (row == nullptr) return fail(Errc::not_supported, "there is no such engine");
  return row->make();
}

bool is_everywhere(EngineKind kind) noexcept {
  const Row* const row = find_row(kind);
  return row != nullptr && row->presence == Presence::everywhere;
}

std::span<const EngineKind> engines_best_first() noexcept { return kBestFirst; }

namespace {

struct Trial {
  EngineKind kind;
  Result<> result{};
};

void* make_one(void* argument) noexcept {
  auto& trial = *static_cast<Trial*>(argument);
  const auto engine = Engine::create(trial.kind);
  if (!engine) trial.result = std::unexpected(engine.error());
  return nullptr;
}

}  // namespace

Result<> try_engine(EngineKind kind) noexcept {
  Trial trial{kind};
  // The kernel takes a ring apart after it has been closed, and interrupts the thread that used it:
  // a call of the caller's that is blocked by then would fail with EINTR, for no signal.
  pthread_t thread{};
  if (!is_everywhere(kind) && sys::create_thread(&thread, make_one, &trial) == 0)
    (void)sys::join_thread(thread);  // it has been made, and ends by itself
  else
    (void)make_one(&trial);
  return trial.result;
}

}  // namespace detail

}  // namespace headrace
