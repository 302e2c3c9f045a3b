"""
Of layers that repeat a few are built, and never the wrong ones.
"""

from llmprobe.estimate.compute_layers import thinned


def test_equal_layers_are_thinned_to_a_few() -> None:
    """
    Of thirty-two equal layers the last eight are left.
    """
    assert thinned("a" * 32) == tuple(range(24, 32))


def test_the_number_keeps_its_remainder_by_four() -> None:
    """
    Whatever the number of equal layers, what is left of them differs by a multiple of four.
    """
    for count in range(10, 40):
        assert (count - len(thinned("a" * count))) % 4 == 0


def test_groups_that_repeat_are_thinned() -> None:
    """
    Of twelve groups of six layers eight groups are left.
    """
    assert thinned("aaaaab" * 12) == tuple(range(24, 72))


def test_what_does_not_repeat_stays() -> None:
    """
    Three dense layers before a mixture of experts are all built, and the last of the mixture.
    """
    assert thinned("aaa" + "b" * 10) == (0, 1, 2, 7, 8, 9, 10, 11, 12)


def test_the_last_layer_always_stays() -> None:
    """
    The last layer, which drops the tokens without output, is built.
    """
    assert thinned("ab" * 20 + "c")[-1] == 40
