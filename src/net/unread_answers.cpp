// SPDX-License-Identifier: MIT
//
// Asked of sock_diag(7), unix_diag: every Unix socket there is, with its name, whom it has
// connected to and what it has not read. That is worth it only while half of the send buffer is
// full; but then each time, since other workers may send by the same socket meanwhile.
#include "net/unread_answers.hpp"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <span>

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/stat.h>

#include <libmnl/libmnl.h>

namespace headrace::net {

namespace {

constexpr std::size_t kDatagram = 32 * 1024;  // of netlink

std::uint64_t hash_of(std::string_view name) noexcept {
  return std::hash<std::string_view>{}(name);
}

std::string_view name_of(const Endpoint& peer) noexcept {
  const auto* const path = static_cast<const char*>(peer.data()) + sizeof(sa_family_t);
  return {path, peer.size() - sizeof(sa_family_t)};
}

}  // namespace

bool UnreadAnswers::holds_back(const Endpoint& peer) noexcept {
  if (has_room() || peer.size() <= sizeof(sa_family_t)) return false;
  look_at_peers();
  const auto known = std::span{peers_}.first(count_);
  return std::ranges::find(known, hash_of(name_of(peer))) != known.end();
}

// Asked each time, for workers may share the socket.
bool UnreadAnswers::has_room() const noexcept {
  std::array<std::uint32_t, SK_MEMINFO_VARS> about{};
  socklen_t size = sizeof about;
  if (sys::getsockopt(server_, SOL_SOCKET, SO_MEMINFO, about.data(), &size) < 0) return true;
  return about[SK_MEMINFO_WMEM_ALLOC] <= about[SK_MEMINFO_SNDBUF] / 2;
}

void UnreadAnswers::look_at_peers() noexcept {
  count_ = 0;
  struct stat about{};
  if (sys::fstat(server_, &about) < 0) return;
  inode_ = about.st_ino;
  // A dump that was not read to its end is in the way of the next one.
  if (!ask() || !take_answer()) netlink_ = Socket{-1};
}

bool UnreadAnswers::ask() noexcept {
  if (!netlink_.is_open())
    netlink_ = Socket{sys::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
  struct {
    nlmsghdr head;
    unix_diag_req body;
  } request{};
  request.head = {sizeof request, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 0, 0};
  request.body.sdiag_family = AF_UNIX;
  request.body.udiag_states = ~0U;
  request.body.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN;
  return sys::send(netlink_.descriptor(), &request, sizeof request, 0) == ssize_t{sizeof request};
}

// The kernel makes each part of its answer as the one before is taken: it is there at once.
bool UnreadAnswers::take_answer() noexcept {
  alignas(nlmsghdr) std::array<std::byte, kDatagram> part;
  for (;;) {
    const ssize_t size = sys::recv(netlink_.descriptor(), part.data(), part.size(), MSG_DONTWAIT);
    if (size == -EINTR) continue;
    if (size <= 0) return false;
    int left = static_cast<int>(size);
    const auto* message = reinterpret_cast<const nlmsghdr*>(part.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type == NLMSG_DONE) return true;
      if (message->nlmsg_type == NLMSG_ERROR) return false;
      note(message);
    }
  }
}

void UnreadAnswers::note(const void* row) noexcept {
  const auto* const message = static_cast<const nlmsghdr*>(row);
  std::string_view name;
  bool is_ours = false;
  bool has_unread = false;
  const auto* attribute =
      static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, sizeof(unix_diag_msg)));
  const auto* const end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
  for (; mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)));
       attribute = mnl_attr_next(attribute)) {
    const std::uint16_t length = mnl_attr_get_payload_len(attribute);
    switch (mnl_attr_get_type(attribute)) {
      case UNIX_DIAG_NAME:
        name = {static_cast<const char*>(mnl_attr_get_payload(attribute)), length};
        break;
      case UNIX_DIAG_PEER:  // the kernel says 32 bits of the inode
        is_ours = length == sizeof(std::uint32_t) &&
                  mnl_attr_get_u32(attribute) == static_cast<std::uint32_t>(inode_);
        break;
      case UNIX_DIAG_RQLEN:
        has_unread = length >= sizeof(std::uint32_t) && mnl_attr_get_u32(attribute) != 0;
        break;
      default:
        break;
    }
  }
  if (is_ours && has_unread && count_ < kMost) peers_[count_++] = hash_of(name);
}

}  // namespace headrace::net
