"""Where the log ends while nothing is fetched: a worker that is held up still says how far behind it is.

aiokafka learns the end of a partition from the answers to its fetches, and fetches no more of a partition whose last
answer was not read. With ClickHouse away the lag would stand still at what the buffers hold. ListOffsets would tell the
end as well, but not every broker tells it right there; the answer to a fetch is right on all of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from aiokafka.errors import KafkaError, NoError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

LOOK_SECONDS = 1.0
"""How old the end of a partition may become."""
_WAIT_MS = 100
"""How long the broker may wait for a record; with none at all, the embedded one answers with no partition."""


async def keep_known(fetcher: Any) -> None:
    """For ever: ask for the end of each batched partition whose fetched records are not being read.

    Args:
        fetcher: the `BatchFetcher`, on its own thread's event loop.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        subscription = fetcher._subscriptions.subscription
        assignment = subscription.assignment if subscription is not None else None
        if assignment is None:
            continue
        by_node: dict[int, list[TopicPartition]] = defaultdict(list)
        for tp in held_up(fetcher, assignment):
            by_node[fetcher._client.cluster.leader_for_partition(tp)].append(tp)
        for node, tps in by_node.items():
            if node is not None and node >= 0:
                await _ask(fetcher, assignment, node, tps)


def held_up(fetcher: Any, assignment: Any) -> list[TopicPartition]:
    """Batched partitions of which records lie fetched and unread for longer than an end may be old."""
    limit_ms = (time.time() - LOOK_SECONDS) * 1000
    return [
        tp
        for tp in fetcher._records
        if tp in assignment.tps
        and tp.topic in fetcher._batched
        and assignment.state_value(tp).highwater is not None
        and (assignment.state_value(tp).timestamp or 0) < limit_ms
    ]


async def _ask(fetcher: Any, assignment: Any, node: int, tps: Iterable[TopicPartition]) -> None:
    """Fetch one byte from where each log was known to end, for the sake of the end that comes with the answer.

    The broker sends one record batch of one partition at most, which is thrown away.
    """
    topics: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for tp in tps:
        topics[tp.topic].append((tp.partition, assignment.state_value(tp).highwater, 1))
    request = FetchRequest(_WAIT_MS, 1, 1, fetcher._isolation_level, list(topics.items()))
    try:
        response = await fetcher._client.send(node, request)
    except KafkaError:
        return  # the next look, or the next fetch, says more
    for topic, partitions in response.topics if assignment.active else ():
        for partition, error_code, highwater, *rest in partitions:
            tp = TopicPartition(topic, partition)
            state = assignment.state_value(tp) if tp in assignment.tps else None
            # An ordinary fetch may have been answered meanwhile. A log that was cut is the fetcher's to find out.
            if error_code == NoError.errno and state is not None and highwater >= (state.highwater or 0):
                state.highwater = highwater
                state.lso = rest[0] if response.API_VERSION >= 4 else None
