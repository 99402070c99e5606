"""Where tasks run: pure decisions from the state. Read `place` first: one pass, from above."""

from controlplane.scheduler.answers import Explanation, explain_spec, explain_task
from controlplane.scheduler.place import Decision, Scheduler, schedule

__all__ = ["Decision", "Explanation", "Scheduler", "explain_spec", "explain_task", "schedule"]
