// SPDX-License-Identifier: MIT
//
// Advice for datagrams. Over UDP a refusal is an ICMP message that came back; over Unix sockets it
// is the kernel's own answer.
#include "datagrams/explain_datagram.hpp"

#include <cerrno>

#include <fmt/format.h>

#include "escape.hpp"
#include "explain.hpp"
#include "headrace/datagram.hpp"
#include "net/port_owner.hpp"

namespace headrace::tool {

namespace {

std::string what_happened(const Failure& failure) {
  const std::string_view call = failure.call;
  return call.empty() ? failure.reason() : fmt::format("{} ({})", failure.reason(), call);
}

std::string sentence(std::string_view what, const std::string& where, const Failure& failure,
                     const std::string& hint) {
  return fmt::format("{} {}: {}{}{}", what, where, what_happened(failure), hint.empty() ? "" : ": ",
                     hint);
}

std::string on_not_allowed(const Address& to) {
  if (to.is_unix()) return "the socket's file does not let you write to it";
  return fmt::format(
      "a broadcast address needs --broadcast, or 'udp://broadcast:{}'; else a firewall forbids it",
      to.port());
}

bool is_for_many(const Address& to) {
  const auto endpoint = Endpoint::of(to);
  return to.host() == "broadcast" || (endpoint && endpoint->is_multicast());
}

std::string on_unknown_name(const Address& address) {
  return address.host().contains('%') ? "'ip link' lists the interfaces, as in [fe80::1%eth0]"
                                      : "is the name spelled right?";
}

std::string advice_on_sending(const Address& to, const std::string& where, const Failure& failure) {
  if (lacks_zone(to, failure)) return "say by which interface: [fe80::1%eth0]";
  if (to.is_unix() && (failure.error == ENOENT || failure.code == Errc::refused))
    return fmt::format("nobody receives there; try 'headrace receive {}'", where);
  switch (failure.code) {
    case Errc::refused:
      return fmt::format("nobody receives at that port; try 'headrace receive {}' there", where);
    case Errc::permission_denied:
      return on_not_allowed(to);
    case Errc::unreachable:
      return is_for_many(to) ? "no route leads there; --interface says which network it is"
                             : "'ip route' shows what can be reached";
    case Errc::name_not_found:
      return on_unknown_name(to);
    default:
      return "";
  }
}

std::string on_busy(const Address& at) {
  const net::PortOwners found = net::find_port_owners(at);
  if (found.owners.empty())
    return found.hidden ? "held by another user's process; use another port" : "use another one";
  const net::PortOwner& first = found.owners.front();
  return fmt::format("held by {} (pid {}); stop it or use another {}", first.name, first.pid,
                     at.is_unix() ? "path" : "port");
}

std::string advice_on_receiving(const Address& at, const Failure& failure) {
  if (lacks_zone(at, failure)) return "say at which interface: [fe80::1%eth0]";
  if (at.is_unix() && failure.error == ENOENT) return "is its directory there?";
  switch (failure.code) {
    case Errc::name_not_found:
      return on_unknown_name(at);
    case Errc::address_in_use:
      return on_busy(at);
    case Errc::permission_denied:
      return at.is_unix() ? "the directory is not yours to write to; use another path"
                          : "ports below 1024 need CAP_NET_BIND_SERVICE; use a higher one";
    case Errc::address_unavailable:
      return "'ip address' lists those this machine has";
    default:
      return "";
  }
}

}  // namespace

std::string explain_send(const Address& to, const Failure& failure) {
  const std::string where = escaped(AddressText{to});
  return sentence("send to", where, failure, advice_on_sending(to, where, failure));
}

std::string explain_receive(const Address& at, const Failure& failure) {
  return sentence("receive on", escaped(AddressText{at}), failure,
                  advice_on_receiving(at, failure));
}

}  // namespace headrace::tool
