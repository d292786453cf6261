"""What people and files have given is shown, and never obeyed by the terminal."""

import pytest

from ride_duration.cli.tables import print_table, printable


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("better on snow days", "better on snow days"),
        ("größer, 雪の日, [red]", "größer, 雪の日, [red]"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("two\nlines\r\tand a tab", r"two\nlines\r\tand a tab"),
        ("\u202enamow\u2066", r"\u202enamow\u2066"),
        ("zero\u200bwidth\u2028\x9b31m\x7f", r"zero\u200bwidth\u2028\x9b31m\x7f"),
        ("half \udcff", r"half \udcff"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),  # a mark that is part of the spelling
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_escapes(
    given: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printable(given) == shown
    print_table("a title\nof two lines", ("why",), [(given,)])
    assert [line.rstrip() for line in capsys.readouterr().out.split("\n")[:4]] == [
        "a title",
        "of two lines",
        "why",
        shown,
    ]


def test_lines_of_a_message_stay_lines() -> None:
    assert printable("no\x1b[1m\n  yes", lines=True) == "no\\x1b[1m\n  yes"
