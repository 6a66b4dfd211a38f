"""The specification of the pure core: events, reasons, cells."""
