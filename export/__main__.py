"""`python export RUN --recipe NAME`: `tiny-audio-ssl export` with the library of this checkout."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

    from tiny_audio_ssl.cli import main

    main(["export", *sys.argv[1:]])
