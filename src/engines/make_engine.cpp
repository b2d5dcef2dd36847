// SPDX-License-Identifier: MIT
//
// The one place that knows every engine by name.
#include "engines/engine_core.hpp"

namespace headrace::detail {

Result<std::unique_ptr<EngineCore>> make_engine(EngineKind kind) {
  switch (kind) {
    case EngineKind::blocking:
      return make_blocking_engine();
    case EngineKind::epoll_edge:
      return make_epoll_edge_engine();
    case EngineKind::polling:
    case EngineKind::select:
    case EngineKind::poll:
    case EngineKind::epoll_level:
    case EngineKind::io_uring:
      break;
  }
  return fail(Errc::not_supported, "this engine is not in this version of headrace yet");
}

}  // namespace headrace::detail
