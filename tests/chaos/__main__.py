"""`python -m tests.chaos [--seed S] [--faults N] [--broker apache|embedded] [--rate R]`; `make chaos` runs it."""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from tests.chaos.arena import running_arena
from tests.chaos.campaign import Report, plan, run
from tests.support.brokers import BROKERS
from tests.support.machine import machine


def main() -> None:
    """Play one campaign and print its report; the last line says what was lost and doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=8)
    parser.add_argument("--broker", choices=sorted(BROKERS), default="apache")
    parser.add_argument("--rate", type=float, default=200.0, help="events a second")
    parser.add_argument("--folder", type=Path, help="keep logs and data there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        keep_client_logs(folder / "clients.log")
        report = play(options.broker, options.seed, options.faults, options.rate, folder)
    print_report(report)
    sys.exit(0 if report.verdict.is_clean else 1)


def keep_client_logs(file: Path) -> None:
    """Clients say at length that a broker is away, which here is the point: into a file of bounded size."""
    handler = RotatingFileHandler(file, maxBytes=16 << 20, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    for name in ("aiokafka", "kafka"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)
        logger.propagate = False


def play(broker: str, seed: int, faults: int, rate: float, folder: Path) -> Report:
    """One campaign in `folder`, which holds the logs afterwards."""
    try:
        with running_arena(broker, folder) as arena:
            order = plan(seed, faults, broker == "embedded")
            return run(arena, seed, order, rate, lambda line: print(line, flush=True))
    except pytest.skip.Exception as missing:
        sys.exit(f"chaos: {missing}")


def print_report(report: Report) -> None:
    """Faults by kind with times to recover, what was replayed, and the verdict."""
    by_kind: dict[str, list[float]] = {}
    for strike in report.strikes:
        assert strike.recovery is not None
        by_kind.setdefault(strike.fault, []).append(strike.recovery)
    print(f"\nseed {report.seed}, {report.broker}, {len(report.strikes)} faults in {report.seconds:.0f} s; {machine()}")
    print(f"{'fault':36} {'times':>5} {'recovered, s: p50':>18} {'p95':>6}")
    for kind, times in sorted(by_kind.items()):
        print(f"{kind:36} {len(times):5d} {_quantile(times, 50):18.1f} {_quantile(times, 95):6.1f}")
    every = [time for times in by_kind.values() for time in times]
    print(f"{'all':36} {len(every):5d} {_quantile(every, 50):18.1f} {_quantile(every, 95):6.1f}")
    print(
        f"{len(report.ledger)} records acknowledged by Kafka ({report.retried} sends retried, {report.producers} "
        f"producers that died: {report.in_log} in its log), {report.judged} judged by the workers: "
        f"{report.judged - report.in_log} of them replayed; {report.verdict.repeated_letters} dead letters repeated; "
        f"workers started again {report.restarts} times; the gateway ended by itself {report.gateway_restarts} times"
    )
    for detail in report.verdict.details:
        print(f"  {detail}")
    if report.verdict.differing_views:
        print(f"views that differ from the ledger: {', '.join(report.verdict.differing_views)}")
    print(f"lost {report.verdict.lost}, doubled {report.verdict.doubled}")


def _quantile(times: list[float], percent: int) -> float:
    return times[0] if len(times) == 1 else statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
