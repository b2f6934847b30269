#!/bin/sh
# In the guest: vsock port 22 is the ssh server that listens on TCP port 22 of the guest's own loopback. For the host (2) and the
# guest itself (1).
#   guest.sh [PORT [TCP-PORT]]
exec hvsock forward --allow 1,2 ":${1:-22}" "tcp://localhost:${2:-22}"
