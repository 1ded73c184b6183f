"""The deployed pipeline beside Faust itself: events a second from the first poll until rows can be read.

python -m benchmarks.live [--events 100000] [--units 140] [--rounds 3] [--repetitions 3]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.load import Line, Load
from deploy.demo import producer_for
from deploy.local import Child, Local
from deploy.trial import trial_deployment
from deploy.wiring import file_rules
from producers.client import partition_of
from producers.keystore import Keystore
from producers.simulate import trial_random
from schemas.clickhouse.rows import rows
from schemas.topics import PARTITIONS, WRITER_GROUP, Topic
from stream_processors.steps.replay import Replay, replay
from stream_processors.steps.story import Record


def main():
    load = Load(int(sys.argv.pop(1)), 140, 3)
    t = time.monotonic()
    lines = list(load.lines())
    print("make", time.monotonic() - t)
    off = Counter()
    recs = []
    for l in lines:
        p = partition_of(l.facility, 4)
        recs.append(Record(p, off[p], l.facility.encode(), l.value, None))
        off[p] += 1
    result = replay(recs, file_rules())
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        ks = {n: Keystore.create(folder / "keys" / f"{n}.json", n, trial_random(7, n)) for n in load.facilities}
        (folder / "run").mkdir()
        with trial_deployment(folder / "run", ks, trial_random(7, "audit"), processes=False) as local:
            t = time.monotonic()
            with producer_for(local, ks) as prod:
                for l in lines:
                    prod.send(l.event) if l.event else prod.send_raw(l.facility, l.value)
            Producer({"bootstrap.servers": local.settings.bootstrap_servers}).list_topics(
                "plain-answered-changelog", timeout=10
            )
            print("fill", time.monotonic() - t, [local.log.bounds(local.topic(Topic.SUBMISSIONS), p) for p in range(4)])
            for kind in sys.argv[1:]:
                t = time.monotonic()
                if kind in ("ours", "timed"):
                    w = local.start("writer", "-m", "wardpulse", "writer")
                    time.sleep(4)
                c = local.start(kind, "-m", "benchmarks.workers", kind, str(len(lines)))
                if kind in ("ours", "timed"):
                    end = wait(local, result)
                    said = says(c)
                    first = said["first"]
                    print("from start to first", first - t)
                    print(kind, end - first, len(lines) / (end - first))
                    for ch in (c, w):
                        print(open(f"/proc/{ch.process.pid}/stat").read().split()[13:15])
                    local.stop()
                    print(says(c))
                    print(c.log.read_text()[-1000:])
                else:
                    while "last" not in says(c):
                        time.sleep(0.2)
                        c.process.poll() is not None and (print(c.log.read_text()), sys.exit(1))
                    said = says(c)
                    print("from start to first", said["first"] - t)
                    print(kind, said["last"] - said["first"], len(lines) / (said["last"] - said["first"]))
                    local.stop()


def says(c):
    out = {}
    for l in c.log.read_text().splitlines():
        if l.startswith("{"):
            out |= json.loads(l)
    return out


def wait(local, result):
    n = len(result.cohorts) + len(result.rounds) + len(result.indicators)
    c = Consumer({"bootstrap.servers": local.settings.bootstrap_servers, "group.id": WRITER_GROUP})
    tps = [TopicPartition(t, p) for t in (Topic.COHORTS, Topic.INDICATORS) for p in range(4)]
    while True:
        got = sum(max(0, x.offset) for x in c.committed(tps, timeout=10))
        if got >= n:
            break
        for ch in local.children.values():
            ch.check()
        time.sleep(0.05)
    e = time.monotonic()
    c.close()
    return e


main()
