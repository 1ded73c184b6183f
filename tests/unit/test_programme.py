"""The numbers in docs/programme.md are those of the command and of the rules."""

import re

import pytest

from tests.programme import PAGE, TABLES, in_page, planned


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_the_page_is_up_to_date(name: str) -> None:
    assert in_page(PAGE.read_text("utf-8"), name) == TABLES[name](), "make programme writes it"


def test_a_page_without_a_place_for_a_table_is_no_page() -> None:
    with pytest.raises(ValueError, match="no place"):
        in_page("a page", "sizes")


def test_the_share_of_departments_in_the_page_is_the_command_s() -> None:
    said = re.search(r"published for (\d+) % of its departments", PAGE.read_text("utf-8"))
    assert said is not None
    assert int(said.group(1)) == round(100 * planned()["sensitive_departments_published"])
