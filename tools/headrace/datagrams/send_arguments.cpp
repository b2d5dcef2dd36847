// SPDX-License-Identifier: MIT
//
// `headrace send`: its options, and which of them go together.
#include <limits>

#include "datagrams/datagram_address.hpp"
#include "datagrams/encodings.hpp"
#include "datagrams/numbering.hpp"
#include "datagrams/send_command.hpp"
#include "hex.hpp"
#include "options.hpp"

namespace headrace::tool {

namespace {

constexpr std::string_view kExamples =
    R"(  headrace send 8088 hello                           # to udp://127.0.0.1:8088
  headrace send 7789 你好 --encoding gb2312 --wait    # and print replies for a second
  headrace send udp://broadcast:21567                # each line you type; an empty one ends
  headrace send 8088 ping --count 100 --interval 10ms
  headrace send udp://239.1.2.3:5000 hello --interface eth0 --ttl 4
)";

// "--wait" alone is a second, as the help says.
constexpr std::string_view kUsualWait = "1s";

Parsed<std::uint64_t> parse_number_of_datagrams(std::string_view text) {
  return parse_count(text, 1, Number::kHighest);
}

Parsed<std::uint8_t> parse_ttl(std::string_view text) {
  const auto hops = parse_count(text, 1, std::numeric_limits<std::uint8_t>::max());
  if (!hops) return std::unexpected(hops.error());
  return static_cast<std::uint8_t>(*hops);
}

void add_send_options(Options& options, SendArguments& to) {
  options.add_flag("--hex", to.hex, "the content is hexadecimal digits, 48 65 6c; dump replies");
  options.add("--file", "FILE", to.file, as_it_is, "one datagram: what the file has; -: stdin");
  options.add("--count", "N", to.count, parse_number_of_datagrams,
              "so many, numbered '#RUN K/N ' in front of the content");
  options.add("--interval", "TIME", to.interval, parse_duration,
              "between two datagrams (default 0s)");
  options.add("--encoding", "NAME", to.encoding, parse_encoding,
              "the content is UTF-8, and sent as, e.g., gb2312");
  options.add("--ttl", "N", to.ttl, parse_ttl,
              "routers it may pass (default: 64, and 1 for groups)");
  options.add("--interface", "NAME", to.interface, parse_interface,
              "by which groups and broadcasts go out (default: as the routes say)");
  options.add_flag("--broadcast", to.broadcast, "ADDR may be the broadcast address of a network");
  options.add_optional("--wait", "TIME", to.wait, parse_duration, std::string{kUsualWait},
                       "print replies until there is silence for 1s, or TIME");
}

// What contradicts what, as a sentence; empty when nothing does.
std::string objection_to(const Address& to, const SendArguments& asked) {
  if (asked.text && !asked.file.empty()) return "TEXT or --file, not both";
  if (!to.is_unix() && to.port() == 0) return "port 0 is nobody's; name one";
  if (to.host() == "*") return "'*' is where to receive; name one host to send to";
  if (to.is_unix() && (asked.broadcast || asked.ttl != 0 || !asked.interface.empty()))
    return "--broadcast, --ttl and --interface are for udp://";
  if (asked.hex && asked.text)
    if (const auto digits = parse_hex(*asked.text); !digits) return "--hex: " + digits.error();
  if (asked.hex && !asked.encoding.empty()) return "--hex is bytes; leave out --encoding";
  if (asked.wait && asked.wait->count() == 0) return "--wait: 0s is no time at all";
  return {};
}

int check_and_send(const Options& options, SendArguments& asked) {
  if (const auto none = ask_for_address(options, asked.address, "headrace send 8088 hello"))
    return *none;
  const auto to = parse_datagram_address(asked.address);
  if (!to) return options.complain_about("address: " + to.error());
  if (const std::string objection = objection_to(*to, asked); !objection.empty())
    return options.complain_about(objection);
  return run_send(*to, asked);
}

}  // namespace

int send_command(const Words& words) {
  SendArguments asked;
  Options options{
      "send",
      {.examples = kExamples,
       .description =
           "Sends TEXT to ADDR as one datagram; without TEXT, --file or --count each line of "
           "stdin.\n"
           "At most 65507 bytes each. That one was sent does not mean that it arrived: only that\n"
           "nobody receives at that port is told, where the other machine says so.\n"
           "To udp://broadcast:PORT it says what it sends, and an empty line ends it.\n"
           "ADDR: udp://HOST:PORT, HOST:PORT, PORT (loopback), unix-datagram:/PATH.\n"
           "TIME: 500ms, 5s, 2m."}};
  options.add_argument("address", asked.address, as_it_is);
  options.add_argument("text", asked.text, as_it_is);
  add_send_options(options, asked);
  return options.parse_and_run(words, [&] { return check_and_send(options, asked); });
}

}  // namespace headrace::tool
