// SPDX-License-Identifier: MIT
//
// Sentences about sources. Which capability opens which: tracefs belongs to root
// (CAP_DAC_OVERRIDE), packet sockets take CAP_NET_RAW, other users' processes CAP_SYS_PTRACE.
#include "watch/sources.hpp"

#include <array>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "watch/program_path.hpp"

namespace headrace::watch {

namespace {

const TcpSourceStatus& of(const std::array<TcpSourceStatus, kTcpSources>& all, TcpSource which) {
  return all.at(static_cast<std::size_t>(which));
}

std::string why(const Failure& failure) {
  return failure.error == 0 ? std::string{failure.call}
                            : fmt::format("{} ({})", failure.reason(), failure.call);
}

// By its capability, not by who we are: setcap gives it to anybody, a container takes it from root.
bool may_look_at_every_process() noexcept {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return ::geteuid() == 0;
  return (sets[CAP_TO_INDEX(CAP_SYS_PTRACE)].effective & CAP_TO_MASK(CAP_SYS_PTRACE)) != 0;
}

std::string lost_text(const TcpSourceStatus& status) {
  if (status.lost != 0) return fmt::format(" LOST {}", status.lost);
  return status.gaps == 0 ? "" : fmt::format(" OVERRUN {}x", status.gaps);
}

}  // namespace

std::string setcap_line() {
  return fmt::format("sudo setcap cap_net_raw,cap_dac_override,cap_sys_ptrace+ep {}",
                     program_path());
}

std::vector<std::string> missing_sources(const TcpWatch& watch) {
  std::vector<std::string> sentences;
  const auto sources = watch.sources();
  bool rights = false;
  const TcpSourceStatus& ended = of(sources, TcpSource::destroyed);
  if (!ended.open)
    sentences.push_back(fmt::format(
        "no messages about sockets that end: {}; connections shorter than a look are not seen",
        why(ended.failure)));
  const TcpSourceStatus& trace = of(sources, TcpSource::trace);
  if (!trace.open) {
    sentences.push_back(fmt::format(
        "no trace events: {}; what happens between two looks is not seen", why(trace.failure)));
    rights = trace.failure.code == Errc::permission_denied;
  }
  const TcpSourceStatus& packet = of(sources, TcpSource::packet);
  if (!packet.open) {
    sentences.push_back(
        fmt::format("no packets: {}; SYN, FIN and RST are not seen", why(packet.failure)));
    rights = rights || packet.failure.code == Errc::permission_denied;
  }
  const bool sees_everybody = may_look_at_every_process();
  if (!sees_everybody) sentences.emplace_back("other users' processes are not named");
  if (rights || !sees_everybody)
    sentences.push_back("this would give what is missing: " + setcap_line());
  return sentences;
}

std::string sources_text(const TcpWatch& watch) {
  const auto sources = watch.sources();
  std::string text;
  for (const TcpSource which :
       {TcpSource::snapshot, TcpSource::destroyed, TcpSource::trace, TcpSource::packet}) {
    const TcpSourceStatus& status = of(sources, which);
    text += fmt::format("{}{}{}{}", text.empty() ? "" : " ", status.open ? "" : "no ",
                        to_text(which), lost_text(status));
  }
  if (const std::uint64_t foreign = watch.foreign_events(); foreign != 0)
    text += fmt::format(" ({} events of other namespaces)", foreign);
  return text;
}

}  // namespace headrace::watch
