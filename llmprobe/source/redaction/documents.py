"""
Answers of engines and their files: only fields that are known to be harmless are kept, whatever else is in them.

A server's ``/props`` holds a chat template and may hold a key; a port may belong to another program altogether.
"""

import re
from typing import Any

import msgspec

from llmprobe.source.redaction.names import Names

_TEXT_FIELDS = """
version build_info role object owned_by status state value type format family arch architecture quantization
quantization_level parameter_size file_type model_type model_family compatibility_type expires_at mediaType digest os
params_string
"""
_NAME_FIELDS = """
name model id key model_alias publisher display_name selected_variant root repo model_path path downloadsFolder
parent_model instance_id
"""
_NUMBER_FIELDS = """
size size_bytes size_vram context_length max_context_length loaded_context_length parallel max_model_len total_slots
n_ctx n_ctx_train n_params n_embd n_vocab port bits_per_weight vision audio is_sleeping schemaVersion flash_attention
eval_batch_size num_experts
"""
_GROUP_FIELDS = """
models data meta details layers config default_generation_settings modalities loaded_instances families
model_families capabilities params
"""
_TEXTS, _NAMES = frozenset(_TEXT_FIELDS.split()), frozenset(_NAME_FIELDS.split())
_NUMBERS, _GROUPS = frozenset(_NUMBER_FIELDS.split()), frozenset(_GROUP_FIELDS.split())
_KNOWN = _TEXTS | _NAMES | _NUMBERS | _GROUPS
_LONGEST_TEXT = 100
_REDACTED = re.compile(r"redacted, \d+ characters")
_SYSTEM_FILES = ("/proc/", "/sys/", "/dev/", "/run/", "/etc/", "/boot/")
_DEEPEST = 12


def kept_body(value: Any, names: Names) -> Any:
    """
    What is kept of an answer over HTTP. Of a text only its length is told.
    """
    return _without(value) if isinstance(value, str) else _kept(value, names, 0)


def kept_file(path: str, text: str, names: Names) -> str:
    """
    What is kept of a file of an engine or a user; a file of the system itself is kept as it is.
    """
    if path.endswith((".service", ".conf")):
        return _kept_service(text, names)
    if path.startswith(_SYSTEM_FILES):
        return text
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return names.value(text)
    if isinstance(document, dict | list):
        return msgspec.json.encode(_kept(document, names, 0)).decode()
    return names.value(text)


def _kept_service(text: str, names: Names) -> str:
    """
    The sections of a systemd unit and the variables of Ollama in it, which are what a probe can use.
    """
    lines = [
        line if line.startswith("[") else names.in_text(line.replace("=", "= ")).replace("= ", "=")
        for line in text.splitlines()
        if line.startswith("[") or (line.strip().startswith("Environment=") and "OLLAMA_" in line)
    ]
    return "".join(f"{line}\n" for line in lines)


def _kept(value: Any, names: Names, depth: int) -> Any:
    if depth > _DEEPEST:
        return None
    if isinstance(value, list):
        return [_kept(item, names, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _kept_field(key, item, names, depth + 1) for key, item in value.items() if key in _KNOWN}
    return None if isinstance(value, str) else value


def _kept_field(key: str, value: Any, names: Names, depth: int) -> Any:
    if not isinstance(value, str):
        return _kept(value, names, depth)
    if key in _TEXTS:
        return value if len(value) <= _LONGEST_TEXT else _without(value)
    if key in _NAMES:
        return names.path(value)
    return _without(value)


def _without(text: str) -> str:
    return text if _REDACTED.fullmatch(text) else f"redacted, {len(text)} characters"
