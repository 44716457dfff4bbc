"""The loads: the client's options and the number of idle connections."""

import dataclasses

ACTIVE_MAX = 100
CURVE_CONNECTIONS = (1, 10, 100, 1_000, 10_000, 19_000)
CURVE_SIZES = (1, 16, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576)
CURVE_REACTORS = (1, 2)


@dataclasses.dataclass(frozen=True)
class Load:
    name: str
    title: str
    options: tuple     # of `echogwctl bench`
    connections: int   # open at a time, idle ones included
    idle: int = 0
    reactors: int = 0  # above 1: server and client share the CPUs of both
    churn: bool = False

    @property
    def group(self):
        return self.name.split("/")[0] if "/" in self.name else "loads"


def _ping_pong(name, title, connections, *options):
    return Load(name, title, ("-c", str(connections), *options), connections,
                churn="--churn" in options)


def size_text(size):
    for unit, bytes_of in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= bytes_of and size % bytes_of == 0:
            return f"{size // bytes_of} {unit}"
    return f"{size} B"


LOADS = [
    _ping_pong("c1", "1 connection, 64 B", 1, "-s", "64"),
    _ping_pong("c50", "50 connections, 64 B", 50, "-s", "64"),
    _ping_pong("c1000", "1,000 connections, 64 B", 1000, "-s", "64"),
    _ping_pong("c10000", "10,000 connections, 64 B", 10000, "-s", "64"),
    _ping_pong("depth16", "50 connections, 64 B, depth 16", 50, "-s", "64", "-p", "16"),
    _ping_pong("bulk", "50 connections, 64 KiB", 50, "-s", "65536"),
    # From many addresses: one has about 28,000 ports, each unusable for a while after use.
    _ping_pong("churn", "50 clients, connect-echo-close", 50, "-s", "64", "--churn",
               "--source-addresses", "250"),
]


def _with_idle(connections):
    active = min(connections, ACTIVE_MAX)
    return Load(f"connections/{connections}", f"{connections:,} connections, {active} active, 64 B",
                ("-c", str(active), "-s", "64"), connections, idle=connections - active)


CURVES = [
    *(_with_idle(connections) for connections in CURVE_CONNECTIONS),
    *(_ping_pong(f"sizes/{size}", f"50 connections, {size_text(size)}", 50, "-s", str(size))
      for size in CURVE_SIZES),
    *(Load(f"reactors/{count}", f"50 connections, 64 B, {count} reactors and client threads",
           ("-c", "50", "-s", "64", "-t", str(count)), 50, reactors=count)
      for count in CURVE_REACTORS),
]


def select_loads(text):
    """Loads by names and groups, in the order of the lists. Raises ValueError."""
    everything = LOADS + CURVES
    wanted = text.split(",")
    known = {load.name for load in everything} | {load.group for load in everything}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"no load or group named {', '.join(unknown)}; there are "
                         f"{', '.join(sorted(known))}")
    return [load for load in everything if load.name in wanted or load.group in wanted]
