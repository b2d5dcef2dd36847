// SPDX-License-Identifier: MIT
//
// recvmmsg(2) and sendmmsg(2). What sendmmsg cannot send it says only of the first in line; behind
// others it just stops, and is asked again from there. Neighbours of one size to one receiver are
// one message, which the kernel cuts into datagrams once it has found the way (UDP_SEGMENT).
#include "engines/datagram_batch.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engines/datagram_control.hpp"
#include "engines/engine_core.hpp"

namespace headrace::detail {

namespace {

// Nothing tells when the queue of a Unix receiver has room again (unix(7)): it is tried once a
// turn, and a millisecond at most lies between.
constexpr unsigned kTries = 100;

// To a Unix socket so much is sent before it is asked again who does not read: a small part of the
// usual send buffer of 208 KiB, in which a datagram takes more room than its bytes.
constexpr std::size_t kPartOfUnixBuffer = 32UZ * 1024;
constexpr std::size_t kUnixOverhead = 1024;

/// Whether both go to the same receiver from the same address. IPv4 in line, as most is.
bool is_same_way(const DatagramHead& a, const DatagramHead& b) noexcept {
  if (!(a.host == b.host)) return false;
  if (a.sender.size() != sizeof(sockaddr_in) || b.sender.size() != sizeof(sockaddr_in))
    return a.sender == b.sender;
  return std::memcmp(a.sender.data(), b.sender.data(), sizeof(sockaddr_in)) == 0;
}

iovec as_iovec(const Lease& lease) noexcept {
  return {reinterpret_cast<std::byte*>(lease.block) + lease.begin, lease.size};
}

// Within one Ethernet frame, with the headers of IPv6: a longer one would have to be a datagram in
// fragments, which are not made here.
constexpr std::uint32_t kLongestSegment = 1452;

}  // namespace

/// What is posted, as sendmmsg(2) takes it.
struct DatagramBatch::Outbox {
  std::array<iovec, kMost> bytes;  // by place in `to_send_`
  std::array<mmsghdr, kMost> messages;
  std::array<SentControl, kMost> controls;
};

bool needs_no_turn(const Operation& operation) noexcept {
  if (operation.type == &receive_from_operation)
    return operation.socket->datagram->batch->has_received();
  return operation.type == &post_operation;
}

DatagramBatch::DatagramBatch(SocketRecord& socket) noexcept : socket_{socket} {
  for (unsigned index = 0; index < kMost; ++index)
    inbox_.messages[index] = {receiving(inbox_.bytes[index], inbox_.controls[index]), 0};
}

DatagramBatch::~DatagramBatch() {
  if (has_posted()) send_posted();
  for (unsigned index = 0; index < posted_; ++index) drop(to_send_[index]);
  while (has_received()) give_back(take().block);
}

unsigned DatagramBatch::offer_blocks() noexcept {
  for (unsigned index = 0; index < wanted_; ++index) {
    BufferBlock* const block = socket_.engine->buffers.take();
    if (block == nullptr) return index;
    inbox_.blocks[index] = block;
    receive_into(block, inbox_.messages[index].msg_hdr);
  }
  return wanted_;
}

int DatagramBatch::read_ahead() noexcept {
  const unsigned offered = offer_blocks();
  if (offered == 0) return -ENOMEM;
  const int answer =
      sys::recvmmsg(socket_.descriptor, inbox_.messages.data(), offered, MSG_DONTWAIT);
  const auto received = static_cast<unsigned>(std::max(answer, 0));
  // In this order the pool lends those first that were written to last.
  for (unsigned index = offered; index-- > received;) give_back(inbox_.blocks[index]);
  for (unsigned index = 0; index < received; ++index) {
    BufferBlock* const block = inbox_.blocks[index];
    take_head(block, inbox_.messages[index].msg_hdr, *socket_.datagram);
    ahead_[index] = {block, BufferPool::kHeadroom, inbox_.messages[index].msg_len};
  }
  next_ = 0;
  count_ = received;
  // The error that a connected socket has been told of ends a batch, too.
  emptied_ = received < offered && !socket_.datagram->connected;
  if (received > 0) adapt(received);
  return answer;
}

void DatagramBatch::adapt(unsigned received) noexcept {
  if (received == wanted_)
    wanted_ = std::min(2 * wanted_, kMost);
  else if (received < wanted_ / 4)
    wanted_ = std::max(wanted_ / 2, 2U);
}

void DatagramBatch::drop(Posted& posted) const noexcept {
  add(socket_.datagram->tally->failed, 1);
  give_back(std::exchange(posted.bytes.block, nullptr));
}

unsigned DatagramBatch::alike_from(unsigned first) const noexcept {
  const Lease& one = to_send_[first].bytes;
  if (!segments_ || one.size == 0 || one.size > kLongestSegment) return 1;
  unsigned next = first + 1;
  while (next < posted_ && to_send_[next].bytes.size == one.size &&
         is_same_way(head_of(to_send_[next].bytes.block), head_of(one.block)))
    ++next;
  return next - first;
}

unsigned DatagramBatch::make_messages(unsigned first, unsigned end, Outbox& to) const noexcept {
  unsigned count = 0;
  for (unsigned index = first; index < end; ++count) {
    const unsigned alike = alike_from(index);
    to.messages[count] = {sending(outgoing_of(to_send_[index].bytes), to.bytes[index]), 0};
    msghdr& message = to.messages[count].msg_hdr;
    for (unsigned more = index + 1; more < index + alike; ++more)
      to.bytes[more] = as_iovec(to_send_[more].bytes);
    message.msg_iovlen = alike;
    if (alike > 1) to.controls[count].cut_into(to_send_[index].bytes.size, message);
    to.controls[count].send_from(head_of(to_send_[index].bytes.block).host, message);
    index += alike;
  }
  return count;
}

void DatagramBatch::end_sent(unsigned first, unsigned count) noexcept {
  std::uint64_t bytes = 0;
  for (unsigned index = first; index < first + count; ++index) {
    bytes += to_send_[index].bytes.size;
    give_back(to_send_[index].bytes.block);
  }
  DatagramTally& tally = *socket_.datagram->tally;
  add(tally.sent, count);
  add(tally.bytes_sent, bytes);
}

unsigned DatagramBatch::part_from(unsigned first) noexcept {
  if (socket_.transport != Transport::unix_datagram) return posted_;
  unsigned end = first;
  for (std::size_t bytes = 0; end < posted_ && bytes < kPartOfUnixBuffer; ++end)
    bytes += to_send_[end].bytes.size + kUnixOverhead;
  const auto is_held_back = [this](Posted& posted) {
    if (!socket_.datagram->holds_back(head_of(posted.bytes.block).sender)) return false;
    drop(posted);
    return true;
  };
  Posted* const at = to_send_.data();
  Posted* const left = std::remove_if(at + first, at + end, is_held_back);
  posted_ = static_cast<unsigned>(std::move(at + end, at + posted_, left) - at);
  return static_cast<unsigned>(left - at);
}

void DatagramBatch::send_posted() noexcept {
  Outbox outbox;
  const bool is_unix = socket_.transport == Transport::unix_datagram;
  unsigned kept = 0;
  unsigned made = 0;  // of the messages in the outbox
  unsigned next = 0;  // of those
  for (unsigned index = 0; index < posted_;) {
    if (next == made) {
      made = make_messages(index, part_from(index), outbox);
      next = 0;
      if (made == 0) continue;  // of that part none may go
    }
    const int answer = sys::sendmmsg(socket_.descriptor, &outbox.messages[next], made - next,
                                     MSG_NOSIGNAL | MSG_DONTWAIT);
    if (answer == -EINTR) continue;
    for (int sent = 0; sent < answer; ++sent, ++next) {
      const auto count = static_cast<unsigned>(outbox.messages[next].msg_hdr.msg_iovlen);
      end_sent(index, count);
      index += count;
    }
    if (answer >= 0) continue;
    const bool is_one = outbox.messages[next].msg_hdr.msg_iovlen == 1;
    Posted& first = to_send_[index];
    if (answer != -EAGAIN && !is_one) {
      segments_ = false;  // not on this way: a small MTU, no checksums; one by one then
      made = next = 0;
    } else if (answer != -EAGAIN || (is_unix && ++first.tries > kTries)) {
      drop(first);
      ++index;
      ++next;
    } else if (is_unix) {  // one receiver does not read: the others need not wait for it
      to_send_[kept++] = first;
      ++index;
      ++next;
    } else {
      while (index < posted_) to_send_[kept++] = to_send_[index++];
    }
  }
  posted_ = kept;
}

bool DatagramBatch::give_up_oldest() noexcept {
  if (socket_.transport != Transport::unix_datagram || posted_ == 0) return false;
  drop(to_send_[0]);
  std::move(to_send_.begin() + 1, to_send_.begin() + posted_, to_send_.begin());
  --posted_;
  return true;
}

}  // namespace headrace::detail
