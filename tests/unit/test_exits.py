"""What is said of an error: to a person at the edge, and in a log."""

from schemas.errors import DataError, InputRefused, Reason
from stream_processors.exits import describe, logged


def test_a_log_gets_the_reason_of_a_data_error_and_never_its_detail() -> None:
    error = DataError(Reason.BAD_ORGANISATION, "node ward-b has no parent")
    assert "ward-b" in describe(error)
    assert logged(error) == "bad_organisation"


def test_an_error_of_somebody_else_is_never_quoted() -> None:
    for say in (describe, logged):
        assert "anna" not in say(ValueError("anna"))
        assert say(InputRefused("the file holds no rows")) == "the file holds no rows"
