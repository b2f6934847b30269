// What `hvsock forward --help` prints. docs/forward.md shows the same text.

export const forwardUsage: string = `\
Usage: hvsock forward [options] LISTEN CONNECT

Each connection that arrives at LISTEN is carried to CONNECT, both ways, until
both sides have ended. Runs until stopped.

LISTEN and CONNECT are any two of
  vsock://3:22, 3:22, :22   AF_VSOCK; without a CID, any, only to listen on
  hvsock://VM/SERVICE       Hyper-V
  firecracker://:52/v.sock  a VMM's unix socket; hyperkit://:52/directory
  unix:///run/app.sock      a unix socket
  tcp://HOST:PORT           TCP; tcp://:PORT listens on every address
  -                         stdin and stdout: one connection
  systemd                   LISTEN only: the sockets that systemd passes

Options:
      --allow CID[,CID...]  take connections from these vsock CIDs only
      --max-connections N   turn away those beyond so many at once
      --timeout SECONDS     give up a try at connecting after so long
      --retry[=SECONDS]     try again while CONNECT is not there, for so long,
                            without a value for ever
      --idle-timeout SECONDS
                            end a connection on which nothing moves
      --grace SECONDS       when stopped, let connections end for so long;
                            default 10
  -v, --verbose             tell of each connection and what it carried
      --json                the same, one JSON object a line
  -h, --help                this text

Messages go to stderr. SIGTERM and SIGINT stop it: no more connections are
taken, those that there are may end within --grace; a second one ends it at
once. Exit status: 0 stopped or done, 1 failed, 2 not understood.

Examples:
  hvsock forward tcp://127.0.0.1:2222 3:22
  hvsock forward --allow 3,4 :5432 unix:///run/postgresql/.s.PGSQL.5432
  hvsock forward unix:///run/vm.sock firecracker://:52/run/v.sock
  ssh -o ProxyCommand='hvsock forward - vsock://3:22' root@vm
`;
