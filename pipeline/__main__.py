"""`python -m pipeline COMMAND` is `instant-t COMMAND`."""

from pipeline.commands.main import main

main()
