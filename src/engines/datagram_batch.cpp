// SPDX-License-Identifier: MIT
//
// recvmmsg(2) and sendmmsg(2). What sendmmsg cannot send it says only of the first in line; behind
// others it just stops, and is asked again from there.
#include "engines/datagram_batch.hpp"

#include <algorithm>
#include <cerrno>

#include "engines/engine_core.hpp"

namespace headrace::detail {

namespace {

// Nothing tells when the queue of a Unix receiver has room again (unix(7)): it is tried once a
// turn, and a millisecond at most lies between.
constexpr unsigned kTries = 100;

}  // namespace

DatagramBatch::~DatagramBatch() {
  if (has_posted()) send_posted();
  for (unsigned index = 0; index < posted_; ++index) drop(to_send_[index]);
  while (has_received()) give_back(take().block);
}

unsigned DatagramBatch::take_blocks(std::array<BufferBlock*, kMost>& blocks) noexcept {
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

void DatagramBatch::note_sent(std::size_t size) noexcept {
  DatagramTally& tally = *socket_.datagram->tally;
  add(tally.sent, 1);
  add(tally.bytes_sent, size);
}

void DatagramBatch::drop(Posted& posted) noexcept {
  add(socket_.datagram->tally->failed, 1);
  give_back(std::exchange(posted.bytes.block, nullptr));
}

void DatagramBatch::send_posted() noexcept {
  std::array<iovec, kMost> bytes;
  std::array<mmsghdr, kMost> messages;
  for (unsigned index = 0; index < posted_; ++index)
    messages[index] = {sending(outgoing_of(to_send_[index].bytes), bytes[index]), 0};

  const bool is_unix = socket_.transport == Transport::unix_datagram;
  unsigned kept = 0;
  for (unsigned index = 0; index < posted_;) {
    const int answer = sys::sendmmsg(socket_.descriptor, &messages[index], posted_ - index,
                                     MSG_NOSIGNAL | MSG_DONTWAIT);
    if (answer == -EINTR) continue;
    for (int sent = 0; sent < answer; ++sent, ++index) {
      note_sent(messages[index].msg_len);
      give_back(to_send_[index].bytes.block);
    }
    if (answer >= 0) continue;
    Posted& first = to_send_[index];
    if (answer != -EAGAIN || (is_unix && ++first.tries > kTries)) {
      drop(first);
      ++index;
    } else if (is_unix) {  // one receiver does not read: the others need not wait for it
      to_send_[kept++] = first;
      ++index;
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
