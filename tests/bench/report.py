"""Generates README.md and its plots from the raw data alone; the same data give the same bytes."""

import os

import analysis
import figures
import loads as known_loads
import raw_data
import report_text as words
from analysis import Figures, best_engine, best_peer, best_readiness_peer, title_of
from servers import BenchError

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "results", "peers.json")
NONE = "–"


def table(heading, rows):
    """A Markdown table; the first column is left-aligned, numbers are right-aligned."""
    lines = ["| " + " | ".join(heading) + " |",
             "|---" + "|--:" * (len(heading) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def number(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def spread(of, server):
    low, high = of.spread(server)
    return f"{number(of.median(server))} ({number(low)}..{number(high)})"


def micro(data, load, key, server):
    of = Figures(data, load.name, key)
    return f"{of.median(server) / 1000:,.1f}" if server in of.rounds else NONE


def ratio_cell(of, server, base):
    if server is None or base is None:
        return NONE
    text = f"{of.ratio(server, base):.2f}"
    pairs = of.pair_ratio(server, base)
    return text if pairs is None else f"{text} ({pairs[1]:.2f}..{pairs[2]:.2f})"


def summary(data, loads):
    rows = []
    for load in loads:
        of = Figures(data, load.name)
        engine, ready, peer = best_engine(of), best_readiness_peer(of), best_peer(of)
        if "echogw" not in of.rounds or ready is None:
            continue
        rows.append([load.title, str(of.count()), number(of.median("echogw")),
                     f"{ratio_cell(of, 'echogw', ready)} {title_of(ready)}",
                     title_of(engine).removeprefix("echogw, "),
                     f"{ratio_cell(of, engine, peer)} {title_of(peer)}"])
    return table(["load", "rounds", "echogw epoll, ns", "to the best readiness-based peer",
                  "best engine", "to the best peer"], rows)


def tails(data, loads):
    rows = []
    for load in loads:
        p99 = Figures(data, load.name, "p99")
        if "echogw" not in p99.rounds or "epoll" not in p99.rounds:
            continue
        rows.append([load.title, f"{p99.median('echogw') / 1000:,.1f}",
                     f"{p99.median('epoll') / 1000:,.1f}", ratio_cell(p99, "echogw", "epoll")])
    text = table(["load", "p99 of echogw, µs", "p99 of bare epoll, µs", "ratio"], rows)
    return text


def load_section(data, load):
    of = Figures(data, load.name)
    ours = best_engine(of)
    rows = []
    for server in of.servers():
        rate = Figures(data, load.name, "messages_per_second")
        share = Figures(data, load.name, "server_cpu_share")
        name = title_of(server)
        rows.append([f"**{name}**" if analysis.is_gateway(server) else name,
                     spread(of, server),
                     ratio_cell(of, "echogw", server) if "echogw" in of.rounds else NONE,
                     f"{of.ratio(ours, server):.2f}" if ours else NONE,
                     number(rate.median(server)), f"{share.median(server):.0%}",
                     *(micro(data, load, key, server) for key in raw_data.LATENCIES)])
    heading = ["server", "CPU ns per message", "echogw epoll / it", "best engine / it",
               "connects/s" if load.churn else "messages/s", "CPU busy", "p50 µs", "p99 µs",
               "p99.9 µs"]
    return f"### {load.title[0].upper()}{load.title[1:]}\n\n" + table(heading, rows) + _absent(
        data, load)


def _absent(data, load):
    lines = [f"{title_of(server)}: {reason}" for server, reason in
             data["unfit"].get(load.name, {}).items()]
    failed = {}
    for failure in data["failures"]:
        if failure["load"] == load.name:
            failed.setdefault(failure["server"], []).append(failure["reason"])
    failures = [f"{title_of(server)}, {len(reasons)} ({reasons[0]})"
                for server, reasons in failed.items()]
    return ("".join(f"\n{heading}: {'; '.join(each)}.\n"
                    for heading, each in (("Not measured", lines), ("Failed rounds", failures))
                    if each))


def curve_section(data, loads, x_heading, x_text):
    points = analysis.curve(data, loads)
    xs = sorted({x for of_server in points.values() for x, _ in of_server})
    rows = []
    for server, of_server in points.items():
        by_x = dict(of_server)
        rows.append([title_of(server), *(number(by_x[x]) if x in by_x else NONE for x in xs)])
    reasons = []
    for load in loads:
        reasons += [f"{title_of(server)}: {reason}" for server, reason in
                    data["unfit"].get(load.name, {}).items()]
    reasons = list(dict.fromkeys(reasons))
    return table([x_heading, *(x_text(x) for x in xs)], rows) + (
        "\nMissing figures: " + "; ".join(reasons) + ".\n" if reasons else "")


def reactors_section(data, loads):
    rows = []
    for load in loads:
        of = Figures(data, load.name)
        rate = Figures(data, load.name, "messages_per_second")
        for server in of.servers():
            rows.append([f"{title_of(server)}", str(load.reactors), spread(of, server),
                         number(rate.median(server)),
                         number(load.reactors * 1e9 / of.median(server))])
    rows.sort(key=lambda row: (row[0], int(row[1])))
    return table(["server", "reactors", "CPU ns per message", "messages/s, with the client",
                  "messages/s with a CPU each"], rows)


def origin(data):
    """Where, when and with which commands it was measured."""
    machine = data["machine"]
    used = {run["piece"] for run in data["runs"]}
    pieces = [piece for index, piece in enumerate(data["pieces"]) if index in used]
    began = sorted(piece["began"] for piece in pieces)
    revisions = ", ".join(dict.fromkeys(piece["revision"] for piece in pieces))
    durations = ", ".join(dict.fromkeys(
        f"{piece['duration']:g} s after {piece['warmup']:g} s of warm-up" for piece in pieces))
    versions = ", ".join(f"{title_of(server)} {version}" for server, version in
                         sorted(data["versions"].items()))
    commands = "\n".join(f"    {command}" for command in
                         dict.fromkeys(piece["command"] for piece in pieces))
    return words.ORIGIN.format(
        cpu=machine["cpu"], cpus=machine["cpus"], kernel=machine["kernel"],
        congestion=machine["congestion_control"], first=began[0], last=began[-1],
        revisions=revisions, durations=durations, versions=versions, commands=commands,
        runs=len(data["runs"]), disturbed=sum(
            run["others_cpu_share"] > raw_data.DISTURBED_SHARE for run in data["runs"]),
        share=f"{raw_data.DISTURBED_SHARE:.0%}")


def bars_figure(data, loads):
    values = {}
    for load in loads:
        of = Figures(data, load.name)
        if "epoll" in of.rounds:
            for server in of.rounds:
                values.setdefault(server, {})[load.name] = of.ratio(server, "epoll")
    order = [name for name in analysis.KNOWN if name in values]
    order += sorted(set(values) - set(order))
    return figures.bars([(load.name, load.name) for load in loads],
                        [(name, title_of(name), analysis.is_gateway(name)) for name in order],
                        values)


def _measured(data, group):
    of = known_loads.LOADS if group == "loads" else [
        load for load in known_loads.CURVES if load.group == group]
    return [load for load in of if Figures(data, load.name)]


def render(data):
    """File name -> text, for all files of the report."""
    if not data["runs"]:
        raise BenchError("the data file has no runs; measure first")
    files, parts = {}, [words.HEAD]
    loads = _measured(data, "loads")
    if loads:
        files["results/loads.svg"] = bars_figure(data, loads)
        parts += [words.SUMMARY.format(table=summary(data, loads), tails=tails(data, loads))]
    connections = _measured(data, "connections")
    if connections:
        files["results/connections.svg"] = figures.curves(
            "CPU per message, at most 100 connections active", "connections", "ns per message",
            figures.mechanism_series(analysis.curve(data, connections)), lambda x: f"{x:,}")
        parts.append(words.CONNECTIONS.format(
            table=curve_section(data, connections, "ns per message at", lambda x: f"{x:,}")))
    sizes = _measured(data, "sizes")
    if sizes:
        files["results/sizes.svg"] = figures.curves(
            "CPU per message by its size, 50 connections", "message", "ns per message",
            figures.server_series(analysis.curve(data, sizes)), known_loads.size_text)
        parts.append(words.SIZES.format(
            table=curve_section(data, sizes, "ns per message of", known_loads.size_text)))
    reactors = _measured(data, "reactors")
    if reactors:
        parts.append(words.REACTORS.format(table=reactors_section(data, reactors)))
    parts.append(words.METHOD.format(origin=origin(data)))
    if loads:
        parts.append(words.EACH_LOAD.format(
            tables="\n".join(load_section(data, load) for load in loads)))
    files["README.md"] = "\n".join(parts)
    return files


def write(data_path, folder):
    for name, text in render(raw_data.load(data_path)).items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        print(f"wrote {os.path.relpath(path)}")
