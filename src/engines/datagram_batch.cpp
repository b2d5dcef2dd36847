// SPDX-License-Identifier: MIT
//
// recvmmsg(2) and sendmmsg(2). What sendmmsg cannot send it says only of the first in line; behind
// others it just stops, and is asked again from there. Neighbours of one size to one receiver are
// one message, which the kernel cuts into datagrams once it has found the way (UDP_SEGMENT).
#include "engines/datagram_batch.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/udp.h>

#include "engines/engine_core.hpp"

namespace headrace::detail {

namespace {

// Nothing tells when the queue of a Unix receiver has room again (unix(7)): it is tried once a
// turn, and a millisecond at most lies between.
constexpr unsigned kTries = 100;

// Within one Ethernet frame, with the headers of IPv6: a longer one would have to be a datagram in
// fragments, which are not made here.
constexpr std::uint32_t kLongestSegment = 1452;

/// Asks that one message be sent as several datagrams, all of this size (UDP_SEGMENT, udp(7)).
struct Segments {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> bytes;

  void ask_for(msghdr& message, std::uint32_t size) noexcept {
    message.msg_control = bytes.data();
    message.msg_controllen = bytes.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    const auto segment = static_cast<std::uint16_t>(size);
    std::memcpy(CMSG_DATA(header), &segment, sizeof segment);
  }
};

}  // namespace

/// What is posted, as sendmmsg(2) takes it.
struct DatagramBatch::Outbox {
  std::array<iovec, kMost> bytes;  // by place in `to_send_`
  std::array<mmsghdr, kMost> messages;
  std::array<Segments, kMost> controls;
};

bool needs_no_turn(const Operation& operation) noexcept {
  if (operation.type == &receive_from_operation)
    return operation.socket->datagram->batch->has_received();
  return operation.type == &post_operation;
}

DatagramBatch::~DatagramBatch() {
  if (has_posted()) send_posted();
  for (unsigned index = 0; index < posted_; ++index) drop(to_send_[index]);
  while (has_received()) give_back(take().block);
}

unsigned DatagramBatch::take_blocks(std::array<BufferBlock*, kMost>& blocks) const noexcept {
  unsigned taken = 0;
  while (taken < wanted_ && (blocks[taken] = socket_.engine->buffers.take()) != nullptr) ++taken;
  return taken;
}

int DatagramBatch::read_ahead() noexcept {
  std::array<BufferBlock*, kMost> blocks;
  std::array<iovec, kMost> bytes;
  std::array<mmsghdr, kMost> messages;
  const unsigned taken = take_blocks(blocks);
  if (taken == 0) return -ENOMEM;
  for (unsigned index = 0; index < taken; ++index)
    messages[index] = {receiving_into(blocks[index], bytes[index]), 0};
  const int answer = sys::recvmmsg(socket_.descriptor, messages.data(), taken, MSG_DONTWAIT);
  const auto received = static_cast<unsigned>(std::max(answer, 0));
  // In this order the pool lends those first that were written to last.
  for (unsigned index = taken; index-- > received;) give_back(blocks[index]);
  for (unsigned index = 0; index < received; ++index) {
    take_head(blocks[index], messages[index].msg_hdr, *socket_.datagram);
    ahead_[index] = {blocks[index], BufferPool::kHeadroom, messages[index].msg_len};
  }
  next_ = 0;
  count_ = received;
  // The error that a connected socket has been told of ends a batch, too.
  emptied_ = received < taken && !socket_.datagram->connected;
  adapt(received);
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
         head_of(to_send_[next].bytes.block).sender == head_of(one.block).sender)
    ++next;
  return next - first;
}

unsigned DatagramBatch::make_messages(unsigned first, Outbox& to) const noexcept {
  unsigned count = 0;
  for (unsigned index = first; index < posted_; ++count) {
    const unsigned alike = alike_from(index);
    to.messages[count] = {sending(outgoing_of(to_send_[index].bytes), to.bytes[index]), 0};
    msghdr& message = to.messages[count].msg_hdr;
    for (unsigned more = 1; more < alike; ++more)
      (void)sending(outgoing_of(to_send_[index + more].bytes), to.bytes[index + more]);
    message.msg_iovlen = alike;
    if (alike > 1) to.controls[count].ask_for(message, to_send_[index].bytes.size);
    index += alike;
  }
  return count;
}

void DatagramBatch::end_sent(unsigned first, unsigned count) noexcept {
  DatagramTally& tally = *socket_.datagram->tally;
  for (unsigned index = first; index < first + count; ++index) {
    add(tally.sent, 1);
    add(tally.bytes_sent, to_send_[index].bytes.size);
    give_back(to_send_[index].bytes.block);
  }
}

void DatagramBatch::send_posted() noexcept {
  Outbox outbox;
  const bool is_unix = socket_.transport == Transport::unix_datagram;
  unsigned kept = 0;
  unsigned made = 0;  // of the messages in the outbox
  unsigned next = 0;  // of those
  for (unsigned index = 0; index < posted_;) {
    if (next == made) {
      made = make_messages(index, outbox);
      next = 0;
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
