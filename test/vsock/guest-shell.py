#!/usr/bin/python3
# What the guest of a pair runs: a shell for whoever connects. It reads a script to its end, runs it and sends what it
# prints. The guest is a test's, and nobody else can reach it.
import socket
import subprocess
import sys
import threading


def serve(connection):
    with connection, connection.makefile("rb") as reader:
        shell = subprocess.run(["sh", "-c", reader.read()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            connection.sendall(shell.stdout)
        except OSError as error:
            print("guest-shell:", error, file=sys.stderr)


listener = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
listener.bind((socket.VMADDR_CID_ANY, 9999))
listener.listen(16)
while True:
    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
