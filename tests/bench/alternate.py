#!/usr/bin/python3
"""Compares builds of echogw, sets of options or peers in detail, for one change at a time.

All servers keep running and are measured in short runs in turn, so that a change in the machine's
speed affects all of them: 20 rounds show differences of one per cent. Ratios are to the first
server. Each server is NAME=COMMAND. A command named echogw gets the options for one reactor, any
other is run as a peer with its port.

  tests/bench/alternate.py now=build/release/echogw 'spin=build/release/echogw --spin-us=50'
  tests/bench/alternate.py --loads c50,depth16 raw=build/release/tests/bench/raw_epoll_echo \\
      old=/tmp/old/echogw new=build/release/echogw
"""

import argparse
import contextlib
import os
import shlex
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loads import select_loads  # noqa: E402
from measure import BUILD, prepare, run_once  # noqa: E402
from servers import find_binary, gateway_server, peer_server, run_script  # noqa: E402


class _Servers(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        commands = {}
        for text in values:
            name, equals, command = text.partition("=")
            if not name or not equals or not command.strip() or name in commands:
                parser.error(f"'{text}': write NAME=COMMAND, each name once")
            try:
                commands[name] = shlex.split(command)
            except ValueError as error:
                parser.error(f"'{text}': {error}")
        setattr(namespace, self.dest, commands)


def add_servers(parser):
    """Adds the arguments of comparisons of servers given as NAME=COMMAND."""
    parser.add_argument("servers", nargs="+", metavar="NAME=COMMAND", action=_Servers)
    parser.add_argument("--build", default=BUILD, help="where echogwctl is (default: build/release)")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)


def refuse_what_needs_peers(parser, loads):
    for load in loads:
        if load.idle or load.reactors:
            parser.error(f"{load.name}: idle connections and more reactors are for peers.py")


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_servers(parser)
    parser.add_argument("--loads", default="c50", help="names or groups, as of peers.py (default c50)")
    parser.add_argument("--rounds", type=int, default=20, help="default %(default)s")
    parser.add_argument("--duration", type=float, default=0.2,
                        help="measured seconds a run (default %(default)s)")
    parser.add_argument("--warmup", type=float, default=0.05,
                        help="seconds of load before that (default %(default)s)")
    arguments = parser.parse_args()
    try:
        arguments.loads = select_loads(arguments.loads)
    except ValueError as error:
        parser.error(f"--loads: {error}")
    if arguments.rounds < 1 or arguments.duration <= 0 or arguments.warmup < 0:
        parser.error("--rounds and --duration must be positive, --warmup not negative")
    refuse_what_needs_peers(parser, arguments.loads)
    return arguments


def start(name, command, cpu):
    if os.path.basename(command[0]).startswith("echogw"):
        return gateway_server(command[0], cpu, command[1:], name=name)
    return peer_server(command, cpu, name)


def measure(load, servers, client, arguments):
    """name -> runs, one per round; each round starts with another server."""
    runs = {server.name: [] for server in servers}
    for number in range(arguments.rounds):
        first = number % len(servers)
        order = servers[first:] + servers[:first]
        for server in order if number // len(servers) % 2 == 0 else reversed(order):
            runs[server.name].append(run_once(server, client, load.options, arguments))
    return runs


def median(runs, figure):
    return statistics.median(figure(run) for run in runs)


def line(name, runs, base):
    ratios = sorted(run["nanoseconds_per_message"] / other["nanoseconds_per_message"]
                    for run, other in zip(runs, base))
    quarter = len(ratios) // 4
    return (f"  {name:<16}{median(runs, lambda run: run['nanoseconds_per_message']):>10,.0f}"
            f"{statistics.median(ratios):>8.3f} ({ratios[quarter]:.3f}..{ratios[-1 - quarter]:.3f})"
            f"{median(runs, lambda run: run['messages_per_second']):>13,.0f}"
            f"{median(runs, lambda run: run['server_cpu_share']):>7.0%}"
            f"{median(runs, lambda run: run['client']['latency']['p50_nanoseconds']) / 1000:>10,.1f}"
            f"{median(runs, lambda run: run['client']['latency']['p99_nanoseconds']) / 1000:>10,.1f}")


def main():
    arguments = parse_arguments()
    prepare(arguments)
    client = find_binary(arguments.build, "echogwctl", "build it: cmake --build --preset release")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(start(name, command, arguments.server_cpu))
                   for name, command in arguments.servers.items()]
        for load in arguments.loads:
            runs = measure(load, servers, client, arguments)
            base = runs[servers[0].name]
            print(f"{load.title}: {arguments.rounds} rounds of {arguments.duration:g} s; ratio with "
                  "the middle half of the rounds\n"
                  f"  {'':<16}{'CPU ns/msg':>10}{'ratio':>8}{'':17}{'messages/s':>13}{'busy':>7}"
                  f"{'p50 us':>10}{'p99 us':>10}")
            for server in servers:
                print(line(server.name, runs[server.name], base), flush=True)
    return 0


if __name__ == "__main__":
    run_script(main)
