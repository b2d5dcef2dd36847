// SPDX-License-Identifier: MIT
//
// inet_diag's messages, with libmnl. The filter becomes the "bytecode" that the kernel runs on each
// socket before it writes a row: conditional jumps forward, where jumping exactly to the end
// accepts and jumping beyond it refuses.
//
// A message is believed only as far as its lengths allow: attributes are copied out, never cast.
#include "tcp_state/diag_message.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <libmnl/libmnl.h>

namespace headrace::tcp {

namespace {

// The kernel's numbers (include/net/tcp_states.h); the last is a handshake under way.
constexpr std::array kKernelStates{
    TcpState::closed,      TcpState::established, TcpState::syn_sent,  TcpState::syn_received,
    TcpState::fin_wait_1,  TcpState::fin_wait_2,  TcpState::time_wait, TcpState::closed,
    TcpState::close_wait,  TcpState::last_ack,    TcpState::listen,    TcpState::closing,
    TcpState::syn_received};

std::uint32_t kernel_states(const TcpFilter& filter) noexcept {
  std::uint32_t bits = 0;
  for (std::size_t i = 1; i < kKernelStates.size(); ++i)
    if (filter.has_state(kKernelStates[i])) bits |= 1U << i;
  return bits;
}

constexpr std::array kTimers{TcpTimer::none, TcpTimer::retransmit, TcpTimer::keepalive,
                             TcpTimer::time_wait, TcpTimer::persist};

// The bytecode.

class Bytecode {
 public:
  // One end, `code` says which, has this port (0: any) and, with `host`, this host.
  void add(std::uint8_t code, std::uint16_t port, const TcpHost* host) noexcept {
    const bool ipv4 = host != nullptr && is_ipv4(*host);
    const std::size_t address = host == nullptr ? 0 : ipv4 ? 4 : 16;
    inet_diag_hostcond condition{};
    condition.family =
        static_cast<std::uint8_t>(host == nullptr ? AF_UNSPEC : (ipv4 ? AF_INET : AF_INET6));
    condition.prefix_len = static_cast<std::uint8_t>(8 * address);
    condition.port = port == 0 ? -1 : port;

    const auto size =
        static_cast<std::uint8_t>(sizeof(inet_diag_bc_op) + sizeof condition + address);
    // Not fulfilled: over the jump that follows, to the next condition.
    put(inet_diag_bc_op{code, size, static_cast<std::uint16_t>(size + sizeof(inet_diag_bc_op))});
    put(condition);
    if (host != nullptr) put_bytes(host->data() + (16 - address), address);
    put(inet_diag_bc_op{INET_DIAG_BC_JMP, sizeof(inet_diag_bc_op), 0});
    last_jump_ = size_ - sizeof(inet_diag_bc_op);
    jumps_.at(jump_count_++) = last_jump_;
  }

  // Each jump leads to the end. The last is not needed: what does not fulfil the last condition
  // then jumps beyond the end.
  Bytes finish() noexcept {
    if (jump_count_ == 0) return {};
    size_ = last_jump_;
    for (std::size_t i = 0; i + 1 < jump_count_; ++i) {
      const auto distance = static_cast<std::uint16_t>(size_ - jumps_.at(i));
      std::memcpy(room_.data() + jumps_.at(i) + offsetof(inet_diag_bc_op, no), &distance,
                  sizeof distance);
    }
    return Bytes{room_}.first(size_);
  }

 private:
  template <class Value>
  void put(const Value& value) noexcept {
    put_bytes(&value, sizeof value);
  }
  void put_bytes(const void* bytes, std::size_t size) noexcept {
    std::memcpy(room_.data() + size_, bytes, size);
    size_ += size;
  }

  static constexpr std::size_t kMostConditions = 2 * (TcpFilter::kMostHosts + 2);
  static constexpr std::size_t kLongest =
      2 * sizeof(inet_diag_bc_op) + sizeof(inet_diag_hostcond) + 16;

  std::array<std::byte, kMostConditions * kLongest> room_{};
  std::array<std::size_t, kMostConditions> jumps_{};
  std::size_t size_ = 0;
  std::size_t jump_count_ = 0;
  std::size_t last_jump_ = 0;
};

Bytes compile(const TcpFilter& filter, Bytecode& code) noexcept {
  if (filter.port == 0 && filter.host_count == 0) return {};
  const auto add_both = [&](const TcpHost* host) {
    code.add(INET_DIAG_BC_S_COND, filter.port, host);
    code.add(INET_DIAG_BC_D_COND, filter.port, host);
  };
  if (filter.host_count == 0) {
    add_both(nullptr);
    return code.finish();
  }
  for (std::size_t i = 0; i < filter.host_count; ++i) add_both(&filter.hosts.at(i));
  if (filter.port != 0) {  // a listener's wildcard
    constexpr TcpHost kIpv6{};
    constexpr TcpHost kIpv4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
    code.add(INET_DIAG_BC_S_COND, filter.port, &kIpv4);
    code.add(INET_DIAG_BC_S_COND, filter.port, &kIpv6);
  }
  return code.finish();
}

// A row.

TcpEndpoint endpoint(std::uint8_t family, const std::uint32_t* words, std::uint16_t port) noexcept {
  TcpEndpoint end;
  std::memcpy(end.host.data(), words, end.host.size());
  if (family == AF_INET)
    end.host = ipv4_host(std::span<const std::uint8_t, 16>{end.host}.first<4>());
  end.port = ntohs(port);
  return end;
}

// Kernels differ in how much of a structure they write.
template <class Value>
Value copied(const nlattr* attribute) noexcept {
  Value value{};
  std::memcpy(&value, mnl_attr_get_payload(attribute),
              std::min<std::size_t>(sizeof value, mnl_attr_get_payload_len(attribute)));
  return value;
}

TcpDetails details_of(const tcp_info& info) noexcept {
  return {.rtt = std::chrono::microseconds{info.tcpi_rtt},
          .rtt_variation = std::chrono::microseconds{info.tcpi_rttvar},
          .retransmit_timeout = std::chrono::milliseconds{info.tcpi_rto / 1000},
          .retransmits = info.tcpi_total_retrans,
          .congestion_window = info.tcpi_snd_cwnd,
          .bytes_received = info.tcpi_bytes_received,
          .bytes_acknowledged = info.tcpi_bytes_acked};
}

// False: about another protocol.
bool read_attribute(const nlattr* attribute, TcpSocket& row) noexcept {
  switch (mnl_attr_get_type(attribute)) {
    case INET_DIAG_PROTOCOL:
      return copied<std::uint8_t>(attribute) == IPPROTO_TCP;
    case INET_DIAG_INFO:
      row.details = details_of(copied<tcp_info>(attribute));
      return true;
    case INET_DIAG_SKMEMINFO:
      row.drops = copied<std::array<std::uint32_t, SK_MEMINFO_VARS>>(attribute)[SK_MEMINFO_DROPS];
      return true;
    default:
      return true;
  }
}

}  // namespace

std::optional<TcpState> state_of(int kernel_state) noexcept {
  if (kernel_state < 1 || static_cast<std::size_t>(kernel_state) >= kKernelStates.size())
    return std::nullopt;
  return kKernelStates.at(static_cast<std::size_t>(kernel_state));
}

Bytes write_dump_request(std::span<std::byte, 1024> room, int family, const TcpFilter& filter,
                         std::uint32_t number) noexcept {
  nlmsghdr* const header = mnl_nlmsg_put_header(room.data());
  header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header->nlmsg_seq = number;
  auto* const request =
      static_cast<inet_diag_req_v2*>(mnl_nlmsg_put_extra_header(header, sizeof(inet_diag_req_v2)));
  request->sdiag_family = static_cast<std::uint8_t>(family);
  request->sdiag_protocol = IPPROTO_TCP;
  request->idiag_ext = (1U << (INET_DIAG_INFO - 1U)) | (1U << (INET_DIAG_SKMEMINFO - 1U));
  request->idiag_states = kernel_states(filter);
  Bytecode code;
  if (const Bytes bytes = compile(filter, code); !bytes.empty())
    mnl_attr_put(header, INET_DIAG_REQ_BYTECODE, bytes.size(), bytes.data());
  return Bytes{room}.first(header->nlmsg_len);
}

std::optional<TcpSocket> read_row(Bytes payload) noexcept {
  inet_diag_msg message{};
  if (payload.size() < sizeof message) return std::nullopt;
  std::memcpy(&message, payload.data(), sizeof message);
  const auto state = state_of(message.idiag_state);
  if (!state || (message.idiag_family != AF_INET && message.idiag_family != AF_INET6))
    return std::nullopt;

  TcpSocket row;
  row.state = *state;
  row.ipv6 = message.idiag_family == AF_INET6;
  if (message.idiag_timer < kTimers.size()) row.timer = kTimers.at(message.idiag_timer);
  row.tries = message.idiag_retrans;
  row.local = endpoint(message.idiag_family, message.id.idiag_src, message.id.idiag_sport);
  row.remote = endpoint(message.idiag_family, message.id.idiag_dst, message.id.idiag_dport);
  if (row.timer != TcpTimer::none)
    row.timer_remaining = std::chrono::milliseconds{message.idiag_expires};
  row.receive_queue = message.idiag_rqueue;
  row.send_queue = message.idiag_wqueue;
  row.inode = message.idiag_inode;
  row.user = message.idiag_uid;
  row.interface = message.id.idiag_if;
  row.cookie = message.id.idiag_cookie[0] | std::uint64_t{message.id.idiag_cookie[1]} << 32U;

  Bytes rest = payload.subspan(std::min<std::size_t>(MNL_ALIGN(sizeof message), payload.size()));
  while (rest.size() >= sizeof(nlattr)) {
    const auto* const attribute = reinterpret_cast<const nlattr*>(rest.data());
    if (!mnl_attr_ok(attribute, static_cast<int>(rest.size()))) break;
    if (!read_attribute(attribute, row)) return std::nullopt;
    rest = rest.subspan(std::min<std::size_t>(MNL_ALIGN(attribute->nla_len), rest.size()));
  }
  if (row.state == TcpState::listen) row.details.reset();  // of no connection
  return row;
}

DatagramEnd read_datagram(Bytes datagram, std::uint32_t number, const Visitor& visitor) noexcept {
  DatagramEnd end;
  int left = static_cast<int>(datagram.size());
  const auto* header = reinterpret_cast<const nlmsghdr*>(datagram.data());
  // libmnl compares lengths with their sign: one of 2^31 and more it takes for small.
  const auto is_whole = [&] {
    return mnl_nlmsg_ok(header, left) && header->nlmsg_len <= static_cast<std::uint32_t>(left);
  };
  for (; is_whole(); header = mnl_nlmsg_next(header, &left)) {
    if (number != 0 && header->nlmsg_seq != number) continue;
    if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) end.interrupted = true;
    const Bytes payload{static_cast<const std::byte*>(mnl_nlmsg_get_payload(header)),
                        mnl_nlmsg_get_payload_len(header)};
    if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
      std::int32_t error = 0;
      std::memcpy(&error, payload.data(), std::min(sizeof error, payload.size()));
      end.done = true;
      if (error < 0) end.error = -error;
    } else if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY) {
      if (const auto row = read_row(payload)) visitor.row(visitor.self, *row);
    }
  }
  if (left > 0) end.error = EBADMSG;
  return end;
}

}  // namespace headrace::tcp
