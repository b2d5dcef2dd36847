# SPDX-License-Identifier: MIT
#
# The TCP clients of the two notes that headrace grew from, written again as they stand there, and
# played against every model. Their servers printed what came; ours also sends it back.
import select
import socket
import threading
import unittest

from _clients import Served, models, receive, receive_until_end, several_at_once


def tcp_client(address, data):
    """The note's TCP client: connect, send a line, one recv(1024), close."""
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    tcp.settimeout(60)
    tcp.connect(address)
    tcp.send(data.encode())
    answer = tcp.recv(1024)
    tcp.close()
    return answer.decode()


class Once(unittest.TestCase):
    """One client after another."""

    def test_tcp_client(self):
        for model in models():
            with self.subTest(model), Served(model) as server:
                for data in ("hello", "你好", "q", "x" * 1000):
                    self.assertEqual(tcp_client(server.address, data), data)

    def test_chat_client(self):
        """The operator's chat: line for line on one connection, as long as both want."""
        for model in models():
            with self.subTest(model), Served(model) as server, server.connect() as tcp:
                for number in range(50):
                    line = f"line {number}".encode()
                    tcp.send(line)
                    self.assertEqual(tcp.recv(1024), line)

    def test_the_second_client_is_served_at_once_later_with_all_it_has_sent(self):
        """What the note says of the single process: the next connects, sends, and waits."""
        for model in models():
            with self.subTest(model), Served(model) as server:
                first, second = server.connect(), server.connect()
                first.sendall(b"I am being served")
                self.assertEqual(receive(first, 17), b"I am being served")
                for part in (b"one ", b"two ", b"three"):
                    second.send(part)
                first.close()
                self.assertEqual(receive(second, 13), b"one two three")
                second.close()

    def test_a_client_that_closes_first_is_noticed(self):
        """recv() of 0 bytes: the client has closed."""
        for model in models():
            with self.subTest(model), Served(model, "-v") as server:
                with server.connect() as tcp:
                    tcp.send(b"bye")
                    self.assertEqual(tcp.recv(1024), b"bye")
                server.said(r"(departed)")

    def test_half_closing_client(self):
        for model in models():
            with self.subTest(model), Served(model) as server, server.connect() as tcp:
                data = bytes(range(256)) * 2000
                sender = threading.Thread(target=self.send_and_end, args=(tcp, data))
                sender.start()
                self.assertEqual(receive_until_end(tcp), data)
                sender.join()

    @staticmethod
    def send_and_end(tcp, data):
        tcp.sendall(data)
        tcp.shutdown(socket.SHUT_WR)

    def test_a_client_that_resets_does_not_end_the_server(self):
        for model in models():
            with self.subTest(model), Served(model) as server:
                for _ in range(20):
                    tcp = server.connect()
                    tcp.send(b"x" * 10000)
                    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    tcp.close()
                self.assertEqual(tcp_client(server.address, "and I?"), "and I?")


class Several(unittest.TestCase):
    """Many clients at the same time."""

    def test_clients_at_once(self):
        for model in several_at_once():
            with self.subTest(model), Served(model) as server:
                clients = [server.connect() for _ in range(20)]
                for number, tcp in enumerate(clients):
                    tcp.send(f"client {number}".encode())
                for number, tcp in reversed(list(enumerate(clients))):
                    self.assertEqual(tcp.recv(1024), f"client {number}".encode())
                for tcp in clients:
                    tcp.close()

    def test_clients_with_a_thread_each(self):
        for model in models():
            with self.subTest(model), Served(model) as server:
                answers = {}
                threads = [threading.Thread(target=self.note_answer,
                                            args=(answers, server.address, number))
                           for number in range(20)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.assertEqual(answers, {number: f"client {number}" for number in range(20)})

    @staticmethod
    def note_answer(answers, address, number):
        answers[number] = tcp_client(address, f"client {number}")

    def test_non_blocking_clients(self):
        """Round and round over all of them, as the note's non-blocking server does."""
        for model in several_at_once():
            with self.subTest(model), Served(model) as server:
                clients = {number: server.connect() for number in range(20)}
                for number, tcp in clients.items():
                    tcp.setblocking(False)
                    tcp.send(f"client {number}".encode())
                answers = {}
                while len(answers) < len(clients):
                    for number, tcp in clients.items():
                        try:
                            answers[number] = answers.get(number, b"") + tcp.recv(1024)
                        except BlockingIOError:
                            pass
                self.assertEqual(answers, {number: f"client {number}".encode()
                                           for number in clients})
                for tcp in clients.values():
                    tcp.close()

    def test_select_client_with_a_write_list(self):
        """The note's select loop turned round: what there is to send waits in queues."""
        for model in several_at_once():
            with self.subTest(model), Served(model) as server:
                clients = [server.connect() for _ in range(10)]
                queues = {tcp: bytes([number]) * 300_000 for number, tcp in enumerate(clients)}
                wanted = dict(queues)
                answers = {tcp: b"" for tcp in clients}
                for tcp in clients:
                    tcp.setblocking(False)
                while any(answers[tcp] != wanted[tcp] for tcp in clients):
                    writing = [tcp for tcp in clients if queues[tcp]]
                    readable, writable, _ = select.select(clients, writing, clients, 60)
                    self.assertTrue(readable or writable, "nothing comes and nothing goes")
                    for tcp in writable:
                        queues[tcp] = queues[tcp][tcp.send(queues[tcp][:65536]):]
                    for tcp in readable:
                        part = tcp.recv(65536)
                        self.assertTrue(part, "the end before all has come back")
                        answers[tcp] += part
                for tcp in clients:
                    tcp.close()

    def test_epoll_client(self):
        """The note's epoll loop, edge-triggered: each event is read until nothing is left."""
        for model in several_at_once():
            with self.subTest(model), Served(model) as server, select.epoll() as epoll:
                clients = {}
                for number in range(20):
                    tcp = server.connect()
                    tcp.sendall(bytes([number]) * 5000)
                    tcp.setblocking(False)
                    clients[tcp.fileno()] = (tcp, bytes([number]) * 5000)
                    epoll.register(tcp.fileno(), select.EPOLLIN | select.EPOLLET)
                answers = {descriptor: b"" for descriptor in clients}
                while any(answers[one] != wanted for one, (_, wanted) in clients.items()):
                    events = epoll.poll(60)
                    self.assertTrue(events, "nothing comes")
                    for descriptor, _ in events:
                        answers[descriptor] += self.drain(clients[descriptor][0])
                for tcp, _ in clients.values():
                    tcp.close()

    @staticmethod
    def drain(tcp):
        data = b""
        try:
            while part := tcp.recv(1024):
                data += part
        except BlockingIOError:
            pass
        return data


if __name__ == "__main__":
    unittest.main()
