"""
llama.cpp: what its programs do when they are told nothing.

Source: llama.cpp b11549, tools/server/server.cpp, tools/llama-bench/llama-bench.cpp, common/common.h.
"""

from llmprobe.facts.plan import Profile

PROFILES: dict[str, Profile] = {
    "llama-server": Profile(
        engine="llama.cpp",
        program="llama-server",
        parallel=4,
        kv_unified=True,
        outputs="slots",
        notes=("keeps up to 8 GiB of finished prompts in host memory as it runs (--cache-ram)",),
    ),
    "llama-bench": Profile(engine="llama.cpp", program="llama-bench", outputs="ubatch", mmap=True),
}
