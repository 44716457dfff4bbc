"""One run of a client against a server, each on its own CPU, and the server's cost."""

import json
import os
import platform
import resource
import signal
import subprocess
import sys
import time

from servers import BenchError, CpuSampler

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "release")
CLIENT_GRACE_SECONDS = 60
QUIET_WINDOW_SECONDS = 0.5


def host_servers():
    """Prepares a script to start servers."""
    # Inherited by the servers. Many default limits are below 10,000 connections.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # A server must not outlive a benchmark ended by `timeout`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def keep_off_the_server(arguments):
    """Moves this process to the client's CPU, so that the server has its own."""
    os.sched_setaffinity(0, {arguments.client_cpu})


def prepare(arguments):
    """Everything a script does before it measures."""
    check_machine(arguments)
    host_servers()
    keep_off_the_server(arguments)


def check_machine(arguments):
    allowed = os.sched_getaffinity(0)
    for option, cpu in (("--server-cpu", arguments.server_cpu),
                        ("--client-cpu", arguments.client_cpu)):
        if cpu not in allowed:
            raise BenchError(f"{option}: CPU {cpu} is not in this process's affinity mask {sorted(allowed)}")
    if arguments.server_cpu == arguments.client_cpu:
        raise BenchError("--server-cpu and --client-cpu must differ")
    if os.getloadavg()[0] > 0.5:
        print(f"warning: the load average is {os.getloadavg()[0]:.2f}; figures will be noisy",
              file=sys.stderr)


def _busy_nanoseconds(cpu):
    """Busy time of a CPU, from /proc/stat, with a resolution of 10 ms."""
    with open("/proc/stat") as file:
        for line in file:
            if line.startswith(f"cpu{cpu} "):
                user, nice, system, _, _, irq, softirq = (int(x) for x in line.split()[1:8])
                ticks = user + nice + system + irq + softirq
                return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    raise BenchError(f"/proc/stat has no CPU {cpu}")


def _others_nanoseconds(server, cpus):
    """Busy time of the CPUs without server, client and this process, up to a constant."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ours = sum(usage.ru_utime + usage.ru_stime for usage in used)
    return (sum(_busy_nanoseconds(cpu) for cpu in cpus) - server.cpu_nanoseconds() -
            int(ours * 1e9))


def wait_until_quiet(cpus, share, limit_seconds):
    """Returns when other processes use less than `share` of a CPU, or after the limit."""
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:
        before = sum(_busy_nanoseconds(cpu) for cpu in cpus)
        time.sleep(QUIET_WINDOW_SECONDS)
        busy = sum(_busy_nanoseconds(cpu) for cpu in cpus) - before
        if busy < share * QUIET_WINDOW_SECONDS * 1e9:
            return


def why_it_failed(output, errors):
    """The errors in the client's report, or its output, in one line."""
    try:
        kinds = json.loads(output)["errors"]["kinds"]
        return ", ".join(f"{kind['count']} x {kind['kind']}" for kind in kinds)
    except (ValueError, KeyError, TypeError):
        return errors.strip() or output.strip()


def run_once(server, client, load_options, arguments, client_cpus=None):
    """Runs a client against a server. Returns a dictionary of the results.

    `client_cpus`: a list in taskset's words instead of the one CPU of the arguments.
    """
    cpus = client_cpus or str(arguments.client_cpu)
    command = ["taskset", "-c", cpus, client, "bench", server.address, *load_options,
               "-d", f"{arguments.duration:g}s", "--warmup", f"{arguments.warmup:g}s",
               "--cpu", cpus, "-o", "json"]
    limit = arguments.duration + arguments.warmup + CLIENT_GRACE_SECONDS
    with CpuSampler(server) as sampler:
        both = (arguments.server_cpu, arguments.client_cpu)
        others, began = _others_nanoseconds(server, both), time.monotonic_ns()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            raise BenchError(f"the client did not end within {limit:.0f} s: {' '.join(command)}")
        others = _others_nanoseconds(server, both) - others
        whole = time.monotonic_ns() - began
    if done.returncode != 0:
        raise BenchError(f"the client failed against {server.name} ({done.returncode}): "
                         f"{why_it_failed(done.stdout, done.stderr)}\n  {' '.join(command)}")
    report = json.loads(done.stdout)
    start = report["measured_from_monotonic_nanoseconds"]
    end = start + report["measured_nanoseconds"]
    spent = sampler.at(end) - sampler.at(start)
    messages = report["messages"]
    if messages == 0:
        raise BenchError(f"{server.name} echoed no message in the measured time")
    return {
        "server": server.name,
        "cpu_nanoseconds": spent,
        "messages": messages,
        "measured_nanoseconds": end - start,
        "nanoseconds_per_message": spent / messages,
        "messages_per_second": messages * 1e9 / (end - start),
        "server_cpu_share": spent / (end - start),
        # Use of the two CPUs by interrupts and other processes, as a share of one CPU.
        "others_cpu_share": max(0, others) / whole,
        "client": report,
    }


def describe_machine():
    model = ""
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/sys/net/ipv4/tcp_congestion_control") as file:
        congestion = file.read().strip()
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(),
            "congestion_control": congestion}
