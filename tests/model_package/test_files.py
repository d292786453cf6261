"""A package on disk: whole, or refused with the name of the file at fault."""

import hashlib
import json
from collections.abc import Callable, Iterator
from os import mkfifo
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.errors import RideDurationError
from ride_duration.model_package.files import FORMAT, MANIFEST, MANIFEST_HASH, pack, read_folder, write_folder

FILES = {"model.onnx": bytes(range(256)), "plots/error.png": b"\x89PNG", "inputs.json": b"{}\n", "empty": b""}
PACKED = pack(FILES, {"model": "xgboost", "train_data": ["2021-01"]})

NAMES = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=12).filter(lambda part: part.strip(".")),
    min_size=1,
    max_size=2,
).map("/".join)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package as it was written."""
    write_folder(tmp_path / "package", PACKED)
    return tmp_path / "package"


def refusal(folder: Path) -> str:
    """What is said when a package is refused."""
    with pytest.raises(RideDurationError) as told:
        read_folder(folder)
    assert str(folder) in str(told.value)
    return str(told.value)


def signed(manifest: bytes) -> dict[str, bytes]:
    """A manifest with the hash that belongs to it."""
    return {MANIFEST: manifest, MANIFEST_HASH: f"{hashlib.sha256(manifest).hexdigest()}\n".encode()}


def _outside_each_other(files: dict[str, bytes]) -> bool:
    """No name is a folder of another one."""
    return not any(other.startswith(f"{name}/") for name in files for other in files)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.dictionaries(NAMES, st.binary(max_size=50), max_size=6).filter(_outside_each_other))
def test_what_is_written_is_read_again(files: dict[str, bytes]) -> None:
    with TemporaryDirectory() as root:
        write_folder(Path(root) / "package", pack(files, {"model": "m"}))
        contents = read_folder(Path(root) / "package")
    assert {name: contents[name] for name in files} == files
    assert contents.keys() - files.keys() == {MANIFEST, MANIFEST_HASH}


def test_the_manifest_has_the_facts_and_the_hash_of_each_file() -> None:
    manifest = json.loads(PACKED[MANIFEST])
    assert (manifest["model"], manifest["train_data"], manifest["package_format"]) == ("xgboost", ["2021-01"], FORMAT)
    assert manifest["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


def test_the_same_files_make_the_same_manifest_whatever_their_order() -> None:
    turned = pack(dict(reversed(FILES.items())), {"train_data": ["2021-01"], "model": "xgboost"})
    assert turned[MANIFEST] == PACKED[MANIFEST]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_a_single_byte_changed_anywhere_is_refused_with_the_name_of_the_file(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name, content in PACKED.items() if content]))
    offset = data.draw(st.integers(0, len(PACKED[name]) - 1))
    changed = bytearray(PACKED[name])
    changed[offset] ^= data.draw(st.integers(1, 255))
    with TemporaryDirectory() as root:
        folder = Path(root) / "package"
        write_folder(folder, PACKED | {name: bytes(changed)})
        said = refusal(folder)
    assert name in said
    assert "release the model again" in said


@pytest.mark.parametrize("name", sorted(PACKED.keys() - {MANIFEST}))
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert name in refusal(folder)


@pytest.mark.parametrize("name", ["extra.onnx", "plots/extra.png", ".hidden"])
def test_a_file_that_was_added_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    assert f"{name} is not in the manifest" in refusal(folder)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("")])
def test_what_is_no_package_is_said_to_be_none(tmp_path: Path, make: object) -> None:
    make(tmp_path / "package")
    assert "is not a model package: it has no manifest.json" in refusal(tmp_path / "package")


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b"not json", b'{"package_format": 1, "files": 3}'])
def test_a_manifest_that_was_not_written_here_is_refused(folder: Path, manifest: bytes) -> None:
    for name, content in signed(manifest).items():
        (folder / name).write_bytes(content)
    assert "manifest.json is none that was written here" in refusal(folder)


def test_a_package_of_another_format_is_refused_with_both(folder: Path) -> None:
    newer = json.dumps(json.loads(PACKED[MANIFEST]) | {"package_format": 99}).encode()
    for name, content in signed(newer).items():
        (folder / name).write_bytes(content)
    assert "is of format 99, and 1 is what this version reads" in refusal(folder)


@pytest.mark.parametrize("name", ["../secret", "plots/../../secret"])
def test_no_name_in_a_manifest_leads_outside(folder: Path, name: str) -> None:
    secret = b"outside"
    (folder.parent / "secret").write_bytes(secret)
    manifest = json.loads(PACKED[MANIFEST])
    manifest["files"][name] = hashlib.sha256(secret).hexdigest()
    for file, content in signed(json.dumps(manifest).encode()).items():
        (folder / file).write_bytes(content)
    assert f"{name} is missing" in refusal(folder)


@pytest.mark.parametrize("name", ["model.onnx", "plots", MANIFEST, "extra", "plots/extra"])
def test_a_link_is_refused_wherever_it_leads(folder: Path, tmp_path: Path, name: str) -> None:
    outside, link = tmp_path / "outside", folder / name
    if link.exists():
        link.rename(outside)  # the very bytes that were packaged
    link.symlink_to(outside)  # to nothing, where nothing of the name was there
    assert f"{name} is a link" in refusal(folder)


@pytest.mark.parametrize("make", [Path.mkdir, mkfifo])
@pytest.mark.parametrize("name", ["extra", "plots/extra"])
def test_what_is_no_file_and_no_folder_of_one_is_refused(folder: Path, name: str, make: Callable[[Path], None]) -> None:
    make(folder / name)
    assert f"{name} is not in the manifest" in refusal(folder)


def test_a_package_takes_the_place_of_another_whole(folder: Path) -> None:
    write_folder(folder, pack({"only": b"new"}, {}))
    assert {path.name for path in folder.rglob("*")} == {"only", MANIFEST, MANIFEST_HASH}
    assert [path.name for path in folder.parent.iterdir()] == ["package"]


class _Breaks(dict):
    """Files of which the second cannot be written."""

    def items(self) -> Iterator[tuple[str, bytes]]:
        yield "first", b"new"
        raise OSError(28, "No space left on device")


def test_an_error_in_the_middle_leaves_the_old_package(folder: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        write_folder(folder, _Breaks())
    assert read_folder(folder) == PACKED
    assert [path.name for path in folder.parent.iterdir()] == ["package"]


def test_an_error_between_the_renames_leaves_the_old_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(PermissionError):
        write_folder(folder, pack({"only": b"new"}, {}))
    assert read_folder(folder) == PACKED


def test_what_a_kill_left_is_cleared_away(folder: Path) -> None:
    for leftover in (".package.partial", ".package.old"):
        (folder.parent / leftover / "plots").mkdir(parents=True)
    write_folder(folder, PACKED)
    assert [path.name for path in folder.parent.iterdir()] == ["package"]
