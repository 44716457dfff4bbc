"""The words of README.md. Figures never stand here: they come from the raw data."""

HEAD = """\
# Bench

<!-- Written by peers.py report; change report_text.py or the data, not this file. -->

What echogw costs, side by side with its peers under the same loads. Every server has one CPU for
itself and the client, `echogwctl bench`, which compares every byte, has another one.

| script | what |
|---|---|
| `peers.py` | echogw and its peers in turn, into `results/peers.json`; `peers.py report` writes this page from that file |
| `compare.py` | echogw and a bare epoll loop, and the memory of idle connections; for every day |
| `alternate.py` | a few servers, builds or option sets, closely: differences of 1 % |
| `profile_servers.py` | where the CPU time of a message goes |
| `compare_client.py` | `echogwctl bench` and a bare epoll client: what the client itself costs |
| `peers/` | the peers, a file each, written as their communities would, for speed |

    deploy/install-packages.sh build bench
    cmake --preset release && cmake --build --preset release && tests/bench/peers.py build
    tests/bench/peers.py check                                     # every server returns every byte
    tests/bench/peers.py measure --data build/peers.json --budget 140   # again until it exits with 0
    tests/bench/peers.py report --data build/peers.json --to build

`measure` goes on where the data file ends, so it can be run in pieces, `--loads churn`, `--loads
connections`, and be cut off at any time (then it exits with 75). It refuses to mix builds or
machines in a file; `--replace`, once, drops what the file has of these loads. Without `--data` the
file is that of this page. `peers.py list` names servers and loads; `--variant echogw-NAME='OPTIONS'` adds an
echogw with other options (here echogw-spin, `--spin-us=50`). An echogw or a peer that cannot be started here is named and left out.
"""

SUMMARY = """\
## Result

CPU time of the server for each message, medians; the median of the rounds' own ratios, and in
brackets the lowest and the highest. Below 1 echogw costs less. A ratio is not that of the two
medians: the machine is at times slower for a while, and a round is what two servers have in common.
"Readiness-based" are all peers that ask the kernel which sockets are ready; "best peer" is any, so
also io_uring and threads that block. The best of many is in part the luckiest: where peers lie close
together, noise favours them. Where the brackets are as wide as here, a difference of 10 % is none: a
round of so many servers takes the machine through several of its moods. [floor.md](floor.md) has the
nearest ones more closely, what the difference is made of, and what was tried. Connects a second
under churn compare the clients: no server has its CPU full.

{table}
![CPU per message by load](results/loads.svg)

{tails}"""

CONNECTIONS = """\
## Cost against connections

At most 100 connections are active, the others idle. select and poll hand the kernel all of them in
every call, and it looks at each; epoll and io_uring hear of the ready ones only, and a thread that
blocks is woken alone.

![CPU per message against connections](results/connections.svg)

{table}"""

SIZES = """\
## Cost against message size

50 connections, each with one message under way. Up to some 16 KiB the cost is that of the system
calls and of the kernel's path for a segment; above, that of copying each byte once in and once out.

![CPU per message against its size](results/sizes.svg)

{table}"""

REACTORS = """\
## Throughput against reactors

{table}
There are two CPUs: one reactor and one client thread have one each, two reactors and two client
threads share both, so the messages a second above are what server and client do together. What a
reactor costs a message tells what N of them could carry, each on a CPU of its own and the clients
elsewhere: N times 1e9 / ns.

On more cores, on paper. Not shared between reactors, hence no term that grows with N: listening
socket and its queue, epoll instance or ring, connection table, buffers, counters (a cache line
each, written by one thread, read when somebody asks), timers. Shared, and what it costs:

| shared | touched | cost |
|---|---|---|
| mailbox of a reactor: a lock and an eventfd | by commands, moves and resizes, never by a message | none while nothing is changed |
| the choice among SO_REUSEPORT listeners | once a connection, in the kernel | reads only; a lock-free array |
| file descriptor table of the process | by accept and close, under one lock of the kernel | grows with N under churn; ping-pong only reads it |
| memory of the kernel's sockets | counted per CPU in batches | an atomic each time that a batch is used up |
| memory bandwidth, last-level cache, interrupts of the network card | by every message | the machine's; RSS or RPS decides which CPU does the protocol work |

So messages scale with cores until the machine's own limits do; connects and closes scale until the
descriptor table's lock is contended.
"""

METHOD = """\
## How it is measured

- CPU time is the scheduler's count for all threads of the server, those that have ended included,
  between begin and end of the client's measured time. Work of the kernel that runs in the server's
  calls counts as the server's, as it should.
- A round runs each server once, in an order of its own. A server is started afresh for each run.
  Figures are medians over the rounds. A run that others disturb is repeated, twice at most and while
  the budget of time allows.
- Each peer has TCP_NODELAY, a backlog of 4096, buffers up to 64 KiB, and sends from where it read;
  what the kernel does not take is kept and the connection not read meanwhile. `peers.py check`
  sends 16 MiB to a server before it reads, closes one half, and compares all.
- "CPU busy" is how much of its CPU the server used: below 100 % the client was the slower one, and
  messages a second compare the clients.
- The client's own work is outside: its latencies include its share of time to read and write.

{origin}"""

ORIGIN = """\
Machine: {cpu}, {cpus} CPUs, Linux {kernel}, {congestion}, loopback. {runs} runs, begun {first} to
{last}, {durations}, echogw at {revisions}. In {disturbed} of the runs others used more
than {share} of a CPU. Versions: {versions}.

{commands}
"""

EACH_LOAD = """\
## Each load

{tables}"""
