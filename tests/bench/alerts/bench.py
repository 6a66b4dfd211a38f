"""`make bench-alerts`: the detector tried on simulated national days, beside the J-7 ratio and a moving average."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.bench.alerts import report
from tests.bench.alerts.trial import DAYS, DRAWS, Outcome, Trial, read, run

UNSEEN = 1_000
"""Seeds from here on were never tuned on."""
_WORLDS = {
    "ordinary": (6, ("quiet", "quiet", "full", "full", "slow")),
    "wednesday": (5, ("quiet", "full", "full")),
    "zone": (5, ("quiet", "full", "full")),
    "rentree": (2, ("quiet", "quiet", "full", "full")),
    "first-rentree": (2, ("quiet", "quiet", "full", "full")),
}
"""For each kind of day: how many countries, and what is drawn of each."""
_EXTRA = (("ordinary", ("closures", "closures", "late", "late-unsaid")), ("wednesday", ("closures", "late")))


def plan(seed: int) -> list[Trial]:
    """The trials of a default run, each in a country of its own: seeds up to 102 above the given one."""
    trials = []
    for day, (worlds, draws) in _WORLDS.items():
        trials += [Trial(seed + 10 * DAYS.index(day) + number, day, draws) for number in range(worlds)]
    return trials + [Trial(seed + 100 + number, day, draws) for number, (day, draws) in enumerate(_EXTRA)]


def _part(text: str) -> tuple[int, int]:
    first, _, parts = text.partition("/")
    if not (first.isdigit() and parts.isdigit() and int(first) < int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part: write 0/4 for the first of four")
    return int(first), int(parts)


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(prog="alerts", description=__doc__)
    parser.add_argument("--seed", type=int, default=UNSEEN, help="1-99 are for tuning, 1000 and more for judging")
    parser.add_argument("--kind", choices=DAYS, help="only this kind of day")
    parser.add_argument("--days", type=int, help="with --kind: how many countries (default 1)")
    parser.add_argument("--draws", help=f"with --kind: comma-separated, of {', '.join(DRAWS)} (default quiet,full)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--json", action="store_true", help="every finding and false alarm, one JSON object a draw")
    parser.add_argument("--cases", action="store_true", help="list misses and false alarms")
    parser.add_argument("--read", nargs="+", metavar="FILE", help="tables of what runs with --json printed")
    parser.add_argument(
        "--part",
        metavar="I/N",
        type=_part,
        default=(0, 1),
        help="without --kind: every N-th country of the default run, from I",
    )
    options = parser.parse_args()
    if options.read:
        lines = (line for name in options.read for line in Path(name).read_text(encoding="utf-8").splitlines())
        report.show([read(line) for line in lines if line.startswith("{")], cases=options.cases)
        return
    if options.kind:
        draws = tuple((options.draws or "quiet,full").split(","))
        unknown = set(draws) - set(DRAWS)
        if unknown:
            sys.exit(f"--draws: {', '.join(sorted(unknown))} is none of {', '.join(DRAWS)}")
        trials = [Trial(options.seed + number, options.kind, draws) for number in range(options.days or 1)]
    elif options.days or options.draws:
        sys.exit("--days and --draws go with --kind")
    else:
        trials = plan(options.seed)[options.part[0] :: options.part[1]]
    began = time.monotonic()
    outcomes: list[Outcome] = []
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Spawned, so that the numbers of threads above hold for them; a country each, so that memory is given back.
    with multiprocessing.get_context("spawn").Pool(min(options.jobs, len(trials)), maxtasksperchild=1) as pool:
        longest_first = sorted(trials, key=lambda trial: -len(trial.draws))
        jobs = [pool.apply_async(run, (trial,), {"baselines": not options.no_baselines}) for trial in longest_first]
        for number, job in enumerate(jobs, 1):
            for outcome in job.get():
                outcomes.append(outcome)
                if options.json:
                    print(json.dumps(asdict(outcome), ensure_ascii=False), flush=True)
            print(f"{number} of {len(jobs)} countries, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if not options.json:
        report.show(outcomes, cases=options.cases)
        cpu = sum(outcome.cpu_seconds for outcome in outcomes)
        print(f"seed {options.seed}: {len(outcomes)} days in {time.monotonic() - began:.0f} s, {cpu:.0f} s of CPU")


if __name__ == "__main__":
    main()
