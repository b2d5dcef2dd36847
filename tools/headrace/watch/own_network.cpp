// SPDX-License-Identifier: MIT
//
// user_namespaces(7) and network_namespaces(7): whoever makes a user namespace has all capabilities
// in it, also over a network namespace made with it. Some systems forbid that to ordinary users.
#include "watch/own_network.hpp"

#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "net/socket.hpp"

namespace headrace::watch {

namespace {

// Inside we are root; outside, who we were. What may not be written is not needed: the capabilities
// are there without.
void write_map(const char* path, std::string_view text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  (void)!::write(file, text.data(), text.size());
  (void)::close(file);
}

std::string refused(int error) {
  std::string sentence =
      fmt::format("no namespace of its own: {} (unshare): ", ::strerrordesc_np(error));
  if (error == ENOSPC)
    return sentence + "user.max_user_namespaces forbids more; raise it, or run this as root";
  if (error == EINVAL) return sentence + "this kernel has no user namespaces; run this as root";
  return sentence +
         "user namespaces are off for ordinary users here (a container's seccomp filter, or "
         "kernel.unprivileged_userns_clone = 0); run this as root, outside of the container";
}

std::expected<void, std::string> bring_loopback_up() {
  const net::Socket any{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (any.is_open() && ::ioctl(any.descriptor(), SIOCSIFFLAGS, &request) == 0) return {};
  return std::unexpected(fmt::format(
      "bring up loopback in a namespace of its own: {} (ioctl): a security module takes the rights "
      "away (on Ubuntu: kernel.apparmor_restrict_unprivileged_userns = 1); run this as root",
      ::strerrordesc_np(errno)));
}

}  // namespace

std::expected<void, std::string> enter_own_network() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
    write_map("/proc/self/setgroups", "deny");  // else gid_map may not be written
    write_map("/proc/self/uid_map", fmt::format("0 {} 1\n", user));
    write_map("/proc/self/gid_map", fmt::format("0 {} 1\n", group));
    return bring_loopback_up();
  }
  const int error = errno;
  // Root needs no user namespace, where there can be none.
  if (::unshare(CLONE_NEWNET) == 0) return bring_loopback_up();
  return std::unexpected(refused(error));
}

}  // namespace headrace::watch
