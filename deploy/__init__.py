"""How the pipeline is run: embedded in one machine, or as servers in containers."""
