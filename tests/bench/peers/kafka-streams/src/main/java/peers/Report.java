package peers;

/** What the bench reads: events so far, then the figures, one JSON object a line. */
final class Report {
    private static final long STEP = 50_000;

    private final long wanted;
    private long events;

    Report(long wanted) {
        this.wanted = wanted;
    }

    /** One more event is in its cell; true for the last one asked for. */
    boolean counted() {
        if (events == 0) {
            say("{\"events\": 0}");
        }
        events++;
        if (events % STEP == 0 && events < wanted) {
            say("{\"events\": " + events + "}");
        }
        return events == wanted;
    }

    /** All is counted: hits, visits and visitors, each summed over the cells. */
    void finish(long[] sums) {
        say("{\"hits\": " + sums[0] + ", \"visits\": " + sums[1] + ", \"visitors\": " + sums[2] + "}");
    }

    void sayAll() {
        say("{\"events\": " + events + "}");
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
