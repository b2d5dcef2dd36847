// SPDX-License-Identifier: MIT
//
// packet(7) with a ring: the kernel copies the headers of each packet that passes the filter into
// the next frame of memory that we both see, and marks it ours; we read it and mark it the kernel's
// again. No system call a packet. With a plain receive queue a segment of 64 KiB, of which 120
// bytes are wanted, would take 64 KiB of the socket's buffer.
#include "tcp_state/packets.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include "net/system_calls.hpp"

namespace headrace::tcp_state {

namespace {

// A frame takes the kernel's header and address (80 bytes), and an IPv4 or IPv6 header and a TCP
// header, each at its longest (120 bytes), or IPv6 with 76 bytes of extensions.
constexpr std::size_t kFrameSize = 256;
constexpr std::size_t kBlockSize = std::size_t{64} * 1024;
constexpr std::size_t kBlocks = 64;
constexpr std::size_t kRingSize = kBlocks * kBlockSize;
constexpr std::size_t kFrames = kRingSize / kFrameSize;
constexpr std::uint32_t kHeadersOnly = 176;
constexpr std::array<std::uint32_t, 5> kIpv6Extensions{
    IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_AH, IPPROTO_DSTOPTS};
constexpr int kLoopbackIndex = 1;  // in every network namespace

// Jumps of BPF count forward from the next instruction; here they are named by where they lead, and
// counted when everything stands.
class FilterProgram {
 public:
  enum class Label : std::uint8_t { next, accept, reject, network, ipv4, tcp, control_bits };

  void load(std::uint16_t how, std::uint32_t value) { add(how, value, Label::next, Label::next); }
  void jump(std::uint16_t test, std::uint32_t value, Label yes, Label no) {
    add(static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), value, yes, no);
  }
  void place(Label label) { place_of(label) = lines_.size(); }

  // Ends with both returns; all jumps counted.
  std::vector<sock_filter> finished() {
    place(Label::accept);
    load(BPF_RET | BPF_K, kHeadersOnly);
    place(Label::reject);
    load(BPF_RET | BPF_K, 0);
    std::vector<sock_filter> program;
    for (std::size_t at = 0; at < lines_.size(); ++at)
      program.push_back({lines_[at].how, distance(at, lines_[at].yes), distance(at, lines_[at].no),
                         lines_[at].value});
    return program;
  }

 private:
  struct Line {
    std::uint16_t how;
    std::uint32_t value;
    Label yes, no;
  };

  void add(std::uint16_t how, std::uint32_t value, Label yes, Label no) {
    lines_.push_back({how, value, yes, no});
  }
  std::size_t& place_of(Label label) { return places_[static_cast<std::size_t>(label)]; }
  std::uint8_t distance(std::size_t from, Label to) {
    if (to == Label::next) return 0;
    return static_cast<std::uint8_t>(place_of(to) - from - 1);  // kMostPorts keeps it below 256
  }

  std::vector<Line> lines_;
  std::array<std::size_t, 7> places_{};  // by label
};

using Label = FilterProgram::Label;

constexpr std::uint32_t ancillary(int what) noexcept {
  return static_cast<std::uint32_t>(SKF_AD_OFF + what);
}

// A packet leaving by loopback will come in again.
void reject_outgoing_loopback(FilterProgram& program) {
  program.load(BPF_LD | BPF_W | BPF_ABS, ancillary(SKF_AD_HATYPE));
  program.jump(BPF_JEQ, ARPHRD_LOOPBACK, Label::next, Label::network);
  program.load(BPF_LD | BPF_W | BPF_ABS, ancillary(SKF_AD_PKTTYPE));
  program.jump(BPF_JEQ, PACKET_OUTGOING, Label::reject, Label::network);
}

// Leaves in X where the TCP header begins.
void find_tcp(FilterProgram& program) {
  program.place(Label::network);
  program.load(BPF_LD | BPF_B | BPF_ABS, 0);
  program.load(BPF_ALU | BPF_RSH | BPF_K, 4);
  program.jump(BPF_JEQ, 4, Label::ipv4, Label::next);
  program.jump(BPF_JEQ, 6, Label::next, Label::reject);
  program.load(BPF_LD | BPF_B | BPF_ABS, 6);
  for (const std::uint32_t extension : kIpv6Extensions)
    program.jump(BPF_JEQ, extension, Label::accept, Label::next);
  program.jump(BPF_JEQ, IPPROTO_TCP, Label::next, Label::reject);
  program.load(BPF_LDX | BPF_W | BPF_IMM, 40);
  program.jump(BPF_JEQ, 0, Label::tcp, Label::tcp);  // either way

  program.place(Label::ipv4);
  program.load(BPF_LD | BPF_B | BPF_ABS, 9);
  program.jump(BPF_JEQ, IPPROTO_TCP, Label::next, Label::reject);
  program.load(BPF_LD | BPF_H | BPF_ABS, 6);
  program.jump(BPF_JSET, 0x1FFF, Label::reject, Label::next);  // a later fragment
  program.load(BPF_LDX | BPF_B | BPF_MSH, 0);                  // X = 4 * (byte 0 & 15)
}

void compare_ports(FilterProgram& program, std::span<const std::uint16_t> ports) {
  for (const std::uint32_t offset : {0U, 2U}) {
    program.load(BPF_LD | BPF_H | BPF_IND, offset);
    for (const std::uint16_t port : ports)
      program.jump(BPF_JEQ, port, Label::control_bits, Label::next);
  }
  program.jump(BPF_JEQ, 0, Label::reject, Label::reject);  // either way
}

// Blocks of memory that the kernel and we see; frames never cross one.
Result<std::uint8_t*> make_ring(int descriptor) {
  tpacket_req request{};
  request.tp_block_size = kBlockSize;
  request.tp_block_nr = kBlocks;
  request.tp_frame_size = kFrameSize;
  request.tp_frame_nr = kFrames;
  if (const int error =
          sys::setsockopt(descriptor, SOL_PACKET, PACKET_RX_RING, &request, sizeof request);
      error < 0)
    return fail_errno("setsockopt(PACKET_RX_RING)", -error);
  void* const memory = sys::map_descriptor(descriptor, kRingSize);
  if (memory == nullptr) return fail(Errc::out_of_memory, "mmap");
  return static_cast<std::uint8_t*>(memory);
}

template <class Value>
Result<void> set(int descriptor, int level, int name, const Value& value, const char* call) {
  if (const int error = sys::setsockopt(descriptor, level, name, &value, sizeof value); error < 0)
    return fail_errno(call, -error);
  return {};
}

// Before `bind` nothing is received, so the filter misses nothing.
Result<void> attach(int descriptor, const CaptureOptions& options) {
  std::vector<sock_filter> program = packet_filter(options);
  const sock_fprog filter{.len = static_cast<std::uint16_t>(program.size()),
                          .filter = program.data()};
  if (auto done = set(descriptor, SOL_PACKET, PACKET_VERSION, int{TPACKET_V2},
                      "setsockopt(PACKET_VERSION)");
      !done)
    return done;
  if (auto done = set(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, filter, "setsockopt(filter)");
      !done)
    return done;
  // Spares the kernel a look at each outgoing packet. Linux before 4.20 has no such option; then
  // the filter alone rejects them.
  if (options.interfaces == Interfaces::loopback)
    (void)set(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "");
  return {};
}

Result<void> start(int descriptor, Interfaces interfaces) {
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(ETH_P_ALL);  // with ETH_P_IP, what this machine sends would be missing
  at.sll_ifindex = interfaces == Interfaces::loopback ? kLoopbackIndex : 0;
  const int error = sys::bind(descriptor, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  if (error < 0) return fail_errno("bind(packet)", -error);
  return {};
}

}  // namespace

std::vector<sock_filter> packet_filter(const CaptureOptions& options) {
  FilterProgram program;
  reject_outgoing_loopback(program);
  find_tcp(program);
  program.place(Label::tcp);
  const auto most = std::min(options.ports.size(), CaptureOptions::kMostPorts);
  if (most > 0) compare_ports(program, std::span{options.ports}.first(most));
  program.place(Label::control_bits);
  if (options.wanted == Wanted::openings_and_closings) {
    program.load(BPF_LD | BPF_B | BPF_IND, 13);
    program.jump(BPF_JSET, kSyn | kFin | kRst, Label::accept, Label::reject);
  }
  return program.finished();
}

Result<PacketCapture> PacketCapture::open(const CaptureOptions& options) {
  const int made = sys::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (made < 0) return fail_errno("socket(AF_PACKET)", -made);
  PacketCapture capture{net::Socket{made}};
  if (auto done = attach(made, options); !done) return std::unexpected(done.error());
  auto ring = make_ring(made);
  if (!ring) return std::unexpected(ring.error());
  capture.ring_ = *ring;
  if (auto done = start(made, options.interfaces); !done) return std::unexpected(done.error());
  return capture;
}

PacketCapture::PacketCapture(PacketCapture&& other) noexcept
    : socket_{std::move(other.socket_)},
      ring_{std::exchange(other.ring_, nullptr)},
      next_{other.next_},
      counts_{other.counts_} {}

PacketCapture& PacketCapture::operator=(PacketCapture&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(ring_, other.ring_);
  std::swap(next_, other.next_);
  std::swap(counts_, other.counts_);
  return *this;
}

PacketCapture::~PacketCapture() {
  if (ring_ != nullptr) sys::unmap_memory(ring_, kRingSize);
}

std::size_t PacketCapture::take(std::vector<Segment>& into, std::size_t most) {
  std::size_t looked_at = 0;
  for (; looked_at < most; ++looked_at) {
    std::uint8_t* const frame = ring_ + next_ * kFrameSize;
    auto* const header = reinterpret_cast<tpacket2_hdr*>(frame);
    const std::atomic_ref status{header->tp_status};
    if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) break;
    const auto* const from =
        reinterpret_cast<const sockaddr_ll*>(frame + TPACKET_ALIGN(sizeof *header));
    const std::span packet{frame + header->tp_net,
                           std::min<std::size_t>(header->tp_snaplen, kFrameSize - header->tp_net)};
    if (auto segment = parse_segment(packet, header->tp_len)) {
      segment->time_ns = std::int64_t{header->tp_sec} * 1'000'000'000 + header->tp_nsec;
      segment->interface = static_cast<std::uint32_t>(from->sll_ifindex);
      into.push_back(*segment);
    }
    status.store(TP_STATUS_KERNEL, std::memory_order_release);
    next_ = (next_ + 1) % kFrames;
  }
  return looked_at;
}

CaptureCounts PacketCapture::counts() noexcept {
  tpacket_stats since_last{};  // the kernel begins again at each look
  socklen_t size = sizeof since_last;
  if (sys::getsockopt(descriptor(), SOL_PACKET, PACKET_STATISTICS, &since_last, &size) == 0) {
    counts_.passed += since_last.tp_packets;
    counts_.dropped += since_last.tp_drops;
  }
  return counts_;
}

}  // namespace headrace::tcp_state
