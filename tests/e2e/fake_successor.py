#!/usr/bin/python3
"""A successor that goes wrong at a step of the handover: a gateway under test starts it as the new
binary. ECHOGW_TEST_FAULT is STEP:ACTION, or the path of a file that has it.

  steps    hello (before anything is read), offer (after the offer and the sockets), connections
           (after the first frame of them, or the state), state, commit; a number: after so many
           bytes, or in place of the answer to the state if there are fewer
  actions  die, stop (SIGSTOP to itself), lie (bytes that are no frame), refuse, silence (as stop,
           but it answers nothing and reads on)
"""

import os
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from handover import Channel  # noqa: E402

FAULT = os.environ["ECHOGW_TEST_FAULT"]
if os.path.exists(FAULT):
    with open(FAULT, encoding="utf-8") as file:
        FAULT = file.read()
STEP, ACTION = FAULT.split(":")
CHANNEL = Channel(socket.socket(fileno=int(sys.argv[sys.argv.index("--takeover-fd") + 1])))


def reach(step):
    if step != STEP and not (step == "state" and STEP.isdigit()):
        return
    if ACTION == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif ACTION == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif ACTION == "lie":
        CHANNEL.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    elif ACTION == "refuse":
        CHANNEL.send(refusal={"reason": "refused on purpose"})
        sys.exit(1)
    while True:
        name, _, _ = CHANNEL.receive()
        if name == "abort":
            sys.exit(0)


def main():
    reach("hello")
    if STEP.isdigit():
        CHANNEL.after(int(STEP), lambda: reach("state"))
    _, offer, _ = CHANNEL.receive()
    got = 0
    held = []
    while got < offer.sockets:
        _, sockets, fds = CHANNEL.receive()
        got += len(sockets.sockets)
        held += fds
    reach("offer")
    CHANNEL.send(ready={"pid": os.getpid(), "version": "0.0-test"})
    while True:
        name, _, fds = CHANNEL.receive()
        held += fds
        if name in ("connections", "state"):
            reach("connections")
        if name == "state":
            reach("state")
            CHANNEL.send(prepared={})
        if name == "commit":
            reach("commit")
        if name == "abort":
            sys.exit(0)


if __name__ == "__main__":
    try:
        main()
    except EOFError:
        sys.exit(1)
