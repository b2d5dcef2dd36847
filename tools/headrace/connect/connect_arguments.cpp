// SPDX-License-Identifier: MIT
//
// `headrace connect`: its options, and which of them go together.
#include <fmt/format.h>

#include "connect/connect_command.hpp"
#include "datagrams/datagram_address.hpp"
#include "datagrams/encodings.hpp"
#include "options.hpp"
#include "values.hpp"

namespace headrace::tool {

namespace {

constexpr std::string_view kExamples =
    R"(  headrace connect 7788                                  # type; Ctrl-D ends what you say
  printf 'hello\n' | headrace connect 7788
  headrace connect example.com:80 --crlf < request.txt
  headrace connect 127.0.0.1:7789 --encoding gb18030     # you see and type UTF-8
  headrace connect udp://127.0.0.1:8088                  # each line is a datagram
  headrace connect unix:/tmp/echo.sock < big.bin > back.bin
)";

Parsed<Address> parse_peer(std::string_view text) {
  if (text.starts_with('/')) return std::unexpected(parse_stream_address(text).error());
  const auto address = Address::parse(text);
  if (!address)
    return std::unexpected(fmt::format("'{}' is no address: {}", text, address.error().call));
  if (address->host() == "*")
    return std::unexpected(std::string{"'*' is where to listen; name one host to connect to"});
  if (address->host() == "broadcast" && !address->is_stream())
    return std::unexpected(
        std::string{"a connection has one peer; broadcast with 'headrace send'"});
  if (!address->is_unix() && address->port() == 0)
    return std::unexpected(std::string{"port 0 is nobody's; name one"});
  return *address;
}

// An address of which the port may be left out, or all but the port: then any address.
Parsed<Address> parse_source(std::string_view text) {
  if (const auto path = Address::parse(text); path && path->is_unix()) return *path;
  const bool only_port = text.starts_with(':') || text.find_first_not_of("0123456789") == text.npos;
  const std::string_view port = text.starts_with(':') ? text.substr(1) : text;
  const auto whole = Address::parse(only_port ? fmt::format("*:{}", port) : std::string{text});
  if (whole && whole->transport() == Transport::tcp) return *whole;
  for (const auto& form : {fmt::format("{}:0", text), fmt::format("[{}]:0", text)})
    if (const auto host = Address::parse(form); host && host->transport() == Transport::tcp)
      return *host;
  return std::unexpected(
      fmt::format("'{}' is no local address; write 192.0.2.1, [::1]:5000, :5000", text));
}

// The same host and port, or path, for another transport.
Address of_kind(const Address& address, Transport transport) noexcept {
  return address.is_unix() ? Address::local(transport, address.path())
                           : Address::ip(transport, address.host(), address.port());
}

void add_connect_options(Options& options, ConnectArguments& to) {
  options.add("--encoding", "NAME", to.format.encoding, parse_encoding,
              "what the peer speaks, e.g. gb2312; you type and see UTF-8");
  options.add_flag("--crlf", to.format.crlf, "lines that are sent end in CR LF");
  options.add_flag("--hex", to.format.hex, "bytes as hexadecimal digits, both ways");
  options.add("--source", "ADDR", to.source, parse_source,
              "from this local address: HOST, HOST:PORT, :PORT");
  options.add("--timeout", "TIME", to.timeout, parse_idle_timeout,
              "to connect, names included; or never (default 10s)");
  options.add("--retry", "N", to.retries, number_from<std::uint64_t>(0),
              fmt::format("try so often again, a second apart (default {})", to.retries));
  options.add(
      "--wait", "TIME", to.wait, parse_duration,
      fmt::format("datagrams: for answers after the end of input (default {})", written(to.wait)));
  options.add("--linger", "TIME", to.linger, parse_idle_timeout,
              "silence after the end of input that ends it; or never (default 5s)");
}

int check_and_connect(const Options& options, std::string text, ConnectArguments& asked) {
  if (const auto none = ask_for_address(options, text, "headrace connect 7788")) return *none;
  const auto address = parse_peer(text);
  if (!address) return options.complain_about("address: " + address.error());
  asked.address = *address;
  if (asked.format.hex && (asked.format.crlf || !asked.format.encoding.empty()))
    return options.complain_about("--hex is bytes; leave out --encoding and --crlf");
  if (asked.source && asked.source->is_unix() != asked.address.is_unix())
    return options.complain_about("--source must be of the same kind as ADDR");
  if (asked.source) asked.source = of_kind(*asked.source, asked.address.transport());
  return run_connect(asked);
}

}  // namespace

int connect_command(const Words& words) {
  ConnectArguments asked;
  std::string address;
  Options options{
      "connect",
      {.examples = kExamples,
       .description =
           "Sends stdin to ADDR and writes what comes to stdout, until the peer ends.\n"
           "The end of stdin is passed on (FIN) and the peer heard to its own end; if it stays\n"
           "silent for --linger instead, that is said, with status 1.  On a terminal what comes\n"
           "is escaped, and a missing ADDR is asked for.  To udp:// each line that is typed is a\n"
           "datagram, or what one read of a pipe gives.\n"
           "ADDR: tcp://HOST:PORT, HOST:PORT, PORT (loopback), unix:/PATH, unix:@NAME,\n"
           "udp://HOST:PORT, unix-datagram:/PATH.\n"
           "TIME: 500ms, 5s, 2m."}};
  options.add_argument("address", address, as_it_is);
  add_connect_options(options, asked);
  return options.parse_and_run(words, [&] { return check_and_connect(options, address, asked); });
}

}  // namespace headrace::tool
