"""Whatever stands in a pool file, ``config validate`` says yes or says what is wrong."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condor_mini.base.errors import PoolFileError
from condor_mini.cli.config import config
from condor_mini.nodes.condor_config import execution_point_config, pool_config
from condor_mini.spec import PoolSpec
from condor_mini.spec.schema import example

THOROUGH = settings(
    max_examples=300,
    deadline=timedelta(seconds=10),
    database=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

words = st.sampled_from(
    [
        *("a", "A", "one", "", " ", "yes", "010", "1e3", "2GB", "512 MiB", "-1", "host", "default"),
        *("25", "23", "/a", "/etc/condor", "./nothing:/a", "data:/a", "data:/a:ro", "8080:80"),
        *("0.0.0.0::80", "80/udp", "[::1]:1:1", "$(X)", 'q"', "back\\", "two\nlines", "\0"),
        *("\ud800", "\u202e", "A = 1 \\", "<<", "=", "~", "null", "2026-11-21", "x" * 300),
    ]
)
numbers = st.sampled_from([-1, 0, 1, 2, 80, 25, 10_000, 2**31, 2**63, 10**40, 0.5, 1.0, 1e300])
scalars = st.none() | st.booleans() | numbers | words | st.text(max_size=8) | st.floats()
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(words | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def mapping(**values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Some of these keys, mostly with what they take; now and then another key, or no mapping."""
    known = st.fixed_dictionaries(
        {}, optional={key: mostly(value) for key, value in values.items()}
    )
    stranger = st.dictionaries(st.sampled_from([*values, "nmae", "x"]), anything, max_size=1)
    return st.builds(lambda one, other: {**one, **other}, known, stranger | st.just({}))


def mostly(value: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """This, or sometimes anything."""
    return st.integers(0, 9).flatmap(lambda dice: anything if dice == 0 else value)


small = st.integers(0, 4)
sizes = st.sampled_from([1, 64, 4096, "2GB", "1.5T", "0", "64K"])
limits = mapping(
    cpus=st.sampled_from([0.5, 2, 0]), memory=sizes, processes=st.sampled_from([31, 32, 1.5])
)
node: dict[str, st.SearchStrategy[object]] = {
    "config": st.sampled_from(["", "A = 1", "A = 1\n\n", "A = \\\n 1", "A = \\"]),
    "environment": st.dictionaries(words, scalars, max_size=2),
    "labels": st.dictionaries(words, scalars, max_size=2),
    "volumes": st.lists(words | mapping(source=words, target=words), max_size=2),
    "ports": st.lists(words | small | mapping(container_port=small, host_port=small), max_size=3),
    "limit": limits,
}
group = {**node, "name": st.sampled_from(["a", "b", "big"]), "count": small}
execution_points = mapping(
    **group,
    cpus=small,
    memory=sizes,
    disk=sizes,
    slots=small,
    gpus=small | mapping(count=small, name=words, memory=sizes, capability=numbers),
    attributes=st.dictionaries(words | st.sampled_from(["Lab", "LAB", "Cpus"]), anything),
)
pool_files = mapping(
    version=st.just(1),
    name=st.sampled_from(["mini", "a-b", "Mini"]),
    htcondor=st.sampled_from([25, 23, "25", 24]),
    config=node["config"],
    environment=node["environment"],
    labels=node["labels"],
    probe_job=st.booleans(),
    shared=mapping(path=words, source=words),
    central_manager=mapping(**node),
    access_points=st.lists(mapping(**group), max_size=2),
    execution_points=st.lists(execution_points, max_size=3),
)
valid_pool_files = st.fixed_dictionaries(
    {"version": st.just(1)},
    optional={
        "environment": st.dictionaries(st.sampled_from(["A", "B"]), st.text(max_size=5)),
        "config": st.text(max_size=20),
        "execution_points": st.lists(
            st.fixed_dictionaries(
                {"count": st.integers(1, 3)},
                optional={
                    "cpus": st.integers(5, 10**6),
                    "memory": st.integers(5, 2**31 - 1),
                    "slots": st.integers(1, 5),
                    "gpus": st.integers(0, 5),
                    "attributes": st.dictionaries(st.sampled_from(["A", "B", "C"]), scalars),
                },
            ),
            min_size=1,
            max_size=1,
        ),
    },
)


insertions = st.sampled_from([*"\t\0:[]{}&*!|>'\"%@`,?-#\\ \n1", "\n  ", "- ", "<<: *a"])


def check(content: bytes) -> None:
    """The command ends with 0 or 7, and what it says is whole."""
    result = CliRunner().invoke(config, ["validate", "-", "-o", "json"], input=content)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code in (0, PoolFileError.exit_code)
    said = json.loads(result.stdout)
    assert said["valid"] == (result.exit_code == 0) == (said["problems"] == [])
    for problem in said["problems"]:
        assert "\n" not in problem["path"] + problem["message"]
    if said["valid"]:
        spec = PoolSpec.from_json(json.dumps(said["spec"]))
        assert json.loads(spec.to_json()) == said["spec"]
        assert pool_config(spec).endswith("\n")
        for points in spec.execution_points:
            execution_point_config(spec, points)


def as_yaml(value: object) -> bytes:
    """As PyYAML writes it, whatever it is."""
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False).encode(errors="surrogatepass")


@THOROUGH
@given(pool_files)
def test_nearly_valid(value: object) -> None:
    """Files that are nearly right."""
    check(as_yaml(value))


@THOROUGH
@given(valid_pool_files)
def test_mostly_valid(value: object) -> None:
    """Files that are right, but for what stands in their texts."""
    check(as_yaml(value))


@THOROUGH
@given(
    st.data(),
    st.lists(st.sampled_from([*"\t\0:[]{}&*!|>'\"%@`,?-#\\ \n1", "\n  ", "- ", "<<: *a"])),
)
def test_mutated(data: st.DataObject, inserted: list[str]) -> None:
    """The example, after somebody's cat walked over it."""
    text = example()
    for insertion in inserted:
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 3))
        text = text[:start] + insertion + text[end:]
    check(text.encode())


@THOROUGH
@given(anything)
def test_any_yaml(value: object) -> None:
    """Any YAML."""
    check(as_yaml(value))


@THOROUGH
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    """Any text."""
    check(text.encode(errors="surrogatepass"))


@THOROUGH
@given(st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    """Any bytes."""
    check(content)
