// SPDX-License-Identifier: MIT
//
// Which sockets each process holds: the links "socket:[inode]" in /proc/PID/fd. Processes and
// descriptors vanish while we look: what cannot be read, or may not be, is passed over.
#pragma once

#include <string>

#include <sys/types.h>

namespace headrace::net {

void visit_processes(void (*visit)(void* self, pid_t pid), void* self);
bool visit_sockets(pid_t pid, void (*visit)(void* self, ino_t inode), void* self);

/// Calls `visit(pid_t)` for every process in /proc.
template <class Visit>
void for_each_process(Visit visit) {
  visit_processes([](void* self, pid_t pid) { (*static_cast<Visit*>(self))(pid); }, &visit);
}

/// Calls `visit(ino_t)` for every descriptor of the process that is a socket. False when we may not
/// look.
template <class Visit>
bool for_each_socket_of(pid_t pid, Visit visit) {
  return visit_sockets(
      pid, [](void* self, ino_t inode) { (*static_cast<Visit*>(self))(inode); }, &visit);
}

/// From /proc/PID/comm, at most 15 bytes; what is not printable ASCII is '?'. Empty when it is
/// gone.
[[nodiscard]] std::string process_name(pid_t pid);

}  // namespace headrace::net
