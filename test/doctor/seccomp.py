#!/usr/bin/python3
# usage: seccomp.py ERRNO COMMAND...
# Runs the command as in a container or a unit whose seccomp filter answers ERRNO, by name, to socket(AF_VSOCK, ...).
import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
NUMBER_OF_CALL, FIRST_ARGUMENT = 0, 16  # in struct seccomp_data
AF_VSOCK = 40
SOCKET_CALL = {"x86_64": 41, "aarch64": 198}[platform.machine()]

code = getattr(errno, sys.argv[1])
program = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in [
        (LOAD, 0, 0, NUMBER_OF_CALL),
        (JUMP_IF_EQUAL, 0, 3, SOCKET_CALL),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_IF_EQUAL, 0, 1, AF_VSOCK),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | code),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    ]
)
buffer = ctypes.create_string_buffer(program, len(program))
filter = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
for call in [(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0)]:
    if libc.prctl(*call) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[2], sys.argv[2:])
