"""The benchmark's relay in Python, as one writes it for speed: two threads for each connection, one buffer each.

usage: relay.py unix:///PATH vsock://CID:PORT SIZE
"""

import re
import socket
import sys
import threading

path = sys.argv[1].removeprefix("unix://")
target = tuple(int(number) for number in re.findall(r"\d+", sys.argv[2]))
size = int(sys.argv[3])


def carry(source, sink):
    buffer = memoryview(bytearray(size))
    while length := source.recv_into(buffer):
        sink.sendall(buffer[:length])
    sink.shutdown(socket.SHUT_WR)


def serve(client):
    with client, socket.socket(socket.AF_VSOCK) as far:
        far.connect(target)
        back = threading.Thread(target=carry, args=(far, client))
        back.start()
        carry(client, far)
        back.join()


listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(4096)
print("ready", flush=True)
while True:
    client, _ = listener.accept()
    threading.Thread(target=serve, args=(client,), daemon=True).start()
