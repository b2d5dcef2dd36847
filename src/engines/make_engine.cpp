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

}  // namespace headrace::detail
