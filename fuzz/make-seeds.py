#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the seeds into fuzz/corpus/<target>/seed-<name>, and what they are made of, such as the
bytes of a step, into the dictionary fuzz/fuzz-<target>.dict: python3 fuzz/make-seeds.py

Each seed is a scenario in the bytes that the harness takes its decisions from; see the switches of
step() there. What is missing at an input's end counts as zeros. Run it when a harness reads its
input in another order, and have the rest of the corpus merged again (fuzz/campaign.sh).
"""

import pathlib
import random

HERE = pathlib.Path(__file__).parent
MAX_WORD = 16  # more is noise

seeds = {}


def write_words(target, words):
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in sorted(words))
    (HERE / f"fuzz-{target}.dict").write_text(
        "# SPDX-License-Identifier: LGPL-2.1-or-later\n"
        "# By fuzz/make-seeds.py\n" + "".join(f'"{word}"\n' for word in quoted))


def write(target, parts):
    write_words(target, {part for name in parts for part in parts[name] if 1 < len(part) <= MAX_WORD})
    directory = HERE / "corpus" / target
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("seed-*"):
        old.unlink()
    seeds[target] = {name: b"".join(parts[name]) for name in parts}
    for name, content in seeds[target].items():
        (directory / f"seed-{name}").write_bytes(content)


# fuzz-registry.c

INSERT = b"\0"
LOOK_UP = b"\7"


def insert_many(n):
    return bytes([1, n])


def finish(use):
    return bytes([2, use])


def release(use):
    return bytes([4, use])


def soil(use):
    return bytes([5, use])


def wrap(use, generations):
    return bytes([6, use, generations])


write("registry", {
    "life": [INSERT, finish(0), release(0), INSERT],
    "dirty": [INSERT, soil(0), finish(0), release(0), INSERT],
    "segments": [insert_many(99), insert_many(99), insert_many(20), finish(150), release(150)],
    "wrap": [INSERT, finish(0), release(0), wrap(0, 1), *[INSERT, finish(1), release(1)] * 3],
    "stale": [INSERT, finish(0), release(0), INSERT, LOOK_UP + b"\0\0\1", LOOK_UP + b"\0\1\2"],
    "strange": [INSERT, LOOK_UP + b"\1" + b"\xff" * 8, LOOK_UP + b"\1" + bytes(8)],
})


# fuzz-completions.c: each decision of the fake kernel is one byte more where it is asked

NOP = bytes([0, 0, 0])
DRAIN = bytes([0, 0, 0xa0])
ALL, SHORT, AGAIN, BROKEN = b"\0", b"\xc0", b"\xe0", b"\xff"
LATER, AT_ONCE = b"\0", b"\xff"  # what was taken completes
STEP = b"\4"  # in a callback


def ring(mode=0, entries=8, cq_entries=16, setup=0, wraps=0):
    return bytes([mode, entries - 1, cq_entries, setup, wraps])


def chain(n, hard=0):
    return bytes([5, n, hard] + [0] * n)


def cancel(operation):
    return bytes([7, operation])


def submit(*decisions):
    return b"\x09" + b"".join(decisions)


def iterate(may_block=False):
    return bytes([12 if may_block else 10])


def main_loop(may_block=False):
    return bytes([14 if may_block else 13])


def kernel(choice, *more):
    return bytes([15, choice, *more])


def close(timeout):
    return bytes([19, timeout & 0xff, timeout >> 8])


COMPLETE, COMPLETE_ALL, FORGE, DEFERRED = 0, 6, 7, 8
MORE = 2
END_BY_ITSELF, SOURCE_FIRST, CONTEXT_FIRST, CLOSE = 4, 8, 16, 32

write("completions", {
    "one": [ring(), NOP, submit(ALL, LATER), kernel(COMPLETE, 0, 0, 0), iterate()],
    "at-once": [ring(), NOP * 5, iterate(), ALL, AT_ONCE, bytes(20)],
    "multishot": [ring(), NOP, submit(ALL, LATER), kernel(COMPLETE, 0, MORE, 0) * 3, iterate(),
                  kernel(COMPLETE, 0, 0, 0), main_loop()],
    "backlog": [ring(0, 2, 2), NOP * 9, main_loop(True), ALL, LATER, iterate(True)],
    "short": [ring(), chain(6), NOP, submit(SHORT, b"\3", LATER), submit(ALL, AT_ONCE), iterate()],
    "again": [ring(END_BY_ITSELF), NOP * 3, submit(AGAIN), main_loop(True)],
    "broken": [ring(CLOSE), NOP * 3, submit(ALL, LATER), NOP, submit(BROKEN, b"\0"), iterate()],
    "overflow": [ring(0, 1, 1), NOP, submit(ALL, LATER), kernel(COMPLETE, 0, MORE, 0) * 4,
                 iterate(), ALL, main_loop(), ALL],
    "deferred": [ring(), NOP, submit(ALL, LATER), kernel(COMPLETE | DEFERRED, 0, 0, 0), iterate()],
    "forged": [ring(), NOP, submit(ALL, LATER), kernel(FORGE, 0, 1, 0, 0, 0, 0),
               kernel(FORGE, 0, 1, 2, 0, 0, 0), kernel(FORGE, 1, *[0xff] * 8, 0, 0, 0), iterate()],
    "cancel": [ring(), NOP * 2, submit(ALL, LATER), cancel(1), submit(ALL, LATER), iterate()],
    "cancel-backlog": [ring(), chain(4, 2), cancel(2), NOP, iterate()],
    "drain": [ring(END_BY_ITSELF), NOP * 2, DRAIN, NOP, chain(3)],
    "reentrancy": [ring(), NOP * 4, submit(ALL, AT_ONCE), bytes(16), iterate(), STEP + iterate(),
                   STEP + NOP, b"\1", b"\3"],
    "dropped": [ring(), NOP * 2, submit(ALL, AT_ONCE), bytes(8), iterate(), b"\2"],
    "leak": [ring(), NOP * 2, submit(ALL, LATER), close(1)],
    "source-first": [ring(SOURCE_FIRST), NOP * 2, submit(ALL, LATER)],
    "context-first": [ring(CONTEXT_FIRST), NOP * 2, submit(ALL, LATER)],
    "default": [ring(3), NOP * 2, submit(ALL, LATER), main_loop()],
    "grow": [ring(END_BY_ITSELF, 8, 16), chain(7), submit(ALL, AT_ONCE), bytes(20), chain(7),
             submit(ALL, AT_ONCE), bytes(20), *[chain(7)] * 12],
    "grow-wrapped": [ring(END_BY_ITSELF), NOP * 2, iterate(), ALL, LATER, *[chain(8)] * 10],
    "staged": [ring(END_BY_ITSELF), NOP * 3, iterate(), ALL, AT_ONCE, bytes(6), *[STEP + NOP] * 2,
               STEP + DRAIN],
    "staged-full": [ring(0, 1, 0), NOP * 2, iterate(), ALL, LATER, ALL, AT_ONCE, bytes([MORE, 0]),
                    STEP + NOP],
    "look-around": [ring(64), bytes([0, 0]), bytes([18, 9]), NOP, submit(ALL, LATER), cancel(1),
                    close(100), bytes([18, 9])],
    "wraps": [ring(END_BY_ITSELF, wraps=1), NOP * 8, chain(3)],
    "no-ring": [ring(setup=0xe0 + 1)],
    "old-kernel": [ring(setup=0xe0) + b"\xe0\xe0\0\0", NOP],
})


# fuzz-sqe-batch.c: each opcode first once; whatever bytes follow say something

N_OPCODES = 65
QUEUE, QUEUE_CHAIN = 9, 6
BATCH = bytes([0, 7, 0, 7, 15, 3])  # when it closes, entries, more CQ entries, budget, registered
CLOSE_AT_ONCE = bytes([1, 15, 1, 15, 0])

# Of a file, by a worker of the kernel
READ = bytes([QUEUE, 22, 0xf0, 0x10, 0, 0, 0, 0, *[0] * 8, 0, 0, 0, 0, 2, 9, 0, 0, 0])


def noise(seed, n):
    return random.Random(seed).randbytes(n)


write("sqe-batch", {
    **{f"opcode-{opcode:02}": [BATCH, bytes([QUEUE, opcode, 0]), noise(opcode, 60)]
       for opcode in range(N_OPCODES)},
    "reads": [CLOSE_AT_ONCE, READ * 6, b"\0"],
    **{f"chain-{n}": [BATCH, bytes([QUEUE_CHAIN, n]), noise(n, 90)] for n in range(1, 7)},
})


# fuzz-chains.c: members by their place among the kinds there, soft (0) or hard (1)

def succeed(hard=0):
    return bytes([0, 0, hard, 0])


def fail(hard=0):
    return bytes([2, 8, hard, 0])


def bad(hard=0):
    return bytes([3, hard, 0])


def wait(hard=0, drain=0):
    return bytes([4, hard, drain])


def limit(is_short, hard=0):
    return bytes([6, is_short, hard, 0])


def add(*members):
    return bytes([4, len(members) - 1]) + b"".join(members)


LOOK, STOP, LET_GO = b"\0", b"\2", b"\3"
DRAINS = 7
ENDS, SMALL_CQ, CLOSES = b"\0\0", b"\1\0", b"\0\3"

write("chains", {
    "links": [ENDS, add(succeed(), fail(), succeed()), add(fail(1), succeed()), LOOK],
    "bad": [ENDS, add(succeed(), bad(), succeed()), add(bad(), bad()), add(succeed()), LOOK],
    "limits": [ENDS, add(wait(), limit(1), succeed()), add(wait(1), limit(1), succeed()),
               add(wait(), limit(0), succeed()), LOOK, LET_GO + b"\2", LOOK],
    "drain": [ENDS, add(wait()), add(wait(0, DRAINS), succeed()), add(succeed()), LOOK,
              LET_GO + b"\0", LOOK, LET_GO + b"\1"],
    "backlog": [SMALL_CQ, *[add(wait(), succeed(), fail(), succeed())] * 4, LOOK, STOP + b"\x0a",
                LOOK, LET_GO + b"\0", LOOK],
    "cancelled": [ENDS, add(wait(), succeed()), add(wait(1), succeed()), LOOK, STOP + b"\0",
                  STOP + b"\2", LOOK],
    "closed": [CLOSES, add(wait(), succeed()), add(wait(1), limit(0), succeed()), add(succeed(0))],
    "too-long": [ENDS, add(*[succeed()] * 8), add(*[succeed()] * 9), add(limit(0))],
    **{f"noise-{i}": [noise(i, 120)] for i in range(8)},
})


# fuzz-lifecycle.c: steps by their place in step()

write("lifecycle", {
    # A poll that the close cancels, and whose callback queues a NOP
    "queues-while-closing": [bytes([0, 0, 0, 0, 0]), bytes([0, 0, 5]), bytes([10, 0]), bytes([0, 0, 0])],
    **{f"step-{step:02}": [bytes([1, step & 1, step & 1, 0, 3, 0, 0, 3, 0, 0, 0, 0, 4, step]),
                           noise(step, 50)] for step in range(18)},
    **{f"noise-{i}": [noise(i, 100)] for i in range(8)},
})


# fuzz-buffers.c: whether the ring goes first, then steps: send, receive, make and drop groups, …

SEND, RECEIVE, MAKE, DROP, ITERATE, END, CANCEL, LET_GO, CLOSE = 0, 2, 4, 5, 6, 9, 10, 11, 12


def send(stream, size):
    return bytes([SEND, stream]) + size.to_bytes(2, "little")


def receive(stream, group, multishot):
    return bytes([RECEIVE, stream, group, multishot])


def buffer_group(group, size, count):
    return bytes([MAKE, group, size, count])


def let_go(n, there):
    return bytes([LET_GO, n, there])


def take(n):
    return bytes([ITERATE, *[x for i in range(n) for x in (0, i)]])


write("buffers", {
    **{f"{kind}-{size}": [bytes([size & 1]), buffer_group(0, size, 0), receive(0, 0, kind == "many"), send(0, 300),
                          take(8), receive(0, 0, 0), take(1), bytes([DROP, 0, size & 1]), END.to_bytes(1, "little"),
                          b"\0", take(2), let_go(1, 1), let_go(2, 0)]
       for kind in ("one", "many") for size in range(6)},
    "given-back": [b"\0", buffer_group(0, 0, 0),
                   *[receive(0, 0, 0), send(0, 10), take(1), let_go(0, 0)] * 16],
    "starved": [b"\0", buffer_group(0, 1, 0), receive(0, 0, 1), send(0, 200), take(16), receive(0, 0, 0), take(2)],
    "shared": [b"\1", buffer_group(0, 0, 3), *[receive(i, 0, 1) for i in range(3)], *[send(i, 100) for i in range(3)],
               take(6), bytes([CANCEL, 0, CANCEL, 1]), take(2), bytes([CLOSE, 7]), bytes([DROP, 0, 1])],
    "cancelled": [b"\1", buffer_group(1, 3, 1), receive(2, 1, 0), bytes([CANCEL, 2]), take(1), send(2, 10), take(1)],
    **{f"noise-{i}": [noise(90 + i, 120)] for i in range(6)},
})


# fuzz-stream.c: without io_uring or with it, then steps: 0 to 2 a stream, 3 and 4 a file, 5 a pipe

def stream_seeds():
    return {
        **{f"stream-{step:02}": [bytes([step & 1, 0, 0, 0, 1, 0, 1, 2, step % 3, 0, 0, 0, 1, step, 3, 1]),
                                 noise(40 + step, 50)] for step in range(14)},
        **{f"file-{step}": [bytes([step & 1]), *[bytes([3, name, step]) + noise(name, 5)
                                                 for name in range(12)]] for step in range(6)},
        **{f"pipe-{step}": [bytes([step & 1]), *[bytes([5, step]) + noise(way, 6)
                                                 for way in range(8)]] for step in range(3)},
        "writev": [b"\0", bytes([0, 3]), bytes([0, 8, 1, 2, 1])],
        **{f"noise-{i}": [noise(70 + i, 150)] for i in range(6)},
    }


write("stream", stream_seeds())


# fuzz-faults.c: which harness, then when which fault comes, then what the harness reads

HARNESSES = ("stream", "sqe-batch", "chains", "lifecycle", "buffers")

write("faults", {
    f"{harness}-{name}": [bytes([n]), bytes(x for fault in range(6) for x in (i % 2 * 3 + fault, fault + i)),
                          seeds[harness][name]]
    for n, harness in enumerate(HARNESSES) for i, name in enumerate(sorted(seeds[harness])) if i % 3 == 0
})
