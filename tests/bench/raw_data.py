"""The raw data file: every run, with what is needed to evaluate it.

One JSON document with a line per run, so that diffs are readable:
  machine   the machine it ran on versions  of the peers' libraries and runtimes, by server pieces
  one for each time that peers.py measured into the file: command, begin, revision unfit     load
  -> server -> why it does not take part runs      load, server, round, piece, build (of the
  binary), figures; servers of a round ran in turn failures  load, server, round, reason: a run
  that failed, repeated and all
"""

import json
import os

from servers import BenchError

FORMAT = 1
# A run is disturbed if other processes used more than this share of a CPU.
DISTURBED_SHARE = 0.08
# The parts of the client's report that are kept; times in nanoseconds.
LATENCIES = {"p50": "p50_nanoseconds", "p99": "p99_nanoseconds", "p99_9": "p99_9_nanoseconds"}


def empty():
    return {"format": FORMAT, "machine": {}, "versions": {}, "pieces": [], "unfit": {}, "runs": [],
            "failures": []}


def load(path):
    if not os.path.exists(path):
        return empty()
    with open(path) as file:
        try:
            data = json.load(file)
        except ValueError as error:
            raise BenchError(f"{path} is no JSON ({error}); move it away to begin a new one")
    if data.get("format") != FORMAT:
        raise BenchError(f"{path} has another format; move it away to begin a new one")
    return data


def save(path, data):
    """Atomic: an interrupted measurement leaves the file unchanged."""
    text = ["{"]
    for key in empty():
        value = data[key]
        if isinstance(value, list):
            lines = ",\n".join("  " + json.dumps(each) for each in value)
            text.append(f'"{key}": [\n{lines}\n],' if value else f'"{key}": [],')
        else:
            text.append(f'"{key}": {json.dumps(value)},')
    text[-1] = text[-1].rstrip(",")
    text.append("}\n")
    scratch = f"{path}.{os.getpid()}"
    with open(scratch, "w") as file:
        file.write("\n".join(text))
    os.replace(scratch, path)


def run_record(load, target, build, number, piece, seen):
    client = seen["client"]
    record = {
        "load": load.name, "server": target.name, "round": number, "piece": piece, "build": build,
        "nanoseconds_per_message": round(seen["nanoseconds_per_message"], 1),
        "messages_per_second": round(seen["messages_per_second"]),
        "messages": seen["messages"],
        "server_cpu_share": round(seen["server_cpu_share"], 3),
        "client_cpu_share": round(client["client_cpu_share"], 3),
        "client_nanoseconds_per_message": round(client["client_cpu_nanoseconds_per_message"], 1),
        "others_cpu_share": round(seen["others_cpu_share"], 3),
    }
    for name, key in LATENCIES.items():
        record[name] = client["latency"][key]
    if load.churn:
        record["connects_per_second"] = round(client["connects_per_second"], 1)
    return record


def rounds_done(data, load):
    """The number of complete rounds of a load in the file."""
    numbers = {run["round"] for run in data["runs"] + data["failures"] if run["load"] == load.name}
    return max(numbers) + 1 if numbers else 0


def drop(data, loads):
    names = {load.name for load in loads}
    for key in ("runs", "failures"):
        data[key] = [run for run in data[key] if run["load"] not in names]
    data["unfit"] = {name: reasons for name, reasons in data["unfit"].items() if name not in names}


def check_same(data, load, builds, machine):
    """Checks that the rounds of a load are comparable: same machine, servers and builds."""
    if data["machine"] and data["machine"] != machine:
        raise BenchError("the data file is of another machine or kernel; use a new one with --data")
    seen = {run["server"]: run["build"] for run in data["runs"] if run["load"] == load.name}
    seen.update({run["server"]: run["build"] for run in data["failures"]
                 if run["load"] == load.name})
    if not seen or seen == builds:
        return
    changed = sorted(name for name in set(seen) | set(builds) if seen.get(name) != builds.get(name))
    raise BenchError(f"{load.name}: the data file has rounds with other builds or servers "
                     f"({', '.join(changed)}); --replace drops them, --data takes another file")
