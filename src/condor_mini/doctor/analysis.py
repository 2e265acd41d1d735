"""The output of ``condor_q -better-analyze``, read job by job."""

from __future__ import annotations

import re
from dataclasses import dataclass

# HTCondor 23 counts machines, and 25 counts slots and prints more words.
_SUMMARY = re.compile(
    r"(?m)^0*(\d+)\.0*(\d+):  Run analysis summary.*?Of (\d+) (?:slots? on \d+ )?machines?,$"
)
_BLOCK = re.compile(r"(?m)^The Requirements expression for job \S+ is$")
_COUNT = re.compile(r"(?m)^\s+(\d+) (?:slots? )?(.+)$")
_WILLING = ("willing to run your job", "able to run your job")
_DEFINITION = re.compile(r"(?m)^    \[(\d+)\]\s+: (\S.*)$")
_STEP = re.compile(r"(?m)^\[(\d+)\]\s+(\d+)\s+(?:\d+\s+)?(\S.*)$")
_REFERENCE = re.compile(r"\[(\d+)\]")
_ATTRIBUTE = re.compile(r"(?m)^    (\w+) = (.+)$")
_WORDS = {" || ": " or ", " && ": " and "}


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The analysis of one job by ``condor_q -better-analyze``."""

    job: str
    """Job id, ``CLUSTER.PROC``."""
    slots: int
    """Number of slots that the job was compared with; of machines with HTCondor 23."""
    matching: int
    """Number of slots that would take the job now."""
    busy: int
    """Number of slots that would take the job if they were free."""
    unmet: tuple[str, ...]
    """Conditions of the job that no slot meets, with the job's attributes that they name."""
    refused: int
    """Number of slots that refuse the job by their own conditions."""


def analyses(text: str) -> list[Analysis]:
    """Return the analysis of each job in the output of ``condor_q -better-analyze``."""
    found = []
    for block in _BLOCK.split(text):
        summary = _SUMMARY.search(block)
        if summary is None:
            continue
        counts = [(int(count), words) for count, words in _COUNT.findall(block[summary.end() :])]
        found.append(
            Analysis(
                job=f"{summary[1]}.{summary[2]}",
                slots=int(summary[3]),
                matching=sum(n for n, words in counts if words.endswith(_WILLING)),
                busy=sum(
                    n
                    for n, words in counts
                    if "would match if drained" in words or "serving" in words
                ),
                unmet=_unmet(block[: summary.start()]),
                refused=sum(n for n, words in counts if words.startswith("reject")),
            )
        )
    return found


def _unmet(text: str) -> tuple[str, ...]:
    """Return the conditions that no slot meets.

    A condition may combine others, which it names by their steps: ``[0] || [3]``. Those are put in
    its place, and are not conditions of their own.
    """
    steps = _STEP.findall(text)
    conditions = dict(_DEFINITION.findall(text)) | {step: words for step, _, words in steps}
    attributes = dict(_ATTRIBUTE.findall(text))
    failed = {step: words for step, count, words in steps if count == "0"}
    parts = {part for words in failed.values() for part in _REFERENCE.findall(words)}
    return tuple(
        _with_values(_in_words(words, conditions), attributes)
        for step, words in failed.items()
        if step not in parts
    )


def _in_words(condition: str, conditions: dict[str, str]) -> str:
    def part(reference: re.Match[str]) -> str:
        # A step names earlier ones only.
        named = conditions.get(reference[1], reference[0])
        whole = _in_words(
            named, {key: conditions[key] for key in conditions if key != reference[1]}
        )
        return f"({whole})" if whole != named else whole

    text = _REFERENCE.sub(part, condition)
    for operator, word in _WORDS.items():
        text = text.replace(operator, word)
    return text


def _with_values(condition: str, attributes: dict[str, str]) -> str:
    named = [
        f"{name} = {value}"
        for name, value in attributes.items()
        if re.search(rf"\b{re.escape(name)}\b", condition)
    ]
    return f"{condition} ({', '.join(named)})" if named else condition
