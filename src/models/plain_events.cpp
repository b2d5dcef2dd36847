// SPDX-License-Identifier: MIT
//
// What serve() tells where nobody else listens: a few plain lines on stderr.
#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>

#include <unistd.h>

#include "headrace/events.hpp"

namespace headrace {

namespace {

// One write a line, so that lines of several threads do not mix; a closed stderr is not our
// business.
[[gnu::format(printf, 1, 2)]] void print(const char* form, ...) noexcept {
  std::array<char, 512> line;
  va_list values;
  va_start(values, form);
  const int length = std::vsnprintf(line.data(), line.size() - 1, form, values);
  va_end(values);
  const auto end =
      static_cast<std::size_t>(std::clamp(length, 0, static_cast<int>(line.size()) - 2));
  line[end] = '\n';
  (void)!::write(STDERR_FILENO, line.data(), end + 1);
}

class PlainEvents final : public ServerEvents {
 public:
  void listening(const Address& at, const ModelInfo& model, unsigned workers,
                 int backlog) noexcept override {
    const AddressText text{at};
    std::array<char, 32> crew{};
    if (!model.workers.empty())
      (void)std::snprintf(crew.data(), crew.size(), ", %u worker%s", workers,
                          workers == 1 ? "" : "s");
    print("listening on %.*s (model %s%s, backlog %d)", size_of(text), text.view().data(),
          model.name.data(), crew.data(), backlog);
  }
  void accept_paused(const Failure& failure) noexcept override {
    print("accepting has paused: %s (%s)", failure.reason(), failure.call);
  }
  void failed(std::string_view address, const Failure& failure) noexcept override {
    print("%.*s%s%s (%s)", size_of(address), address.data(), address.empty() ? "" : ": ",
          failure.reason(), failure.call);
  }
  void stopped(const Statistics& total) noexcept override {
    std::array<char, 48> killed{};
    if (total.killed != 0)
      (void)std::snprintf(killed.data(), killed.size(), ", %ju killed", total.killed);
    print(
        "%ju connection%s, %ju bytes in, %ju bytes out, %ju at most at once, %ju refused, %ju "
        "timed "
        "out, %ju reset, %ju cut%s",
        total.connections, total.connections == 1 ? "" : "s", total.bytes_received,
        total.bytes_sent, total.most_at_once, total.refused, total.timed_out, total.reset,
        total.cut, killed.data());
  }

 private:
  static int size_of(std::string_view text) noexcept { return static_cast<int>(text.size()); }
};

}  // namespace

ServerEvents::~ServerEvents() = default;

ServerEvents& plain_events() noexcept {
  static PlainEvents events;
  return events;
}

}  // namespace headrace
