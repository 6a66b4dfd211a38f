package peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.Map;

/** What counting needs of one event: where it counts, when, and its three ids as 64-bit numbers. */
record Visit(int place, long time, long event, long visit, long visitor) {
    static final long CELL_MS = 10_000;

    private static final JsonFactory JSON = new JsonFactory();
    private static final Map<String, Integer> CODES = new HashMap<>();

    /** Reads an event of version 1. The place is service, territory (first three digits of the UAI) and profil. */
    static Visit parse(byte[] value) {
        long time = 0, event = 0, visit = 0, visitor = 0;
        int territory = 0, service = 0, profil = 0;
        try (JsonParser json = JSON.createParser(value)) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                JsonToken token = json.nextToken();
                switch (name) {
                    case "event_id" -> event = hash(json);
                    case "visit_id" -> visit = hash(json);
                    case "visitor_id" -> visitor = hash(json);
                    case "event_time" ->
                        time = token == JsonToken.VALUE_NUMBER_INT ? json.getLongValue() : instant(json.getText());
                    case "uai" -> territory = Integer.parseInt(json.getText(), 0, 3, 10);
                    case "service" -> service = code(json.getText());
                    case "profil" -> profil = code(json.getText());
                    default -> json.skipChildren();
                }
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return new Visit(service << 16 | profil << 10 | territory, time, event, visit, visitor);
    }

    /** A number for a text that recurs; one thread calls this. */
    private static int code(String text) {
        Integer code = CODES.get(text);
        if (code == null) {
            code = CODES.size();
            CODES.put(text, code);
        }
        return code;
    }

    private static long hash(JsonParser json) throws IOException {
        char[] chars = json.getTextCharacters();
        int start = json.getTextOffset();
        int end = start + json.getTextLength();
        long state = end - start;
        for (int at = start; at < end; at++) {
            state = (state ^ chars[at]) * 0x9E3779B97F4A7C15L;
            state ^= state >>> 32;
        }
        return state == 0 ? 1 : state;
    }

    /** Epoch milliseconds; the usual form, in UTC with milliseconds, without the library's detours. */
    private static long instant(String text) {
        if (text.length() == 24 && text.charAt(23) == 'Z' && text.charAt(19) == '.') {
            long days = days(number(text, 0, 4), number(text, 5, 7), number(text, 8, 10));
            long seconds = number(text, 11, 13) * 3600L + number(text, 14, 16) * 60L + number(text, 17, 19);
            return (days * 86_400 + seconds) * 1000 + number(text, 20, 23);
        }
        return OffsetDateTime.parse(text).toInstant().toEpochMilli();
    }

    private static int number(String text, int from, int to) {
        int value = 0;
        for (int at = from; at < to; at++) {
            value = value * 10 + text.charAt(at) - '0';
        }
        return value;
    }

    private static long days(int year, int month, int day) {
        int shifted = month > 2 ? year : year - 1;
        long era = Math.floorDiv(shifted, 400);
        int ofEra = (int) (shifted - era * 400);
        int ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        return era * 146_097 + ofEra * 365L + ofEra / 4 - ofEra / 100 + ofYear - 719_468;
    }
}
