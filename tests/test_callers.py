import pytest
from starlette.requests import Request

from classifier.callers import caller_of


@pytest.mark.parametrize(
    ("host", "caller"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::/64"),
        ("", ""),
        ("a unix socket", "a unix socket"),
    ],
)
def test_an_address_is_a_caller(host: str, caller: str) -> None:
    assert caller_of(Request({"type": "http", "client": (host, 1234)})) == caller


def test_a_request_without_an_address_has_no_caller() -> None:
    assert caller_of(Request({"type": "http"})) == ""
    assert caller_of(None) == ""
