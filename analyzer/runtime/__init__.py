"""Run a program instrumented, read its trace, compare two runs. Never imports torch: that is the user's process."""
