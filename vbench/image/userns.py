"""Run a program among which those of a foreign architecture run too: `userns.py RULE PROGRAM ARGUMENT ...`.

A handler of binfmt_misc is the whole machine's, except in a user namespace of its own (Linux 6.7). So we make one that
maps every user to itself, register the rule in it, and become the program: with its last process all of it is gone.
It runs by the path of this file and imports nothing of vbench.
"""

import ctypes
import os
import sys

NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000  # CLONE_NEWUSER and CLONE_NEWNS of unshare(2)
RECURSIVE, PRIVATE = 0x4000, 0x40000  # MS_REC and MS_PRIVATE of mount(2)
HANDLERS = "/proc/sys/fs/binfmt_misc"
EVERYBODY = "0 0 4294967295"
libc = ctypes.CDLL(None, use_errno=True)


def main(rule: str, program: str, *arguments: str) -> None:
    """Make the namespaces, register the rule, become the program."""
    enter()
    check(libc.mount(None, b"/", None, RECURSIVE | PRIVATE, None), "making mounts private")
    check(libc.mount(b"binfmt_misc", HANDLERS.encode(), b"binfmt_misc", 0, None), "mounting binfmt_misc")
    with open(f"{HANDLERS}/register", "w") as register:  # noqa: PTH123 - pathlib takes longer than all of this
        register.write(rule)
    os.execvp(program, [program, *arguments])  # noqa: S606 - this is what the program is for


def enter() -> None:
    """Enter the namespaces. Who is in the new one is written by a process outside of it, which we may not do inside."""
    above = os.getpid()
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(theirs)
        entered = os.read(ours, 1)
        for kind in ("uid", "gid") if entered else ():
            with open(f"/proc/{above}/{kind}_map", "w") as mapping:  # noqa: PTH123
                mapping.write(EVERYBODY)
        os._exit(0 if entered else 1)
    check(libc.unshare(NEW_USER | NEW_MOUNTS), "making a user namespace")
    os.write(theirs, b".")
    os.close(ours)
    os.close(theirs)
    if os.waitpid(child, 0)[1]:
        sys.exit("the users of a new namespace could not be written down")


def check(result: int, doing: str) -> None:
    """End with a sentence where a system call failed."""
    if result:
        sys.exit(f"{doing} failed: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main(*sys.argv[1:])
