package peers;

import java.nio.ByteBuffer;

/** The distinct ids of one place in ten seconds. */
final class Cell {
    private final Ids hits;
    private final Ids visits;
    private final Ids visitors;

    Cell() {
        this(new Ids(), new Ids(), new Ids());
    }

    private Cell(Ids hits, Ids visits, Ids visitors) {
        this.hits = hits;
        this.visits = visits;
        this.visitors = visitors;
    }

    Cell add(Visit visit) {
        hits.add(visit.event());
        visits.add(visit.visit());
        visitors.add(visit.visitor());
        return this;
    }

    /** Adds the sizes of the three sets to `sums`. */
    void sum(long[] sums) {
        sums[0] += hits.size();
        sums[1] += visits.size();
        sums[2] += visitors.size();
    }

    byte[] toBytes() {
        ByteBuffer buffer = ByteBuffer.allocate(12 + 8 * (hits.size() + visits.size() + visitors.size()));
        hits.write(buffer);
        visits.write(buffer);
        visitors.write(buffer);
        return buffer.array();
    }

    static Cell fromBytes(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        return new Cell(Ids.read(buffer), Ids.read(buffer), Ids.read(buffer));
    }
}
