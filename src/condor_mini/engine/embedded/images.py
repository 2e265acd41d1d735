"""Images: a tar of files, and directories that all of them share."""

from __future__ import annotations

import os
import shutil
import tarfile
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, NotFound
from condor_mini.engine.embedded.records import Store
from condor_mini.engine.values import ImageInfo, ImageTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from condor_mini.engine.embedded.records import Record

FILES = "root.tar"


class Images(Store):
    """All images."""

    def __init__(self, directory: Path) -> None:
        """Nothing is made yet."""
        super().__init__(directory, "image")

    def info(self, reference: str) -> ImageInfo | None:
        """See ``Engine.image``."""
        if not self.directory.is_dir():
            return None
        try:
            with self.open(reference) as (record, archive):
                size_bytes = os.fstat(archive.fileno()).st_size
        except NotFound:
            return None
        config = record.facts["config"]
        return ImageInfo(
            id=record.id,
            size_bytes=size_bytes + config.get("shared_bytes", 0),
            labels=record.labels,
            environment=config.get("environment", {}),
        )

    @contextmanager
    def open(self, reference: str) -> Iterator[tuple[Record, BinaryIO]]:
        """Yield an image and the tar of its files, even if it is replaced or removed meanwhile.

        Raises:
            NotFound: There is none; for one that is just being replaced there is the new one.
        """
        with self.locked():
            record = self.get(reference)
            archive = (record.path / FILES).open("rb")
        with archive:
            yield record, archive

    def delete(self, reference: str) -> None:
        """Remove an image; an absent one is a success."""
        with self.locked():
            if (record := self.find(reference)) is not None:
                self.remove(record)

    def import_tar(self, tarball: Path, reference: str, labels: Mapping[str, str]) -> None:
        """See ``Engine.import_image``."""
        if not tarball.is_file() or not tarfile.is_tarfile(tarball):
            raise CommandFailed(("import", str(tarball)), 1, "it is no tar archive")
        self._replace(reference, labels, ImageTree(), lambda to: shutil.copyfile(tarball, to))

    def compose(self, reference: str, tree: ImageTree, labels: Mapping[str, str]) -> None:
        """See ``Engine.compose``."""
        self._replace(reference, labels, tree, lambda to: to.write_bytes(tree.archive))

    def _replace(
        self,
        reference: str,
        labels: Mapping[str, str],
        tree: ImageTree,
        write: Callable[[Path], object],
    ) -> None:
        config = {key: value for key, value in asdict(tree).items() if key != "archive"}
        config["shared"] = {target: str(source) for target, source in tree.shared.items()}
        facts = {"labels": dict(labels), "config": config}
        with self.locked():
            if (there := self.find(reference)) is not None:
                self.remove(there)
            self.add(reference, facts, lambda place, _: write(place / FILES))
