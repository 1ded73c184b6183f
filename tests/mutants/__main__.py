"""Tries every mutant, prints the table and puts it into docs/privacy.md. Exit code 1 if one goes unnoticed."""

import sys

from tests.mutants.harness import caught
from tests.mutants.table import PAGE, table, unnoticed, with_table


def main() -> str | None:
    """Write the table; returns what is wrong. Checks that object to the original judge nothing."""
    for check, words in caught(()).items():
        return f"{check} objects to the original: {words}"
    sys.stdout.write(table())
    for mutant in unnoticed():
        return f"{mutant.name}: not noticed by {mutant.caught_by}"
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), table()), "utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main())
