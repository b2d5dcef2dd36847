# SPDX-License-Identifier: MIT
"""An echo server that is not ours, for `--against`: PORT, and words that make it stubborn.

`deaf` ignores SIGTERM; `children` has a child that would stay behind; `few` serves one client.
"""

import os
import signal
import socket
import sys
import threading
import time


def echo(peer):
    while chunk := peer.recv(65536):
        peer.sendall(chunk)


port, words = int(sys.argv[1]), sys.argv[2:]
if "deaf" in words:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "children" in words and os.fork() == 0:
    time.sleep(3600)
listening = socket.create_server(("127.0.0.1", port), backlog=128)
while True:
    accepted, _ = listening.accept()
    if "few" in words:
        echo(accepted)
    threading.Thread(target=echo, args=(accepted,), daemon=True).start()
