// What `hvcat --help` prints. docs/hvcat.md shows the same text.

export const usage: string = `\
Usage: hvcat [options] [ADDRESS]
       hvcat -l [options] [ADDRESS]
       hvcat --vmid VM [options] SERVICE

Connects stdin and stdout to a hypervisor socket: nc for virtual machines.
ADDRESS is vsock://:80 unless given.

Addresses:
  vsock://3:1024, 3:1024    port 1024 of the machine with context id 3; host is
                            the host (2), local is this machine (1)
  vsock://:1024, :1024      listening: port 1024; port any takes a free one
  hvsock://VM/SERVICE       Hyper-V: a machine's GUID, or parent, children,
                            loopback, wildcard; and a service's GUID, or a port
  GUID                      listening: that service, for every machine
  firecracker://:52/PATH    port 52 behind the unix socket of
                            Firecracker or Cloud Hypervisor; also
                            hyperkit://:80/DIR and unix:///PATH

Options:
  -l, --listen              listen, and serve one connection
  -k, --keep-open           with -l: one connection after another, until stopped
      --echo                with -l: send everything back, to many at once
  -e, --exec COMMAND        run COMMAND in the shell for each connection, which
                            is its stdin and stdout; with -l many at once
      --vmid VM             the machine, by GUID or, on a Windows host, by name;
                            ADDRESS is then a service GUID or a port
      --timeout SECONDS     how long one attempt to connect may take
      --retry[=SECONDS]     try until somebody answers, for ever or so long
  -q, --quit SECONDS        after the end of stdin, wait so long for the other
                            side's end; unless given, as long as it takes
      --no-shutdown         keep sending open after the end of stdin
      --framed              the other side is framed, too: half close works, and
                            nothing is lost, whatever the hypervisor does
  -v, --verbose             tell who is connected, bytes and rate
      --json                the same as one JSON object a line
      --progress            show bytes and rate while they flow, on a terminal
      --register-guid       with -l on Windows: register the service first, once
                            and as administrator
  -h, --help                this text
      --version             the version

Messages go to stderr. Exit status: 0 done, 1 failed, 2 not understood;
128 + the signal's number if stopped before a connection was done.

Examples:
  hvcat -l --echo :1024                    an echo server
  hvcat 3:1024                             talk to port 1024 of machine 3
  hvcat -l :1024 > file                    receive a file ...
  hvcat host:1024 < file                   ... that a guest sends
  hvcat --retry=30 3:1024 < request        to a machine that is still booting
  hvcat -l --exec 'tar xf -' :1024         unpack what each connection brings
`;
