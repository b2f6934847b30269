// What `sock_stress --help` prints. docs/sock_stress.md shows the same text.

export const usage: string = `\
Usage: sock_stress -s ADDRESS [options]
       sock_stress -c ADDRESS [options]

Stress test for sockets. The client makes connections, sends random bytes of
random length over each, ends, and checks that the same comes back; the server
sends everything back. Speaks to the sock_stress of virtsock, whose options it
has, and to every echo server that ends after its client.

Addresses:
  vsock://3:1024, 3:1024    port 1024 of the machine with context id 3
  vsock, vsock://3          port 22099 (0x5653), to listen on or of machine 3
  hvsock://VM/SERVICE       Hyper-V: a machine's GUID or name as parent, and a
                            service's GUID or a port; hvsock and hvsock://VM are
                            service 3049197c-facb-11e6-bd58-64006a7986d3
  firecracker://:52/PATH    and cloud-hypervisor, vsock-mux, hyperkit://:80/DIR,
                            unix:///PATH: sockets of a monitor
  tcp://HOST:PORT           for comparison; tcp is port 5303

Options:
  -s ADDRESS                be the server
  -c ADDRESS                be the client
  -e                        end at the first failure
  -v LEVEL                  1: tell of each connection; 2: tell more
      --timeout SECONDS     how long one read or write may take (60)
      --json                a JSON object instead of the table, and messages as
                            one JSON object a line
  -h, --help                this text
      --version             the version

Options of the client:
  -i N                      connections in all (100; no limit with --duration)
  -p N                      connections at once (1)
  -L BYTES                  the least that a connection sends (0)
  -l BYTES                  the most that a connection sends (65536)
  -B BYTES                  the smallest write and read (16384)
  -b BYTES                  the largest write and read (16384)
  -w SECONDS                wait before the next connection (0)
      --duration SECONDS    begin no connection after so long
      --seed N              the same lengths, writes and bytes again
      --no-shutdown         do not end sending: count bytes instead

Options may have one hyphen or two, and their values may follow after =.
The table goes to stdout, messages to stderr. SIGINT and SIGTERM end the test
early, with the table. Exit status: 0 all went well, 1 something failed, 2 not
understood.

Examples:
  sock_stress -s vsock                     a server in a guest ...
  sock_stress -c vsock://3                 ... and 100 connections from its host
  sock_stress -c 3:1024 -i 100000 -p 16 -l 4096 -e
  sock_stress -c 3:1024 --duration 60 -p 8 --json
`;
