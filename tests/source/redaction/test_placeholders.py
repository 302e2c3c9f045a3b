"""
What counts as a secret in a text, and what stands in its place: up to the first that is none.
"""

import pytest

from llmprobe.source.redaction.placeholders import Placeholders, is_told, words_of_host

UUID = "8f3a1b2c-4d5e-6f70-8192-a3b4c5d6e7f8"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ab", False), ("abc", True), ("root", False), ("LOCALHOST", False), ("roots", True), ("", False)],
)
def test_a_name_says_who_somebody_is(name: str, expected: bool) -> None:
    """
    Unless it is everyone's, or too short to be found again.
    """
    assert is_told(name) is expected


@pytest.mark.parametrize(
    ("name", "words"),
    [("box.example.org", ["box.example.org", "box"]), ("box", ["box"]), ("", [""])],
)
def test_a_host_is_known_by_two_names(name: str, words: list[str]) -> None:
    """
    With its domain and without.
    """
    assert list(words_of_host(name)) == words


@pytest.mark.parametrize(
    ("kind", "name", "text", "expected"),
    [
        ("user", "abcdef", "x_abcdefy ABCDEF", "x_user1y user1"),
        ("host", "abcdef", "xabcdefy", "xhost1y"),
        ("user", "abcde", "xabcdey abcde", "xabcdey user1"),
        ("group", "abcdefgh", "xabcdefghy abcdefgh", "xabcdefghy group1"),
        ("user", " ada ", "ada", "user1"),
        ("user", "ab", "ab", "ab"),
        ("user", "user7", "user7", "user7"),
        ("user", "root", "root", "root"),
        ("user", "Max", "memory.max", "memory.max"),
    ],
)
def test_a_name_is_replaced_where_it_stands(kind: str, name: str, text: str, expected: str) -> None:
    """
    A longer one of a person or a host within other words too; one of the system's own words nowhere.
    """
    secrets = Placeholders()
    secrets.keep(["max"])
    secrets.add_word(kind, name)

    assert secrets.redacted(text) == expected


def test_many_names_are_all_replaced() -> None:
    """
    The first two hundred within other words as well, the others as words of their own.
    """
    secrets = Placeholders()
    names = [f"person{chr(97 + at // 26)}{chr(97 + at % 26)}" for at in range(202)]
    for name in names:
        secrets.add_word("user", name)

    assert [secrets.redacted(name) for name in names] == [f"user{at + 1}" for at in range(202)]
    assert secrets.redacted(f"x{names[199]}x") == "xuser200x"
    assert secrets.redacted(f"x{names[200]}x") == f"x{names[200]}x"


def test_a_name_that_is_known_is_not_a_new_one() -> None:
    """
    In whatever case, whether it is looked for within words or not.
    """
    secrets = Placeholders()
    secrets.add_word("user", "abcdef")
    secrets.add_word("user", "ada")

    assert [secrets.knows(word) for word in ("ABCDEF", "Ada", "grace")] == [True, True, False]


@pytest.mark.parametrize(
    ("serial", "found"),
    [
        ("123456", False),
        ("1234567", True),
        (" 1234567\n", True),
        ("0000000", False),
        ("A12", False),
        ("A123", True),
        ("A000", False),
        ("None", False),
        ("To be filled by O.E.M. 1", False),
        (UUID, False),
        ("4f" * 16, False),
    ],
)
def test_a_serial_is_long_enough_and_says_something(serial: str, found: bool) -> None:
    """
    Four signs, or seven figures; what has a shape of its own is known by that.
    """
    secrets = Placeholders()
    secrets.add_serial(serial)
    text = serial.strip()
    width = len(text)

    assert secrets.knows(text) is found
    if found:
        assert secrets.redacted(text) == "1".rjust(width, "0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("root", "root"),
        ("Administrator", "Administrator"),
        ("user1", "user1"),
        ("Ada", "user1"),
        ("al", "user1"),
    ],
)
def test_somebodys_name_is_replaced_where_it_is_nothing_else(text: str, expected: str) -> None:
    """
    However short it is; one that everyone has stays.
    """
    assert Placeholders().person(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.7", "192.0.2.1"),
        ("10.0.0.256", "10.0.0.256"),
        ("10.0.0.255", "192.0.2.1"),
        ("255.255.255.0", "255.255.255.0"),
        ("192.0.2.7", "192.0.2.7"),
        ("127.1.2.3", "127.1.2.3"),
        ("0.0.0.0", "0.0.0.0"),
        ("fe80::1", "2001:db8::1"),
        ("2001:db8::7", "2001:db8::7"),
        ("::1", "::1"),
        ("::", "::"),
        ("1:2:3", "1:2:3"),
        ("00:00:00:00:00:00", "00:00:00:00:00:00"),
        ("ff:ff:ff:ff:ff:ff", "ff:ff:ff:ff:ff:ff"),
        ("02:00:00:00:00:07", "02:00:00:00:00:07"),
        ("0a-1b-2c-3d-4e-5f", "02-00-00-00-00-01"),
        ("ada@example.com", "mail1@example.org"),
        ("mail7@example.org", "mail7@example.org"),
        ("http://ada:x@host/y", "http://redacted@host/y"),
        (f"GPU-{UUID}", "GPU-00000001-0000-0000-0000-000000000000"),
        ("GPU-00000007-0000-0000-0000-000000000000", "GPU-00000007-0000-0000-0000-000000000000"),
        ("4f" * 16, "00000001" + "0" * 24),
        ("4f" * 15 + "4", "4f" * 15 + "4"),
        ("/home/shared/x", "/home/shared/x"),
        ("/home/user1/x", "/home/user1/x"),
        ("/home/ada/x", "/home/user1/x"),
    ],
)
def test_each_secret_has_a_placeholder_of_its_shape(text: str, expected: str) -> None:
    """
    Addresses that every machine has, and placeholders themselves, are no secrets.
    """
    assert Placeholders().redacted(text) == expected


def test_what_stands_in_a_text_is_not_given_out() -> None:
    """
    A placeholder that the recording holds already could be taken for another's.
    """
    secrets = Placeholders("user1 192.0.2.1 and 02:00:00:00:00:01 host3")

    assert secrets.redacted("10.0.0.7 10.0.0.8 0a:1b:2c:3d:4e:5f") == "192.0.2.2 192.0.2.3 02:00:00:00:00:02"
    assert [secrets.of("user", name, "user{}") for name in ("ada", "Ada", "grace")] == [
        "user2",
        "user2",
        "user3",
    ]


@pytest.mark.parametrize(
    ("short", "expected"),
    [
        ("GPU-8f3a1b2c", "GPU-00000001"),
        ("GPU-8f3a1b2c-4d5e", "GPU-00000001"),
        ("GPU-8f", "GPU-0000"),
        ("GPU-77", "GPU-00000003"),
        ("MIG-8f3a1b2c", "MIG-00000001"),
        ("GPU-00000001", "GPU-00000001"),
    ],
)
def test_a_beginning_is_that_of_one_or_of_several(short: str, expected: str) -> None:
    """
    Of several it is one that all placeholders begin with; of none it is a secret of its own.
    """
    secrets = Placeholders()
    secrets.add_ids(f"{UUID} {UUID.replace('8f3a1b', '8f3a77')}")

    assert secrets.redacted(short) == expected


def test_four_numbers_of_a_version_are_no_address() -> None:
    """
    Where it is said that they are a version.
    """
    assert Placeholders().redacted("10.0.0.7", version=True) == "10.0.0.7"
    assert Placeholders().redacted("fe80::1", version=True) == "2001:db8::1"
