// SPDX-License-Identifier: MIT
//
// The forms of a datagram. The number in front is ASCII whatever the content is, so it is left out
// of the decoding: UTF-16 behind it would else be torn.
#include "datagrams/arrival.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "escape.hpp"
#include "hex.hpp"
#include "log.hpp"
#include "units.hpp"

namespace headrace::tool {

namespace {

Decoded decoded(const Arrival& arrival, const Look& look) {
  if (!look.decode) return {.text = std::string{arrival.bytes}};
  const std::size_t ascii = arrival.number ? arrival.number->size : 0;
  Decoded content = look.decode(arrival.bytes.substr(ascii));
  content.text.insert(0, arrival.bytes.substr(0, ascii));
  return content;
}

std::string as_line(const Arrival& arrival, const Look& look) {
  const std::string text = decoded(arrival, look).text;
  std::string line = text_of_sender(arrival.sender) + ' ';
  line += look.for_person ? escaped(text) : text;
  if (!line.ends_with('\n')) line += '\n';
  return line;
}

std::string as_both(const Arrival& arrival, const Look& look) {
  const Decoded content = decoded(arrival, look);
  const std::string invalid = content.invalid == 0 ? ""
                                                   : fmt::format(" ({} not of this encoding)",
                                                                 counted(content.invalid, "byte"));
  return fmt::format("{} {} {}\n  raw      {}\n  decoded  {}{}\n", now_as_iso8601(),
                     text_of_sender(arrival.sender), text_of_size(arrival), as_ascii(arrival.bytes),
                     escaped(content.text), invalid);
}

std::string as_dump(const Arrival& arrival) {
  return fmt::format("{} {}\n{}", text_of_sender(arrival.sender), text_of_size(arrival),
                     hex_dump(arrival.bytes));
}

std::string_view key_of(Turn::Order order) noexcept {
  switch (order) {
    case Turn::Order::next:
      return "next";
    case Turn::Order::late:
      return "late";
    case Turn::Order::again:
      return "again";
  }
  return "";
}

std::string as_json(const Arrival& arrival, const Look& look) {
  const Decoded content = decoded(arrival, look);
  nlohmann::ordered_json object{{"time", now_as_iso8601()},
                                {"sender", text_of_sender(arrival.sender)},
                                {"size", arrival.size},
                                {"text", content.text}};
  if (content.invalid > 0) object["invalid"] = content.invalid;
  if (content.invalid > 0 || look.with_hex) object["hex"] = to_hex(arrival.bytes);
  if (!arrival.size_is_known) object["size"] = nullptr;
  if (arrival.is_cut()) object["taken"] = arrival.bytes.size();
  if (arrival.dropped > 0) object["dropped"] = arrival.dropped;
  if (arrival.number) {
    const Number& number = arrival.number->number;
    object["number"] = {{"run", fmt::format("{:08x}", number.run)},
                        {"index", number.index},
                        {"of", number.of},
                        {"order", key_of(arrival.turn.order)},
                        {"missing", arrival.turn.missing}};
  }
  using Json = nlohmann::ordered_json;
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace

std::string shown(const Arrival& arrival, const Look& look) {
  switch (look.form) {
    case Form::line:
      return as_line(arrival, look);
    case Form::both:
      return as_both(arrival, look);
    case Form::dump:
      return as_dump(arrival);
    case Form::json:
      return as_json(arrival, look);
    case Form::raw:
      return std::string{arrival.bytes};
  }
  return {};
}

std::string text_of_sender(const Address& sender) {
  if (sender.is_unix() && sender.path().empty()) return "unix-datagram:(unnamed)";
  return escaped(AddressText{sender});
}

std::string text_of_size(const Arrival& arrival) {
  const std::size_t taken = arrival.bytes.size();
  if (!arrival.is_cut()) return counted(taken, "byte");
  return fmt::format("{} of {}{}", taken, arrival.size_is_known ? "" : "over ",
                     counted(arrival.size, "byte"));
}

std::string as_ascii(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  // Byte by byte, so that a character of several bytes is shown as those.
  for (const char& byte : bytes) text += escaped(std::string_view{&byte, 1});
  return text;
}

}  // namespace headrace::tool
