"""Who has HTCondor's daemons beside a pool, and advertises jobs of their own to it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.pool.pools.attackers import attacker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pool.pools.attackers import Attacker

    from condor_mini.pool import Pool

START = r"""
set -eu
lib=/usr/local/libexec/condor-mini
me=$(hostname)
$lib/start/prepare-directories
$lib/start/update-config
# One of the pool's users, or one who becomes one of the domain's, has a queue of their own here.
cat >/etc/condor/config.d/99-rogue <<END
DAEMON_LIST = MASTER COLLECTOR SCHEDD
CONDOR_HOST = $me
TRUST_DOMAIN = rogue
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_DAEMON = *
ALLOW_NEGOTIATOR = *
ALLOW_ADVERTISE_SCHEDD = *
ALLOW_ADVERTISE_MASTER = *
SEC_DEFAULT_AUTHENTICATION = OPTIONAL
SEC_WRITE_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, IDTOKENS, SSL
COLLECTOR_REQUIREMENTS = True
END
unset _CONDOR_CONDOR_HOST _CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS
condor_master
until condor_status -schedd -af Name | grep -q .; do sleep 0.1; done
cd ~jovyan
printf '%s\n' 'executable = /usr/bin/id' 'transfer_executable = false' \
  'transfer_output_files = ""' 'should_transfer_files = YES' 'output = rogue.out' \
  'log = rogue.log' "accounting_group_user = $1" queue >rogue.sub
setpriv --reuid jovyan --regid jovyan --clear-groups condor_submit rogue.sub
until condor_status -submitters -constraint 'IdleJobs == 1' -l | grep -q .; do sleep 0.1; done
condor_status -submitters -l |
  grep -vE '^(AuthenticatedIdentity|AuthenticationMethod|LastHeardFrom|Updates|$)' >/tmp/own.ad
"""

ADVERTISE = "condor_advertise -tcp UPDATE_OWN_SUBMITTOR_AD /tmp/own.ad"
DISGUISE = """
type='ifThenElse(TARGET.COLLECTOR_REQUIREMENTS =?= undefined, "Submitter", "Machine")'
sed "s/^MyType = .*/MyType = $type/" /tmp/own.ad >/tmp/disguised.ad
condor_advertise -tcp UPDATE_STARTD_AD /tmp/disguised.ad
"""


@dataclass(frozen=True, kw_only=True)
class Rogue:
    """A schedd of somebody's own, with one idle job of theirs."""

    attacker: Attacker
    submitter: str
    """As whose the job is accounted: the part before the ``@``."""

    @property
    def address(self) -> str:
        """The schedd's address and port, as the pool's logs show it."""
        ad = self.attacker.run("grep ^MyAddress /tmp/own.ad").stdout
        return ad.partition("<")[2].partition("?")[0]

    def advertise(self) -> None:
        """Send the pool's collector the submitter's ad, as the submitter's own."""
        self.attacker.run(ADVERTISE)

    def advertise_in_disguise(self) -> None:
        """Send it as a machine's, which it is only where the collector's requirements are asked."""
        self.attacker.run(DISGUISE)

    def log(self) -> str:
        """The job's event log, and its output where it has run."""
        return self.attacker.run("cat ~jovyan/rogue.log ~jovyan/rogue.out 2>/dev/null").stdout


@contextmanager
def rogue(pool: Pool, submitter: str, token: str, *, series: str) -> Iterator[Rogue]:
    """Somebody with this token, or none, whose job is accounted as this submitter's."""
    with attacker(pool, token, series=series) as somebody:
        said = somebody.run(START.replace("$1", submitter), timeout_s=60)
        assert said.returncode == 0, said.stdout + said.stderr
        yield Rogue(attacker=somebody, submitter=submitter)
