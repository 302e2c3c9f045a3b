"""
Of layers that repeat a few are built, and what is left out is said.
"""

from llmprobe.estimation.compute.layers import KEPT, Repeat, shortened


def test_equal_layers_are_shortened_to_a_few() -> None:
    """
    Of thirty-two equal layers the first two and the last three are left.
    """
    assert shortened("a" * 32) == ((0, 1, 29, 30, 31), (Repeat(0, 1, 5, 27),))


def test_a_run_that_others_follow_keeps_its_last_two() -> None:
    """
    Of ten layers before others the first two and the last two are left.
    """
    built, repeats = shortened("a" * 10 + "b")
    assert built == (0, 1, 8, 9, 10)
    assert repeats == (Repeat(0, 1, 4, 6),)


def test_groups_that_repeat_are_shortened() -> None:
    """
    Of ten groups of six layers and the beginning of another the first two groups and the last are left.
    """
    built, repeats = shortened("aaaaab" * 10 + "aa")
    assert built == (*range(12), *range(54, 62))
    assert repeats == (Repeat(0, 6, 3, 7),)


def test_what_does_not_repeat_stays() -> None:
    """
    Three dense layers before a mixture of experts are all built, and the mixture is counted from where it stands.
    """
    built, repeats = shortened("aaa" + "b" * 10)
    assert built == (0, 1, 2, 3, 4, 10, 11, 12)
    assert repeats == (Repeat(3, 1, 5, 5),)


def test_what_is_built_and_left_out_is_the_whole() -> None:
    """
    However many layers there are, those that are built and those that are left out add up.
    """
    for count in range(1, 60):
        for kinds in ("a" * count, ("aab" * count)[:count], "a" * count + "b" * count):
            built, repeats = shortened(kinds)
            assert len(built) + sum(one.length * one.left_out for one in repeats) == len(kinds)


def test_one_group_more_is_built_where_the_first_is_unlike_the_others() -> None:
    """
    Of six groups of two layers, of which a seventh begins, three are built, or four.
    """
    line = "ab" * 6 + "ac"

    assert shortened(line)[0] == (0, 1, 2, 3, 10, 11, 12, 13)
    assert shortened(line, KEPT + 1)[0] == (0, 1, 2, 3, 8, 9, 10, 11, 12, 13)
