// SPDX-License-Identifier: MIT
//
// A room without a server, and a talk with one other, as text: no socket is opened.
#include "chat/room_speech.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chat/plain_speech.hpp"

namespace headrace::tool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Address at(std::string_view host, std::uint16_t port = 21567) {
  return Address::ip(Transport::udp, host, port);
}

const Address kAnn = at("10.0.0.1"), kBob = at("10.0.0.2"), kEve = at("10.0.0.3");

std::string sent(Speech& speech, std::string_view line) {
  return speech.say(line).send.value_or("");
}

// The line on the wire.

TEST(RoomLine, IsReadableTextThatReadsBack) {
  const RoomLine line{.sender = 0x4f2a91c7,
                      .number = 12,
                      .kind = RoomLine::Kind::said,
                      .nick = "张三",
                      .text = "hello > there"};
  EXPECT_EQ(to_text(line), "#4f2a91c7 12 <张三> hello > there\n");
  const auto read = parse_room_line("#4f2a91c7 12 <张三> hello > there");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->sender, line.sender);
  EXPECT_EQ(read->number, 12u);
  EXPECT_EQ(read->nick, "张三");
  EXPECT_EQ(read->text, "hello > there");
  EXPECT_EQ(parse_room_line("#0000000a 1 * ann waves")->kind, RoomLine::Kind::did);
  EXPECT_EQ(parse_room_line("#0000000a 1 -- ann is now 李四")->text, "is now 李四");
}

TEST(RoomLine, AnythingElseIsAnotherProgramsText) {
  for (const std::string_view text : {"",
                                      "#",
                                      "hello",
                                      "#4f2a91c7",
                                      "#4f2a91c7 1",
                                      "#4f2a91c7 1 ",
                                      "#4f2a91c7 1 hello",
                                      "#4F2A91C7 1 <ann> x",
                                      "#4f2a91c 1 <ann> x",
                                      "#4f2a91c77 1 <ann> x",
                                      "#4f2a91c7 0 <ann> x",
                                      "#4f2a91c7 01 <ann> x",
                                      "#4f2a91c7 -1 <ann> x",
                                      "#4f2a91c7 1000000000001 <ann> x",
                                      "#4f2a91c7 99999999999999999999 <ann> x",
                                      "#4f2a91c7 1/10 <ann> x",
                                      "#4f2a91c7 1 <ann x",
                                      "#4f2a91c7 1 <> x",
                                      "#4f2a91c7 1 <a nn> x",
                                      "#4f2a91c7 1 <<ann>> x",
                                      "#4f2a91c7 1 * ann",
                                      "#4f2a91c7 1 -- ann is the king",
                                      "#4f2a91c7 1 -- ann is now",
                                      "#4f2a91c7 1 -- ann is now a b",
                                      "#4f2a91c7 1 <-- ann> x"})
    EXPECT_FALSE(parse_room_line(text)) << text;
}

TEST(HeardNumbers, TellRepetitionsFromLossAndDisorder) {
  HeardNumbers heard;
  EXPECT_EQ(heard.note(10), 0u);  // what came before we did is no loss
  EXPECT_EQ(heard.note(10), std::nullopt);
  EXPECT_EQ(heard.note(13), 2u);
  EXPECT_EQ(heard.note(12), 0u);  // late, but new
  EXPECT_EQ(heard.note(12), std::nullopt);
  EXPECT_EQ(heard.note(11), 0u);
  EXPECT_EQ(heard.note(77), 63u);
  EXPECT_EQ(heard.note(14), 0u);            // 63 behind
  EXPECT_EQ(heard.note(13), std::nullopt);  // too far behind to know
  EXPECT_EQ(heard.note(1000), 922u);
  EXPECT_EQ(heard.note(999), 0u);
}

// A room.

TEST(RoomSpeech, IsHeardByOthersAndNotByItself) {
  RoomSpeech ann{1, "ann"}, bob{2, "bob"};
  const std::string hello = *ann.hello();
  EXPECT_EQ(hello, "#00000001 1 -- ann is here\n");
  EXPECT_THAT(bob.hear(hello, kAnn), ElementsAre("-- ann is here"));
  EXPECT_THAT(ann.hear(hello, kAnn), IsEmpty());
  EXPECT_THAT(bob.hear(sent(ann, "hello"), kAnn), ElementsAre("<ann> hello"));
  EXPECT_THAT(bob.hear(sent(ann, "/me waves"), kAnn), ElementsAre("* ann waves"));
  EXPECT_THAT(bob.hear(sent(ann, "//no command"), kAnn), ElementsAre("<ann> /no command"));
  EXPECT_THAT(bob.hear(*ann.good_bye(), kAnn), ElementsAre("-- ann has left"));
}

TEST(RoomSpeech, ShowsALineOnceHoweverOftenItComes) {
  RoomSpeech ann{1, "ann"}, bob{2, "bob"};
  const std::string one = sent(ann, "one"), two = sent(ann, "two"), three = sent(ann, "three");
  EXPECT_THAT(bob.hear(one, kAnn), ElementsAre("<ann> one"));
  EXPECT_THAT(bob.hear(one, kAnn), IsEmpty());
  EXPECT_THAT(bob.hear(three, kAnn), ElementsAre("-- 1 line of ann did not come", "<ann> three"));
  EXPECT_THAT(bob.hear(two, kAnn), ElementsAre("<ann> two"));
  const std::string end = *ann.good_bye();
  EXPECT_THAT(bob.hear(end, kAnn), ElementsAre("-- ann has left"));
  EXPECT_THAT(bob.hear(end, kAnn), IsEmpty());
  EXPECT_THAT(bob.hear(three, kAnn), IsEmpty());
}

TEST(RoomSpeech, WhoTakesANickThatIsTakenIsShownWithItsAddress) {
  RoomSpeech ann{1, "ann"}, eve{3, "ANN"}, bob{2, "bob"}, mallory{4, "BOB"};
  EXPECT_THAT(bob.hear(sent(ann, "I am"), kAnn), ElementsAre("<ann> I am"));
  EXPECT_THAT(bob.hear(sent(eve, "no, I am"), kEve), ElementsAre("<ANN[10.0.0.3]> no, I am"));
  EXPECT_THAT(bob.hear(sent(mallory, "I am you"), kEve), ElementsAre("<BOB[10.0.0.3]> I am you"));
  EXPECT_THAT(bob.hear(sent(ann, "still"), kAnn), ElementsAre("<ann> still"));
  // The head of another one's lines does not help either.
  EXPECT_THAT(bob.hear("#00000001 900 <ann> fooled\n", kEve),
              ElementsAre("<ann[10.0.0.3]> fooled"));
  EXPECT_THAT(bob.hear(sent(ann, "not harmed"), kAnn), ElementsAre("<ann> not harmed"));
  // A nick that was given up is free.
  EXPECT_THAT(bob.hear(*ann.good_bye(), kAnn), ElementsAre("-- ann has left"));
  RoomSpeech again{5, "ann"};
  EXPECT_THAT(bob.hear(*again.hello(), kAnn), ElementsAre("-- ann is here"));
}

TEST(RoomSpeech, FollowsNewNicks) {
  RoomSpeech ann{1, "ann"}, bob{2, "bob"};
  EXPECT_THAT(bob.hear(*ann.hello(), kAnn), ElementsAre("-- ann is here"));
  const auto saying = ann.say("/nick anna");
  EXPECT_THAT(saying.show, ElementsAre("-- you are anna"));
  EXPECT_THAT(bob.hear(*saying.send, kAnn), ElementsAre("-- ann is now anna"));
  EXPECT_THAT(bob.hear(sent(ann, "me"), kAnn), ElementsAre("<anna> me"));
  EXPECT_THAT(bob.say("/who").show, ElementsAre("-- heard so far (2): bob (you) anna"));
  EXPECT_THAT(bob.say("/nick ANNA").show,
              ElementsAre("-- choose another nick: somebody is called ANNA"));
  EXPECT_THAT(bob.say("/nick ann").show, ElementsAre("-- you are ann"));
  EXPECT_THAT(bob.hear(*ann.good_bye(), kAnn), ElementsAre("-- anna has left"));
  EXPECT_THAT(bob.say("/who").show, ElementsAre("-- heard so far (1): ann (you)"));
  EXPECT_EQ(bob.say("/nick a b").send, std::nullopt);
  EXPECT_TRUE(bob.say("/quit").ends);
}

TEST(RoomSpeech, ShowsOtherProgramsTextWithTheirAddress) {
  RoomSpeech bob{2, "bob"};
  EXPECT_THAT(bob.hear("hello\nthere\r\n", kEve),
              ElementsAre("<10.0.0.3:21567> hello", "<10.0.0.3:21567> there"));
  EXPECT_THAT(bob.hear("", kEve), ElementsAre("<10.0.0.3:21567> "));
  EXPECT_THAT(bob.hear("<ann> I am not", at("fe80::1%eth0", 9)),
              ElementsAre("<[fe80::1%eth0]:9> <ann> I am not"));
}

TEST(RoomSpeech, NothingReachesATerminalRaw) {
  RoomSpeech ann{1, "ann"}, bob{2, "bob"};
  EXPECT_EQ(sent(ann, "\x1b]52;c;eHg=\x07"), "#00000001 1 <ann> \\x1b]52;c;eHg=\\x07\n");
  EXPECT_THAT(bob.hear("#00000001 1 <ann> \x1b[2J\n-- bob has left \u202E\n", kAnn),
              ElementsAre("<ann> \\x1b[2J\\x0a-- bob has left \\u{202E}"));
  EXPECT_THAT(bob.hear("\x1b[2J", kEve), ElementsAre("<10.0.0.3:21567> \\x1b[2J"));
  EXPECT_THAT(bob.hear("#00000001 2 <a\u200Bnn> hidden\n", kEve),
              ElementsAre("<10.0.0.3:21567> #00000001 2 <a\\u{200B}nn> hidden"));
}

TEST(RoomSpeech, MakesSomethingHarmlessOfAnyBytes) {
  const std::string good = "#00000001 7 <\xe5\xbc\xa0> \xe4\xbd\xa0\n";
  std::mt19937 random{20'261'122};
  RoomSpeech bob{2, "bob"};
  for (int turn = 0; turn < 20'000; ++turn) {
    std::string bytes = good.substr(0, random() % (good.size() + 1));
    for (auto changes = random() % 4; changes > 0 && !bytes.empty(); --changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    for (const std::string& line : bob.hear(bytes, kEve))
      for (const char byte : line) ASSERT_TRUE(byte < 0 || (byte >= ' ' && byte < 127)) << line;
  }
}

TEST(RoomSpeech, RemembersSoManyMembers) {
  RoomSpeech bob{2, "bob"};
  for (unsigned number = 0; number < 2 * RoomSpeech::kMostMembers; ++number)
    EXPECT_EQ(bob.hear(to_text({.sender = 100 + number,
                                .number = 1,
                                .kind = RoomLine::Kind::said,
                                .nick = "n" + std::to_string(number),
                                .text = "x"}),
                       kEve)
                  .size(),
              1u);
  EXPECT_THAT(bob.say("/who").show,
              ElementsAre(testing::StartsWith("-- heard so far (1001): bob (you) n")));
}

// One other.

TEST(PlainSpeech, SendsWhatIsTypedAndShowsWhatComes) {
  PlainSpeech pipe{kAnn, PlainSpeech::For::program};
  EXPECT_EQ(sent(pipe, "/quit"), "/quit");
  EXPECT_EQ(pipe.say("").send, "");
  EXPECT_THAT(pipe.hear("a\x1b[2J\tb\n", kAnn), ElementsAre("a\x1b[2J\tb"));
  EXPECT_THAT(pipe.hear("two\nlines", at("10.0.0.1", 9)), ElementsAre("two", "lines"));
  EXPECT_THAT(pipe.hear("a stranger's", kEve), IsEmpty());
  PlainSpeech person{kAnn, PlainSpeech::For::person};
  EXPECT_THAT(person.hear("hello", kAnn), ElementsAre("<10.0.0.1:21567> hello"));
  EXPECT_THAT(person.hear("hello", kEve), ElementsAre("<10.0.0.3:21567> hello"));
  EXPECT_EQ(sent(person, "//quit"), "/quit");
  EXPECT_TRUE(person.say("/quit").ends);
}

TEST(PlainSpeech, EndsLinesAsThePeerDoes) {
  PlainSpeech speech{kAnn, PlainSpeech::For::person};
  EXPECT_EQ(sent(speech, "one"), "one");
  (void)speech.hear("from nc\n", kAnn);
  EXPECT_EQ(sent(speech, "two"), "two\n");
  (void)speech.hear("without", kEve);
  EXPECT_EQ(sent(speech, "three"), "three\n");
  (void)speech.hear("without", kAnn);
  EXPECT_EQ(sent(speech, "four"), "four");
}

}  // namespace
}  // namespace headrace::tool
