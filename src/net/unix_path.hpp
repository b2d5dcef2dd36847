// SPDX-License-Identifier: MIT
//
// The file that a bound Unix socket leaves: taken over when stale, private, removed by its
// creator only.
#pragma once

#include <string>

#include <sys/types.h>

#include "net/datagram_socket.hpp"
#include "net/socket.hpp"

namespace headrace::net {

/// Removes `path` when destroyed, if this process made it and the file is still the one it made
/// (same device and inode). A forked child does not remove it. Empty for abstract names.
///
/// Destroy it before the socket is closed: as long as that listens nobody takes the path over, and
/// as long as that is open the kernel gives its inode to no other file. A relative path is meant as
/// of the working directory at the time.
class UnixPath {
 public:
  UnixPath() noexcept = default;
  UnixPath(UnixPath&& other) noexcept;
  UnixPath& operator=(UnixPath&& other) noexcept;
  ~UnixPath();

  /// For the file at `path` that this process has just made.
  [[nodiscard]] static UnixPath made_just_now(std::string path) noexcept {
    return UnixPath{std::move(path)};
  }

 private:
  explicit UnixPath(std::string path) noexcept;

  std::string path_;
  pid_t creator_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// Binds and listens at the Unix path (or abstract name) of `at`. A path where nobody answers
/// (connect(2) refused) is stale and replaced, under the lock file `path.lock`, so that of two
/// servers starting at once one gets `address_in_use`. A path that is no socket is `address_in_use`
/// too and never removed; so is a symbolic link. Mode 0600, from the moment the file exists.
///
/// Waits up to a second for another server that is at the same path just now.
[[nodiscard]] Result<Socket> listen_at_path(const Address& at, Backlog backlog, Blocking blocking,
                                            UnixPath& made);

/// The same for a datagram socket.
[[nodiscard]] Result<Socket> bind_datagrams_at_path(const Address& at,
                                                    const DatagramOptions& options,
                                                    Blocking blocking, UnixPath& made);

}  // namespace headrace::net
