"""What Kafka's tools say of an error can be shown."""

import pytest

from deploy.apache import without_passwords

QUOTED = """usage: kafka-storage format [-h]
kafka-storage: error:  unrecognized  arguments: 'SCRAM-SHA-512=[name=admin,
password=a-secret]', 'SCRAM-SHA-512=[name=worker,password=another-
secret]'
Checking trailing white spaces or new lines in @file may help."""


@pytest.mark.parametrize("said", [QUOTED, QUOTED.partition("another-")[0]])
def test_passwords_are_not_quoted(said: str) -> None:
    told = without_passwords(said)
    assert "secret" not in told
    assert "unrecognized  arguments" in told
    assert told.count("password=***") == 2
