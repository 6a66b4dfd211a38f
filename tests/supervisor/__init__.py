"""Starting, watching and ending the parts of `up`."""
