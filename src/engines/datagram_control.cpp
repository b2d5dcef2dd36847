// SPDX-License-Identifier: MIT
//
// Control messages, read and written. Which of them the kernel sends along was asked for when the
// socket was made (net/datagram_socket.cpp).
#include "engines/datagram_control.hpp"

#include <cstring>

#include <netinet/udp.h>

#include "net/datagram_socket.hpp"

namespace headrace::detail {

namespace {

template <class Value>
Value value_in(const cmsghdr& extra) noexcept {
  Value value;
  std::memcpy(&value, CMSG_DATA(&extra), sizeof value);
  return value;
}

bool is(const cmsghdr& extra, int level, int type) noexcept {
  return extra.cmsg_level == level && extra.cmsg_type == type;
}

// For a broadcast or a group the kernel names the address of ours that stands for it.
void take_host(const in_pktinfo& info, OwnHost& host) noexcept {
  if (info.ipi_spec_dst.s_addr == INADDR_ANY) return;
  host = {{}, OwnHost::Family::ipv4};
  std::memcpy(host.bytes.data(), &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
}

// Of IPv4 the message of IPv4 says more, wherever it stands.
void take_host(const in6_pktinfo& info, OwnHost& host) noexcept {
  const in6_addr& at = info.ipi6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&at) || IN6_IS_ADDR_MULTICAST(&at)) return;
  host = {{}, OwnHost::Family::ipv6};
  std::memcpy(host.bytes.data(), &at, sizeof at);
}

void take_extra(const cmsghdr& extra, DatagramHead& head, DatagramSide& side) noexcept {
  if (is(extra, IPPROTO_IP, IP_TOS))
    head.is_answer = net::is_mark(value_in<std::uint8_t>(extra));
  else if (is(extra, IPPROTO_IPV6, IPV6_TCLASS))
    head.is_answer = net::is_mark(value_in<int>(extra));
  else if (is(extra, IPPROTO_IP, IP_PKTINFO))
    take_host(value_in<in_pktinfo>(extra), head.host);
  else if (is(extra, IPPROTO_IPV6, IPV6_PKTINFO))
    take_host(value_in<in6_pktinfo>(extra), head.host);
  else if (is(extra, SOL_SOCKET, SO_RXQ_OVFL))  // only once datagrams have been dropped
    raise_to(*side.dropped, value_in<std::uint32_t>(extra));
}

// Behind those that are there already; the bytes have room for it.
template <class Value>
void append(std::span<std::byte> to, msghdr& message, int level, int type,
            const Value& value) noexcept {
  std::byte* const at = to.data() + message.msg_controllen;
  std::memset(at, 0, CMSG_SPACE(sizeof value));  // padding, too, goes to the kernel
  cmsghdr header{};
  header.cmsg_len = CMSG_LEN(sizeof value);
  header.cmsg_level = level;
  header.cmsg_type = type;
  std::memcpy(at, &header, sizeof header);
  std::memcpy(at + CMSG_LEN(0), &value, sizeof value);
  message.msg_control = to.data();
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

}  // namespace

msghdr receiving(iovec& bytes, ReceivedControl& control) noexcept {
  bytes = {nullptr, BufferPool::kCapacity};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  return message;
}

void take_head(BufferBlock* block, msghdr& message, DatagramSide& side) noexcept {
  DatagramHead& head = head_of(block);
  head.sender.set_size(message.msg_namelen);
  head.host.family = OwnHost::Family::unknown;
  head.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  head.is_answer = false;
  for (cmsghdr* extra = CMSG_FIRSTHDR(&message); extra != nullptr;
       extra = CMSG_NXTHDR(&message, extra))
    take_extra(*extra, head, side);
}

void SentControl::send_from(const OwnHost& host, msghdr& message) noexcept {
  if (host.family == OwnHost::Family::ipv4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, host.bytes.data(), sizeof info.ipi_spec_dst);
    append(bytes, message, IPPROTO_IP, IP_PKTINFO, info);
  } else if (host.family == OwnHost::Family::ipv6) {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, host.bytes.data(), sizeof info.ipi6_addr);
    append(bytes, message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

void SentControl::cut_into(std::uint32_t size, msghdr& message) noexcept {
  append(bytes, message, SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(size));
}

// sendmsg(2) takes what it only reads without `const`.
msghdr sending(const Outgoing& outgoing, iovec& bytes) noexcept {
  bytes = {const_cast<std::byte*>(outgoing.bytes.data()), outgoing.bytes.size()};
  msghdr message{};
  if (outgoing.to != nullptr) {
    message.msg_name = const_cast<void*>(outgoing.to->data());
    message.msg_namelen = outgoing.to->size();
  }
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  return message;
}

}  // namespace headrace::detail
