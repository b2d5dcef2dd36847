// SPDX-License-Identifier: MIT
//
// Any bytes as a datagram of sock_diag's: nothing beyond them is read, and what is a row has names.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tcp_state/diag_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace headrace;
  // As the kernel's come: aligned. Exactly as long, so that a sanitizer sees what lies beyond.
  std::vector<std::byte> datagram(size);
  if (size != 0) std::memcpy(datagram.data(), bytes, size);
  const tcp::Visitor visitor{[](void*, const TcpSocket& row) {
                               if (to_text(row.state).empty() || to_text(row.timer).empty())
                                 std::abort();
                               if (TcpEndpointText{row.local}.view().empty()) std::abort();
                               if (row.state == TcpState::listen && row.details) std::abort();
                             },
                             nullptr};
  for (const std::uint32_t number : {0U, 1U}) {
    const tcp::DatagramEnd end = tcp::read_datagram(datagram, number, visitor);
    if (end.error < 0) std::abort();
  }
  (void)tcp::read_row(datagram);
  return 0;
}
