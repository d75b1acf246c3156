"""Kill the workers again and again, as fast as they come back, and see whether the server still works.

    python -m benchmarks.kills [KILLS]

Every second round waits until both workers are at work, every other one kills them while they start.
"""

import os
import random
import sys
import tempfile
import time
from contextlib import suppress

import psutil

os.environ["HANDFUL_HOME"] = tempfile.mkdtemp(prefix="handful-kills-")


def workers() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.status() != "zombie" and "spawn_main" in " ".join(child.cmdline())]


def main(kills: int) -> None:
    from core.jobs import service

    engine, killed, began = service.engine(), 0, time.time()
    while killed < kills:
        if random.random() < 0.5:
            while len(engine._cluster.names()) < 2:
                time.sleep(0.05)
        time.sleep(random.random())
        with suppress(psutil.NoSuchProcess):  # a zombie by now
            for worker in workers():
                worker.kill()
                killed += 1
    print(f"{killed} kills in {time.time() - began:.0f} s; told: {[str(error) for error in engine.troubles()]}")
    for resource in ("train", "predict"):
        asked = time.time()
        engine._submit(resource, "time:time").result(timeout=300)
        print(f"{resource}: answered after {time.time() - asked:.1f} s by {engine._cluster.names()[resource]}")
    print(f"told: {[str(error) for error in engine.troubles()]}")
    engine.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
