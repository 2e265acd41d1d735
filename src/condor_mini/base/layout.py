"""Facts about a node's container that several rooms share: labels, users, paths.

The images' files say the same in their own words: `images/condor-base/Dockerfile`, `install`.
"""

LABEL = "io.condor-mini"
"""What every label of ours begins with."""

USER = "jovyan"
"""The ordinary user in the images, who submits."""
HOME = f"/home/{USER}"
USER_ID = 1000
"""The UID and GID of ``jovyan``, unless a pool has others: ``nodes/accounts.py``."""
USER_IDS = (USER_ID, USER_ID)
OTHER_USER_ID = 1001
"""The UID and GID of ``submituser``, the second ordinary user."""
CONDOR_ID = 64
"""The UID and GID of ``condor``, whom HTCondor's daemons run as."""

LIBEXEC = "/usr/local/libexec/condor-mini"
"""Our scripts, in a folder for each time when they run."""
START_SCRIPTS = f"{LIBEXEC}/start"
"""Scripts that run once, while the node starts."""
BACKGROUND_SCRIPTS = f"{LIBEXEC}/background"
"""Scripts that run beside the daemons."""
REQUEST_SCRIPTS = f"{LIBEXEC}/request"
"""Scripts that run when somebody asks."""
HEALTH = f"{REQUEST_SCRIPTS}/health"
LOGIN = f"{LIBEXEC}/login"
"""Script that runs a command with the environment of a login: ``login DIRECTORY COMMAND...``."""
ENTRYPOINT = ("/usr/bin/tini", "--", f"{LIBEXEC}/entrypoint")
"""The entrypoint of our images."""
PREFIX = "/usr/local/lib/condor-mini"
"""Where HTCondor is seen beside an image of the user's own. The files of images/own-image have
this path too."""

TOKENS = "/etc/condor/tokens.d"
"""Where each node has its tokens, in a volume of its own: ``NODE-tokens``."""
CONFIG_DIRECTORY = "/etc/condor/config.d"
"""Where HTCondor's configuration is, in files of which later ones win."""
SPOOL = "/var/spool/condor"
LOG = "/var/log/condor"
KEYS = "/etc/condor/passwords.d"
"""Where a central manager, and an access point, has the key that signs tokens."""
