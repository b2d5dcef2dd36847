// SPDX-License-Identifier: MIT
//
// `headrace receive`: its options, and which of them go together.
#include "datagrams/datagram_address.hpp"
#include "datagrams/encodings.hpp"
#include "datagrams/receive_command.hpp"
#include "options.hpp"

namespace headrace::tool {

namespace {

constexpr std::string_view kExamples =
    R"(  headrace receive 8088                              # on udp://127.0.0.1:8088
  headrace receive '*:7789' --encoding gb2312 -v     # from everywhere; raw and decoded
  headrace receive --broadcast 21567
  headrace receive 5000 --join 239.1.2.3 --interface eth0 --json
  headrace receive unix-datagram:/tmp/in.sock --count 1 --raw > file
)";

constexpr std::uint64_t kLargestKernelBuffer = std::uint64_t{1} << 30;

Parsed<std::size_t> parse_buffer(std::string_view text) {
  const auto size = parse_size(text);
  if (!size) return std::unexpected(size.error());
  if (*size >= 1 && *size <= kLargestBuffer) return *size;
  return std::unexpected(std::string{"from 1 B to 64 KiB; no UDP datagram is longer"});
}

Parsed<std::uint32_t> parse_kernel_buffer(std::string_view text) {
  const auto size = parse_size(text);
  if (!size) return std::unexpected(size.error());
  if (*size >= 1 && *size <= kLargestKernelBuffer) return static_cast<std::uint32_t>(*size);
  return std::unexpected(std::string{"from 1 B to 1 GiB"});
}

void add_receive_options(Options& options, ReceiveArguments& to) {
  options.add_flag("--broadcast", to.broadcast,
                   "hear broadcasts: bind the wildcard; others may share the port");
  options.add_list("--join", "GROUP", to.groups, parse_group,
                   "join a multicast group, and bind the wildcard; may be repeated");
  options.add("--interface", "NAME", to.interface, parse_interface,
              "where groups are joined (default: as the routes say)");
  options.add("--count", "N", to.count, number_from<std::uint64_t>(1), "end after so many");
  options.add("--timeout", "TIME", to.timeout, parse_duration,
              "end when nothing has come for so long");
  options.add("--buffer", "BYTES", to.buffer, parse_buffer,
              "take so many of each, and say what was cut (default 64KiB)");
  options.add("--kernel-buffer", "BYTES", to.kernel_buffer, parse_kernel_buffer,
              "what the kernel may queue (default: the system's)");
  options.add("--encoding", "NAME", to.encoding, parse_encoding,
              "of the content, e.g. gb2312; shown as UTF-8");
  options.add_flag("--hex", to.hex, "a dump; with --json, also the digits");
  options.add_flag("--json", to.json, "a JSON object for each");
  options.add_flag("--raw", to.raw, "the content and nothing else");
  options.add_flag("-v,--verbose", to.verbose, "content raw and decoded; each remark at once");
}

// What contradicts what, as a sentence; empty when nothing does.
std::string objection_to(const ReceiveArguments& asked) {
  if (asked.raw && (asked.hex || asked.json || asked.verbose))
    return "--raw is the content alone; leave out --hex, --json and -v";
  if (asked.raw && !asked.encoding.empty()) return "--raw does not decode; leave out --encoding";
  if (!asked.interface.empty() && asked.groups.empty())
    return "--interface says where groups are joined; give one with --join";
  if (asked.timeout && asked.timeout->count() == 0) return "--timeout: 0s is no time at all";
  return {};
}

int check_and_receive(const Options& options, ReceiveArguments& asked) {
  if (const auto none = ask_for_address(options, asked.address, "headrace receive 8088"))
    return *none;
  const auto at = parse_datagram_address(asked.address);
  if (!at) return options.complain_about("address: " + at.error());
  if (at->is_unix() && (asked.broadcast || !asked.groups.empty()))
    return options.complain_about("--broadcast and --join are for udp://");
  if (const std::string objection = objection_to(asked); !objection.empty())
    return options.complain_about(objection);
  return run_receive(*at, asked);
}

}  // namespace

int receive_command(const Words& words) {
  ReceiveArguments asked;
  Options options{
      "receive",
      {.examples = kExamples,
       .description =
           "Prints each datagram that comes to ADDR: sender and content, as soon as it comes.\n"
           "Ctrl-C ends it, with a summary on stderr. What the kernel dropped, what was cut, and\n"
           "of datagrams numbered by 'headrace send --count' those lost, repeated or reordered, is "
           "said.\n"
           "ADDR: udp://HOST:PORT, HOST:PORT, PORT (loopback), '*:PORT', unix-datagram:/PATH.\n"
           "TIME: 500ms, 5s, 2m."}};
  options.add_argument("address", asked.address, as_it_is);
  add_receive_options(options, asked);
  return options.parse_and_run(words, [&] { return check_and_receive(options, asked); });
}

}  // namespace headrace::tool
