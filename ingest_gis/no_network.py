"""Take a process off the network for good, before it opens a file from outside."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

from twin.errors import MissingSoftware

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

# Classic BPF: opcodes and results of <linux/bpf_common.h> and <linux/seccomp.h>.
BPF_LOAD_WORD = 0x20
BPF_JUMP_EQUAL = 0x15
BPF_JUMP_GREATER_OR_EQUAL = 0x35
BPF_RETURN = 0x06
SECCOMP_ALLOW = 0x7FFF0000
SECCOMP_ERRNO_EPERM = 0x00050001
X32_SYSCALL_BIT = 0x40000000

# machine: (audit architecture, system calls that begin a connection or start another program)
# x86_64: socket, socketpair, execve, execveat, io_uring_setup; aarch64 likewise.
ARCHITECTURES = {
    "x86_64": (0xC000003E, (41, 53, 59, 322, 425)),
    "aarch64": (0xC00000B7, (198, 199, 221, 281, 425)),
}


def cut_network() -> str:
    """Refuse sockets and new programs to this process and all its threads, for good.

    Returns how it was done: "seccomp" or "namespace". Raises MissingSoftware when the kernel offers neither: a file
    from outside is then not opened at all.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if _filter_system_calls(libc):
        return "seccomp"
    if libc.unshare(CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        return "namespace"
    raise MissingSoftware(
        "此内核既无 seccomp 也无网络命名空间, 不能安全打开外来文件 "
        "(this kernel has neither seccomp nor network namespaces, so files from outside cannot be opened safely)",
        do="请在普通 Linux 内核上运行 (run on an ordinary Linux kernel)",
    )


def _filter_system_calls(libc: ctypes.CDLL) -> bool:
    known = ARCHITECTURES.get(platform.machine())
    if known is None or os.uname().sysname != "Linux":
        return False
    program = _program(*known)
    buffer = ctypes.create_string_buffer(program, len(program))

    class FilterProgram(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    descriptor = FilterProgram(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    done: int = libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(descriptor), 0, 0)
    return done == 0


def _program(architecture: int, refused: tuple[int, ...]) -> bytes:
    """Write the filter: another architecture or a refused call answers EPERM, all else goes through.

    struct seccomp_data: system call number at offset 0, architecture at offset 4.
    """
    count = len(refused)
    lines = [
        (BPF_LOAD_WORD, 0, 0, 4),
        (BPF_JUMP_EQUAL, 0, count + 3, architecture),
        (BPF_LOAD_WORD, 0, 0, 0),
        (BPF_JUMP_GREATER_OR_EQUAL, count + 1, 0, X32_SYSCALL_BIT),
        *((BPF_JUMP_EQUAL, count - index, 0, number) for index, number in enumerate(refused)),
        (BPF_RETURN, 0, 0, SECCOMP_ALLOW),
        (BPF_RETURN, 0, 0, SECCOMP_ERRNO_EPERM),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
