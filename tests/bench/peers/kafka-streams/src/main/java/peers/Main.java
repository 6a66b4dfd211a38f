package peers;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams counts visits: `memory` by hand, in a map of one processor; `windows` by its own grouping and windows. */
public final class Main {
    private static final Duration GRACE = Duration.ofDays(1);
    private static final String STORE = "cells";

    /** Arguments: memory|windows, broker address, topic, group, number of events, folder for state. */
    public static void main(String[] arguments) throws InterruptedException {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[1]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[3]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[5]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put("auto.offset.reset", "earliest");
        Report report = new Report(Long.parseLong(arguments[4]));
        if (arguments[0].equals("memory")) {
            new KafkaStreams(byHand(arguments[2], report), settings).start();
        } else {
            CountDownLatch done = new CountDownLatch(1);
            KafkaStreams streams = new KafkaStreams(byWindows(arguments[2], report, done), settings);
            streams.start();
            done.await();
            report.sayAll();
            report.finish(read(streams));
        }
        Thread.currentThread().join(); // until the bench ends it
    }

    private static Topology byHand(String topic, Report report) {
        return new Topology()
                .addSource("visits", new ByteArrayDeserializer(), new ByteArrayDeserializer(), topic)
                .addProcessor("count", () -> new ByHand(report), "visits");
    }

    /** All the cells of one thread in a map. With several tasks in the thread, they share it. */
    private static final class ByHand implements Processor<byte[], byte[], Void, Void> {
        private static final Map<Long, Cell> CELLS = new HashMap<>();
        private final Report report;

        ByHand(Report report) {
            this.report = report;
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            Visit visit = Visit.parse(record.value());
            long key = visit.time() / Visit.CELL_MS << 32 | visit.place();
            Cell cell = CELLS.get(key);
            if (cell == null) {
                cell = new Cell();
                CELLS.put(key, cell);
            }
            cell.add(visit);
            if (report.counted()) {
                report.sayAll();
                long[] sums = new long[3];
                CELLS.values().forEach(each -> each.sum(sums));
                report.finish(sums);
            }
        }
    }

    private static Topology byWindows(String topic, Report report, CountDownLatch done) {
        StreamsBuilder builder = new StreamsBuilder();
        Serde<Visit> json = Serdes.serdeFrom((name, visit) -> compact(visit), (name, bytes) -> Visit.parse(bytes));
        Serde<Visit> numbers = Serdes.serdeFrom((name, visit) -> compact(visit), (name, bytes) -> expand(bytes));
        Serde<Cell> cells = Serdes.serdeFrom(
                (name, cell) -> cell == null ? null : cell.toBytes(),
                (name, bytes) -> bytes == null ? null : Cell.fromBytes(bytes));
        builder.stream(
                        topic,
                        Consumed.with(Serdes.ByteArray(), json)
                                .withTimestampExtractor((record, before) -> ((Visit) record.value()).time()))
                .map((key, visit) -> KeyValue.pair(visit.place(), visit))
                .groupByKey(Grouped.with(Serdes.Integer(), numbers))
                .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(Visit.CELL_MS), GRACE))
                .aggregate(
                        Cell::new,
                        (place, visit, cell) -> {
                            Cell more = cell.add(visit);
                            if (report.counted()) {
                                done.countDown();
                            }
                            return more;
                        },
                        Materialized.<Integer, Cell>as(Stores.inMemoryWindowStore(
                                        STORE, GRACE.plusHours(1), Duration.ofMillis(Visit.CELL_MS), false))
                                .withKeySerde(Serdes.Integer())
                                .withValueSerde(cells));
        return builder.build();
    }

    /** The sums over the store. The last event was counted before its cell was stored: looked at again until it is. */
    private static long[] read(KafkaStreams streams) throws InterruptedException {
        long[] before = {-1, -1, -1};
        while (true) {
            long[] sums = new long[3];
            try (KeyValueIterator<Windowed<Integer>, Cell> all = streams.store(StoreQueryParameters.fromNameAndType(
                            STORE, QueryableStoreTypes.<Integer, Cell>windowStore()))
                    .all()) {
                all.forEachRemaining(entry -> entry.value.sum(sums));
            }
            if (Arrays.equals(sums, before)) {
                return sums;
            }
            before = sums;
            Thread.sleep(500);
        }
    }

    private static byte[] compact(Visit visit) {
        return ByteBuffer.allocate(36)
                .putInt(visit.place())
                .putLong(visit.time())
                .putLong(visit.event())
                .putLong(visit.visit())
                .putLong(visit.visitor())
                .array();
    }

    private static Visit expand(byte[] bytes) {
        ByteBuffer from = ByteBuffer.wrap(bytes);
        return new Visit(from.getInt(), from.getLong(), from.getLong(), from.getLong(), from.getLong());
    }
}
