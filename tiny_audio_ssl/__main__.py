"""`python -m tiny_audio_ssl`: the command line."""

from tiny_audio_ssl.cli import main

if __name__ == "__main__":
    main()
