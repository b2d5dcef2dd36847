// SPDX-License-Identifier: MIT
//
// The one place that knows every engine by name.
#include "engines/engine_core.hpp"

namespace headrace::detail {

Result<std::unique_ptr<EngineCore>> make_engine(EngineKind kind) {
  switch (kind) {
    case EngineKind::blocking:
      return make_blocking_engine();
    case EngineKind::polling:
      return make_polling_engine();
    case EngineKind::select:
      return make_select_engine();
    case EngineKind::poll:
      return make_poll_engine();
    case EngineKind::epoll_level:
      return make_epoll_level_engine();
    case EngineKind::epoll_edge:
      return make_epoll_edge_engine();
    case EngineKind::io_uring:
      return make_io_uring_engine();
  }
  return fail(Errc::not_supported, "there is no such engine");
}

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
  const bool apart = kind == EngineKind::io_uring;
  pthread_t thread{};
  if (apart && sys::create_thread(&thread, make_one, &trial) == 0)
    (void)sys::join_thread(thread);  // it has been made, and ends by itself
  else
    (void)make_one(&trial);
  return trial.result;
}

}  // namespace headrace::detail
