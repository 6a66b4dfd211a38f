SELECT day, toString(zone), toString(kind) FROM ent.calendar;
