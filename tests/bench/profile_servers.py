#!/usr/bin/python3
"""Shows where the CPU time of a message goes, in the kernel and in the server.

Each server is NAME=COMMAND, as for alternate.py. perf samples it under load by the CPU clock,
because a virtual machine may have no hardware counters, and the shares of symbols are summed by
area. Shares can be compared even if the speed of the machine changes between servers; the
nanoseconds in the last line cannot. Areas are matched by the names of a few hundred kernel
functions, so they are approximate. Code with interrupts disabled is sampled where they are enabled
again, usually at the release of a lock.

  tests/bench/profile_servers.py echogw=build/release/echogw \\
      raw=build/release/tests/bench/raw_epoll_echo
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from alternate import add_servers, refuse_what_needs_peers, start  # noqa: E402
from loads import select_loads  # noqa: E402
from measure import prepare, run_once  # noqa: E402
from servers import BenchError, find_binary, run_script  # noqa: E402

# The first match of a kernel symbol counts.
AREAS = [
    ("descriptor look-up", r"^_*(fdget|fput|fget|get_file)"),
    ("asking what is ready (epoll, poll)",
     r"^(ep_|epoll|do_epoll|__ep|sock_poll|tcp_poll|__put_user_nocheck|do_sys_poll|__pollwait|"
     r"do_poll|poll_|__list_(del_entry|add)_valid)"),
    ("io_uring", r"^(io_|__io|llist_|xas?_load|sock_from_file)"),
    ("system call entry and exit",
     r"do_syscall_64|entry_SYSCALL|syscall_return|x64_sys|__sys_(recvfrom|sendto)|syscall_exit|"
     r"exit_to_user|sock_(recv|send)msg|security_|import_ubuf|sockfd|inet_(recv|send)msg|"
     r"tcp_(recv|send)msg$|rethunk|untrain|srso_|return_thunk"),
    ("TCP", r"^_*(tcp_(?!stream_alloc|poll)|bbr|sk_reset_timer|sk_stop_timer)"),
    ("IP and the loopback device",
     r"^_*(netif_|dev_|ip_(?!send_skb))|validate_xmit|loopback_xmit|^process_backlog"),
    ("scheduler, wake-ups, interrupts, locks",
     r"sched|switch|wake|ttwu|enqueue_(task|entity)|dequeue|pick_|update_(curr|load|rq|cfs|se)|psi_|"
     r"spin_(un)?lock|irq|hrtimer|tick|rcu|softirq|__local_bh|native_|idle|timer|reweight|"
     r"place_entity|task_|_find_next_bit"),
    ("copying and its checks",
     r"copy_(to|from)_(iter|user)|_copy|check_object|virt_addr_valid|usercopy|datagram_iter|memcpy|"
     r"rep_movs|check_stack|check_heap"),
    ("memory of packets",
     r"skb|kmem|slab|kfree|kmalloc|alloc|free|page_frag|slub|refill|mem_?cg|obj_cgroup|ksize|sk_mem|"
     r"memset"),
    ("clock", r"tsc|ktime|clock|timekeep"),
    ("TCP", r"tcp|bbr|cubic|^sk_|sock_|release_sock|lock_sock|inet_|minmax|^rb_"),
    ("IP and the loopback device",
     r"^(__)?ip|ipv4|dev_|net_rx|netif|loopback|process_backlog|napi|raw_local|nf_|fib|dst_|eth_|"
     r"qdisc|xmit|csum|rps|enqueue_to|xfrm"),
]
USER = "the server itself and the C library"
OTHER = "other parts of the kernel"
SAMPLES_PER_SECOND = 10_000


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_servers(parser)
    parser.add_argument("--load", default="c50", help="one load, as of peers.py (default c50)")
    parser.add_argument("--duration", type=float, default=4.0,
                        help="measured seconds of each server (default %(default)s)")
    parser.add_argument("--symbols", type=int, default=0, metavar="N",
                        help="also the N symbols that take most, of each server")
    arguments = parser.parse_args()
    try:
        [arguments.load] = select_loads(arguments.load)
    except ValueError as error:
        parser.error(f"--load: one load is wanted: {error}")
    refuse_what_needs_peers(parser, [arguments.load])
    if arguments.duration <= 0:
        parser.error("--duration must be positive")
    arguments.warmup = 0.2
    return arguments


def area_of(kind, symbol):
    if kind == ".":
        return USER
    return next((name for name, pattern in AREAS if re.search(pattern, symbol)), OTHER)


def shares(text):
    """symbol -> (area, share of 1), from the output of perf report."""
    found = {}
    for percent, kind, symbol in re.findall(r"^\s*([\d.]+)%\s+\[(.)\]\s+(\S+)", text, re.M):
        area, share = found.get(symbol, (area_of(kind, symbol), 0.0))
        found[symbol] = (area, share + float(percent) / 100)
    return found


def profile(server, client, arguments):
    """(CPU nanoseconds per message, symbol -> (area, share))."""
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "perf.data")
        seconds = str(arguments.duration + arguments.warmup)
        command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_SECOND), "-p",
                   str(server.pid), "-o", data, "--", "sleep", seconds]
        try:
            recorder = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        except FileNotFoundError:
            raise BenchError("perf is missing: Debian's linux-perf has it")
        try:
            run = run_once(server, client, arguments.load.options, arguments)
        except BaseException:
            recorder.terminate()
            recorder.wait()
            raise
        _, errors = recorder.communicate()
        if recorder.returncode != 0:
            raise BenchError(f"perf record: {errors.strip()}; it needs root or "
                             "kernel.perf_event_paranoid=-1")
        report = subprocess.run(["perf", "report", "-i", data, "--stdio", "--sort", "symbol"],
                                capture_output=True, text=True)
    found = shares(report.stdout)
    if not any(area != USER for area, _ in found.values()):
        raise BenchError(f"perf has no sample of the kernel for {server.name}: it needs root or "
                         f"kernel.perf_event_paranoid=-1 {report.stderr.strip()}")
    return run["nanoseconds_per_message"], found


def main():
    arguments = parse_arguments()
    prepare(arguments)
    client = find_binary(arguments.build, "echogwctl", "build it: cmake --build --preset release")
    profiles = {}
    for name, command in arguments.servers.items():
        with start(name, command, arguments.server_cpu) as server:
            profiles[name] = profile(server, client, arguments)
    print(f"Share of the server's CPU time; {arguments.load.title}\n")
    print("| | " + " | ".join(profiles) + " |\n|---" + "|--:" * len(profiles) + "|")
    for area in [*dict.fromkeys(name for name, _ in AREAS), OTHER, USER]:
        cells = [sum(share for its, share in found.values() if its == area)
                 for _, found in profiles.values()]
        print(f"| {area} | " + " | ".join(f"{cell:.1%}" for cell in cells) + " |")
    print("| CPU ns a message | " +
          " | ".join(f"{each:,.0f}" for each, _ in profiles.values()) + " |")
    for name, (_, found) in profiles.items() if arguments.symbols else ():
        print(f"\n{name}:")
        ordered = sorted(found.items(), key=lambda item: -item[1][1])
        for symbol, (area, share) in ordered[:arguments.symbols]:
            print(f"  {share:6.2%}  {symbol:<40} {area}")
    return 0


if __name__ == "__main__":
    run_script(main)
