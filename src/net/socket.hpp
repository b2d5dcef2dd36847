// SPDX-License-Identifier: MIT
//
// Socket: a descriptor that is closed by its owner; and how sockets are opened, bound and told
// apart.
//
// Knows no engine: `Blocking` says which kind of waiting the caller wants. Not here: operations on
// connected sockets (src/engines), reading addresses from text (address.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/un.h>

#include "headrace/address.hpp"
#include "headrace/listener.hpp"
#include "net/system_calls.hpp"

namespace headrace::net {

/// Owns a descriptor; -1 when it holds none.
class Socket {
 public:
  Socket() noexcept = default;
  explicit Socket(int descriptor) noexcept : descriptor_{descriptor} {}
  Socket(Socket&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket() {
    if (descriptor_ >= 0)
      (void)sys::close(descriptor_);  // nothing is queued that close could fail to write
  }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

enum class Blocking : std::uint8_t { no, yes };

/// A resolved address as the kernel takes it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] int family() const noexcept { return storage.ss_family; }
};

/// What the kernel says back, as text; IPv4-mapped IPv6 addresses are shown as IPv4.
[[nodiscard]] Address to_address(const SocketAddress& from, Transport transport) noexcept;

/// Of an IPv4 or IPv6 address; in host byte order.
void set_port(SocketAddress& address, std::uint16_t port) noexcept;

/// What to do with a host that is no numeric address.
enum class Names : std::uint8_t { resolve, refuse };

/// Every kernel address `address` stands for, in getaddrinfo(3)'s order; never empty on success.
/// Blocks while it asks the resolver, unless `names` is `refuse`; then a name fails with
/// `would_wait`. For `passive` (to bind), "*" is both families' wildcard and no host is loopback; a
/// host "localhost" never asks a server. Failures: `name_not_found`, `timed_out` (the resolver),
/// `out_of_memory`.
[[nodiscard]] Result<std::vector<SocketAddress>> resolve(const Address& address, bool passive,
                                                         Names names);

/// Whether this machine has the IP address `at`, or can bind that wildcard; its port does not
/// matter.
[[nodiscard]] bool is_own_address(const SocketAddress& at) noexcept;

/// Who may bind the same address beside us.
enum class Sharing : std::uint8_t {
  alone,  ///< nobody
  first,  ///< bind and listen alone, then open the port to our own workers (SO_REUSEPORT
          ///< afterwards)
  join,   ///< a further worker: bind with SO_REUSEPORT beside `first`
};

/// Bound and listening at one kernel address; close-on-exec. For Unix paths see unix_path.hpp.
///
/// `first` binds *and listens* without SO_REUSEPORT, only SO_REUSEADDR, and sets it afterwards: so
/// a second server, even one that starts at the same moment, gets `address_in_use`, while our own
/// workers can `join`. An IPv6 wildcard takes IPv4 too (dual stack) unless the machine has no IPv6.
/// Failures: as Listener::open.
[[nodiscard]] Result<Socket> listen_at(const SocketAddress& at, Backlog backlog, Sharing sharing,
                                       Blocking blocking);

/// A socket of `family` for a stream, with TCP_NODELAY where it is TCP.
[[nodiscard]] Result<Socket> make_stream_socket(int family, Blocking blocking);

/// Binds a socket that is to be connected; 0 or a negative errno. Port 0 takes none before
/// connect(2) does: ports in use to other peers are then good too.
[[nodiscard]] int bind_source(int descriptor, const SocketAddress& from) noexcept;

/// Applies what every connected stream of ours has: TCP_NODELAY. Harmless on Unix sockets.
void prepare_stream(int descriptor) noexcept;

[[nodiscard]] Result<SocketAddress> local_address(int descriptor) noexcept;
[[nodiscard]] Result<SocketAddress> peer_address(int descriptor) noexcept;

/// The kernel's cap on a backlog, net.core.somaxconn; what listen(2) really grants is min(asked,
/// cap).
[[nodiscard]] int effective_backlog(int asked) noexcept;

}  // namespace headrace::net
