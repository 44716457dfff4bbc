// Whole screens of `top` as they were looked at and found good.
#pragma once

namespace echogw::ctl::top {

// clang-format off
inline constexpr char kReactors80[] =
    R"( echogw 127.0.0.1:7001  serving  0.1.0  up 2h02m             22:13:21Z every 1s
 Connections       300               ██  Accepts/s          10                █
 Messages/s      1.00k                █  CPU             50.0%                █
 In         62.5 KiB/s                █  Out        62.5 KiB/s                █
 memory 23.5 MiB  drops 11  rejected 7  accept errors 3  stalls 6 (2.47 ms)
▲ID CPU STATE    LOAD       CONNS ACC/S MSG/S   IN/S  OUT/S EV/WK     QUEUE  WGT
  0   0 serving  █     25%    100    10 1.00k  62.5K  62.5K   2.0    3/4096    1
  1   1 serving  █     25%    200    10 1.00k  62.5K  62.5K   2.0    3/4096    1
  2   - parked           -      0     0     0      0      0     -         -    1














 Enter conns  s sort  d drain  u undrain  +-R resize  e events  h help  q quit
)";

inline constexpr char kReactors120[] =
    R"( echogw 127.0.0.1:7001  serving  0.1.0 (abc1234)  up 2h02m                                           22:13:21Z every 1s
 Connections       300                                   ██  Accepts/s          10                                    █
 Messages/s      1.00k                                    █  CPU             50.0%                                    █
 In         62.5 KiB/s                                    █  Out        62.5 KiB/s                                    █
 memory 23.5 MiB  drops 11  rejected 7  accept errors 3  stalls 6 (2.47 ms)
 ID CPU STATE    LOAD                              ▼CONNS ACC/S MSG/S   IN/S  OUT/S EV/WK     QUEUE  WGT
  1   1 serving  ███████                       25%    200    10 1.00k  62.5K  62.5K   2.0    3/4096    1
  0   0 serving  ███████                       25%    100    10 1.00k  62.5K  62.5K   2.0    3/4096    1
  2   - parked                                   -      0     0     0      0      0     -         -    1



















 resize 2 -> 4: move-connections, 12 left, 1.20 s
 Enter conns  s sort  r reverse  d drain  u undrain  +-R resize  b rebalance  D drain all  e events  h help  q quit
)";

inline constexpr char kReactorsAscii[] =
    R"( echogw 127.0.0.1:7001  serving  0.1.0  up 2h02m             22:13:21Z every 1s
 Connections       300               ##  Accepts/s          10                #
 Messages/s      1.00k                #  CPU             50.0%                #
 In         62.5 KiB/s                #  Out        62.5 KiB/s                #
 memory 23.5 MiB  drops 11  rejected 7  accept errors 3  stalls 6 (2.47 ms)
 ID CPU STATE    LOAD      vCONNS ACC/S MSG/S   IN/S  OUT/S EV/WK     QUEUE  WGT
  1   1 serving  #     25%    200    10 1.00k  62.5K  62.5K   2.0    3/4096    1
  0   0 serving  #     25%    100    10 1.00k  62.5K  62.5K   2.0    3/4096    1
  2   - parked           -      0     0     0      0      0     -         -    1













 resize 2 -> 4: move-connections, 12 left, 1.20 s
 Enter conns  s sort  d drain  u undrain  +-R resize  e events  h help  q quit
)";

inline constexpr char kHelp[] =
    R"( echogw 127.0.0.1:7001  serving  0.1.0  up 2h02m             22:13:21Z every 1s
 Connections       300               ██  Accepts/s          10                █
 Messages/s      1.00k                █  CPU             50.0%                █
 In         62.5 KiB/s                █  Out        62.5 KiB/s                █
 memory 23.5 MiB  drops 11  rejected 7  accept errors 3  stalls 6 (2.47 ms)

  Up Down j k       select; also PgUp PgDn Home End
  < > s Left Right  sort by another column
  r                 reverse the order
  Enter             connections of the reactor; there: details of one
  d                 drain the reactor: its connections move to others
  u                 undrain the gateway if it is drained, else the reactor
  + -               add or remove a reactor
  R                 resize to a number of reactors
  b                 rebalance connections once
  D                 drain the gateway: all connections are closed
  x X               close a connection with FIN, or reset it with RST
  e                 events: actions of operators and of the gateway
  Space             pause the screen
  Esc  Ctrl-L       back; redraw the screen
  q Ctrl-C          quit; a running operation continues

 resize 2 -> 4: move-connections, 12 left, 1.20 s
 any key back  q quit
)";

inline constexpr char kPlain[] =
    R"( echogw 127.0.0.1:7001  serving  0.1.0  up 2h02m             22:13:21Z every 1s
 Connections       300               ██  Accepts/s          10                █
 Messages/s      1.00k                █  CPU             50.0%                █
 In         62.5 KiB/s                █  Out        62.5 KiB/s                █
 memory 23.5 MiB  drops 11  rejected 7  accept errors 3  stalls 6 (2.47 ms)
 ID CPU STATE    LOAD      ▼CONNS ACC/S MSG/S   IN/S  OUT/S EV/WK     QUEUE  WGT
  1   1 serving  █     25%    200    10 1.00k  62.5K  62.5K   2.0    3/4096    1
  0   0 serving  █     25%    100    10 1.00k  62.5K  62.5K   2.0    3/4096    1
  2   - parked           -      0     0     0      0      0     -         -    1
)";

inline constexpr char kConnections[] =
    R"( echogw 127.0.0.1:7001  serving  0.1.0  up 2h02m             22:13:21Z every 1s
 Connections       300               ██  Accepts/s          10                █
 Messages/s      1.00k                █  CPU             50.0%                █
 In         62.5 KiB/s                █  Out        62.5 KiB/s                █
 memory 23.5 MiB  drops 11  rejected 7  accept errors 3  stalls 6 (2.47 ms)
 Connections of reactor 1, most bytes first: 40 of 19.0k
        ID PEER                   STATE        AGE    IDLE     IN    OUT  UNREAD
      1000 192.168.1.7:40000      open       2m05s 12.5 ms  1.46M    512       0
      1001 192.168.1.7:40001      blocked    2m06s 12.5 ms  1.46M    512   4.00K
      1002 192.168.1.7:40002      open       2m07s 12.5 ms  1.46M    512       0
      1003 192.168.1.7:40003      open       2m08s 12.5 ms  1.46M    512       0
      1004 192.168.1.7:40004      open       2m09s 12.5 ms  1.46M    512       0
      1005 192.168.1.7:40005      open       2m10s 12.5 ms  1.46M    512       0
      1006 192.168.1.7:40006      open       2m11s 12.5 ms  1.46M    512       0
      1007 192.168.1.7:40007      open       2m12s 12.5 ms  1.46M    512       0
      1008 192.168.1.7:40008      open       2m13s 12.5 ms  1.46M    512       0
      1009 192.168.1.7:40009      open       2m14s 12.5 ms  1.46M    512       0
      1010 192.168.1.7:40010      open       2m15s 12.5 ms  1.46M    512       0
      1011 192.168.1.7:40011      open       2m16s 12.5 ms  1.45M    512       0
      1012 192.168.1.7:40012      open       2m17s 12.5 ms  1.45M    512       0
      1013 192.168.1.7:40013      open       2m18s 12.5 ms  1.45M    512       0
      1014 192.168.1.7:40014      open       2m19s 12.5 ms  1.45M    512       0
                                                                     1-15 of 40
 Enter details  s sort  x close  X reset  Esc back  Space pause  h help  q quit
)";

inline constexpr char kDetail[] =
    R"( echogw 127.0.0.1:7001  serving  0.1.0  up 2h02m             22:13:21Z every 1s
 Connections       300               ██  Accepts/s          10                █
 Messages/s      1.00k                █  CPU             50.0%                █
 In         62.5 KiB/s                █  Out        62.5 KiB/s                █
 memory 23.5 MiB  drops 11  rejected 7  accept errors 3  stalls 6 (2.47 ms)
 Connection 1000

 Peer         192.168.1.7:40000          TCP state    ESTABLISHED
 Local        127.0.0.1:7000             Round trip   1.23 ms, least 87.0 µs
 Mode         echo                       Variance     45.0 µs
 Reactor      1                          Retransmits  3
 State        open                       Window       10 segments of 1448 B
 Age          2m05s                      Unacked      2 segments, lost 1
 Idle         12.5 ms                    Unsent       4.00 KiB
 Received     1.46 MiB                   Out queue    8.00 KiB
 Sent         512 B                      In queue     64 B
 Unread       0 B                        Delivery     122 KiB/s






 x close  X reset  Esc back  h help  q quit
)";

inline constexpr char kEvents[] =
    R"( echogw 127.0.0.1:7001  serving  0.1.0  up 2h02m             22:13:21Z every 1s
 Connections       300               ██  Accepts/s          10                █
 Messages/s      1.00k                █  CPU             50.0%                █
 In         62.5 KiB/s                █  Out        62.5 KiB/s                █
 memory 23.5 MiB  drops 11  rejected 7  accept errors 3  stalls 6 (2.47 ms)
 Events, newest first
 TIME UTC  SEVERITY KIND        ACTOR           MESSAGE
 22:13:23  warning  stall       127.0.0.1:51234 reactor 1 stood still for 1.20 s
 22:13:22  error    resize      127.0.0.1:51234 resize 8 -> 2 failed: reactor 3…
 22:13:21  info     state       127.0.0.1:51234 the gateway serves









 By ipv4:127.0.0.1:51234, operation 7: resize 8 -> 2 failed: reactor 3 did not
 end within 30 s; see its stack in the log, and try again once it answers


 Esc back  Space pause  h help  q quit
)";

inline constexpr char kMany[] =
    R"( echogw 127.0.0.1:7001  serving  up 2h02m                    LOST, data 0 s old
 Connections       300                █  Accepts/s           -
 Messages/s          -                   CPU                 -
 In                  -                   Out                 -
 cannot reach 127.0.0.1:7001 (connection refused); retrying in 2 s
▲ID CPU STATE    LOAD       CONNS ACC/S MSG/S   IN/S  OUT/S EV/WK     QUEUE  WGT
 18   0 serving          -    100     -     -      -      -     -    3/4096    1
 19   0 serving          -    100     -     -      -      -     -    3/4096    1
 20   0 serving          -    100     -     -      -      -     -    3/4096    1
 21   0 serving          -    100     -     -      -      -     -    3/4096    1
 22   0 serving          -    100     -     -      -      -     -    3/4096    1
 23   0 serving          -    100     -     -      -      -     -    3/4096    1
 24   0 serving          -    100     -     -      -      -     -    3/4096    1
 25   0 serving          -    100     -     -      -      -     -    3/4096    1
 26   0 serving          -    100     -     -      -      -     -    3/4096    1
 27   0 serving          -    100     -     -      -      -     -    3/4096    1
 28   0 serving          -    100     -     -      -      -     -    3/4096    1
 29   0 serving          -    100     -     -      -      -     -    3/4096    1
 30   0 serving          -    100     -     -      -      -     -    3/4096    1
 31   0 serving          -    100     -     -      -      -     -    3/4096    1
 32   0 serving          -    100     -     -      -      -     -    3/4096    1
 33   0 serving          -    100     -     -      -      -     -    3/4096    1
                                                                    19-34 of 64
 Enter conns  s sort  d drain  u undrain  +-R resize  e events  h help  q quit
)";

// clang-format on

}  // namespace echogw::ctl::top
