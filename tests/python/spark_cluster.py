"""Engines for tests and benchmarks, on the loopback address: a Spark cluster of processes, Spark Connect, and Sail.

A cluster needs Java and the package pyspark, which contains all jars of Spark; Sail needs the package pysail. Each
engine is a context manager that waits until the engine answers, and ends its processes on exit. All their output goes
to the given folder.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
# Environment variables that pyspark's Spark Connect client sets in its process.
OF_THE_CLIENT = {"SPARK_CONNECT_MODE_ENABLED", "SPARK_REMOTE", "SPARK_LOCAL_REMOTE"}
# `sail spark server` as a command that can be distinguished from other Sail servers on the machine.
SERVE_SAIL = """
import sys
from pysail.spark import SparkConnectServer
SparkConnectServer(sys.argv[1], int(sys.argv[2])).start(background=False)
"""


def let_the_client_be_imported() -> None:
    """Set SPARK_HOME for pyspark-client, which exits without one if a main program imports it."""
    found = find_spec("pyspark")
    if found and found.origin and not (Path(found.origin).parent / "jars").is_dir():
        os.environ.setdefault("SPARK_HOME", str(Path(found.origin).parent))


def free_port() -> int:
    """A free port; another process may take it before it is used."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def wait_until(
    ready: Callable[[], bool], what: str, process: subprocess.Popen, log: Path, seconds: float = 120
) -> None:
    """Wait for an engine; if it ends or does not answer, raise an error with the end of its log."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with {process.returncode}:\n{log.read_text(errors='replace')[-3000:]}")
        if ready():
            return
        time.sleep(0.1)
    raise TimeoutError(f"{what} was not ready after {seconds} s:\n{log.read_text(errors='replace')[-3000:]}")


def listens(port: int) -> bool:
    """Whether a process accepts connections on the port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(
    command: list[str], log: Path, environment: dict[str, str] | None = None, folder: Path | None = None
) -> Iterator[subprocess.Popen]:
    """Run a command in a new process group, which ends with the context; in this folder, or in that of its log."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder or log.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen, how: signal.Signals = signal.SIGTERM) -> None:
    """End the process and its children, by force if necessary."""
    for sign in (how, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            continue
        if sign is signal.SIGKILL:
            break
    process.wait()


# ---- Sail --------------------------------------------------------------------------------------------------------


@contextmanager
def sail(folder: Path) -> Iterator[str]:
    """A Sail server; yields its address for SEGMENTATION_SPARK_REMOTE.

    Sail keeps one catalog per session, in memory. The address names a session, so that all its users see the same
    tables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "sail.log"
    with running([sys.executable, "-c", SERVE_SAIL, HOST, str(port)], log) as process:
        wait_until(lambda: listens(port), "Sail", process, log)
        remote = f"sc://{HOST}:{port}/;session_id={uuid.uuid4()}"
        with client(remote) as session:
            # Tables of Iceberg need an absolute folder.
            session.conf.set("spark.sql.warehouse.dir", str(folder / "warehouse"))
        yield remote


@contextmanager
def client(remote: str) -> Iterator[Any]:
    """A separate client of a Spark Connect server, which leaves the session and its tables to other clients."""
    let_the_client_be_imported()
    from pyspark.sql.connect.session import SparkSession  # only where it is installed

    session = SparkSession.builder.remote(remote).create()
    session.release_session_on_close = False
    try:
        yield session
    finally:
        session.stop()


# ---- Spark -------------------------------------------------------------------------------------------------------


def spark_home() -> Path:
    """The folder of Spark in the package pyspark."""
    import pyspark

    home = Path(pyspark.__file__).parent
    if not (home / "jars").is_dir():
        raise RuntimeError("A Spark cluster needs the package pyspark, and not only pyspark-client: make setup-spark")
    return home


def spark_environment() -> dict[str, str]:
    """The environment of Spark's processes, which listen only on this machine."""
    ours = {name: value for name, value in os.environ.items() if name not in OF_THE_CLIENT}
    return ours | {
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_NO_DAEMONIZE": "1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }


@dataclass
class Cluster:
    """A standalone master and its workers, each a separate process."""

    folder: Path
    master: str  # spark://host:port
    status: str  # the address of the master's state, in JSON
    memory: str  # of each executor
    workers: list[subprocess.Popen] = field(default_factory=list)

    @property
    def events(self) -> Path:
        """The folder where applications with `settings` write their event logs."""
        return self.folder / "events"

    def settings(self) -> dict[str, str]:
        """The settings of an application that runs on the cluster."""
        return {
            "spark.master": self.master,
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.executor.memory": self.memory,
            "spark.ui.enabled": "false",
            "spark.log.level": "ERROR",
            "spark.eventLog.enabled": "true",
            "spark.eventLog.compress": "false",
            "spark.eventLog.dir": self.events.as_uri(),
        }

    def alive(self) -> int:
        """How many workers the master counts."""
        try:
            with urllib.request.urlopen(self.status, timeout=5) as answer:
                return json.load(answer)["aliveworkers"]
        except (OSError, ValueError):  # ValueError: a page that is not JSON, while the master starts
            return 0

    def kill_worker(self, number: int) -> None:
        """Kill a worker and its executors, as a machine that loses power would."""
        end(self.workers[number], signal.SIGKILL)


@contextmanager
def cluster(
    folder: Path, workers: int = 2, cores: int = 1, memory: str = "600m", wrapper: Sequence[str] = ()
) -> Iterator[Cluster]:
    """A standalone cluster, ready once the master counts all workers. wrapper: a command that starts each worker."""
    for name in ("events", "work"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    port, page = free_port(), free_port()
    spark_class = str(spark_home() / "bin" / "spark-class")
    environment = spark_environment() | {"SPARK_DAEMON_MEMORY": "256m"}
    made = Cluster(folder, f"spark://{HOST}:{port}", f"http://{HOST}:{page}/json", memory)
    with ExitStack() as processes:
        log = folder / "master.log"
        command = [spark_class, "org.apache.spark.deploy.master.Master"]
        command += ["--host", HOST, "--port", str(port), "--webui-port", str(page)]
        master = processes.enter_context(running(command, log, environment))
        wait_until(lambda: listens(port) and listens(page), "The master", master, log)
        for number in range(workers):
            log = folder / f"worker{number}.log"
            command = [spark_class, "org.apache.spark.deploy.worker.Worker", "--host", HOST, "--cores", str(cores)]
            command += ["--memory", memory, "--webui-port", str(free_port()), "--work-dir", str(folder / "work")]
            made.workers.append(processes.enter_context(running([*wrapper, *command, made.master], log, environment)))
        wait_until(lambda: made.alive() == workers, "The workers", made.workers[-1], log)
        yield made


@contextmanager
def spark_connect(folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """Apache's Spark Connect server; yields its address for SEGMENTATION_SPARK_REMOTE.

    Args:
        folder: The folder of its log and its warehouse.
        settings: Settings of Spark, such as those of a cluster, or {"spark.master": "local[2]"}.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "connect.log"
    settings = {
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "4",
        "spark.driver.memory": "1g",
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.ui.enabled": "false",
        "spark.connect.grpc.binding.address": HOST,
        "spark.connect.grpc.binding.port": str(port),
        **settings,
    }
    command = [str(spark_home() / "bin" / "spark-submit")]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    with running([*command, "spark-internal"], log, spark_environment()) as process:
        wait_until(lambda: listens(port), "Spark Connect", process, log)
        yield f"sc://{HOST}:{port}"


# ---- the project on Spark ----------------------------------------------------------------------------------------


def local(folder: Path) -> dict[str, str]:
    """The environment variables of the target spark, with all its output in this folder."""
    return {
        "SEGMENTATION_SPARK_WAREHOUSE": str(folder / "warehouse"),
        "SEGMENTATION_SPARK_DRIVER_MEMORY": "1g",
        "SEGMENTATION_SPARK_SHUFFLE_PARTITIONS": "4",
    }


def on_cluster(folder: Path, spark: Cluster) -> dict[str, str]:
    """The same for a cluster, with an event log. Settings that the profile omits are in spark-defaults.conf."""
    (folder / "conf").mkdir(parents=True, exist_ok=True)
    ours = {
        name: value for name, value in spark.settings().items() if not name.startswith(("spark.master", "spark.dr"))
    }
    (folder / "conf" / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in ours.items()))
    return local(folder) | {
        "SEGMENTATION_SPARK_MASTER": spark.master,
        "SEGMENTATION_SPARK_EXECUTOR_MEMORY": spark.memory,
        "SPARK_CONF_DIR": str(folder / "conf"),
        "SPARK_LOCAL_IP": HOST,
    }


def event_logs(spark: Cluster) -> set[Path]:
    """The event logs of all applications of a cluster, one or more files each."""
    return set(spark.events.glob("**/events_*"))


def read_events(logs: set[Path]) -> list[dict[str, Any]]:
    """The events of these logs, without incompletely written lines."""
    lines = [line for log in sorted(logs) for line in log.read_text().splitlines(keepends=True)]
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def of_kind(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The events of one kind, such as TaskEnd."""
    return [event for event in events if event["Event"].rpartition(".")[2] == f"SparkListener{kind}"]


def plan_nodes(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every node of every plan of a query, as it was planned and as it was changed while it ran."""
    plans = [
        event["sparkPlanInfo"]
        for event in of_kind(events, "SQLExecutionStart") + of_kind(events, "SQLAdaptiveExecutionUpdate")
    ]
    while plans:
        node = plans.pop()
        yield node
        plans += node["children"]


def rows_for_one_task(events: list[dict[str, Any]]) -> dict[str, int]:
    """{the shuffle: its rows} of each shuffle of a query to a single partition."""
    rows: Counter[int] = Counter()
    for event in of_kind(events, "TaskEnd"):
        for update in event["Task Info"]["Accumulables"]:
            if update["Name"] == "shuffle records written":
                rows[update["ID"]] += int(update["Update"])
    return {
        f"{metric['accumulatorId']}: {node['simpleString']}": rows[metric["accumulatorId"]]
        for node in plan_nodes(events)
        if node["nodeName"] == "Exchange" and "SinglePartition" in node["simpleString"]
        for metric in node["metrics"]
        if metric["name"] == "shuffle records written"
    }


def bytes_collected(events: list[dict[str, Any]]) -> Counter[int]:
    """{stage: bytes that its tasks returned to the driver}, without those of tables that Spark broadcasts.

    Spark broadcasts a table in a join only if it is small (spark.sql.autoBroadcastJoinThreshold, 10 MB).
    """
    broadcast = {
        stage
        for event in of_kind(events, "JobStart")
        if "broadcast exchange" in event["Properties"].get("spark.job.tags", "")
        for stage in event["Stage IDs"]
    }
    sizes: Counter[int] = Counter()
    for event in of_kind(events, "TaskEnd"):
        if event["Stage ID"] in broadcast:
            continue
        sizes[event["Stage ID"]] += (event["Task Metrics"] or {}).get("Result Size", 0)
    return sizes
