// SPDX-License-Identifier: MIT
//
// Any bytes as a packet: parse_segment neither crashes nor reads beyond them, and what it says fits
// in what was sent. The first two bytes are how much more was sent than captured.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "tcp_state/segment.hpp"

namespace {

void check(std::span<const std::uint8_t> packet, std::size_t whole_size) {
  using namespace headrace::tcp_state;
  const auto segment = parse_segment(packet, whole_size);
  if (!segment) return;
  if (segment->length > whole_size) std::abort();
  if (segment->options.window_scale.value_or(0) > 14) std::abort();
  // A shorter capture of the same packet says the same, or nothing; only options may be missing.
  const auto shorter = parse_segment(packet.first(packet.size() / 2), whole_size);
  if (!shorter) return;
  if (shorter->sequence != segment->sequence || shorter->length != segment->length ||
      shorter->bits != segment->bits || shorter->source != segment->source)
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  // On the heap and no longer than it is, so that a byte read beyond it is seen.
  const std::vector<std::uint8_t> packet(bytes + 2, bytes + size);
  const std::size_t more = (std::size_t{bytes[0]} << 8U) | bytes[1];
  check(packet, packet.size() + more);
  return 0;
}
