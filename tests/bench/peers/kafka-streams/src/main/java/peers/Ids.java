package peers;

import java.nio.ByteBuffer;

/** A set of 64-bit ids other than 0, by open addressing. */
final class Ids {
    private long[] slots;
    private int size;

    Ids() {
        slots = new long[8];
    }

    int size() {
        return size;
    }

    void add(long id) {
        int mask = slots.length - 1;
        int at = (int) (id * 0x9E3779B97F4A7C15L >>> 40) & mask;
        while (slots[at] != 0) {
            if (slots[at] == id) {
                return;
            }
            at = at + 1 & mask;
        }
        slots[at] = id;
        if (++size * 2 > slots.length) {
            long[] old = slots;
            slots = new long[old.length * 2];
            size = 0;
            for (long other : old) {
                if (other != 0) {
                    add(other);
                }
            }
        }
    }

    void write(ByteBuffer to) {
        to.putInt(size);
        for (long id : slots) {
            if (id != 0) {
                to.putLong(id);
            }
        }
    }

    static Ids read(ByteBuffer from) {
        Ids ids = new Ids();
        for (int left = from.getInt(); left > 0; left--) {
            ids.add(from.getLong());
        }
        return ids;
    }
}
