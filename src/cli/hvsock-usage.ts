// What `hvsock --help` prints. docs/hvsock.md shows the same text.

export const usage: string = `\
Usage: hvsock doctor [--json] [--io [--vmid VM --service SERVICE]] [SOCKET...]
       hvsock emulate [options] DIRECTORY
       hvsock forward [options] LISTEN CONNECT
       hvsock vms [--json]
       hvsock services list [--json]
       hvsock services register SERVICE [--name NAME] [--json]
       hvsock services unregister SERVICE [--json]
       hvsock --help | --version

doctor: what is wrong with hypervisor sockets here, why, and the command that
mends it. Looks only: it changes nothing and connects to no machine. SOCKET is
the path or address of a monitor's unix socket to look at too, or HyperKit's
directory. On Windows, --io also tries how bytes are carried, by an echo over
AF_HYPERV loopback, and of a machine's echo service. The findings go to stdout;
with --json, as one array. Exit status: 0 no failure, 1 a failure, 2 not
understood.

emulate: a hypervisor in a directory, for machines that have none. Programs that
run with HVSOCK_EMULATOR=DIRECTORY, and with HVSOCK_EMULATOR_CID=3 in guest 3,
talk to each other as over AF_VSOCK; they need this command only for monitors'
sockets and for faults. Runs until stopped.

forward: carries connections between any two kinds of socket; its options are
shown by hvsock forward --help.

vms: the virtual machines of a Windows host: id, state and name, of Hyper-V's
and of the one that WSL runs in. Hyper-V shows its own to its administrators.

services: what a Windows host offers to its machines. A service that a program
on the host listens on must be registered once, as administrator. SERVICE is
a GUID, or a port, which stands for one; NAME is for people. What vms and
services list goes to stdout; with --json, as one array.

Options of emulate:
  -g, --guest CID           start this guest; without, only the host is there
      --vmid GUID           its machine GUID, for hvsock:// addresses
      --firecracker PATH    show it on the host as Firecracker does
      --hyperkit DIRECTORY  show it on the host as HyperKit does
      --loopback            with a new DIRECTORY: connections are TCP on
                            127.0.0.1, where unix sockets do not work
      --json                one JSON object for each line of messages

Faults of the guest's connections with other machines:
      --refuse SHARE        refuse this share of connects, 0 to 1
      --delay MS            everything takes so much longer
      --drop-after BYTES    after so many bytes nothing arrives any more
      --reset-after BYTES   after so many bytes the connection is reset
      --split BYTES         bytes arrive in segments of up to this size
      --merge BYTES         bytes arrive when there are this many
      --no-half-close       when one direction ends the other one does
      --lose-at-shutdown BYTES
                            the last bytes before an end are lost
      --seed N              the same seed, the same random choices
      --control             take commands from stdin, one a line: suspend,
                            resume, reset, cid CID

Messages go to stderr. Exit status: 0 done or stopped, 1 failed,
2 not understood.

Examples:
  hvsock doctor /run/vm.sock
  hvsock emulate /tmp/hv --guest 3 --firecracker /tmp/v.sock
  HVSOCK_EMULATOR=/tmp/hv HVSOCK_EMULATOR_CID=3 hvcat -l --echo :1024
  HVSOCK_EMULATOR=/tmp/hv hvcat 3:1024
  hvcat firecracker://:1024/tmp/v.sock
  hvsock services register 1024 --name 'my echo'
`;
