"""A Ray cluster of two nodes with a core each, in a process of its own that keeps what Ray warns of to itself.

`python -m helpers.cluster` prints the address, obeys lines on stdin (actor, node), and ends when that is closed.
"""

import subprocess
import sys
import time
from contextlib import suppress


class TwoNodes:
    """The cluster, as a test sees it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "helpers.cluster"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = self.answer()

    def answer(self) -> str:
        """The next line that the process prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, "the cluster has ended"
        return line

    def kill(self, what: str) -> None:
        """Kill an actor that is at work, or the second node, for good."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        assert self.answer() == "done"

    def close(self) -> None:
        """End the cluster."""
        self.process.communicate(timeout=60)


def main() -> None:
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 2**27}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False, "wait": False})
    second = cluster.add_node(wait=False, **node)
    cluster.wait_for_nodes(timeout=300)  # a busy machine is no failure
    print(cluster.address, flush=True)
    import psutil  # Ray brings it

    for order in sys.stdin:
        if order.strip() == "node":
            second.all_processes["raylet"][0].process.kill()
        while order.strip() == "actor":
            below = psutil.Process().children(recursive=True)
            with suppress(psutil.NoSuchProcess):  # the one or other ends meanwhile
                working = [each for each in below if "CodecActor.run" in " ".join(each.cmdline())]
                if working:
                    working[0].kill()
                    break
            time.sleep(0.02)
        print("done", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
