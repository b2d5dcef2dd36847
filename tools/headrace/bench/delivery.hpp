// SPDX-License-Identifier: MIT
//
// Where a report goes: to stdout as text or JSON, and into a file as a page.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "net/socket.hpp"

namespace headrace::bench {

/// `report` as it is printed. Bytes that are no UTF-8 (in a command line) are replaced.
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& report);

/// The file of `--html`, opened before anything is measured: a path that cannot be written is said
/// while nothing is lost by it.
class PageFile {
 public:
  /// No file for an empty path. False, after a complaint, when it cannot be opened.
  [[nodiscard]] bool open(const std::string& path);

  /// Replaces the file's content with the page of `report`. The exit status.
  [[nodiscard]] int write(const nlohmann::ordered_json& report);

 private:
  std::string path_;
  net::Socket file_;  // a descriptor that is closed
};

}  // namespace headrace::bench
