"""``python -m flowlaw`` is the command ``flowlaw``."""

from flowlaw.cli import main

if __name__ == "__main__":
    main()
