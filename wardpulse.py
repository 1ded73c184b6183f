"""The front door: the commands of every folder under one name."""


def main() -> None:
    """Run the command line."""
