"""Subjects: clients of this process, driver processes, services over HTTP."""
