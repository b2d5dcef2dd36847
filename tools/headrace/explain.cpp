// SPDX-License-Identifier: MIT
//
// From a Failure to advice. What is advised depends on the reason and on the kind of address; who
// holds a busy port is looked up only here, when somebody is about to read it.
#include "explain.hpp"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include <fmt/format.h>

#include "escape.hpp"
#include "net/port_owner.hpp"

namespace headrace::tool {

namespace {

constexpr int kFirstOrdinaryPort = 1024;

// `call` is the name of a call ("bind", "ip route") or, where the kernel was not asked, a remark of
// some words.
std::string what_happened(const Failure& failure) {
  const std::string_view call = failure.call;
  if (call.empty()) return failure.reason();
  if (failure.error == 0 && call.find(' ') != std::string_view::npos)
    return fmt::format("{}: {}", failure.reason(), call);
  return fmt::format("{} ({})", failure.reason(), call);
}

// "held by nginx (pid 812)"; of many processes (workers of one server) the first stands for all.
std::string holders(const net::PortOwners& found) {
  const net::PortOwner& first = found.owners.front();
  const std::size_t others = found.owners.size() - 1;
  return fmt::format("held by {} (pid {}){}", first.name, first.pid,
                     others == 0 ? "" : fmt::format(" and {} more", others));
}

std::string on_busy(const Address& address) {
  const net::PortOwners found = net::find_port_owners(address);
  const auto is_us = [](const net::PortOwner& owner) { return owner.pid == ::getpid(); };
  if (std::ranges::any_of(found.owners, is_us))
    return "this server listens there already; name each address once";
  if (!found.owners.empty()) return holders(found) + "; stop it or use --listen";
  if (found.hidden)
    return "held by another user's process; run as root to see which, or use --listen";
  if (found.listening || !address.is_unix()) return "its holder cannot be seen; use --listen";
  return "the file is no socket; use another path";
}

// 80 becomes 8080, 443 becomes 8443.
std::string on_denied(const Address& address) {
  if (address.is_unix()) return "the directory is not yours to write to; use another path";
  if (address.port() == 0 || address.port() >= kFirstOrdinaryPort) return "";
  const auto other = static_cast<std::uint16_t>(address.port() + 8000);
  return fmt::format("ports below {} need CAP_NET_BIND_SERVICE; try --listen {}",
                     kFirstOrdinaryPort, escaped(AddressText{address.with_port(other)}));
}

std::string advice(const Address& address, Errc code) {
  switch (code) {
    case Errc::address_in_use:
      return on_busy(address);
    case Errc::permission_denied:
      return on_denied(address);
    case Errc::address_unavailable:
      return "'ip address' lists those it has";
    case Errc::too_many_descriptors:
      return "raise the limit with 'ulimit -n'";
    default:
      return "";
  }
}

}  // namespace

std::string explain(std::string_view address, const Failure& failure) {
  if (address.empty()) return what_happened(failure);
  const auto parsed = Address::parse(address);
  if (!parsed) return fmt::format("'{}' is no address: {}", escaped(address), parsed.error().call);
  const std::string where = escaped(AddressText{*parsed});
  const std::string hint = advice(*parsed, failure.code);
  return fmt::format("listen on {}: {}{}{}", where, what_happened(failure),
                     hint.empty() ? "" : ": ", hint);
}

bool lacks_zone(const Address& at, const Failure& failure) {
  return failure.error == EINVAL && at.host().contains(':') && !at.host().contains('%');
}

}  // namespace headrace::tool
