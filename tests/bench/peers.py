#!/usr/bin/python3
"""Measures echogw and its peers, and generates the report.

  tests/bench/peers.py build                       the peers that are not part of every build
  tests/bench/peers.py list                        servers and loads, and why some are left out
  tests/bench/peers.py check                       every server echoes every byte
  tests/bench/peers.py measure --budget 140        some rounds; repeat until it exits with 0
  tests/bench/peers.py measure --loads c50,churn --rounds 9
  tests/bench/peers.py report                      README.md and its plots, from the data file alone

A round of a load runs every server once. Complete rounds are written to the data file at once; an
interrupted measurement loses its current round. `measure` continues where the file ends. It exits
with 0 when every load has its rounds, with 75 if the time budget ran out before. """

import argparse
import math
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import echo_check  # noqa: E402
import loads as known_loads  # noqa: E402
import raw_data  # noqa: E402
import report  # noqa: E402
import targets  # noqa: E402
from measure import (BUILD, ROOT, check_machine, describe_machine,  # noqa: E402
                     host_servers, keep_off_the_server, run_once,
                     wait_until_quiet)
from memory import IdleClients  # noqa: E402
from servers import BenchError, find_binary, run_script  # noqa: E402

EXIT_MORE = 75  # EX_TEMPFAIL
ATTEMPTS = 3    # of a run that fails, or that others disturb
QUIET_WAIT_SECONDS = 10
# The time a run takes besides its load, to start the server, connect and stop.
RUN_OVERHEAD_SECONDS = 0.3
IDLE_OVERHEAD_SECONDS = 0.0004  # for each idle connection


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--build", default=BUILD,
                        help="build folder with the binaries (default: build/release)")
    common.add_argument("--variant", action="append", default=[], metavar="NAME=OPTIONS",
                        help="one more echogw, as in echogw-spin='--poller=epoll --spin-us=20'; "
                             "repeatable")
    common.add_argument("--servers", help="which servers; default: those meant for the load")
    common.add_argument("--loads", default="loads,connections,sizes,reactors",
                        help="names of loads or of groups (default: %(default)s)")
    common.add_argument("--data", default=report.DATA, help="data file (default: %(default)s)")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("build", parents=[common], help="build the target bench_peers")
    verbs.add_parser("list", parents=[common], help="servers and loads")
    verbs.add_parser("check", parents=[common], help="every server returns every byte")
    measure = verbs.add_parser("measure", parents=[common], help="measure into the data file")
    measure.add_argument("--rounds", type=int, default=5,
                         help="rounds that each load shall have in the file (default %(default)s)")
    measure.add_argument("--duration", type=float, default=1.0,
                         help="measured seconds a run (default %(default)s)")
    measure.add_argument("--warmup", type=float, default=0.3,
                         help="seconds of load before that (default %(default)s)")
    measure.add_argument("--budget", type=float, metavar="SECONDS",
                         help="begin no round that would end later than this after the start")
    measure.add_argument("--replace", action="store_true",
                         help="drop what the file has of these loads first")
    measure.add_argument("--server-cpu", type=int, default=0)
    measure.add_argument("--client-cpu", type=int, default=1)
    reporting = verbs.add_parser("report", parents=[common], help="write README.md and its plots")
    reporting.add_argument("--to", default=report.HERE, metavar="FOLDER",
                           help="default: this folder, where README.md stands")
    arguments = parser.parse_args()
    try:
        arguments.loads = known_loads.select_loads(arguments.loads)
    except ValueError as error:
        parser.error(f"--loads: {error}")
    if arguments.verb == "measure":
        if arguments.rounds < 1 or arguments.duration <= 0 or arguments.warmup < 0:
            parser.error("--rounds and --duration must be positive, --warmup not negative")
    return arguments


def choose(arguments):
    """The requested servers that can be started; prints those that cannot."""
    everything = targets.everything(arguments.build, arguments.variant)
    if arguments.servers:
        wanted = arguments.servers.split(",")
        unknown = sorted(set(wanted) - {each.name for each in everything})
        if unknown:
            raise BenchError(f"--servers: no server named {', '.join(unknown)}; there are "
                             f"{', '.join(each.name for each in everything)}")
        everything = [each for each in everything if each.name in wanted]
    present = []
    for target in everything:
        reason = target.missing()
        if reason:
            print(f"left out: {target.name}: {reason}", flush=True)
        else:
            present.append(target)
    if not present:
        raise BenchError("no server can be started")
    return present


def meant_for(load, present, arguments):
    if arguments.servers:
        return present
    variants = {text.partition("=")[0] for text in arguments.variant}
    return [each for each in present if targets.takes_part(each, load.group, variants)]


def run_target(target, load, client, arguments):
    cpus, client_cpus = str(arguments.server_cpu), None
    if load.reactors > 1:
        cpus = client_cpus = f"{arguments.server_cpu},{arguments.client_cpu}"
    with target.start(cpus, load.reactors or 1) as server:
        if not load.idle:
            return run_once(server, client, load.options, arguments, client_cpus)
        idle = IdleClients(server.address)
        try:
            idle.do("open", load.idle)
            idle.do("use last")  # the queue is in order: when the last is served, all are accepted
            return run_once(server, client, load.options, arguments, client_cpus)
        finally:
            idle.close()


class RetryBudget:
    """Seconds left for repeating runs, so that a round ends within the budget."""

    def __init__(self, seconds):
        self._left = seconds
        self._began = None

    def allows(self):
        return self._left > 0

    def __enter__(self):
        self._began = time.monotonic()
        return self

    def __exit__(self, *_):
        self._left -= time.monotonic() - self._began


def run_until_quiet(target, load, client, arguments, budget):
    """The least disturbed of up to ATTEMPTS runs; raises the reason if all failed."""
    best, problem = None, None

    def attempt():
        nonlocal best, problem
        try:
            seen = run_target(target, load, client, arguments)
        except BenchError as error:
            problem = error
            print(f"    {target.name}: failed: {error}", flush=True)
            return
        if best is None or seen["others_cpu_share"] < best["others_cpu_share"]:
            best = seen
        if seen["others_cpu_share"] > raw_data.DISTURBED_SHARE:
            print(f"    {target.name}: others used {seen['others_cpu_share']:.0%} of a CPU",
                  flush=True)

    attempt()
    for _ in range(1, ATTEMPTS):
        good = best is not None and best["others_cpu_share"] <= raw_data.DISTURBED_SHARE
        if good or not budget.allows():
            break
        with budget:
            wait_until_quiet((arguments.server_cpu, arguments.client_cpu),
                             raw_data.DISTURBED_SHARE, QUIET_WAIT_SECONDS)
            attempt()
    if best is None:
        raise problem
    return best


def run_round(load, servers, builds, number, piece, client, arguments, budget):
    """Runs every server once, in a varying order, so that drift of the machine favours none."""
    runs, failures = [], []
    for target in random.Random(f"{load.name} {number}").sample(servers, len(servers)):
        try:
            seen = run_until_quiet(target, load, client, arguments, budget)
        except BenchError as error:
            failures.append({"load": load.name, "server": target.name, "round": number,
                             "piece": piece, "build": builds[target.name],
                             "reason": str(error).split("\n")[0]})
            continue
        record = raw_data.run_record(load, target, builds[target.name], number, piece, seen)
        runs.append(record)
        print(f"    {target.name:<16}{record['nanoseconds_per_message']:>12,.0f} ns/message"
              f"{record['messages_per_second']:>12,}/s", flush=True)
    return runs, failures


def revision():
    """The last commit that changed the measured code, ignoring tests and documents."""
    def git(*words):
        done = subprocess.run(["git", "-C", ROOT, *words, "--", "reactor", "server", "proto", "ctl",
                               "CMakeLists.txt"], capture_output=True, text=True)
        return done.stdout.strip()

    commit = git("log", "-1", "--format=%h", "--abbrev=12") or "unknown"
    return commit + ("-dirty" if git("status", "--porcelain") else "")


def measure(arguments):
    began = time.monotonic()
    check_machine(arguments)
    client = find_binary(arguments.build, "echogwctl", "build it: cmake --build --preset release")
    present = choose(arguments)
    data = raw_data.load(arguments.data)
    if arguments.replace:
        raw_data.drop(data, arguments.loads)
    machine = describe_machine()
    builds = {target.name: target.identity() for target in present}
    data["pieces"].append({
        "command": " ".join(["tests/bench/peers.py", *sys.argv[1:]]),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "revision": revision(),
        "duration": arguments.duration, "warmup": arguments.warmup})
    data["versions"].update({target.name: target.version() for target in present
                             if target.version()})
    keep_off_the_server(arguments)
    for load in arguments.loads:
        meant = meant_for(load, present, arguments)
        unfit = {each.name: each.unfit_for(load) for each in meant if each.unfit_for(load)}
        servers = [each for each in meant if each.name not in unfit]
        if not servers:
            continue
        raw_data.check_same(data, load, {each.name: builds[each.name] for each in servers}, machine)
        data["machine"] = machine
        data["unfit"][load.name] = unfit
        seconds = len(servers) * (arguments.duration + arguments.warmup + RUN_OVERHEAD_SECONDS +
                                  load.idle * IDLE_OVERHEAD_SECONDS)
        for number in range(raw_data.rounds_done(data, load), arguments.rounds):
            spent = time.monotonic() - began
            if arguments.budget is not None and spent + seconds > arguments.budget:
                print(f"{load.name}: no time for round {number + 1} of {arguments.rounds}: "
                      f"{spent:.0f} s are used and it takes some {seconds:.0f} s; run this again")
                return EXIT_MORE
            print(f"{load.name}: round {number + 1} of {arguments.rounds} [{spent:.0f} s]",
                  flush=True)
            budget = RetryBudget(math.inf if arguments.budget is None else
                                arguments.budget - spent - seconds)
            runs, failures = run_round(load, servers, builds, number, len(data["pieces"]) - 1,
                                       client, arguments, budget)
            data["runs"] += runs
            data["failures"] += failures
            raw_data.save(arguments.data, data)
            seconds = time.monotonic() - began - spent
    print("all loads have their rounds")
    return 0


def show(arguments):
    present = choose(arguments)
    for load in arguments.loads:
        print(f"{load.name}: {load.title}")
        for target in meant_for(load, present, arguments):
            reason = target.unfit_for(load)
            print(f"    {target.name:<16}{target.title}{': not: ' + reason if reason else ''}")
    return 0


def check(arguments):
    failed = 0
    for target in choose(arguments):
        with target.start("0-" + str(os.cpu_count() - 1)) as server:
            problem = echo_check.problem_of(server.address, target.clients_at_a_time != 1)
        failed += problem != ""
        print(f"{target.name:<16}{problem or 'returns every byte'}", flush=True)
    return 1 if failed else 0


def build(arguments):
    return subprocess.run(["cmake", "--build", arguments.build, "--target", "bench_peers"]).returncode


def main():
    arguments = parse_arguments()
    host_servers()
    if arguments.verb == "report":
        report.write(arguments.data, arguments.to)
        return 0
    return {"build": build, "list": show, "check": check, "measure": measure}[
        arguments.verb](arguments)


if __name__ == "__main__":
    run_script(main)
