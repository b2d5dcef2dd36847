// SPDX-License-Identifier: MIT
//
// open(2), then write(2) to the end and ftruncate(2): an old page stays until the new one is made.
#include "bench/delivery.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/html_report.hpp"
#include "output.hpp"

namespace headrace::bench {

namespace {

int complain(std::string_view path, std::string_view what, int error) {
  return tool::complain(fmt::format("--html {}: {} ({})", path, ::strerrordesc_np(error), what),
                        tool::kFailed);
}

}  // namespace

std::string json_text(const nlohmann::ordered_json& report) {
  return report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

bool PageFile::open(const std::string& path) {
  path_ = path;
  if (path.empty()) return true;
  file_ = net::Socket{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)};
  if (file_.is_open()) return true;
  (void)complain(path, "open", errno);
  return false;
}

int PageFile::write(const nlohmann::ordered_json& report) {
  if (path_.empty()) return tool::kDone;
  const std::string page = html_report(report);
  if (page.empty())
    return tool::complain(
        fmt::format("--html {}: this build of headrace cannot write a page", path_), tool::kFailed);
  std::string_view rest = page;
  while (!rest.empty()) {
    const ssize_t count = ::write(file_.descriptor(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return complain(path_, "write", errno);
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  struct stat status{};
  const bool is_file = ::fstat(file_.descriptor(), &status) == 0 && S_ISREG(status.st_mode);
  if (is_file && ::ftruncate(file_.descriptor(), static_cast<off_t>(page.size())) != 0)
    return complain(path_, "ftruncate", errno);
  if (page.size() >= kPageLimit)
    (void)tool::complain(fmt::format("--html {}: {} kB, as there are so many servers and cases",
                                     path_, page.size() / 1000),
                         tool::kDone);
  return tool::kDone;
}

}  // namespace headrace::bench
