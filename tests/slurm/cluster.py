"""A SLURM of one node on the loopback interface, with two stand-ins for GPUs: no database, systemd or cgroups."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ETC = Path("/etc/slurm")
GPUS = 2
# More than the machine has: jobs are small, and whether they fit is not what is tested.
MEMORY_MB, CPUS = 64_000, 4
# What had started when a node fails may start again after so many seconds; SLURM waits until credentials have expired.
CREDENTIALS_EXPIRE = 5
CONFIGURATION = """\
ClusterName=drl
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
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
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
MailProg=/bin/true
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
# Long enough for the executor to see how a job ended.
MinJobAge=600
KillWait=2
SchedulerParameters=sched_interval=2
DefMemPerCPU=200
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 DefaultTime=10 State=UP
"""


class Cluster:
    """One node, one controller.

    Attributes:
        root: Folder of its state, logs and sockets.
    """

    def __init__(self, root: Path) -> None:
        """Write the configuration; `start` starts it."""
        self.root = root
        for folder in (root, root / "state", root / "spool"):
            folder.mkdir(exist_ok=True)
        root.chmod(0o755)
        key = root / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        for number in range(GPUS):
            # SLURM wants a device file and takes the number at its end for CUDA_VISIBLE_DEVICES: null devices will do.
            os.mknod(root / f"gpu{number}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        (ETC / "gres.conf").write_text(f"Name=gpu File={root}/gpu[0-{GPUS - 1}]\n")
        (ETC / "slurm.conf").write_text(
            CONFIGURATION.format(
                root=root, ports=free_ports(2), cpus=CPUS, memory=MEMORY_MB, gpus=GPUS, expire=CREDENTIALS_EXPIRE
            )
        )

    def start(self) -> None:
        """Start all daemons and wait until the node takes jobs."""
        munge = (
            ("key-file", "key"),
            ("seed-file", "seed"),
            ("socket", "socket"),
            ("pid-file", "pid"),
            ("log-file", "log"),
        )
        run("munged", *(f"--{option}={self.root}/munge.{suffix}" for option, suffix in munge))
        run("slurmctld")
        run("slurmd", "-N", "localhost")
        self.wait_for(lambda: self.node_state() in ("idle", "mixed", "allocated"), "the node")

    def stop(self) -> None:
        """Cancel all jobs and end the daemons."""
        subprocess.run(["scancel", "--user=root"], check=False, timeout=10)
        for name in ("slurmd", "slurmctld", "munge"):
            self.end(name)

    def end(self, daemon: str) -> None:
        """End one daemon."""
        file = self.root / f"{daemon}.pid"
        if not file.exists():
            return
        number = int(file.read_text())
        os.kill(number, signal.SIGTERM)
        self.wait_for(lambda: not Path(f"/proc/{number}").exists(), f"the end of {daemon}")

    def restart_controller(self, away: float) -> None:
        """End the controller, and start it again after `away` seconds."""
        self.end("slurmctld")
        time.sleep(away)
        run("slurmctld")
        self.wait_for(lambda: self.node_state() is not None, "the controller")

    def fail_node(self, away: float, crash: bool) -> None:
        """Take the node down, and bring it back after `away` seconds.

        SLURM requeues its jobs. Their processes live on, as on a node that cannot be reached, unless it crashes.
        """
        run("scontrol", "update", "nodename=localhost", "state=down", "reason=test")
        if crash:
            steps = [process for process in psutil.process_iter() if process.name().startswith("slurmstepd")]
            for process in [child for step in steps for child in step.children(recursive=True)] + steps:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(away)
        # Refused if the node has come back by itself.
        subprocess.run(["scontrol", "update", "nodename=localhost", "state=resume"], capture_output=True, check=False)
        self.wait_for(lambda: self.node_state() in ("idle", "mixed", "allocated"), "the node")

    def cancel(self, job: str) -> None:
        """Cancel a job, as its owner or an operator would."""
        run("scancel", job)

    def node_state(self) -> str | None:
        """Return what sinfo says of the node; None while the controller does not answer."""
        asked = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, timeout=60, check=False)
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


def free_ports(count: int) -> list[int]:
    """Return so many TCP ports of the loopback interface that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
