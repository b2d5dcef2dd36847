// SPDX-License-Identifier: MIT
//
// From a Failure to advice, for a client. What the peer may have missed, or we, is said plainly:
// whoever reads decides whether it matters.
#include "connect/explain_connect.hpp"

#include <cerrno>

#include <fmt/format.h>

#include "escape.hpp"
#include "explain.hpp"

namespace headrace::tool {

namespace {

std::string where(const Address& address) { return escaped(AddressText{address}); }

std::string within(const Deadline& deadline) {
  if (deadline.is_never()) return "";
  return written(deadline.resolve({}).time_since_epoch());
}

std::string on_refused(const Address& to) {
  if (!to.is_stream()) return "nobody receives there";
  if (to.is_unix()) return "nobody listens at that path any more";
  return "nobody listens there; is the server running? --retry N tries again";
}

std::string on_timed_out(const ConnectArguments& asked, const Failure& failure) {
  const bool asks_for_name = std::string_view{failure.call} == "getaddrinfo";
  return fmt::format("no answer{} within {} (--timeout)",
                     asks_for_name ? " from the name server" : "", within(asked.timeout));
}

std::string on_other(const Address& to, const Failure& failure) {
  if (lacks_zone(to, failure)) return "say by which interface: [fe80::1%eth0]";
  if (failure.error == ENOENT && to.is_unix())
    return "there is no such socket; is the server running?";
  if (failure.error == ENOTSOCK || failure.error == EPROTOTYPE)
    return "it is another kind of socket";
  return "";
}

std::string advice(const ConnectArguments& asked, const Failure& failure) {
  switch (failure.code) {
    case Errc::refused:
      return on_refused(asked.address);
    case Errc::timed_out:
      return on_timed_out(asked, failure);
    case Errc::not_supported:
      return asked.source ? "--source must be of the same family, IPv4 or IPv6"
                          : on_other(asked.address, failure);
    case Errc::name_not_found:
      if (asked.address.host().contains('%')) return "'ip link' lists the interfaces";
      return fmt::format("is '{}' spelt right? 'getent hosts' asks the same resolver",
                         escaped(asked.address.host()));
    case Errc::unreachable:
      return "'ip route' lists the ways out of this machine";
    case Errc::permission_denied:
      return asked.address.is_unix() ? "the socket is another user's" : "a firewall rule?";
    case Errc::address_unavailable:
      return asked.source ? "--source must be of this machine; 'ip address' lists those it has"
                          : "no local port is free";
    case Errc::address_in_use:
      return "--source is taken; leave out its port";
    case Errc::too_many_descriptors:
      return "raise the limit with 'ulimit -n'";
    default:
      return on_other(asked.address, failure);
  }
}

std::string happened(const Failure& failure) {
  const std::string_view call = failure.call;
  const bool is_remark = call.contains(' ');
  return is_remark ? fmt::format("{}: {}", failure.reason(), call)
                   : fmt::format("{} ({})", failure.reason(), call);
}

std::string with_peer(const ConnectArguments& asked, const Failure& failure,
                      std::string_view lost) {
  return fmt::format("{}: {}: {}", where(asked.address), happened(failure), lost);
}

}  // namespace

std::string explain_connect(const ConnectArguments& asked, const Failure& failure) {
  const std::string hint = advice(asked, failure);
  const std::string_view step = asked.address.is_stream() ? "connect to" : "send to";
  return fmt::format("{} {}: {}{}{}", step, where(asked.address), happened(failure),
                     hint.empty() ? "" : ": ", hint);
}

std::string explain_ending(const ConnectArguments& asked, const Ending& ending) {
  if (ending.output && ending.output->code == Errc::broken_pipe)
    return "write to stdout: nobody reads it any more";
  if (ending.output) return fmt::format("write to stdout: {}", ending.output->reason());
  if (!ending.bad_input.empty()) return fmt::format("stdin: {}", ending.bad_input);
  if (ending.input) return fmt::format("read from stdin: {}", ending.input->reason());
  for (const auto* failed : {&ending.receive, &ending.send})
    if (!asked.address.is_stream() && *failed) return explain_connect(asked, **failed);
  if (ending.receive)
    return with_peer(asked, *ending.receive, "what was under way either way may be cut");
  if (ending.send) return with_peer(asked, *ending.send, "not all of the input was taken");
  if (ending.silence)
    return fmt::format(
        "{}: no end from the peer, and nothing else for {} after the end of the input (--linger): "
        "what it has to say may be cut",
        where(asked.address), within(asked.linger));
  if (ending.unsent)
    return fmt::format(
        "{}: the peer has ended, and taken nothing more for {} (--linger): input is left unsent",
        where(asked.address), within(asked.linger));
  return "";
}

}  // namespace headrace::tool
