// SPDX-License-Identifier: MIT
//
// The TCP segments that pass this machine's interfaces, from packet(7): headers only, into a ring
// shared with the kernel, chosen by a classic BPF filter that the kernel runs.
//
// Needs CAP_NET_RAW in the user namespace that owns the network namespace. Sees the network
// namespace it was opened in. Not here: what the segments mean (sequences.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <linux/filter.h>

#include "headrace/result.hpp"
#include "net/socket.hpp"
#include "tcp_state/segment.hpp"

namespace headrace::tcp_state {

/// Which segments.
enum class Wanted : std::uint8_t {
  openings_and_closings,  ///< SYN, FIN or RST: few, however much data flows
  all,                    ///< every one
};

/// Where. On loopback each packet passes twice, out and in; it is taken once, when it comes in.
enum class Interfaces : std::uint8_t {
  loopback,  ///< only `lo`, with PACKET_IGNORE_OUTGOING: packets going out cost nothing
  every,     ///< all there are and will be; the filter tells packets leaving by loopback apart
};

struct CaptureOptions {
  Wanted wanted = Wanted::all;
  Interfaces interfaces = Interfaces::every;
  std::vector<std::uint16_t> ports;  ///< of either end, at most `kMostPorts`; empty: any
  static constexpr std::size_t kMostPorts = 32;
};

/// The program that runs in the kernel for each packet: the bytes to copy, 0 for none. Its offsets
/// count from the IP header, whatever the link. IPv6 packets with extension headers pass, for the
/// parser to look at.
[[nodiscard]] std::vector<sock_filter> packet_filter(const CaptureOptions& options);

struct CaptureCounts {
  std::uint64_t passed = 0;   ///< by the filter
  std::uint64_t dropped = 0;  ///< of those, lost because the ring was full
};

/// A packet socket and its ring of 4 MiB: 16,384 headers. One thread at a time.
class PacketCapture {
 public:
  /// Failures: `permission_denied` (no CAP_NET_RAW), `not_supported` (no packet sockets),
  /// `out_of_memory`, `too_many_descriptors`.
  [[nodiscard]] static Result<PacketCapture> open(const CaptureOptions& options);
  PacketCapture(PacketCapture&& other) noexcept;
  PacketCapture& operator=(PacketCapture&& other) noexcept;
  ~PacketCapture();

  /// Readable (POLLIN) when segments are there.
  [[nodiscard]] int descriptor() const noexcept { return socket_.descriptor(); }

  /// Appends what has come, oldest first, at most `most` packets; never waits. How many packets
  /// were looked at: 0 when there was none.
  std::size_t take(std::vector<Segment>& into, std::size_t most);

  /// Since it was opened.
  [[nodiscard]] CaptureCounts counts() noexcept;

 private:
  explicit PacketCapture(net::Socket socket) noexcept : socket_{std::move(socket)} {}

  net::Socket socket_;
  std::uint8_t* ring_ = nullptr;
  std::size_t next_ = 0;  // the frame that comes next
  CaptureCounts counts_;
};

}  // namespace headrace::tcp_state
