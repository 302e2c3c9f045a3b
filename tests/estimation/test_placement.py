"""
Which device holds which layer.
"""

from llmprobe.estimation.placement import Span, layer_devices, offloaded_layers, spans
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings

ONE = (Device(id="gpu0"),)
TWO = (Device(id="gpu0", free_bytes=24), Device(id="gpu1", free_bytes=8))


def test_layers_are_offloaded_from_the_end() -> None:
    """
    One offloaded layer is the output; the next is the last repeating one.
    """
    assert spans(Settings(gpu_layers=2), Hardware(devices=ONE), 4) == (Span("host", 0, 3), Span("gpu0", 3, 5))


def test_without_devices_everything_is_on_the_host() -> None:
    """
    A number of layers means nothing where there is no device.
    """
    assert spans(Settings(gpu_layers=99), Hardware(), 4) == (Span("host", 0, 5),)


def test_no_number_means_all_layers() -> None:
    """
    None offloads the repeating layers and the output.
    """
    assert offloaded_layers(Settings(), Hardware(devices=ONE), 32) == 33


def test_more_layers_than_there_are_is_all() -> None:
    """
    99 is the usual way to say all.
    """
    assert offloaded_layers(Settings(gpu_layers=99), Hardware(devices=ONE), 32) == 33


def test_devices_share_by_free_memory() -> None:
    """
    Without a split the shares are what is free: three quarters and one quarter of eight layers.
    """
    assert spans(Settings(), Hardware(devices=TWO), 7) == (Span("gpu0", 0, 6), Span("gpu1", 6, 8))


def test_a_split_goes_before_free_memory() -> None:
    """
    Equal shares of an odd number give the border layer to the first device.
    """
    assert spans(Settings(tensor_split=(1, 1)), Hardware(devices=TWO), 8) == (
        Span("gpu0", 0, 5),
        Span("gpu1", 5, 9),
    )


def test_unknown_free_memory_is_shared_evenly() -> None:
    """
    Where one device does not say what is free, no device counts more than another.
    """
    devices = (Device(id="gpu0", free_bytes=24), Device(id="gpu1"))
    assert spans(Settings(), Hardware(devices=devices), 7) == (Span("gpu0", 0, 4), Span("gpu1", 4, 8))


def test_a_share_on_the_border_is_decided_in_single_precision() -> None:
    """
    Thirds of 30 layers fall where the engine's float arithmetic puts them.
    """
    devices = tuple(Device(id=f"gpu{number}") for number in range(3))
    assert [part.stop - part.start for part in spans(Settings(), Hardware(devices=devices), 29)] == [
        10,
        10,
        10,
    ]


def test_without_a_split_mode_one_device_is_used() -> None:
    """
    ``-sm none`` puts everything on the first device.
    """
    assert spans(Settings(split_mode="none"), Hardware(devices=TWO), 3) == (Span("gpu0", 0, 4),)


def test_every_layer_and_the_output_has_one_device() -> None:
    """
    The list that graphs are built with has one entry more than there are layers.
    """
    parts = spans(Settings(gpu_layers=3), Hardware(devices=TWO), 4)
    assert layer_devices(parts) == ("host", "host", "gpu0", "gpu0", "gpu0")


def test_a_device_with_no_share_gets_no_layer() -> None:
    """
    A share of zero leaves a device out.
    """
    assert spans(Settings(tensor_split=(0, 1)), Hardware(devices=TWO), 3) == (Span("gpu1", 0, 4),)
