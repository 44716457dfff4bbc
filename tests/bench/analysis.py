"""Medians, spreads and ratios from the raw data; no output, no files."""

import statistics

import targets

# Which servers are compared: kinds and titles, independent of what is built.
KNOWN = {each.name: each for each in targets.everything("")}


def title_of(server):
    return KNOWN[server].title if server in KNOWN else server


def kind_of(server):
    return KNOWN[server].kind if server in KNOWN else targets.GATEWAY


def is_gateway(server):
    return kind_of(server) == targets.GATEWAY


class Figures:
    """One figure of the runs of a load, by server and round."""

    def __init__(self, data, load_name, key="nanoseconds_per_message"):
        self.rounds = {}
        for run in data["runs"]:
            if run["load"] == load_name and key in run:
                self.rounds.setdefault(run["server"], {})[run["round"]] = run[key]

    def __bool__(self):
        return bool(self.rounds)

    def servers(self):
        """Cheapest first, by level; then by name."""
        return sorted(self.rounds, key=lambda name: (self.level(name), name))

    def count(self):
        return max(len(of_server) for of_server in self.rounds.values())

    def median(self, server):
        return statistics.median(self.rounds[server].values())

    def level(self, server):
        """Median of its figures, each relative to the median of all servers in that round.

        A slower machine affects all servers of a round alike, but the medians of single servers may
        come from different rounds.
        """
        return statistics.median(value / self._typical(number)
                                 for number, value in self.rounds[server].items())

    def _typical(self, number):
        return statistics.median(of_server[number] for of_server in self.rounds.values()
                                 if number in of_server)

    def spread(self, server):
        values = self.rounds[server].values()
        return min(values), max(values)

    def ratio(self, server, base):
        """Median of the ratios of each round; without a common round, of the levels."""
        pairs = self.pair_ratio(server, base)
        return pairs[0] if pairs else self.level(server) / self.level(base)

    def pair_ratio(self, server, base):
        """Median, lowest and highest ratio of the rounds; None without a common round."""
        common = sorted(set(self.rounds[server]) & set(self.rounds[base]))
        ratios = [self.rounds[server][number] / self.rounds[base][number] for number in common]
        return (statistics.median(ratios), min(ratios), max(ratios)) if ratios else None

    def best(self, accept):
        """The server with the best level among those that `accept` selects; None if there is none.

        It must have all rounds: with fewer it may have missed the slowest.
        """
        candidates = [name for name in self.servers()
                      if accept(name) and len(self.rounds[name]) == self.count()]
        return candidates[0] if candidates else None


def best_engine(figures):
    """The best of echogw's engines with default options."""
    return figures.best(lambda name: name in KNOWN and is_gateway(name))


def best_readiness_peer(figures):
    return figures.best(lambda name: kind_of(name) == targets.READINESS)


def best_peer(figures):
    return figures.best(lambda name: not is_gateway(name))


def curve(data, loads, key="nanoseconds_per_message"):
    """server -> [(x, median)], with x from the load's name; servers in the order of the targets."""
    points = {}
    for load in loads:
        figures = Figures(data, load.name, key)
        for server in figures.rounds:
            points.setdefault(server, []).append((int(load.name.split("/")[1]),
                                                  figures.median(server)))
    order = list(KNOWN)
    return dict(sorted(points.items(), key=lambda item: (
        order.index(item[0]) if item[0] in order else len(order), item[0])))
