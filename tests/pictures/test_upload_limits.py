"""Limits on uploads: their total size, and the free space on the disk."""

from pathlib import Path

import pytest

from classifier.errors import BusyError
from classifier.pictures.uploads import Uploads


def test_the_oldest_uploads_are_deleted_if_all_are_too_large(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, 3600, max_bytes=250)
    first, *rest = (uploads.save(bytes(100), "a.png") for _ in range(3))
    uploads.delete_expired()

    assert not first.exists()
    assert all(file.exists() for file in rest)


def test_uploads_are_refused_if_the_disk_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(tmp_path, 3600)
    monkeypatch.setattr("classifier.pictures.uploads.RESERVED_BYTES", 1 << 60)

    assert not uploads.has_room()
    with pytest.raises(BusyError, match="The disk is nearly full"):
        uploads.save(b"content", "a.png")
    assert not list(tmp_path.iterdir())
