"""Becoming the user that a job works as, with the leave to read what belongs to others and nothing else of root's."""

import ctypes
import os
import struct

from init.protocol import Failure

# From linux/capability.h and linux/prctl.h.
_VERSION_3 = 0x20080522
_READ_ANYTHING = 1 << 2
_KEEP_CAPABILITIES = 8


def become(user: str) -> None:
    """Become `uid:gid` for good; what was started as root with `CAP_DAC_READ_SEARCH`, `CAP_SETUID` and `CAP_SETGID` keeps the first.

    It holds for this thread and those that it starts; programs that it starts have no capability at all.
    """
    uid, gid = (int(part) for part in user.split(":"))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0):
        raise _refused()
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    header = struct.pack("=Ii", _VERSION_3, 0)
    # Effective, permitted, inheritable; the upper halves follow.
    if libc.capset(header, struct.pack("=6I", _READ_ANYTHING, _READ_ANYTHING, 0, 0, 0, 0)):
        raise _refused()


def _refused() -> Failure:
    reason = os.strerror(ctypes.get_errno())
    return Failure(
        "BackupFailed", f"the job may not read what is mounted: {reason}", "let containers have CAP_DAC_READ_SEARCH"
    )
