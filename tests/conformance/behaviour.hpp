// SPDX-License-Identifier: MIT
//
// CONFORMANCE("what a user may rely on") { ... }: a behaviour, written once and made a test for
// every model that is built. Inside, `model` is the row of the table of models. A behaviour that
// makes no sense for some models says so with its reason, where it is registered:
// CONFORMANCE("...", event_loops("only they have a turn budget")) { ... }
//
// A new model needs nothing here. `ctest -R epoll-edge` runs all behaviours of a model.
#pragma once

#include <string_view>

#include "headrace/model.hpp"
#include "headrace/serve.hpp"

namespace headrace::conformance {

/// For whom a behaviour is meant.
struct Models {
  bool (*include)(const ModelInfo& model);
  std::string_view why_not_all;
};

[[nodiscard]] Models every_model() noexcept;
/// Not `iterative`: several clients are served at the same time.
[[nodiscard]] Models several_at_once(std::string_view why) noexcept;
[[nodiscard]] Models iterative_only(std::string_view why) noexcept;
[[nodiscard]] Models forking(std::string_view why) noexcept;
[[nodiscard]] Models event_loops(std::string_view why) noexcept;
/// The first model of each engine.
[[nodiscard]] Models one_for_each_engine(std::string_view why) noexcept;

/// Whether a client holds a worker until it closes, and others wait for one to be free.
[[nodiscard]] bool clients_hold_workers(const ModelInfo& model) noexcept;
/// As many workers as let `clients` be served at once, where it matters.
[[nodiscard]] Workers workers_for(const ModelInfo& model, unsigned clients) noexcept;

/// How much of something: more in `make nightly` (HEADRACE_NIGHTLY=1).
[[nodiscard]] unsigned amount(unsigned every_day, unsigned nightly) noexcept;

class Behaviour {
 public:
  using Body = void (*)(const ModelInfo& model);
  Behaviour(const char* file, int line, Body body, std::string_view name,
            Models models = every_model());
};

}  // namespace headrace::conformance

// The one macro of the suite: a definition and its registration cannot be had otherwise in one
// piece.
#define CONFORMANCE(...) CONFORMANCE_AT(__LINE__, __VA_ARGS__)
#define CONFORMANCE_AT(line, ...) CONFORMANCE_NAMED(line, __VA_ARGS__)
#define CONFORMANCE_NAMED(line, ...)                                 \
  static void behaviour_##line(const ::headrace::ModelInfo& model);  \
  static const ::headrace::conformance::Behaviour registered_##line{ \
      __FILE__, __LINE__, behaviour_##line, __VA_ARGS__};            \
  static void behaviour_##line([[maybe_unused]] const ::headrace::ModelInfo& model)
