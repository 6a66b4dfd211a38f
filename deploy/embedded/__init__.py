"""A broker and a store for one machine, each a process of its own; they import nothing of the pipeline."""
