// SPDX-License-Identifier: MIT
//
// The table of models: the only place that knows which launcher goes with which engine, and under
// what name.
#include <algorithm>
#include <array>

#include "engines/engine_core.hpp"
#include "headrace/model.hpp"

namespace headrace {

namespace {

using enum LauncherKind;

constexpr std::string_view kOneThread =
    "one thread: a slow service holds up every client of its loop";

constexpr std::array kModels{
    ModelInfo{Model::iterative, "iterative", LauncherKind::iterative, EngineKind::blocking, 0, "",
              "one client at a time, the others wait in the backlog", "one client at a time", true},
    ModelInfo{Model::process, "process", process_per_connection, EngineKind::blocking, 0, "",
              "a child process for each client", "processes (ulimit -u) and their memory", true},
    ModelInfo{Model::prefork, "prefork", prefork, EngineKind::blocking, 32, "children",
              "children made beforehand share the listener", "as many clients at once as children",
              true},
    ModelInfo{Model::thread, "thread", thread_per_connection, EngineKind::blocking, 0, "",
              "a thread for each client", "threads (ulimit -u) and a stack for each", true},
    ModelInfo{Model::pool, "pool", thread_pool, EngineKind::blocking, 32, "threads",
              "a fixed number of threads; a client holds one until it leaves",
              "as many clients at once as threads", true},
    ModelInfo{Model::polling, "polling", event_loop, EngineKind::polling, 1, "loops",
              "non-blocking calls to every client, round and round", "a full core, busy or not",
              true},
    ModelInfo{Model::select, "select", event_loop, EngineKind::select, 1, "loops",
              "the kernel looks at three bit sets at every call",
              "descriptors below 1024 in the whole process: more workers do not raise it", true},
    ModelInfo{Model::poll, "poll", event_loop, EngineKind::poll, 1, "loops",
              "the kernel looks at a list of every client at every call",
              "cost grows with clients, idle ones too", true},
    ModelInfo{Model::epoll_level, "epoll-level", event_loop, EngineKind::epoll_level, 1, "loops",
              "the kernel keeps the list and tells of those that are ready", kOneThread, true},
    ModelInfo{Model::epoll_edge, "epoll-edge", event_loop, EngineKind::epoll_edge, 1, "loops",
              "the same, told once for each change; the default", kOneThread, true},
    ModelInfo{Model::io_uring, "io_uring", event_loop, EngineKind::io_uring, 1, "loops",
              "the kernel carries the operations out and reports them done", kOneThread, true},
};

}  // namespace

std::span<const ModelInfo> all_models() noexcept { return kModels; }

const ModelInfo& info(Model model) noexcept { return kModels[static_cast<std::size_t>(model)]; }

const ModelInfo* find_model(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kModels, name, &ModelInfo::name);
  return found == kModels.end() ? nullptr : found;
}

std::string_view workers_text(const ModelInfo& model, unsigned count) noexcept {
  if (count != 1 || model.workers.empty()) return model.workers;
  if (model.workers == "children") return "child";
  return model.workers.substr(0, model.workers.size() - 1);  // "loops", "threads"
}

std::string_view to_text(LauncherKind launcher) noexcept {
  switch (launcher) {
    case LauncherKind::iterative:
      return "iterative";
    case process_per_connection:
      return "process-per-connection";
    case prefork:
      return "prefork";
    case thread_per_connection:
      return "thread-per-connection";
    case thread_pool:
      return "thread-pool";
    case event_loop:
      return "event-loop";
  }
  return "";
}

Model best_model() noexcept {
  const ModelInfo* best = &kModels.back();
  for (const EngineKind engine : detail::engines_best_first()) {
    const auto* const row = std::ranges::find_if(kModels, [engine](const ModelInfo& model) {
      return model.launcher == event_loop && model.engine == engine;
    });
    if (row == kModels.end()) continue;
    best = row;
    if (can_run(row->model)) break;
  }
  return best->model;
}

Result<> can_run(Model model) noexcept {
  if (!info(model).built) return fail(Errc::not_supported, "not in this version of headrace yet");
  return detail::try_engine(info(model).engine);
}

}  // namespace headrace
