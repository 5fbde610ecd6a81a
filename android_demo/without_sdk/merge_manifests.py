"""merge_manifests.py MAIN FLAVOR: prints MAIN with what FLAVOR adds, as Gradle merges them."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ANDROID = "http://schemas.android.com/apk/res/android"


def merge(main: Path, flavor: Path) -> str:
    """Return the manifest `main` with the permissions and components of `flavor`."""
    ElementTree.register_namespace("android", ANDROID)
    root, added = (ElementTree.parse(file).getroot() for file in (main, flavor))
    (application,) = root.iter("application")
    for element in added:
        if element.tag == "application":
            application.extend(element)
        else:
            root.insert(0, element)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


if __name__ == "__main__":
    print(merge(*map(Path, sys.argv[1:3])))
