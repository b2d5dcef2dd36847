// SPDX-License-Identifier: MIT
//
// What recvmsg(2) and sendmsg(2) say beside the bytes of a datagram: its peer, and control messages
// (cmsg(3)) with the kernel's count of drops, the mark of answers, the address of this machine that
// it came to or leaves from, and how one message is cut into several. Not here: the calls.
#pragma once

#include <array>

#include <netinet/in.h>

#include "engines/datagram_side.hpp"

namespace headrace::detail {

/// Room for every control message that one of our sockets asks for. On a dual-stack socket IPv4
/// comes with the addresses of both families.
struct ReceivedControl {
  static constexpr std::size_t kSize = CMSG_SPACE(sizeof(std::uint32_t)) +  // SO_RXQ_OVFL
                                       CMSG_SPACE(sizeof(int)) +            // IP_TOS, IPV6_TCLASS
                                       CMSG_SPACE(sizeof(in_pktinfo)) +
                                       CMSG_SPACE(sizeof(in6_pktinfo));
  alignas(cmsghdr) std::array<std::byte, kSize> bytes;
};

/// How recvmsg(2) is asked for a datagram, but for the block that it comes into.
msghdr receiving(iovec& bytes, ReceivedControl& control) noexcept;
/// Into `block`. To be called before each recvmsg(2): it changes what is set here, and no more.
inline void receive_into(BufferBlock* block, msghdr& message) noexcept {
  message.msg_iov->iov_base = BufferPool::bytes_in(block);
  message.msg_name = head_of(block).sender.data();
  message.msg_namelen = Endpoint::kCapacity;
  message.msg_controllen = ReceivedControl::kSize;
}
/// Puts what recvmsg(2) has told into the block's head.
void take_head(BufferBlock* block, msghdr& message, DatagramSide& side) noexcept;

/// The control messages of one sendmsg(2).
struct SentControl {
  static constexpr std::size_t kSize =
      CMSG_SPACE(sizeof(std::uint16_t)) + CMSG_SPACE(sizeof(in6_pktinfo));
  alignas(cmsghdr) std::array<std::byte, kSize> bytes;

  /// It leaves from that address, if one is known (IP_PKTINFO, IPV6_PKTINFO).
  void send_from(const OwnHost& host, msghdr& message) noexcept;
  /// It is sent as several datagrams, all of this size (UDP_SEGMENT, udp(7)).
  void cut_into(std::uint32_t size, msghdr& message) noexcept;
};

/// How sendmsg(2) is asked, without control messages.
msghdr sending(const Outgoing& outgoing, iovec& bytes) noexcept;

}  // namespace headrace::detail
