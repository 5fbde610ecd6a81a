"""pack.py APK FOLDER...: adds what the folders hold to an APK, compressed."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path


def pack(apk: Path, folders: list[Path]) -> None:
    """Add each folder's files under their paths in it."""
    with zipfile.ZipFile(apk, "a", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for folder in folders:
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())  # of 1980, not of now
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())


if __name__ == "__main__":
    pack(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
