#!/usr/bin/python3
"""Compares the cost of echogw and a bare epoll loop, run in turn under the same loads.

For each load it prints the server's CPU nanoseconds per message (median and range over the
rounds), the ratio of the medians and the median of the ratios of each round, then the resident
memory of idle connections and of the processes. Server and client have a CPU each, so it needs two
CPUs that nothing else uses.

  tests/bench/compare.py                            everything, 5 rounds (about 5 minutes)
  tests/bench/compare.py --loads c50,churn --rounds 9 --duration 3
  tests/bench/compare.py --self-check               the bare loop against itself: about 1.00
"""

import argparse
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import memory  # noqa: E402
from loads import LOADS  # noqa: E402
from measure import BUILD, describe_machine, prepare, run_once  # noqa: E402
from servers import find_binary, gateway_server, raw_server, run_script  # noqa: E402


def parse_arguments():
    names = [load.name for load in LOADS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=BUILD,
                        help="build folder with the binaries (default: build/release)")
    parser.add_argument("--loads", default=",".join(names),
                        help="which loads, of %(default)s; 'none' for memory alone")
    parser.add_argument("--rounds", type=int, default=5, help="default %(default)s")
    parser.add_argument("--duration", type=float, default=2.0,
                        help="measured seconds a run (default %(default)s)")
    parser.add_argument("--warmup", type=float, default=0.5,
                        help="seconds of load before that (default %(default)s)")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("--max-ratio", type=float,
                        help="exit with 1 when a ratio of medians is above this")
    parser.add_argument("--max-idle-bytes", type=float,
                        help="exit with 1 when an idle connection costs more resident bytes")
    parser.add_argument("--no-memory", action="store_true", help="skip the memory figures")
    parser.add_argument("--self-check", action="store_true",
                        help="the bare loop in both places, to see the method's own error")
    parser.add_argument("--server-option", action="append", default=[], metavar="OPTION",
                        help="passed on to echogw, as in --server-option=--poller=poll; repeatable")
    parser.add_argument("--json", metavar="FILE", help="write every single run there")
    arguments = parser.parse_args()
    wanted = [] if arguments.loads == "none" else arguments.loads.split(",")
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        parser.error(f"--loads: no load named {', '.join(unknown)}; there are {', '.join(names)}")
    if arguments.rounds < 1 or arguments.duration <= 0 or arguments.warmup < 0:
        parser.error("--rounds and --duration must be positive, --warmup not negative")
    arguments.loads = [load for load in LOADS if load.name in wanted]
    return arguments


def median_spread(values):
    return statistics.median(values), min(values), max(values)


def summarise(rounds):
    gateway = [pair["echogw"]["nanoseconds_per_message"] for pair in rounds]
    raw = [pair["raw"]["nanoseconds_per_message"] for pair in rounds]
    return {
        "echogw": median_spread(gateway),
        "raw": median_spread(raw),
        "ratio_of_medians": statistics.median(gateway) / statistics.median(raw),
        "pair_ratio": median_spread([a / b for a, b in zip(gateway, raw)]),
        "messages_per_second": {
            name: statistics.median(pair[name]["messages_per_second"] for pair in rounds)
            for name in ("echogw", "raw")},
    }


def spread_text(figures):
    return f"{figures[0]:,.0f} ({figures[1]:,.0f}..{figures[2]:,.0f})"


def print_row(cells):
    widths = (32, 25, 25, 7, 19, 11, 11)
    print(f"{cells[0]:<{widths[0]}}" +
          "".join(f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:])), flush=True)


def compare_loads(arguments, start_gateway, start_raw, client):
    if not arguments.loads:
        return {}
    print("Server CPU nanoseconds per message: median (lowest..highest of "
          f"{arguments.rounds} rounds, {arguments.duration:g} s each)")
    print_row(["load", "echogw", "raw epoll", "ratio", "of pairs", "echogw/s", "raw/s"])
    results = {}
    for load in arguments.loads:
        rounds = []
        for number in range(arguments.rounds):
            pair = {}
            # In turn, with alternating order, so that drift of the machine favours neither.
            order = [("echogw", start_gateway), ("raw", start_raw)]
            for which, start in (order if number % 2 == 0 else reversed(order)):
                with start() as server:
                    pair[which] = run_once(server, client, load.options, arguments)
            rounds.append(pair)
        figures = summarise(rounds)
        results[load.name] = {"title": load.title, "summary": figures, "rounds": rounds}
        ratio = figures["pair_ratio"]
        print_row([load.title, spread_text(figures["echogw"]), spread_text(figures["raw"]),
                   f"{figures['ratio_of_medians']:.3f}",
                   f"{ratio[0]:.3f} ({ratio[1]:.2f}..{ratio[2]:.2f})",
                   f"{figures['messages_per_second']['echogw']:,.0f}",
                   f"{figures['messages_per_second']['raw']:,.0f}"])
    return results


def verdict(arguments, results, figures):
    """Prints every exceeded limit; True if there is none."""
    fine = True
    if arguments.max_ratio is not None:
        for load in results.values():
            ratio = load["summary"]["ratio_of_medians"]
            if ratio > arguments.max_ratio:
                fine = False
                print(f"FAILED: {load['title']}: ratio {ratio:.3f} is above {arguments.max_ratio}")
    if arguments.max_idle_bytes is not None and figures:
        for idle in figures["echogw"]["idle"]:
            if idle["used_bytes_per_connection"] > arguments.max_idle_bytes:
                fine = False
                print(f"FAILED: {idle['connections']} idle connections: "
                      f"{idle['used_bytes_per_connection']:.0f} B each are above "
                      f"{arguments.max_idle_bytes:g}")
    return fine


def main():
    arguments = parse_arguments()
    prepare(arguments)
    hint = "build it: cmake --preset release && cmake --build --preset release"
    raw_binary = find_binary(arguments.build, "tests/bench/raw_epoll_echo", hint)
    client = find_binary(arguments.build, "echogwctl", hint)
    cpu = arguments.server_cpu

    def start_raw():
        return raw_server(raw_binary, cpu)

    if arguments.self_check:
        def start_gateway():
            return raw_server(raw_binary, cpu, "echogw")
    else:
        gateway_binary = find_binary(arguments.build, "echogw", hint)

        def start_gateway():
            return gateway_server(gateway_binary, cpu, arguments.server_option)

    machine = describe_machine()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    results = compare_loads(arguments, start_gateway, start_raw, client)
    figures = {}
    if not arguments.no_memory and not arguments.self_check:
        bare_grpc = find_binary(arguments.build, "tests/bench/bare_grpc_server", hint)
        figures = memory.compare(start_gateway, start_raw, bare_grpc, cpu)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"command": sys.argv, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                                                  time.gmtime()),
                       "machine": machine, "loads": results, "memory": figures}, file, indent=1)
            file.write("\n")
    return 0 if verdict(arguments, results, figures) else 1


if __name__ == "__main__":
    run_script(main)
