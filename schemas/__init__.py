"""What the topics and the reference tables hold: JSON Schemas, reference CSV files, and their typed rows."""
