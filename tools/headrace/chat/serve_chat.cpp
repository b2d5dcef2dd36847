// SPDX-License-Identifier: MIT
//
// The rooms of `headrace serve chat`: opened before anybody is let in, counted when all have left.
#include "chat/serve_chat.hpp"

#include <fmt/format.h>

#include "headrace/service.hpp"
#include "output.hpp"
#include "units.hpp"

namespace headrace::tool {

namespace {

std::string why_unopened(const std::string& file, const Failure& failure) {
  if (failure.code == Errc::address_in_use)
    return fmt::format("history file {}: another server has it; give each its own", file);
  if (failure.code == Errc::not_supported)
    return fmt::format("history file {}: {}; move it away, or give another --history-file", file,
                       failure.call);
  return fmt::format("history file {}: {} ({})", file, failure.reason(), failure.call);
}

void tell_kept(const services::KeptHistory& kept, const std::string& file, Log& log) {
  log.say(Level::info,
          [&] { return fmt::format("history: {} in {}", counted(kept.lines, "line"), file); });
  if (kept.torn_bytes != 0)
    log.say(Level::warning, [&] {
      return fmt::format("history: the last record was not finished: {} cut off",
                         counted(kept.torn_bytes, "byte"));
    });
  if (kept.damaged != 0)
    log.say(Level::warning, [&] {
      return fmt::format("history: {} damaged, left out", counted(kept.damaged, "line"));
    });
}

void tell_counts(const services::ChatCounts& counts, Log& log) {
  log.say(Level::info, [&] {
    std::string text =
        fmt::format("chat: {}, {}, delivered {}", counted(counts.members, "member"),
                    counted(counts.lines, "line"), counted(counts.delivered, "time"));
    const auto add = [&](std::uint64_t count, std::string_view what) {
      if (count != 0) text += fmt::format(", {} {}", count, what);
    };
    add(counts.skipped, "skipped for slow members");
    add(counts.disconnected, "disconnected as too slow");
    add(counts.too_long, "too long");
    add(counts.invalid, "invalid bytes");
    return text;
  });
}

}  // namespace

int serve_chat(const ChatArguments& arguments, const ServeOptions& options, Log& log) {
  const std::string file = arguments.history_file.value_or("");
  auto rooms = services::ChatRooms::open(arguments.options());
  if (!rooms) return complain(why_unopened(file, rooms.error()), kFailed);
  if (!file.empty()) tell_kept(rooms->kept(), file, log);
  const int status = serve(Service{services::chat, *rooms}.needing(Needs::company), options);
  if (status == kWrongUsage) return status;
  tell_counts(rooms->counts(), log);
  const auto keeping = rooms->keeping();
  if (keeping) return status;
  return complain(fmt::format("history file {}: {}; later lines may be missing", file,
                              keeping.error().reason()),
                  kFailed);
}

}  // namespace headrace::tool
