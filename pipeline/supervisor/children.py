"""One part of `up`: a process with a name, a log file, and a life that is watched."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.errors import UserError

_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Run in the child before its program: it is asked to end when `up` itself is killed. Linux only, else nothing."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    except (OSError, AttributeError):
        pass


class Child:
    """A process started again whenever it dies.

    Args:
        name: what the user reads: broker, gateway, worker, simulate.
        command: the program and its arguments; no secret among them.
        environment: its whole environment.
        log: file that takes what it prints.
        ready: returns once it serves, or raises TimeoutError/OSError while it does not; None: no need to wait.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        ready: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = dict(environment)
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; its own process group keeps the terminal's Ctrl-C from reaching it before us."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def wait_ready(self, seconds: float, keep_waiting: Callable[[], bool] = lambda: True) -> None:
        """Wait until it serves.

        Raises:
            UserError: it ended, or does not serve after `seconds`; with the last line of its log.
        """
        deadline = time.monotonic() + seconds
        while self._ready is not None and keep_waiting():
            try:
                self._ready()
                return
            except (TimeoutError, OSError) as error:
                status = self.ended()
                if status is not None:
                    raise UserError(f"{self.name} ended at once: {self.last_words() or f'status {status}'}") from error
                if time.monotonic() > deadline:
                    raise UserError(f"{self.name} does not answer after {seconds:.0f} s; see {self.log}") from error
                time.sleep(0.05)

    def ended(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs (or was never started)."""
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int | None:
        """Process id of the running process."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def resident_gib(self) -> float:
        """Memory it holds now, GiB; 0 when it does not run or the system does not tell (Linux does)."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, ValueError):
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**30

    def last_words(self) -> str:
        """The last line of its log that is not blank, without the program's name before it."""
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()
        except OSError:
            return ""
        last = next((line for line in reversed(lines) if line.strip()), "")
        return last.partition(": ")[2] if last.startswith(("instant-t: ", "gateway: ", "broker: ")) else last

    def stop(self, seconds: float) -> None:
        """Ask it to end, then make it: SIGTERM, up to `seconds`, SIGKILL."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        os.kill(process.pid, signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
