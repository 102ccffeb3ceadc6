"""A SLURM of two nodes on the loopback interface, with a stand-in for a GPU in each: no database, systemd or cgroups.

Both nodes are this machine: two daemons with ports, folders and logs of their own. Debian's build of slurmd allows it.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ETC = Path("/etc/slurm")
NODES = ("first", "second")
# Every job may use both nodes; one that needs its room in "urgent" takes it from a job in "main".
PARTITION, URGENT = "main", "urgent"
# Of each node. More than the machine has: jobs are small, and whether they fit is not what is tested.
MEMORY_MB, CPUS = 64_000, 4
# What had started when a node fails may start again after so many seconds; SLURM waits until credentials have expired.
CREDENTIALS_EXPIRE = 5
CONFIGURATION = """\
ClusterName=drl
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={root}/munge.socket,cred_expire={expire}
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
SelectType=select/cons_tres
# A job starts on the node with most room.
SelectTypeParameters=CR_Core_Memory,CR_LLN
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
MailProg=/bin/true
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool.%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.%n.log
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
# Long enough for the executor to see how a job ended.
MinJobAge=600
KillWait=2
SchedulerParameters=sched_interval=2
DefMemPerCPU=200
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName={low} Nodes=ALL PriorityTier=1 Default=YES MaxTime=60 DefaultTime=10 State=UP
PartitionName={urgent} Nodes=ALL PriorityTier=10 MaxTime=60 DefaultTime=10 State=UP
"""
NODE = """\
NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={memory} Gres=gpu:1
"""
UP = ("idle", "mixed", "allocated", "completing")


class Cluster:
    """Two nodes, one controller.

    Attributes:
        root: Folder of its state, logs and sockets.
    """

    def __init__(self, root: Path) -> None:
        """Write the configuration; `start` starts it."""
        self.root = root
        for folder in (root, root / "state", *(root / f"spool.{node}" for node in NODES)):
            folder.mkdir(exist_ok=True)
        root.chmod(0o755)
        key = root / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        ports = free_ports(1 + len(NODES))
        configuration = CONFIGURATION.format(
            root=root, ports=ports, expire=CREDENTIALS_EXPIRE, low=PARTITION, urgent=URGENT
        )
        gpus = ""
        for number, (name, port) in enumerate(zip(NODES, ports[1:], strict=True)):
            # SLURM wants a device file and takes the number at its end for CUDA_VISIBLE_DEVICES: null devices will do.
            os.mknod(root / f"gpu{number}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            gpus += f"NodeName={name} Name=gpu File={root}/gpu{number}\n"
            configuration += NODE.format(name=name, port=port, cpus=CPUS, memory=MEMORY_MB)
        (ETC / "gres.conf").write_text(gpus)
        (ETC / "slurm.conf").write_text(configuration)

    def start(self) -> None:
        """Start all daemons and wait until the nodes take jobs."""
        munge = (
            ("key-file", "key"),
            ("seed-file", "seed"),
            ("socket", "socket"),
            ("pid-file", "pid"),
            ("log-file", "log"),
        )
        run("munged", *(f"--{option}={self.root}/munge.{suffix}" for option, suffix in munge))
        run("slurmctld")
        for node in NODES:
            run("slurmd", "-N", node)
        for node in NODES:
            self.wait_for_node(node)

    def stop(self) -> None:
        """Cancel all jobs and end the daemons."""
        subprocess.run(["scancel", "--user=root"], check=False, timeout=60)
        for name in (*(f"slurmd.{node}" for node in NODES), "slurmctld", "munge"):
            self.end(name)

    def end(self, daemon: str) -> None:
        """End one daemon."""
        file = self.root / f"{daemon}.pid"
        if not file.exists():
            return
        number = int(file.read_text())
        os.kill(number, signal.SIGTERM)
        self.wait_for(lambda: ended(number), f"the end of {daemon}")

    def restart_controller(self, away: float) -> None:
        """End the controller, and start it again after `away` seconds."""
        self.end("slurmctld")
        time.sleep(away)
        run("slurmctld")
        self.wait_for(lambda: self.node_state(NODES[0]) is not None, "the controller")

    def take_down(self, node: str, crash: bool) -> None:
        """Take a node down: SLURM requeues its jobs.

        Their processes live on, as on a node that cannot be reached, unless it crashes.
        """
        numbers = [
            number for number, state, _, where in self.jobs("%i|%T|%k|%N") if (state, where) == ("RUNNING", node)
        ]
        run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        if crash:
            # A process that watches a step is called "slurmstepd: [12.0]".
            steps = [one for one in psutil.process_iter(["cmdline"]) if watched(one.info["cmdline"]) in numbers]
            for process in [child for step in steps for child in step.children(recursive=True)] + steps:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def lose(self, node: str) -> None:
        """Lose a node: what runs there is killed, and it does not come back by itself."""
        self.end(f"slurmd.{node}")
        self.take_down(node, crash=True)

    def bring_back(self, node: str) -> None:
        """Bring a node back that was taken down or lost."""
        if not (self.root / f"slurmd.{node}.pid").exists():
            run("slurmd", "-N", node)
        # Refused if the node has come back by itself.
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], capture_output=True, check=False)
        self.wait_for_node(node)

    def wait_for_node(self, node: str) -> None:
        """Wait until a node takes jobs."""
        self.wait_for(lambda: self.node_state(node) in UP, f"node {node}")

    def node_of(self, job: str) -> str:
        """Return the node where a job runs, or ran last; empty if it never ran."""
        return next(node for number, node in self.jobs("%i|%N") if number == job)

    def need_gpu_of(self, node: str, grace: int, mode: str) -> str:
        """Submit a job of 5 s that takes the GPU of a node from a job in `PARTITION`, and return its number.

        Args:
            node: Name of the node.
            grace: Seconds that the job which gives way has between SIGTERM and SIGKILL.
            mode: requeue or cancel: what becomes of it.
        """
        run("scontrol", "update", f"partitionname={PARTITION}", f"gracetime={grace}", f"preemptmode={mode}")
        asked = ("--partition", URGENT, "--nodelist", node, "--gpus=1", "--time=5", "--output=/dev/null")
        return run("sbatch", "--parsable", *asked, "--wrap", "sleep 5").strip()

    def cancel(self, job: str) -> None:
        """Cancel a job, as its owner or an operator would."""
        run("scancel", job)

    def node_state(self, node: str) -> str | None:
        """Return what sinfo says of a node; None while the controller does not answer."""
        asked = subprocess.run(
            ["sinfo", "-h", "-n", node, "-o", "%T"], capture_output=True, text=True, timeout=60, check=False
        )
        return asked.stdout.split()[0] if asked.stdout.split() else None

    def jobs(self, form: str = "%i|%T|%k") -> list[list[str]]:
        """Return squeue's fields of all jobs that it knows: number, state, and the comment, which names a rule."""
        lines = run("squeue", "-h", "--states=all", "-o", form).splitlines()
        return [line.strip().split("|") for line in lines]

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                logs = "\n".join(path.read_text()[-2000:] for path in sorted(self.root.glob("*.log")))
                raise TimeoutError(f"waited {seconds} s for {what}\n{logs}")
            time.sleep(0.1)


def run(*command: str) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def watched(command: list[str] | None) -> str | None:
    """Return the number of the job that a process watches for SLURM; None: it is no such process."""
    found = re.match(r"slurmstepd: \[(\d+)\.", " ".join(command or []))
    return found.group(1) if found else None


def ended(number: int) -> bool:
    """Return whether a process has ended. In a container it may stay as a zombie, if nobody asks for its exit code."""
    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def free_ports(count: int) -> list[int]:
    """Return so many TCP ports of the loopback interface that nobody uses now.

    They are below those that the system gives to connections, so no connection takes them before the daemons start.
    """
    ports: list[int] = []
    for port in random.sample(range(20_000, 30_000), 1000):
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    raise OSError("no free ports")
