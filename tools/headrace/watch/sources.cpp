// SPDX-License-Identifier: MIT
//
// Sentences about sources. Which capability opens which: tracefs belongs to root
// (CAP_DAC_OVERRIDE), packet sockets take CAP_NET_RAW, other users' processes CAP_SYS_PTRACE.
#include "watch/sources.hpp"

#include <array>

#include <unistd.h>

#include <fmt/format.h>

namespace headrace::watch {

namespace {

const TcpSourceStatus& of(const std::array<TcpSourceStatus, kTcpSources>& all, TcpSource which) {
  return all.at(static_cast<std::size_t>(which));
}

std::string why(const Failure& failure) {
  return failure.error == 0 ? std::string{failure.call}
                            : fmt::format("{} ({})", failure.reason(), failure.call);
}

std::string lost_text(const TcpSourceStatus& status) {
  if (status.lost != 0) return fmt::format(" LOST {}", status.lost);
  return status.gaps == 0 ? "" : fmt::format(" OVERRUN {}x", status.gaps);
}

std::string own_path() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string{path.data(), static_cast<std::size_t>(size)}
                  : std::string{"headrace"};
}

}  // namespace

std::string setcap_line() {
  return fmt::format("sudo setcap cap_net_raw,cap_dac_override,cap_sys_ptrace+ep {}", own_path());
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
  if (::geteuid() != 0) sentences.emplace_back("other users' processes are not named");
  if (rights || ::geteuid() != 0)
    sentences.push_back("this would give what is missing: " + setcap_line());
  return sentences;
}

std::string sources_text(const TcpWatch& watch) {
  const auto sources = watch.sources();
  std::string text;
  for (const TcpSource which : {TcpSource::snapshot, TcpSource::destroyed, TcpSource::trace}) {
    const TcpSourceStatus& status = of(sources, which);
    text += fmt::format("{}{}{}{}", text.empty() ? "" : " ", status.open ? "" : "no ",
                        to_text(which), lost_text(status));
  }
  if (const std::uint64_t foreign = watch.foreign_events(); foreign != 0)
    text += fmt::format(" ({} events of other namespaces)", foreign);
  return text;
}

}  // namespace headrace::watch
