// SPDX-License-Identifier: MIT
//
// What receive says of what came: summary, and remarks on single datagrams.
#include "datagrams/reception_counts.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace headrace::tool {
namespace {

using namespace std::chrono_literals;

Arrival arrival(std::string_view bytes) {
  return {.sender = Address::ip(Transport::udp, "127.0.0.1", 5), .bytes = bytes};
}

TEST(ReceptionCounts, SayOnlyWhatThereIs) {
  ReceptionCounts counts;
  EXPECT_EQ(counts.as_text(0, 1500ms), "received 0 datagrams, 0 bytes, in 1.5 s");
  Arrival one = arrival("hello");
  counts.note(one, 0);
  EXPECT_EQ(counts.as_text(0, 20ms), "received 1 datagram, 5 bytes, in 20 ms");
  EXPECT_EQ(remark_on(one), "");
}

TEST(ReceptionCounts, SayWhatWasCutDroppedAndLost) {
  ReceptionCounts counts;
  for (const char* text :
       {"#0000000a 1/9 a", "#0000000a 4/9 a", "#0000000a 3/9", "#0000000a 3/9"}) {
    Arrival numbered = arrival(text);
    counts.note(numbered, 0);
  }
  Arrival cut = arrival("xy");
  cut.size = 10;
  counts.note(cut, 7);
  EXPECT_EQ(cut.dropped, 7U);
  EXPECT_EQ(counts.as_text(9, 1s),
            "received 5 datagrams, 58 bytes, in 1.0 s\n"
            "1 cut: longer than --buffer\n"
            "the kernel dropped 9 datagrams: its buffer was full; see --kernel-buffer\n"
            "numbered: 3 came in 1 run: 1 lost, 1 repeated, 1 late; 5 at the end did not come");
  const auto object = nlohmann::json::parse(counts.as_json(9, 1s));
  EXPECT_EQ(object["event"], "summary");
  EXPECT_EQ(object["datagrams"], 5);
  EXPECT_EQ(object["dropped"], 9);
  EXPECT_EQ(object["numbered"]["lost"], 1);
  EXPECT_EQ(object["numbered"]["repeated"], 1);
  EXPECT_EQ(object["numbered"]["late"], 1);
  EXPECT_EQ(object["numbered"]["unseen"], 5);
}

TEST(ReceptionCounts, CountDropsFromOneToTheNext) {
  ReceptionCounts counts;
  Arrival first = arrival("a");
  counts.note(first, 5);
  Arrival second = arrival("b");
  counts.note(second, 5);
  Arrival third = arrival("c");
  counts.note(third, 6);
  EXPECT_EQ(first.dropped, 5U);
  EXPECT_EQ(second.dropped, 0U);
  EXPECT_EQ(third.dropped, 1U);
}

TEST(Remarks, NameTheDatagram) {
  Arrival one = arrival("#0000000a 4/9 a");
  one.number = number_of(one.bytes);
  one.turn = {.order = Turn::Order::next, .missing = 3};
  EXPECT_EQ(remark_on(one), "udp://127.0.0.1:5: 3 missing before #0000000a 4/9");
  one.turn = {.order = Turn::Order::late};
  EXPECT_EQ(remark_on(one), "udp://127.0.0.1:5: #0000000a 4/9 came late");
  one.turn = {.order = Turn::Order::again};
  one.size = 100;
  one.dropped = 1;
  EXPECT_EQ(remark_on(one),
            "udp://127.0.0.1:5: cut: 15 of 100 bytes; the kernel dropped 1 datagram; "
            "#0000000a 4/9 came again");
}

}  // namespace
}  // namespace headrace::tool
