"""The lessons, in their order."""

from __future__ import annotations

from condor_mini.lessons.checks import BeganBefore, FileHas, JobsDid, SlotsAre
from condor_mini.lessons.lesson import Lesson, Step

_LESSONS = (
    Lesson(
        number=1,
        name="first-job",
        title="Run your first job",
        learns="submit a job, and read what came back",
        minutes=10,
        files=("hello/hello.sub", "hello/hello.sh"),
        steps=(
            Step(
                title="The three jobs of hello.sub have ended",
                check=JobsDid(log="hello.log", jobs=3),
                command="condor-mini run --submit hello.sub",
            ),
            Step(
                title="A submit file of your own has run a job",
                check=JobsDid(log="first.log"),
                command="condor-mini run --submit first.sub",
            ),
        ),
    ),
    Lesson(
        number=2,
        name="many-jobs",
        title="Run many jobs",
        learns="queue jobs by number and from a list, and collect what they wrote",
        minutes=10,
        files=(
            "lessons/many-jobs/square.sub",
            "lessons/many-jobs/square.sh",
            "lessons/many-jobs/cities.sub",
            "lessons/many-jobs/cities.txt",
            "lessons/many-jobs/city.sh",
        ),
        steps=(
            Step(
                title="Ten jobs of square.sub have ended",
                check=JobsDid(log="square.log", jobs=10),
                command="condor-mini submit square.sub --wait",
            ),
            Step(
                title="squares.txt has what they wrote, in order",
                check=FileHas(file="squares.txt", pattern=r"^\d \d+$", lines=10),
                command="cat square.*.out | sort -n > squares.txt",
            ),
            Step(
                title="A job for each of the four cities has ended",
                check=JobsDid(log="cities.log", jobs=4),
                command="condor-mini submit cities.sub --wait",
            ),
        ),
    ),
    Lesson(
        number=3,
        name="held-jobs",
        title="When a job is held",
        learns="find out why a job is held, correct it, release it, remove it",
        minutes=10,
        files=(
            "lessons/held-jobs/count.sub",
            "lessons/held-jobs/count.sh",
            "lessons/held-jobs/words.txt",
            "lessons/held-jobs/wait.sub",
        ),
        steps=(
            Step(
                title="The job of count.sub was held",
                check=JobsDid(log="count.log", events=("JobHeld",), says="word.txt"),
                command="condor-mini submit count.sub --wait",
            ),
            Step(
                title="You have corrected and released it, and it has ended",
                check=JobsDid(log="count.log", events=("JobHeld", "JobReleased", "JobTerminated")),
                command="condor-mini wait",
            ),
            Step(
                title="You have held a job yourself, and removed it",
                check=JobsDid(log="wait.log", events=("JobHeld", "JobAborted"), says=""),
                command="condor-mini wait",
            ),
        ),
    ),
    Lesson(
        number=4,
        name="idle-jobs",
        title="Why is my job idle",
        learns="ask HTCondor why no slot takes a job, and change what the job asks for",
        minutes=10,
        files=(
            "lessons/idle-jobs/big.sub",
            "lessons/idle-jobs/picky.sub",
            "lessons/idle-jobs/greet.sh",
        ),
        steps=(
            Step(
                title="why.txt has HTCondor's analysis of the job that asks for too much memory",
                check=FileHas(file="why.txt", pattern=r"RequestMemory|Memory >= "),
                command="condor-mini exec -- condor_q -better-analyze > why.txt",
            ),
            Step(
                title="The job asks for less, and has ended",
                check=JobsDid(log="big.log"),
                command="condor-mini wait",
            ),
            Step(
                title="The job that wanted a microscope has ended, too",
                check=JobsDid(log="picky.log"),
                command="condor-mini wait",
            ),
        ),
    ),
    Lesson(
        number=5,
        name="dags",
        title="Workflows: DAGs, failing nodes and rescue",
        learns="run jobs in an order, and go on after a failure without doing all again",
        minutes=15,
        files=(
            "lessons/dags/diamond.dag",
            "lessons/dags/step.sub",
            "lessons/dags/step.sh",
            "lessons/dags/settings.txt",
        ),
        steps=(
            Step(
                title="The workflow has failed, and DAGMan has written a rescue file",
                check=FileHas(file="diamond.dag.rescue001", pattern="^DONE left"),
                command="condor-mini run --keep -- condor_wait diamond.dag.dagman.log",
            ),
            Step(
                title="settings.txt lets the node right succeed",
                check=FileHas(file="settings.txt", pattern="right works"),
                command="sed -i 's/right fails/right works/' settings.txt",
            ),
            Step(
                title="The node put, the last one, has ended",
                check=FileHas(file="put.out", pattern="put is done"),
                command="condor-mini run --keep -- condor_wait diamond.dag.dagman.log",
            ),
        ),
    ),
    Lesson(
        number=6,
        name="fair-share",
        title="Fair share",
        learns="see who gets the next slot, and why",
        minutes=15,
        files=(
            "lessons/fair-share/one-slot.yaml",
            "lessons/fair-share/monday.sub",
            "lessons/fair-share/tuesday.sub",
        ),
        steps=(
            Step(
                title="On Monday Ben came later, and had the slot before Ana's last job",
                check=BeganBefore(log="monday-ben.log", others="monday-ana.log"),
                command="condor-mini submit monday.sub -n fair --wait",
            ),
            Step(
                title="On Tuesday, with Ben's worse factor, Ana came later and had it before him",
                check=BeganBefore(log="tuesday-ana.log", others="tuesday-ben.log", all=True),
                command="condor-mini submit tuesday.sub -n fair --wait",
            ),
        ),
    ),
    Lesson(
        number=7,
        name="gpus",
        title="GPUs",
        learns="ask for GPUs of a kind; here they are simulated",
        minutes=10,
        files=(
            "pools/gpus.yaml",
            "lessons/gpus/gpu.sub",
            "lessons/gpus/gpu.sh",
            "lessons/gpus/large.sub",
        ),
        steps=(
            Step(
                title="The pool gpus has slots with GPUs",
                check=SlotsAre(constraint="TotalGPUs > 0", slots=2, pool="gpus"),
                command="condor-mini create -c gpus.yaml",
            ),
            Step(
                title="Two jobs had a GPU each",
                check=FileHas(file="gpu.*.out", pattern=r"has given me GPU-\w+", lines=2),
                command="condor-mini submit gpu.sub -n gpus --wait",
            ),
            Step(
                title="A job had one of the large GPUs",
                check=FileHas(file="large.out", pattern="gpus-execute-2 has given me GPU-"),
                command="condor-mini submit large.sub -n gpus --wait",
            ),
        ),
    ),
    Lesson(
        number=8,
        name="checkpoints",
        title="Checkpoints",
        learns="let a job go on where it was when it is evicted",
        minutes=10,
        files=(
            "checkpoint/count.sub",
            "checkpoint/count.sh",
            "lessons/checkpoints/until-saved.sh",
        ),
        steps=(
            Step(
                title="The job was evicted, began again, and has ended",
                check=JobsDid(
                    log="count.log", events=("Execute", "JobEvicted", "Execute", "JobTerminated")
                ),
                command="condor-mini wait",
            ),
            Step(
                title="It went on with what it had saved",
                check=FileHas(file="count.out", pattern=r"begins with [1-9]"),
                command="condor-mini wait",
            ),
        ),
    ),
    Lesson(
        number=9,
        name="own-software",
        title="Your own software, in an image",
        learns="give jobs the programs that they need: with the job, from the host, or in an image",
        minutes=15,
        needs="Docker, for its last part alone",
        files=(
            "lessons/own-software/with-tools.sub",
            "lessons/own-software/with-tools.sh",
            "lessons/own-software/total.sh",
            "lessons/own-software/numbers.txt",
            "execute-on-bookworm/mean.sub",
            "execute-on-bookworm/mean.py",
            "execute-on-bookworm/analysis.py",
            "execute-on-bookworm/Dockerfile",
        ),
        steps=(
            Step(
                title="A job has used the software that it brought along",
                check=FileHas(file="with-tools.out", pattern="total: 9"),
                command="condor-mini submit with-tools.sub --wait",
            ),
            Step(
                title="A job has used Python and a module of yours",
                check=FileHas(file="mean.out", pattern=r" 3\.\d+ 3\.0$"),
                command="condor-mini submit mean.sub -n own --wait -- "
                '-append "environment = PYTHONPATH=$PWD"',
            ),
        ),
    ),
    Lesson(
        number=10,
        name="read-the-logs",
        title="Find mistakes with logs",
        learns="read a job's output, its event log and the daemons' logs, and save them all",
        minutes=15,
        files=(
            "lessons/read-the-logs/report.sub",
            "lessons/read-the-logs/report.sh",
            "lessons/read-the-logs/numbers.txt",
            "lessons/read-the-logs/summary.sub",
            "lessons/read-the-logs/summary.sh",
        ),
        steps=(
            Step(
                title="The job of report.sub has failed",
                check=JobsDid(log="report.log", says=r"return value [1-9]"),
                command="condor-mini submit report.sub --wait",
            ),
            Step(
                title="With the mistake corrected it has ended well",
                check=JobsDid(log="report.log"),
                command="condor-mini submit report.sub --wait",
            ),
            Step(
                title="The job of summary.sub was held",
                check=JobsDid(log="summary.log", events=("JobHeld",), says="summary.txt"),
                command="condor-mini submit summary.sub --wait",
            ),
            Step(
                title="starter.txt has what the starter says of it",
                check=FileHas(file="starter.txt", pattern="summary.txt"),
                command="condor-mini logs --daemon starter > starter.txt",
            ),
            Step(
                title="The directory logs has what a bug report needs",
                check=FileHas(file="logs/*.txt", pattern="."),
                command="condor-mini export logs logs",
            ),
        ),
    ),
    Lesson(
        number=11,
        name="test-a-workflow",
        title="Test a workflow",
        learns="write tests with pytest that run jobs in a pool, and break it",
        minutes=15,
        needs="pytest and HTCondor's bindings: the extra pytest",
        files=(
            "lessons/test-a-workflow/average.sub",
            "lessons/test-a-workflow/average.sh",
            "lessons/test-a-workflow/numbers.txt",
            "lessons/test-a-workflow/test_average.py",
            "lessons/test-a-workflow/test_eviction.py",
        ),
        steps=(
            Step(
                title="The test has found the mistake",
                check=FileHas(file="first.xml", pattern='failures="1"'),
                command="python3 -m pytest --condor-reuse mini --junit-xml first.xml "
                "test_average.py",
            ),
            Step(
                title="Both tests pass",
                check=FileHas(file="second.xml", pattern='failures="0" skipped="0" tests="2"'),
                command="python3 -m pytest --condor-reuse mini --junit-xml second.xml",
            ),
        ),
    ),
    Lesson(
        number=12,
        name="two-laptops",
        title="A pool over two laptops",
        learns="let nodes of another laptop join your pool",
        minutes=15,
        needs="a second laptop in the same network, with condor-mini",
        files=("hello/hello.sub", "hello/hello.sh"),
        steps=(
            Step(
                title="A node of another laptop is in the pool class",
                check=SlotsAre(constraint='!regexp("^class-", Machine)', pool="class"),
                command="condor-mini join laptop1 --token-file token --execute 2",
            ),
            Step(
                title="It has run a job",
                check=JobsDid(
                    log="hello.log", events=("Execute",), says=r"SlotName: slot\S*@(?!class-)"
                ),
                command="condor-mini submit hello.sub -n class --wait -- "
                "-append 'requirements = regexp(\"^laptop2\", Machine)'",
            ),
        ),
    ),
)
LESSONS = {lesson.name: lesson for lesson in _LESSONS}
"""Every lesson by its name, in their order."""
