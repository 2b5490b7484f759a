"""Reports: functions from a view of a verdict to a text. None holds a key."""
