"""ClickHouse away for minutes while events go on: memory, lag, data age, and the way back.

    python -m tests.bench outage [--minutes M] [--rate R] [--broker apache|embedded] [--json FILE]

One worker, a steady flow, and ClickHouse killed for so long. Every second the worker's resident memory is noted, and
what its /metrics say of lag and data age beside what they have to say: Kafka acknowledged so many records, so many are
durable, and the newest of those is so old. Then ClickHouse comes back on its data. At the end each minute and service
of the view is compared with what was sent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from tests.acceptance.stack import Stack
from tests.bench.processes import peak_mb, resident_mb
from tests.bench.stacks import bench_stack
from tests.bench.steady_flow import Ledger, SteadyFlow, steady_options
from tests.support.gateway import start_gateway, wait_until_ready
from tests.support.machine import machine

STEADY_SECONDS = 10.0
"""Of undisturbed flow before the outage."""
LIVE_SECONDS = 2.0
"""A lag of no more than so many seconds of the flow is live again."""
CATCH_UP_LIMIT = 600.0


@dataclasses.dataclass(frozen=True)
class Sample:
    """One look at the worker; times in seconds since the flow began, ages in seconds."""

    at: float
    resident_mib: float
    lag: int
    lag_expected: int
    age: float
    age_expected: float
    durable: int
    status: int | None
    """Of /health."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an outage showed."""

    rate: int
    outage_seconds: float
    records: int
    steady_mib: float
    """Resident memory of the worker before ClickHouse went."""
    outage_mib: float
    """At most while it was away."""
    peak_mib: float
    """At most in all."""
    growth_mib_per_minute: float
    """By a line through the second half of the outage."""
    lag_error: int
    """Records by which /metrics and the ledger differed at most while ClickHouse was away."""
    age_error: float
    """Seconds, likewise."""
    age_at_end: float
    """Data age that /metrics told when ClickHouse came back."""
    backlog: int
    """Records that waited when ClickHouse was back."""
    catch_up_seconds: float
    catch_up_rate: float
    """Records made durable a second until the flow was live again."""
    lost: int
    doubled: int
    rejected: int
    rejected_expected: int
    unhealthy_said: bool
    """Whether /health said 503 in the end of the outage, and 200 after it."""
    is_same_process: bool


class Watch:
    """Looks at the worker and knows what it should say.

    Args:
        stack: with one worker.
        flow: running.
    """

    def __init__(self, stack: Stack, flow: SteadyFlow) -> None:
        self._stack = stack
        self._flow = flow
        self._began = time.monotonic()
        self._acknowledged: list[tuple[float, int]] = [(0.0, 0)]
        self.samples: list[Sample] = []

    def look(self) -> Sample:
        """Take a sample."""
        metrics = self._stack.metrics(0)
        acknowledged = self._flow.acknowledged
        at = time.monotonic() - self._began
        self._acknowledged.append((at, acknowledged))
        durable = int(metrics['ent_events_total{outcome="counted"}'] + metrics['ent_events_total{outcome="rejected"}'])
        times, counts = zip(*self._acknowledged, strict=True)
        sample = Sample(
            at,
            resident_mb(self._stack.workers[0].pid),
            int(sum(value for name, value in metrics.items() if name.startswith("ent_consumer_lag_records"))),
            acknowledged - durable,
            metrics["ent_data_age_seconds"],
            max(0.0, at - float(np.interp(durable, counts, times))),
            durable,
            self._stack.health(0),
        )
        self.samples.append(sample)
        return sample

    def watch(self, seconds: float, every: float = 1.0) -> list[Sample]:
        """Samples of the next `seconds`."""
        first, ends = len(self.samples), time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(max(0.0, min(every, ends - time.monotonic())))
            self.look()
        return self.samples[first:]


def play(
    stack: Stack,
    rate: int,
    outage_seconds: float,
    say: Callable[[str], None],
    steady_seconds: float = STEADY_SECONDS,
    **variables: str,
) -> Outcome:
    """One outage.

    Args:
        stack: without workers; its gateway is killed and another one started in its place.
        rate: events a second.
        outage_seconds: how long ClickHouse is away.
        say: told how it goes.
        steady_seconds: of undisturbed flow before it.
        variables: settings of the worker.
    """
    stack.start_worker(**variables)
    with SteadyFlow(stack.broker.address, rate) as flow:
        watch = Watch(stack, flow)
        steady = watch.watch(steady_seconds)
        stack.gateway.process.kill()
        stack.gateway.process.communicate()
        say(f"ClickHouse is away; the worker has {steady[-1].resident_mib:.0f} MiB, lag {steady[-1].lag}")
        away = watch.watch(outage_seconds)
        say(
            f"ClickHouse comes back; the worker has {away[-1].resident_mib:.0f} MiB, lag {away[-1].lag} "
            f"(ledger: {away[-1].lag_expected}), data age {away[-1].age:.1f} s (ledger: {away[-1].age_expected:.1f})"
        )
        with _gateway_again(stack):
            back, before = time.monotonic(), watch.look()
            while (now := watch.look()).lag_expected > LIVE_SECONDS * rate:
                if time.monotonic() - back > CATCH_UP_LIMIT:
                    raise SystemExit(f"the worker did not catch up within {CATCH_UP_LIMIT:.0f} s")
                time.sleep(0.1)
            took = time.monotonic() - back
            say(f"live again after {took:.1f} s")
            after = watch.watch(3.0)
            ledger = flow.stop()
            durable = _wait_durable(watch, ledger.records)
            lost, doubled = compare(stack, ledger)
        metrics = stack.metrics(0)
    settled = away[len(away) // 2 :]
    fit = np.polyfit([s.at for s in settled], [s.resident_mib for s in settled], 1)
    # The first seconds show what a flush that was under way did.
    judged = away[min(3, len(away) - 1) :]
    return Outcome(
        rate=rate,
        outage_seconds=outage_seconds,
        records=ledger.records,
        steady_mib=max(s.resident_mib for s in steady),
        outage_mib=max(s.resident_mib for s in away),
        peak_mib=peak_mb(stack.workers[0].pid),
        growth_mib_per_minute=float(fit[0]) * 60,
        lag_error=max(abs(s.lag - s.lag_expected) for s in judged),
        age_error=max(abs(s.age - s.age_expected) for s in judged),
        age_at_end=away[-1].age,
        backlog=before.lag_expected,
        catch_up_seconds=took,
        catch_up_rate=(now.durable - before.durable) / took,
        lost=lost + max(0, ledger.records - durable),
        doubled=doubled,
        rejected=int(metrics['ent_events_total{outcome="rejected"}']),
        rejected_expected=ledger.bad,
        unhealthy_said=away[-1].status == 503 and after[-1].status == 200,
        is_same_process=stack.workers[0].poll() is None,
    )


@contextmanager
def _gateway_again(stack: Stack) -> Iterator[None]:
    gateway: subprocess.Popen[str] = start_gateway(
        stack.folder / "state", stack.gateway.native_port, stack.gateway.http_port
    )
    try:
        wait_until_ready(gateway)
        yield
    finally:
        gateway.kill()
        gateway.communicate()


def _wait_durable(watch: Watch, records: int) -> int:
    deadline = time.monotonic() + 60
    while (sample := watch.look()).durable < records and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2.0)  # every view shows an acknowledged batch within two seconds
    return sample.durable


def compare(stack: Stack, ledger: Ledger) -> tuple[int, int]:
    """Hits of the ledger that `bi.traffic_minute` lacks, and hits too many, over every minute and service."""
    with contextlib.closing(stack.store()) as store:
        rows = store.execute(
            "SELECT toUnixTimestamp(minute), service, sum(hits) FROM bi.traffic_minute GROUP BY minute, service"
        )
    shown = {(minute, service): hits for minute, service, hits in rows}
    differences = [shown.get(key, 0) - ledger.hits.get(key, 0) for key in shown.keys() | ledger.hits.keys()]
    return -sum(d for d in differences if d < 0), sum(d for d in differences if d > 0)


def main() -> None:
    """Print the report; the exit status is 1 when anything was lost or doubled."""
    options = steady_options("outage", __doc__, minutes=10.0, kept="the outcome")
    with bench_stack(options.broker) as stack:
        outcome = play(stack, options.rate, options.minutes * 60, lambda line: print(line, flush=True))
    report(outcome)
    if options.json:
        options.json.write_text(json.dumps(dataclasses.asdict(outcome), indent=2) + "\n")
    raise SystemExit(0 if outcome.lost == outcome.doubled == 0 else 1)


def report(outcome: Outcome) -> None:
    """Print it; the last line says what was lost and doubled."""
    print(f"{outcome.records:,} events; ClickHouse away for {outcome.outage_seconds:.0f} s; {machine()}")
    print(
        f"memory of the worker: {outcome.steady_mib:.0f} MiB before, {outcome.outage_mib:.0f} while it waited "
        f"({outcome.growth_mib_per_minute:+.1f} a minute in the second half), {outcome.peak_mib:.0f} at most"
    )
    print(
        f"/metrics against the ledger while it waited: lag within {outcome.lag_error:,} records "
        f"({outcome.lag_error / outcome.rate:.1f} s of the flow), data age within {outcome.age_error:.1f} s; "
        f"age {outcome.age_at_end:.0f} s when ClickHouse was back"
    )
    said = "503 while it waited, 200 after" if outcome.unhealthy_said else "not as it should be"
    print(f"/health: {said}; the worker {'went on' if outcome.is_same_process else 'ended'}")
    print(
        f"catch-up: {outcome.backlog:,} records in {outcome.catch_up_seconds:.1f} s, {outcome.catch_up_rate:,.0f} a "
        f"second, {outcome.catch_up_rate / outcome.rate:.0f} times real time"
    )
    print(f"rejected {outcome.rejected}, of {outcome.rejected_expected} bad")
    print(f"lost {outcome.lost}, doubled {outcome.doubled}")


if __name__ == "__main__":
    main()
