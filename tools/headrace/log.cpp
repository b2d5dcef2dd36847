// SPDX-License-Identifier: MIT
//
// The log: spdlog does levels and locking, our sink colours a line and hands it to the Outlet.
#include "log.hpp"

#include <chrono>
#include <cstdlib>
#include <mutex>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include "outlet.hpp"

namespace headrace::tool {

namespace {

constexpr std::chrono::milliseconds kPatience{500};
constexpr std::string_view kYellow = "\x1b[33m", kRed = "\x1b[31m", kPlain = "\x1b[0m";

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::detail:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string dropped_as_text(std::uint64_t lines) {
  return fmt::format("{} log line{} dropped so far: nobody read them in time\n", lines,
                     lines == 1 ? "" : "s");
}

std::string dropped_as_json(std::uint64_t lines) {
  return fmt::format(R"({{"time":"{}","level":"{}","event":"log_dropped","lines":{}}})"
                     "\n",
                     now_as_iso8601(), to_text(Level::warning), lines);
}

class OutletSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  OutletSink(int descriptor, LogFormat format)
      : outlet_{descriptor, format == LogFormat::json ? dropped_as_json : dropped_as_text},
        colour_{format == LogFormat::text && wants_colour(descriptor)} {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view line{message.payload.data(), message.payload.size()};
    const bool is_error = message.level >= spdlog::level::err;
    if (colour_ && message.level >= spdlog::level::warn)
      return outlet_.put(fmt::format("{}{}{}\n", is_error ? kRed : kYellow, line, kPlain));
    outlet_.put(fmt::format("{}\n", line));
  }
  void flush_() override { outlet_.finish(kPatience); }

  Outlet outlet_;
  bool colour_;
};

}  // namespace

std::string_view to_text(Level level) noexcept {
  switch (level) {
    case Level::detail:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

Log::Log(int descriptor, LogFormat format, Level least)
    : descriptor_{descriptor},
      least_{least},
      logger_{std::make_shared<spdlog::logger>("headrace",
                                               std::make_shared<OutletSink>(descriptor, format))} {
  logger_->set_level(to_spdlog(least));
}

Log::~Log() = default;

void Log::write(Level level, std::string_view line) {
  logger_->log(to_spdlog(level), spdlog::string_view_t{line.data(), line.size()});
}

void Log::finish() noexcept { logger_->flush(); }

std::size_t Log::columns() const noexcept {
  winsize size{};
  if (::isatty(descriptor_) == 1 && ::ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 80;
}

std::string now_as_iso8601() {
  using namespace std::chrono;
  const auto now = system_clock::now();
  const auto milliseconds_in = duration_cast<milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(system_clock::to_time_t(now)),
                     milliseconds_in);
}

bool wants_colour(int descriptor) noexcept {
  const char* const no_colour = std::getenv("NO_COLOR");  // https://no-color.org: set and not empty
  const char* const terminal = std::getenv("TERM");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  if (terminal == nullptr || std::string_view{terminal} == "dumb") return false;
  return ::isatty(descriptor) == 1;
}

}  // namespace headrace::tool
