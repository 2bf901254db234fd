"""Tries one act a line and prints 1 or 0: what the kernel says, to be compared with the oracle.

A line is `act<TAB>path`. Nothing it does stays: what it makes it removes, what it writes it writes back.
"""

import os
import sys


def read(path: str) -> None:
    if os.path.isdir(path):
        os.listdir(path)
    else:
        with open(path, "rb") as file:
            file.read(1)


def write(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY))


def create(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    os.unlink(path)


def move(path: str) -> None:
    away = path + ".moved"
    os.rename(path, away)
    os.rename(away, path)


ACTS = {"read": read, "list": read, "write": write, "create": create, "move": move}

for line in sys.stdin:
    act, path = line.rstrip("\n").split("\t")
    try:
        ACTS[act](path)
    except OSError as error:
        print(f"0\t{error.errno}")
    else:
        print("1\t0")
