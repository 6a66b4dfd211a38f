"""What producers send is what agents receive, on either broker: once, in order, with its timestamps."""

from __future__ import annotations

import time

from tests.support.brokers import Broker, embedded_broker
from tests.transport.conftest import StartWorker, committed, make_topic
from tests.transport.producing import MIB, produce
from tests.transport.workers import encoded

CODECS = [None, "gzip", "snappy", "lz4", "zstd"]
NOW = 1_790_000_000_000


def test_every_codec_tombstones_headers_and_huge_records_arrive_once_in_order(
    broker: Broker, name: str, start: StartWorker
) -> None:
    make_topic(broker, name, partitions=2)
    sent: dict[int, list[bytes | None]] = {0: [], 1: []}
    stamps: dict[int, list[int]] = {0: [], 1: []}
    for codec in CODECS:
        for partition in (0, 1):
            values: list[bytes | None] = [f"{codec}-{i}".encode() for i in range(300)]
            values[7], values[8] = None, b""
            # Out of order on purpose: each record has its own timestamp, not its batch's.
            times = [NOW + (i * 7919) % 1000 for i in range(300)]
            produce(
                broker, name, values, partition, compression=codec, timestamps=times, headers=[("trace", b"\x00\xff")]
            )
            sent[partition] += values
            stamps[partition] += times
    huge = b"\xe9" * (MIB - 2000)
    produce(broker, name, [huge], timestamps=[NOW])
    sent[0].append(huge)
    stamps[0].append(NOW)

    # The first of two bootstrap servers does not answer.
    worker = start(broker, name, address=f"127.0.0.1:1,{broker.address}")
    worker.wait_until(lambda w: w.records() >= 3001, "all records")
    time.sleep(0.3)
    assert worker.stop() == 0

    for partition in (0, 1):
        assert worker.values(partition) == [encoded(value) for value in sent[partition]]
        got = [t for batch in worker.batches() if batch["tp"][1] == partition for t in batch["timestamps"]]
        assert got == stamps[partition]
        offsets = [o for batch in worker.batches() if batch["tp"][1] == partition for o in batch["offsets"]]
        assert offsets == list(range(len(sent[partition])))
    assert all(batch["acked"] for batch in worker.batches())
    assert committed(broker, name) == {0: 1501, 1: 1500}
    assert list(worker.folder.iterdir()) == []  # Faust left nothing in the current folder


def test_a_worker_is_ready_within_three_seconds_of_its_imports(broker: Broker, name: str, start: StartWorker) -> None:
    make_topic(broker, name, partitions=2)
    seconds: list[float] = []
    while len(seconds) < 3 and min(seconds, default=9.0) >= 3.0:  # something else may have had the machine
        worker = start(broker, name)
        worker.wait_until(lambda w: w.ready(), "ready")
        (began,) = [line["at"] for line in worker.lines() if "started" in line]
        seconds.append(worker.ready()[0]["at"] - began)
        assert worker.ready()[0]["ready"] == [[name, 0], [name, 1]]
        assert worker.stop() == 0
    assert min(seconds) < 3.0, seconds


def test_nothing_is_committed_beyond_what_was_acked_and_the_lag_is_what_is_not(
    broker: Broker, name: str, start: StartWorker
) -> None:
    make_topic(broker, name, partitions=2)
    first = [b"%d" % i for i in range(100)]
    produce(broker, name, first, 0)
    worker = start(broker, name, "--hang-after", "100")
    worker.wait_until(lambda w: w.records() == 100, "the first hundred")
    produce(broker, name, [b"%d" % i for i in range(100, 400)], 0)
    produce(broker, name, first, 1)
    worker.wait_until(lambda w: w.lags() == {f"{name}/0": 300, f"{name}/1": 100}, "the lag of what is not acked")
    worker.wait_until(lambda w: committed(broker, name) == {0: 100}, "the commit of what is acked")
    time.sleep(1.2)  # a commit interval
    assert committed(broker, name) == {0: 100}
    worker.kill()

    successor = start(broker, name)
    successor.wait_until(lambda w: w.records() >= 400, "what was not acked")
    successor.wait_until(lambda w: w.lags() == {f"{name}/0": 0, f"{name}/1": 0}, "no lag")
    assert successor.values(0) == [str(i) for i in range(100, 400)]
    assert successor.values(1) == [str(i) for i in range(100)]
    successor.wait_until(lambda w: committed(broker, name) == {0: 400, 1: 100}, "the commit of the rest")


def test_memory_is_bounded_whatever_a_fetch_expands_to(embedded: Broker, name: str, start: StartWorker) -> None:
    make_topic(embedded, name)
    # 16 broker batches of 32 MiB each, of which one fetch response of 1 MiB could hold them all.
    block = [b"x" * 16_000] * (32 * MIB // 16_000)
    for _ in range(16):
        produce(embedded, name, block, compression="zstd", batch_bytes=40 * MIB)
    worker = start(embedded, name, "--every", "0.01")
    worker.wait_until(lambda w: w.records() >= 16 * len(block), "all records", patience=60)
    status = (worker.proc / "status").read_text()
    peak_kib = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
    assert max(len(batch["values"]) * 16_000 for batch in worker.batches()) <= 18 * MIB
    assert peak_kib < 400 * 1024, f"{peak_kib // 1024} MiB"


def test_a_worker_whose_broker_is_gone_says_so_once_and_still_ends_when_told(name: str, start: StartWorker) -> None:
    with embedded_broker() as broker:
        make_topic(broker, name)
        produce(broker, name, [b"a", b"b"])
        worker = start(broker, name)
        worker.wait_until(lambda w: w.values(0) == ["a", "b"], "both records")
        broker.kill()
        worker.wait_until(lambda w: w.logged("Unable connect to node"), "the loss is in the log")
        time.sleep(1.5)
        assert len(worker.logged("Unable connect to node")) == 1
        assert worker.alive()
        assert worker.stop() == 0
