#!/bin/sh
# In the guest: vsock port 22 is the ssh server that listens on TCP port 22 of the guest's own loopback.
#   guest.sh [PORT [TCP-PORT]]
exec hvcat -l --exec "socat - TCP:localhost:${2:-22}" ":${1:-22}"
