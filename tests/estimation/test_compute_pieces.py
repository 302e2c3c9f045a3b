"""
Buffers in pieces: a block lies in one of them, and what is free in another does not help.
"""

from llmprobe.estimation.compute.allocator import PiecedSpace, Space, space


def test_a_block_that_fits_no_piece_begins_another() -> None:
    """
    Two blocks of 60 in pieces of 100: the second does not fit behind the first, though 40 are left there.
    """
    pieces = PiecedSpace(100)
    first, second = pieces.allocate(60), pieces.allocate(60)

    assert first != second
    assert pieces.peak == 120
    pieces.free(first, 60)
    pieces.allocate(100)
    assert pieces.peak == 160


def test_a_piece_grows_for_a_block_that_is_larger() -> None:
    """
    A block of 250 has a piece of its own; another of 10 goes to the piece that has room.
    """
    pieces = PiecedSpace(100)
    pieces.allocate(250)
    pieces.allocate(10)
    pieces.allocate(90)

    assert pieces.peak == 350


def test_a_gap_is_used_before_the_end_of_any_piece() -> None:
    """
    The gap of 30 between two blocks takes 30; the next one goes behind.
    """
    pieces = PiecedSpace(100)
    blocks = [pieces.allocate(30) for _ in range(3)]
    pieces.free(blocks[0], 30)

    assert pieces.allocate(30) == blocks[0]
    assert pieces.peak == 90
    pieces.allocate(10)
    assert pieces.peak == 100


def test_of_two_pieces_the_one_grows_that_needs_less() -> None:
    """
    Behind 80 of 100 and behind 30 of 100: a block of 20 ends at 100 in the first and at 50 in the second, where 50 was
    reached before, so nothing grows there.
    """
    pieces = PiecedSpace(100)
    pieces.allocate(80)
    second = pieces.allocate(50)
    pieces.free(second, 50)
    kept = pieces.allocate(30)

    assert kept == second
    assert pieces.allocate(20) == second + 30
    assert pieces.peak == 130


def test_the_last_piece_is_endless() -> None:
    """
    After fifteen pieces everything goes into the sixteenth.
    """
    pieces = PiecedSpace(10)
    for _ in range(20):
        pieces.allocate(10)

    assert pieces.peak == 200
    assert len(pieces.state) == 1 + 2 * 16


def test_what_was_free_can_be_free_again() -> None:
    """
    A state that was seen before is restored with all its pieces, so that the same is taken again.
    """
    pieces = PiecedSpace(100)
    blocks = [pieces.allocate(60), pieces.allocate(70)]
    pieces.free(blocks[1], 70)
    before = pieces.state
    taken = pieces.allocate(65)
    other = PiecedSpace(100)
    other.restore(before)

    assert other.allocate(65) == taken
    assert other.peak == pieces.peak == 130


def test_without_pieces_a_buffer_is_one() -> None:
    """
    Only drivers that ask for it have their buffers in pieces.
    """
    assert isinstance(space(None), Space)
    assert isinstance(space(100), PiecedSpace)
