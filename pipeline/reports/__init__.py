"""Reports: pure computing of comparisons and rankings, and the texts and pages that show them.

No driver, no clock, no file: `pipeline.commands.report` asks the store, passes what it answered, and prints. Start
with `scope.py` (what is asked), then `compare.py` (what it means), then `growth_table.py` and `growth_page.py`.
"""
