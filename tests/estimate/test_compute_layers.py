"""
Of layers that repeat a few are built, and never the wrong ones.
"""

from llmprobe.estimate.compute_layers import thinned


def test_equal_layers_are_thinned_to_an_even_few() -> None:
    """
    Of thirty-two equal layers the last four are left.
    """
    assert thinned("a" * 32) == (28, 29, 30, 31)


def test_an_odd_number_stays_odd() -> None:
    """
    Of thirty-three equal layers the last five are left.
    """
    assert thinned("a" * 33) == (28, 29, 30, 31, 32)


def test_groups_that_repeat_are_thinned() -> None:
    """
    Of eight groups of six layers four groups are left.
    """
    assert thinned("aaaaab" * 8) == tuple(range(24, 48))


def test_what_does_not_repeat_stays() -> None:
    """
    Three dense layers before a mixture of experts are all built, and the last of the mixture.
    """
    assert thinned("aaa" + "b" * 10) == (0, 1, 2, 9, 10, 11, 12)


def test_the_last_layer_always_stays() -> None:
    """
    The last layer, which drops the tokens without output, is built.
    """
    assert thinned("ab" * 20 + "c")[-1] == 40
