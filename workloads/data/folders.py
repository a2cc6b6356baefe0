"""Finds out which data set lies in a folder that the user names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workloads.data.samples import DataSet


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of data set: its name, the files to look for (in words) and a function that opens a folder.

    `open_folder` returns None when the folder does not hold this data set, and raises ValueError when it
    holds a broken one.
    """

    name: str
    files: str
    open_folder: Callable[[Path], DataSet | None]


def find_data_set(folder: Path, sources: Sequence[Source], wanted: str | None = None) -> DataSet:
    """Open the first of `sources` found in `folder` or one level below it; `wanted` picks one by name.

    The folder itself comes before its sub-folders, and `sources` are tried in order: a user who has several
    data sets in one place names the sub-folder, or the data set.
    """
    known = [source.name for source in sources]
    if wanted is not None and wanted not in known:
        raise ValueError(f"unknown data set {wanted!r}; want one of {', '.join(known) or 'none (it reads no files)'}")
    if not folder.is_dir():
        raise ValueError(f"data folder {folder} is not a folder")
    chosen = [source for source in sources if wanted in (None, source.name)]
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    for places in ([folder], below):
        for source in chosen:
            for place in places:
                found = source.open_folder(place)
                if found is not None:
                    return found
    described = "; ".join(f"{source.name} ({source.files})" for source in chosen)
    if not described:
        raise ValueError(f"no data set found in {folder}: this workload reads no files; leave the folder out")
    raise ValueError(f"no data set found in {folder}; want one of {described}")
