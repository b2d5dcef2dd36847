# SPDX-License-Identifier: MIT
#
# headrace serve chat at two TCP ports with an encoding each, which are one set of rooms. A port
# with an encoding must be named, so this runs in a namespace of our own, where every port is free.
import socket
import unittest

from _namespaces import run_again_in_a_namespace
from _program import PATIENCE, Server
from chat_test import Member, company


def member(port, nick, encoding):
    peer = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    return Member(peer, nick, encoding)


class Ports(unittest.TestCase):
    def test_of_two_encodings_share_the_rooms(self):
        for model in company():
            with self.subTest(model), \
                    Server("--model", model, service="chat",
                           listen=("tcp://127.0.0.1:7788",
                                   "tcp://127.0.0.1:7789?encoding=gb18030")), \
                    member(7788, "ann", "utf-8") as ann, \
                    member(7789, "张三", "gb18030") as zhang:
                ann.hears(self, "-- 张三 is here")
                zhang.say("你好", "/me 挥手", "/msg ann 悄悄话")
                self.assertEqual({ann.line() for _ in range(3)},
                                 {"<张三> 你好", "* 张三 挥手", "<张三 -> ann> 悄悄话"})
                ann.say("大家好 €", "/nick 李四")
                zhang.hears(self, "<ann> 大家好 €", "-- ann is now 李四")


if __name__ == "__main__":
    run_again_in_a_namespace()
    unittest.main()
