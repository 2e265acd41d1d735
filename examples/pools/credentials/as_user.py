"""Go on as a user who is not root, and end when condor_master says so."""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1


def go_on_as(name):
    """Return as this user, in a process that ends with the one that called.

    An access point lacks CAP_KILL, so that condor_master, as root, may not signal processes of
    other users: ``condor-mini stop`` would wait for them in vain. It may signal the one that
    called, which stays root's and does nothing else.
    """
    caller = os.getpid()
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status))
    user = pwd.getpwnam(name)
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != caller:
        sys.exit("condor_master has ended this")
