"""The command as a process of its own: Ctrl-C ends it without a traceback at any moment.

This module loads nothing, so that all loading is within what it guards.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from typing import Any

INTERRUPTED = 130
_LATER = 0.01  # seconds


def program() -> int:
    """Run the command line of the process, and return its exit code."""
    sys.unraisablehook = _delivered_again
    try:
        from tidu.app.cli import main

        code = main()
    except KeyboardInterrupt:
        code = INTERRUPTED
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python ends: there is nothing left to stop
    return code


def _delivered_again(unraisable: Any) -> None:
    """Deliver a Ctrl-C again that came where Python has to drop it, as in a finaliser, when that is
    over."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        again = threading.Timer(_LATER, _thread.interrupt_main)
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(unraisable)
