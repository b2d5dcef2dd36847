# SPDX-License-Identifier: MIT
#
# The UDP programs of the notes that headrace grew from, written again as they stand there. They
# are given an address where the notes have a fixed one, end after a while where those run for
# ever, and are run as programs of their own: `python3 _udp_programs.py NAME HOST PORT`.
import sys
from socket import AF_INET, SO_BROADCAST, SOCK_DGRAM, SOL_SOCKET, socket


def made():
    udp = socket(AF_INET, SOCK_DGRAM)
    udp.settimeout(60)
    return udp


def bound(address):
    udp = made()
    udp.bind(address)
    print("bound to %d" % udp.getsockname()[1], file=sys.stderr, flush=True)
    return udp


def send(address):
    udp = made()
    data = input("send data:")
    udp.sendto(data.encode(), address)
    udp.close()


def receive(address):
    udp = bound(address)
    print(udp.recvfrom(1024))
    udp.close()


def gb2312_send(address):
    udp = made()
    udp.sendto(input("data: ").encode("gb2312"), address)


def gb2312_receive(address):
    udp = bound(("", address[1]))
    content, _ = udp.recvfrom(1024)
    print("content is %s" % content)
    print("content is %s" % content.decode("gb2312"))


def echo(address):
    """Sends everything back, and counts."""
    udp = bound(address)
    number = 1
    while True:
        data = udp.recvfrom(1024)
        udp.sendto(data[0], data[1])
        print("callback %d %s" % (number, data[0].decode()), flush=True)
        number += 1


def broadcast_send(address):
    udp = made()
    udp.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
    while True:
        data = input(">")
        if not data:
            break
        print("sending -> %s" % data)
        udp.sendto(data.encode(), ("<broadcast>" if address[0] == "broadcast" else address[0],
                                   address[1]))


def broadcast_receive(address):
    udp = bound(("", address[1]))
    print("wait msg", flush=True)
    while True:
        data, sender = udp.recvfrom(1024)
        print("recv %s %s" % (sender, data.decode()), flush=True)


if __name__ == "__main__":
    globals()[sys.argv[1]]((sys.argv[2], int(sys.argv[3])))
