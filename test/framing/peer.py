# The framed shutdown protocol once more, by somebody who has only read its description.
# usage: peer.py connect|listen PATH: answers all that comes, in upper case, when the other side has ended; then closes.
import socket
import struct
import sys

READ, WRITE, CLOSE = 0xDEADBEEF, 0xBEEFDEAD, 0xDEADDEAD

role, path = sys.argv[1:]
sock = socket.socket(socket.AF_UNIX)
if role == "connect":
    sock.connect(path)
else:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    sock, _ = listener.accept()


def exactly(length):
    data = b""
    while len(data) < length:
        piece = sock.recv(min(7, length - len(data)))
        if not piece:
            sys.exit(f"the connection ended after {data!r}")
        data += piece
    return data


def word():
    return struct.unpack("<I", exactly(4))[0]


received = b""
while (header := word()) != WRITE:
    assert header <= 4096, hex(header)
    received += exactly(header)
answer = received.upper()
for at in range(0, len(answer), 1000):
    part = answer[at : at + 1000]
    sock.sendall(struct.pack("<I", len(part)) + part)
sock.sendall(struct.pack("<I", WRITE))
assert (last := word()) == CLOSE, hex(last)
sock.sendall(struct.pack("<I", CLOSE))
assert sock.recv(1) == b""
print(len(received))
