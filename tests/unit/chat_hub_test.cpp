// SPDX-License-Identifier: MIT
//
// The hub of the chat without connections: what a member gets when it asks. Several threads talk
// and read at once; under ThreadSanitizer this is where a race would be seen.
#include <atomic>
#include <map>
#include <sstream>
#include <thread>

#include "engines.hpp"
#include "services/chat/lines.hpp"
#include "services/chat/local_hub.hpp"
#include "services/chat/names.hpp"
#include "services/chat/session.hpp"

namespace headrace::chat {
namespace {

using namespace testing_support;
using services::WhenSlow;

constexpr std::size_t kRing = std::size_t{256} * 1024;

Hub::Member make_member(Hub& hub, std::uint64_t id, const std::string& nick) {
  Hub::Member member{.id = id, .nick = {}, .mailbox = std::make_shared<Mailbox>(kRing)};
  EXPECT_TRUE(hub.name(member, nick, nullptr));
  return member;
}

std::string all_of(Subscription& place) {
  std::string text;
  for (;;) {
    const Batch batch = place.next(4096);
    if (batch.skipped != 0) text += "(" + std::to_string(batch.skipped) + " skipped)";
    if (batch.text == nullptr) return text;
    text += batch.text->utf8();
  }
}

/// Ann and Bob in the lobby.
struct Two {
  explicit Two(const RoomLimits& limits) : hub{limits} {}
  ~Two() {
    hub.leave(*at_bob, "has left");
    hub.leave(*at_ann, "has left");
  }
  LocalHub hub;
  Hub::Member ann = make_member(hub, 1, "ann");
  Hub::Member bob = make_member(hub, 2, "bob");
  std::unique_ptr<Subscription> at_ann = hub.join(ann, "lobby", 0);
  std::unique_ptr<Subscription> at_bob = hub.join(bob, "lobby", 0);
};

TEST(ChatHub, ALineReachesEveryoneButItsSender) {
  LocalHub hub{{kRing, WhenSlow::drop_oldest}};
  const auto ann = make_member(hub, 1, "ann");
  const auto bob = make_member(hub, 2, "bob");
  const auto cem = make_member(hub, 3, "cem");
  const auto at_ann = hub.join(ann, "lobby", 0);
  const auto at_bob = hub.join(bob, "lobby", 0);
  const auto at_cem = hub.join(cem, "lobby", 0);
  at_ann->publish(Kind::said, "hello");
  at_bob->publish(Kind::did, "waves");
  EXPECT_EQ(all_of(*at_ann), "-- bob is here\n-- cem is here\n* bob waves\n");
  EXPECT_EQ(all_of(*at_bob), "-- cem is here\n<ann> hello\n");
  EXPECT_EQ(all_of(*at_cem), "<ann> hello\n* bob waves\n");
  EXPECT_EQ(all_of(*at_cem), "");
  EXPECT_EQ(at_cem->members(), (std::vector<std::string>{"ann", "bob", "cem"}));
  for (const auto* place : {&at_ann, &at_bob, &at_cem}) hub.leave(**place, "has left");
}

TEST(ChatHub, WhoLeavesGetsWhatCameBeforeAndNothingAfter) {
  Two two{{kRing, WhenSlow::drop_oldest}};
  two.at_ann->publish(Kind::said, "before");
  two.hub.leave(*two.at_bob, "has gone");
  two.at_ann->publish(Kind::said, "after");
  EXPECT_EQ(all_of(*two.at_bob), "<ann> before\n");
  EXPECT_TRUE(two.at_bob->next(100).ended);
  EXPECT_EQ(all_of(*two.at_ann), "-- bob is here\n-- bob has gone\n");
}

TEST(ChatHub, HistoryIsTheLastLinesThatWereSaidWithTime) {
  LocalHub hub{{kRing, WhenSlow::drop_oldest}};
  const auto ann = make_member(hub, 1, "ann");
  const auto at_ann = hub.join(ann, "lobby", 0);
  for (int index = 0; index < 10; ++index) at_ann->publish(Kind::said, std::to_string(index));
  const auto bob = make_member(hub, 2, "bob");
  hub.leave(*hub.join(bob, "lobby", 0), "has left");  // notices are no history
  const auto cem = make_member(hub, 3, "cem");
  const auto at_cem = hub.join(cem, "lobby", 2);
  at_ann->publish(Kind::said, "live");
  std::istringstream lines{all_of(*at_cem)};
  std::string line;
  for (const auto* said : {"<ann> 8", "<ann> 9"}) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(line[0], '[');
    EXPECT_EQ(line.substr(Room::kTimeSize), said);
  }
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(line, "<ann> live");
  EXPECT_FALSE(std::getline(lines, line));
  const auto since = hub.history_since("LOBBY", 0);
  EXPECT_EQ(since.lines.size(), 11U);
  EXPECT_TRUE(hub.history_since("lobby", since.next).lines.empty());
  hub.leave(*at_cem, "has left");
  hub.leave(*at_ann, "has left");
}

TEST(ChatHub, WhoFallsOutOfTheRingIsToldHowManyLinesItMissed) {
  Two two{{1000, WhenSlow::drop_oldest}};
  const std::string text(78, 'x');  // 22 + 6 + 78 + 1 = 107 bytes: nine fit
  for (int index = 0; index < 46; ++index) two.at_ann->publish(Kind::said, text);
  const Batch batch = two.at_bob->next(100'000);
  EXPECT_EQ(batch.skipped, 37U);
  EXPECT_EQ(batch.lines, 9U);
  EXPECT_FALSE(two.bob.mailbox->is_overrun());
}

TEST(ChatHub, WhoFallsOutOfTheRingIsOverrunWhereThatDisconnects) {
  LocalHub hub{{1000, WhenSlow::disconnect}};
  const auto ann = make_member(hub, 1, "ann");
  const auto bob = make_member(hub, 2, "bob");
  const auto cem = make_member(hub, 3, "cem");
  const auto at_ann = hub.join(ann, "lobby", 0);
  const auto at_bob = hub.join(bob, "lobby", 0);
  const auto at_cem = hub.join(cem, "lobby", 0);
  for (int index = 0; index < 20; ++index) {
    at_ann->publish(Kind::said, std::string(78, 'x'));
    (void)all_of(*at_cem);
    (void)all_of(*at_ann);
  }
  EXPECT_TRUE(bob.mailbox->is_overrun());
  EXPECT_FALSE(ann.mailbox->is_overrun());
  EXPECT_FALSE(cem.mailbox->is_overrun());
  for (const auto* place : {&at_ann, &at_bob, &at_cem}) hub.leave(**place, "has left");
}

TEST(ChatHub, WhoOnlyTalksFallsOutOfNothing) {
  Two two{{1000, WhenSlow::disconnect}};
  EXPECT_EQ(all_of(*two.at_ann), "-- bob is here\n");
  for (int index = 0; index < 46; ++index) {
    two.at_ann->publish(Kind::said, std::string(78, 'x'));  // its writer gets no turn meanwhile
    (void)all_of(*two.at_bob);
  }
  EXPECT_FALSE(two.ann.mailbox->is_overrun());
  two.at_bob->publish(Kind::said, "enough");
  EXPECT_EQ(all_of(*two.at_ann), "<bob> enough\n");
}

TEST(ChatHub, WhoHasBeenDisconnectedSaysNothingMore) {
  LocalHub hub{{kRing, WhenSlow::disconnect}};
  Counters counters;
  const services::ChatOptions options{};
  Session session{hub, counters, options, 1};
  session.take("ann");
  session.leave("has been disconnected: too slow");
  for (const char* const line :
       {"a line", "/me waves", "/who", "/part", "/join elsewhere", "/nick x"})
    session.take(line);  // they were on their way
  EXPECT_EQ(counters.lines, 0U);
  EXPECT_TRUE(hub.rooms().empty());
}

TEST(ChatHub, ANickIsOnePersons) {
  LocalHub hub{{kRing, WhenSlow::drop_oldest}};
  auto ann = make_member(hub, 1, "Ann");
  auto other = make_member(hub, 2, "other");
  EXPECT_FALSE(hub.name(other, "ann", nullptr));
  EXPECT_FALSE(hub.name(other, "\uFF21nn", nullptr));  // full-width A
  EXPECT_TRUE(hub.name(ann, "ANN", nullptr));
  EXPECT_TRUE(hub.tell("ann", "psst\n"));
  EXPECT_EQ(ann.mailbox->take().text, "psst\n");
  EXPECT_TRUE(hub.name(ann, "anna", nullptr));
  EXPECT_FALSE(hub.tell("ann", "psst\n"));
  EXPECT_TRUE(hub.name(other, "ann", nullptr));
  hub.forget(ann);
  EXPECT_FALSE(hub.tell("anna", "psst\n"));
}

TEST(ChatHub, NamesAreOfAnyScriptAndHideNothing) {
  for (const char* name : {"ann", "\u5F20\u4E09", "\u0410\u043D\u043D\u0430", "a.b_c-d", "#c++",
                           "\u0E01\u0E34", "O\u2019Neil"})
    EXPECT_EQ(why_not_a_name(name), "") << name;
  for (const char* name : {"",
                           " ann",
                           "ann ",
                           "a nn",
                           "a\u00A0n",
                           "a\u200Bn",
                           "a\u200Dn",
                           "a\u3000n",
                           "a\u00ADn",
                           "a\u3164n",
                           "a\u2800n",
                           "a\u202En",
                           "a\x1bn",
                           "a\xffn",
                           "-- ann",
                           "<ann>",
                           "/ann",
                           "*",
                           "e\u0301",
                           "\uFF1Cann",
                           "a\uFFFDn",
                           "a\uFE0Fn",
                           "abcdefghijklmnopqrstuvwxyz1234567"})
    EXPECT_NE(why_not_a_name(name), "") << name;
}

TEST(ChatHub, AMailboxIsBounded) {
  Mailbox mailbox{20};
  for (int index = 0; index < 10; ++index) mailbox.put("123456789\n");
  const auto mail = mailbox.take();
  EXPECT_EQ(mail.text, "123456789\n123456789\n");
  EXPECT_EQ(mail.skipped, 8U);
}

TEST(ChatHub, EmptyRoomsAreForgottenUnlessSomethingWasSaid) {
  LocalHub hub{{kRing, WhenSlow::drop_oldest}};
  const auto ann = make_member(hub, 1, "ann");
  hub.leave(*hub.join(ann, "quiet", 0), "has left");
  const auto loud = hub.join(ann, "loud", 0);
  EXPECT_EQ(hub.rooms().size(), 1U);
  loud->publish(Kind::said, "hello");
  hub.leave(*loud, "has left");
  EXPECT_TRUE(hub.rooms().empty());
  EXPECT_EQ(hub.history_since("loud", 0).lines.size(), 1U);
}

TEST(ChatHub, WhoIsAtTheSamePlaceIsSentTheSameBytes) {
  Two two{{kRing, WhenSlow::drop_oldest}};
  const auto cem = make_member(two.hub, 3, "cem");
  const auto at_cem = two.hub.join(cem, "lobby", 0);
  EXPECT_EQ(all_of(*two.at_bob), "-- cem is here\n");
  for (int number = 0; number < 30; ++number)
    two.at_ann->publish(Kind::said, std::to_string(number));
  std::vector<Batch> batches;  // one after the other, as a member does that is woken
  for (int index = 0; index < 4; ++index) batches.push_back(two.at_bob->next(60));
  for (const Batch& batch : batches) EXPECT_EQ(at_cem->next(60).text, batch.text);
  EXPECT_NE(batches[0].text, batches[1].text);
  two.hub.leave(*at_cem, "has left");
}

TEST(ChatHub, APublisherIsToldHowFarTheOthersAreBehind) {
  Two two{{kRing, WhenSlow::drop_oldest}};
  (void)all_of(*two.at_bob);
  const std::string text(78, 'x');
  EXPECT_EQ(two.at_ann->publish(Kind::said, text), 107U);
  EXPECT_EQ(two.at_ann->publish(Kind::said, text), 214U);
  (void)two.at_bob->next(100);
  EXPECT_EQ(two.at_bob->publish(Kind::said, text), 321U);
  (void)all_of(*two.at_bob);
  EXPECT_EQ(two.at_ann->publish(Kind::said, text), 107U);
  two.hub.leave(*two.at_bob, "has left");
  EXPECT_EQ(two.at_ann->publish(Kind::said, text), 0U);  // nobody is there to wait for
}

TEST(ChatHub, ATextIsConvertedOnceForAnEncoding) {
  auto first = Transcoder::open("UTF-8", "GB18030");
  auto second = Transcoder::open("UTF-8", "GB18030");
  auto shifting = Transcoder::open("UTF-8", "ISO-2022-JP");
  auto marked = Transcoder::open("UTF-8", "UTF-16");
  ASSERT_TRUE(first && second && shifting && marked);
  EXPECT_TRUE(can_be_joined(*first));
  EXPECT_TRUE(can_be_joined(*shifting));
  EXPECT_FALSE(can_be_joined(*marked));
  const SharedText text{"<ann> \u4F60\u597D\n"};
  const std::string& encoded = text.in("GB18030", *first);
  EXPECT_EQ(encoded, "<ann> \xC4\xE3\xBA\xC3\n");
  EXPECT_EQ(&text.in("GB18030", *second), &encoded);
  const std::string japanese = text.in("ISO-2022-JP", *shifting);
  EXPECT_TRUE(japanese.ends_with("\x1b(B\n")) << japanese;  // back in its first state
  EXPECT_EQ(&text.in("GB18030", *second), &encoded);        // it has not moved
}

TEST(ChatHub, WhatIsUnsafeIsFoundWhereverItStands) {
  std::uint64_t invalid = 0;
  for (std::size_t size = 1; size < 40; ++size)
    for (std::size_t at = 0; at < size; ++at)
      for (const auto& [bad, shown] : {std::pair{"\x1b", "\\x1b"},
                                       {"\x7f", "\\x7f"},
                                       {"\xff", "\uFFFD"},
                                       {"\u202E", "\\u{202E}"}}) {
        const std::string before(at, 'a');
        const std::string behind(size - at, '~');
        EXPECT_EQ(made_safe(before + bad + behind, invalid), before + shown + behind);
      }
  EXPECT_EQ(invalid, 780U);
}

// Several threads: talkers, readers that come and go, private lines.

struct Heard {
  std::map<std::string, int> last;  // by nick: the number said last
  std::uint64_t lines = 0;
  bool in_order = true;
};

void hear(Heard& heard, const std::string& text) {
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[')) line.erase(0, Room::kTimeSize);
    if (!line.starts_with('<')) continue;
    const auto close = line.find("> ");
    const int number = std::stoi(line.substr(close + 2));
    auto [entry, is_new] = heard.last.try_emplace(line.substr(1, close - 1), number);
    if (!is_new && number != entry->second + 1) heard.in_order = false;
    entry->second = number;
    ++heard.lines;
  }
}

Task<> listen(Engine& engine, Subscription& place, Mailbox& mailbox, Heard& heard,
              std::uint64_t wanted) {
  for (;;) {
    const Batch batch = place.next(4096);
    EXPECT_EQ(batch.skipped, 0U);
    if (batch.text != nullptr) {
      hear(heard, batch.text->utf8());
      continue;
    }
    if (heard.lines >= wanted) co_return;
    const auto woken = co_await mailbox.woken(engine);
    if (!woken) co_return;
    mailbox.awake();
  }
}

TEST(ChatHub, EveryLineComesOnceAndInOrderAcrossThreads) {
  const Patience patience{60};
  constexpr int kTalkers = 3;
  constexpr int kLines = 2000;
  LocalHub hub{{std::size_t{4} << 20, WhenSlow::drop_oldest}};
  std::vector<Heard> heard(4);
  std::atomic<int> ready = 0;
  std::vector<std::thread> threads;
  const auto kinds = engine_kinds();
  for (std::size_t index = 0; index < heard.size(); ++index)
    threads.emplace_back([&, index] {
      const auto engine = make_engine(kinds[index % kinds.size()]);
      const auto member = make_member(hub, 100 + index, "listener" + std::to_string(index));
      const auto place = hub.join(member, "lobby", 0);
      ++ready;
      engine->run(
          listen(*engine, *place, *member.mailbox, heard[index], std::uint64_t{kTalkers} * kLines));
      hub.leave(*place, "has left");
      hub.forget(member);
    });
  for (int index = 0; index < kTalkers; ++index)
    threads.emplace_back([&, index] {
      while (ready != 4) std::this_thread::yield();
      const auto id = static_cast<std::uint64_t>(index) + 1;
      const auto member = make_member(hub, id, "talker" + std::to_string(index));
      const auto place = hub.join(member, "lobby", 10);
      for (int number = 0; number < kLines; ++number) {
        place->publish(Kind::said, std::to_string(number));
        if (number % 64 == 0) (void)all_of(*place);
      }
      hub.leave(*place, "has left");
      hub.forget(member);
    });
  for (std::thread& thread : threads) thread.join();
  for (const Heard& one : heard) {
    EXPECT_EQ(one.lines, std::uint64_t{kTalkers} * kLines);
    EXPECT_TRUE(one.in_order);
  }
}

TEST(ChatHub, JoiningAndHistoryAreOneStep) {
  const Patience patience{60};
  LocalHub hub{{std::size_t{4} << 20, WhenSlow::drop_oldest}};
  std::atomic<bool> done = false;
  std::thread talker{[&] {
    const auto member = make_member(hub, 1, "talker");
    const auto place = hub.join(member, "lobby", 0);
    for (int number = 0; number < 20'000; ++number)
      place->publish(Kind::said, std::to_string(number));
    done = true;
    hub.leave(*place, "has left");
  }};
  for (std::uint64_t id = 2; !done; ++id) {  // no line is missing between history and what follows
    const auto member = make_member(hub, id, "joiner");
    const auto place = hub.join(member, "lobby", 5);
    Heard heard;
    for (int batches = 0; batches < 4; ++batches) {
      const Batch batch = place->next(256);
      EXPECT_EQ(batch.skipped, 0U);
      if (batch.text != nullptr) hear(heard, batch.text->utf8());
    }
    EXPECT_TRUE(heard.in_order);
    hub.leave(*place, "has left");
    hub.forget(member);
  }
  talker.join();
}

}  // namespace
}  // namespace headrace::chat
