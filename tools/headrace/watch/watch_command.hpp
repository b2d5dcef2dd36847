// SPDX-License-Identifier: MIT
//
// `headrace watch`: what the user asked for, and the call that shows the sockets as they are. The
// command line fills WatchArguments; watch/sequence.hpp and watch/demo.hpp have the other two ways
// to look.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "headrace/tcp_state.hpp"

namespace headrace::watch {

/// How `--sequence` draws.
enum class Format : std::uint8_t { text, mermaid, svg };

/// The options of `headrace watch`, already values.
struct WatchArguments {
  TcpFilter filter;
  /// FILTER as typed, for headings.
  std::string filter_text;
  /// --once: one look, then the end.
  bool once = false;
  /// --json: an object a socket or event.
  bool json = false;
  /// --interval: between two looks; also how often the view is drawn.
  std::chrono::nanoseconds interval = std::chrono::seconds{1};
  /// --sequence: ladders instead of the view.
  bool sequence = false;
  /// --format, of --sequence.
  Format format = Format::text;
  /// --count, of --sequence: end after so many connections.
  std::optional<std::uint64_t> count;
  /// --demo: its name; empty for none.
  std::string demo;
};

/// The live view, or lines or JSON where stdout is no terminal. The exit status: 0 also after
/// SIGINT or SIGTERM; 1 when the kernel could not be asked or stdout could not be written.
[[nodiscard]] int run_watch(const WatchArguments& arguments);

}  // namespace headrace::watch
