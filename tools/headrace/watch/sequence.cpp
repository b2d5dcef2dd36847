// SPDX-License-Identifier: MIT
//
// `headrace watch --sequence`: packets in, ladders out, until a signal, a count or nobody who
// reads.
#include "watch/sequence.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <fmt/format.h>

#include "net/socket.hpp"
#include "output.hpp"
#include "tcp_state/packets.hpp"
#include "units.hpp"
#include "watch/conversation_printer.hpp"
#include "watch/program_path.hpp"

namespace headrace::watch {

namespace {

using namespace tcp_state;

constexpr std::size_t kBatch = 4096;           // segments between two looks at signals
constexpr std::size_t kBatchesAtTheEnd = 4;    // what had come by then: what the ring can hold
constexpr int kLookAtOwnersMs = 100;           // with `pid N`
constexpr std::size_t kMostKnown = 1U << 16U;  // ports of a process

/// SIGINT and SIGTERM as something to poll; again with their usual effect once they came.
class StopSignals {
 public:
  StopSignals() {
    (void)::sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM}) (void)::sigaddset(&signals_, signal);
    (void)::sigprocmask(SIG_BLOCK, &signals_, &before_);  // cannot fail with these arguments
    descriptor_ = net::Socket{::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK)};
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals() { (void)::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_.descriptor(); }
  /// The one that came is taken, so that it does not strike when it is let through again.
  void take() const {
    signalfd_siginfo info{};
    (void)!::read(descriptor(), &info, sizeof info);
  }

 private:
  sigset_t signals_{}, before_{};
  net::Socket descriptor_;
};

bool is_loopback(const TcpHost& host) {
  constexpr TcpHost kIpv6Loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return is_ipv4(host) ? host[12] == 127 : host == kIpv6Loopback;
}

// Loopback alone where the filter can mean nothing else: then the kernel need not look at what goes
// out, and not at all at other interfaces.
CaptureOptions capture_options(const TcpFilter& filter) {
  CaptureOptions options;
  const auto hosts = std::span{filter.hosts}.first(filter.host_count);
  if (!hosts.empty() && std::ranges::all_of(hosts, is_loopback))
    options.interfaces = Interfaces::loopback;
  if (filter.port != 0) options.ports = {filter.port};
  return options;
}

int complain_about_capture(const Failure& failure) {
  std::string sentence =
      fmt::format("watch --sequence: packets: {} ({})", failure.reason(), failure.call);
  if (failure.code == Errc::permission_denied)
    sentence += fmt::format(
        ": needs CAP_NET_RAW. Run it as root, or give it once: sudo setcap cap_net_raw+ep {}. "
        "'headrace watch --demo close' shows ladders without",
        program_path());
  return tool::complain(sentence, tool::kFailed);
}

// The ends that a process holds or held; looked up again and again, since it opens and closes.
class ProcessEnds {
 public:
  explicit ProcessEnds(std::int32_t pid) {
    TcpWatchOptions options;
    options.filter.pid = pid;
    options.events = options.trace = false;
    if (auto watch = TcpWatch::open(options))
      watch_ = std::make_unique<TcpWatch>(*std::move(watch));
  }

  void look() {
    const auto now = std::chrono::steady_clock::now();
    if (!watch_ || now < next_look_) return;
    next_look_ = now + std::chrono::milliseconds{kLookAtOwnersMs};
    (void)watch_->look(  // what fails now may succeed with the next look
        [this](const TcpSighting& seen) {
          if (ends_.size() >= kMostKnown) return;
          if (seen.socket.state == TcpState::listen)
            listening_.insert(seen.socket.local.port);
          else
            ends_.insert(seen.socket.local);
        },
        [](const TcpEvent&) {});
  }
  [[nodiscard]] bool holds(const TcpEndpoint& end) const {
    return ends_.contains(end) || listening_.contains(end.port);
  }

 private:
  std::unique_ptr<TcpWatch> watch_;
  std::chrono::steady_clock::time_point next_look_{};
  std::set<TcpEndpoint> ends_;
  std::set<std::uint16_t> listening_;
};

void announce(const WatchArguments& arguments) {
  std::string text = "watching ";
  text += arguments.filter_text.empty() ? "every TCP connection" : arguments.filter_text;
  text += ": the kernel copies the headers, at most 176 bytes, of each segment";
  if (arguments.filter.port == 0) text += "; with :PORT, only of that port's";
  (void)tool::complain(text + "; Ctrl-C ends and draws what is open", tool::kDone);
}

class Sequence {
 public:
  Sequence(const WatchArguments& arguments, PacketCapture capture)
      : arguments_{arguments},
        capture_{std::move(capture)},
        process_{arguments.filter.pid},
        printer_{make_printer()},
        conversations_{*printer_} {}

  int run() {
    know_what_is_open();
    announce(arguments_);  // from here on nothing is missed, and Ctrl-C draws
    int status = tool::kDone;
    for (Wait wait = Wait::more; wait != Wait::stop && status == tool::kDone && !is_done();) {
      wait = wait_for_packets();
      if (arguments_.filter.pid != 0) process_.look();
      // One batch, then signals: segments may come faster than they are read, for ever.
      std::size_t batches = wait == Wait::stop ? kBatchesAtTheEnd : 1;
      while (batches-- > 0 && status == tool::kDone && !is_done() && read_some())
        status = write_out();
      status = std::max(status, write_out());
    }
    printer_->finish();
    status = std::max(status, write_out());
    say_what_is_missing();
    return status;
  }

 private:
  enum class Wait : bool { more, stop };

  std::unique_ptr<ConversationPrinter> make_printer() {
    const Wanted wanted = [this](const Conversation& conversation) {
      return is_meant(conversation);
    };
    if (arguments_.json) return std::make_unique<JsonPrinter>(wanted);
    if (arguments_.format == Format::mermaid)
      return std::make_unique<DrawingPrinter>(to_mermaid, wanted);
    if (arguments_.format == Format::svg) return std::make_unique<DrawingPrinter>(to_svg, wanted);
    return std::make_unique<TextPrinter>(TextLadder{tool::columns_of_stdout(), colour_of_stdout()},
                                         wanted);
  }

  // State and process; host and port were looked at before.
  [[nodiscard]] bool is_meant(const Conversation& conversation) const {
    if ((conversation.states_passed & arguments_.filter.states) == 0) return false;
    return arguments_.filter.pid == 0 || process_.holds(conversation.end(Side::left)) ||
           process_.holds(conversation.end(Side::right));
  }

  // Connections that are older than we: the kernel knows in which state they are.
  void know_what_is_open() {
    TcpWatchOptions options;
    options.filter.port = arguments_.filter.port;
    options.owners = options.events = options.trace = false;
    auto watch = TcpWatch::open(options);
    if (!watch) return;  // then their states are guessed
    (void)watch->look(
        [this](const TcpSighting& seen) {
          const TcpSocket& socket = seen.socket;
          if (socket.state == TcpState::listen)
            conversations_.know_listener(socket.local.port);
          else
            conversations_.know(socket.local, socket.remote, socket.state);
        },
        [](const TcpEvent&) {});
  }

  [[nodiscard]] bool is_done() const {
    return arguments_.count && printer_->ended() >= *arguments_.count;
  }

  Wait wait_for_packets() {
    std::array<pollfd, 3> entries{{{.fd = capture_.descriptor(), .events = POLLIN, .revents = 0},
                                   {.fd = signals_.descriptor(), .events = POLLIN, .revents = 0},
                                   {.fd = STDOUT_FILENO, .events = 0, .revents = 0}}};
    const int patience = arguments_.filter.pid != 0 ? kLookAtOwnersMs : -1;
    if (::poll(entries.data(), entries.size(), patience) < 0) return Wait::more;  // EINTR
    if ((entries[1].revents & POLLIN) != 0) {
      signals_.take();
      return Wait::stop;
    }
    // Whoever read us has gone (`| head`).
    return (entries[2].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 ? Wait::stop : Wait::more;
  }

  bool read_some() {
    segments_.clear();
    const std::size_t looked_at = capture_.take(segments_, kBatch);
    for (const Segment& segment : segments_) {
      if (arguments_.filter.matches(segment.source, segment.destination))
        conversations_.observe(segment);
      if (is_done()) break;
    }
    return looked_at == kBatch;
  }

  int write_out() {
    const std::string text = printer_->take();
    return text.empty() ? tool::kDone : tool::print(text);
  }

  void say_what_is_missing() {
    const CaptureCounts counts = capture_.counts();
    if (counts.dropped > 0)
      (void)tool::complain(
          fmt::format("watch --sequence: {} of {} came faster than they were read and are "
                      "missing: name a port to see fewer",
                      counts.dropped, tool::counted(counts.passed, "segment")),
          tool::kDone);
    if (printer_->left_out() > 0)
      (void)tool::complain(fmt::format("watch --sequence: {} not drawn: too many at once",
                                       tool::counted(printer_->left_out(), "connection")),
                           tool::kDone);
  }

  const WatchArguments& arguments_;
  StopSignals signals_;
  PacketCapture capture_;
  ProcessEnds process_;
  std::unique_ptr<ConversationPrinter> printer_;
  Conversations conversations_;
  std::vector<Segment> segments_;
};

}  // namespace

int run_sequence(const WatchArguments& arguments) {
  auto capture = PacketCapture::open(capture_options(arguments.filter));
  if (!capture) return complain_about_capture(capture.error());
  return Sequence{arguments, *std::move(capture)}.run();
}

}  // namespace headrace::watch
