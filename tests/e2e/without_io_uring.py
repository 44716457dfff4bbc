"""without_io_uring.py COMMAND...: executes COMMAND with io_uring refused by EPERM, as in a
container with a seccomp profile."""

import ctypes
import os
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
IO_URING_SETUP = 425  # on every architecture
EPERM = 1
LOAD_NUMBER, RETURN, JUMP_IF_EQUAL = 0x20, 0x06, 0x15
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def main():
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in (
        (LOAD_NUMBER, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, IO_URING_SETUP),
        (RETURN, 0, 0, ERRNO | EPERM), (RETURN, 0, 0, ALLOW)))
    instructions = ctypes.create_string_buffer(program)
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
                      (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described)):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    os.execvp(sys.argv[1], sys.argv[1:])


main()
