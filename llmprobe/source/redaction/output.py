"""
What commands print that is rewritten in a recording, because what is secret in it has no shape of its own.
"""

import re

from llmprobe.source.redaction.files import program
from llmprobe.source.redaction.placeholders import Placeholders

_XML_PROGRAM = re.compile(r"(<process_name>)([^<]*)(</process_name>)")
_XML_IDENTITY = re.compile(
    r"<(serial|pdi|chassis_serial_number|host_id|gpu_fabric_guid|cluster_uuid|board_part_number)>[^<]*</"
)


def rewritten_output(command: str, text: str, secrets: Placeholders) -> str:
    """
    What a command printed without command lines and serials: of ``nvidia-smi -q -x`` both are in it.
    """
    if command != "nvidia-smi":
        return text
    without = _XML_IDENTITY.sub(r"<\1>N/A</", text)
    return _XML_PROGRAM.sub(
        lambda match: match[1] + program(_without_arguments(match[2]), secrets) + match[3], without
    )


def _without_arguments(line: str) -> str:
    """
    The program of a command line, whose arguments begin with a blank and a dash or quote as a rule.
    """
    return re.split(r"\s+(?=[-\"'/])", line.strip(), maxsplit=1)[0]
