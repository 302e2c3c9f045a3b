"""
Names as people type them, and the model that an expert takes them for.
"""

# One model, whatever the spelling.
EXACT = """
llama3-70b -> llama-3-70b-instruct
llama-3 70b -> llama-3-70b-instruct
LLaMA-3-70B -> llama-3-70b-instruct
llama 3 70b instruct -> llama-3-70b-instruct
llama-v3-70b -> llama-3-70b-instruct
Meta-Llama-3-70B-Instruct -> llama-3-70b-instruct
meta-llama/Meta-Llama-3-70B-Instruct -> llama-3-70b-instruct
Llama 3.1 8B -> llama-3.1-8b-instruct
llama3.1 -> llama-3.1-8b-instruct
llama3.1:8b-instruct-q4_K_M -> llama-3.1-8b-instruct
bartowski/Meta-Llama-3.1-8B-Instruct-GGUF -> llama-3.1-8b-instruct
llama-3.1-405b -> llama-3.1-405b-instruct
Llama-3.2-3B-Instruct-Q8_0 -> llama-3.2-3b-instruct
llama3.3 -> llama-3.3-70b-instruct
llama 4 scout -> llama-4-scout-17b-16e-instruct
llama guard 3 -> llama-guard-3-8b
code llama 7b -> codellama-7b-instruct
tinyllama -> tinyllama-1.1b-chat
Qwen3-VL-8B-Thinking -> qwen3-vl-8b-thinking
qwen3-vl:8b-thinking -> qwen3-vl-8b-thinking
glm-4.6v-flash -> glm-4.6v-flash-9b
GLM-4.5V -> glm-4.5v-106b-a12b
tiiuae/Falcon-H1R-7B -> falcon-h1r-7b
ling 1t -> ling-1t
nvidia/Llama-3_1-Nemotron-Ultra-253B-v1 -> llama-3.1-nemotron-ultra-253b-v1
qwen3:30b -> qwen3-30b-a3b
qwen3-30b-a3b -> qwen3-30b-a3b
Qwen3-30B-A3B-Q4_K_M-00001-of-00002.gguf -> qwen3-30b-a3b
qwen3:30b-a3b-thinking-2507-q4_K_M -> qwen3-30b-a3b-thinking-2507
hf.co/unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF:Q4_K_M -> qwen3-30b-a3b-instruct-2507
Qwen/Qwen3-8B-GGUF -> qwen3-8b
qwen 3 235b -> qwen3-235b-a22b
qwen2.5 coder 32b -> qwen2.5-coder-32b-instruct
qwen2.5vl:7b -> qwen2.5-vl-7b-instruct
qwen3 vl 8b -> qwen3-vl-8b-instruct
qwen:32b -> qwen1.5-32b-chat
qwq -> qwq-32b
mixtral-8x7b -> mixtral-8x7b-instruct-v0.1
mixtral:8x7b-instruct-v0.1-q4_0 -> mixtral-8x7b-instruct-v0.1
mistral-7b-instruct-v0.2 -> mistral-7b-instruct-v0.2
mistral nemo -> mistral-nemo-instruct-2407
phi-3-mini -> phi-3-mini-4k-instruct
phi3:mini -> phi-3-mini-4k-instruct
phi 4 mini -> phi-4-mini-instruct
phi4 -> phi-4-14b
gpt oss 20b -> gpt-oss-20b
gptoss20b -> gpt-oss-20b
gpt-oss -> gpt-oss-20b
gpt-oss-20b-mxfp4.gguf -> gpt-oss-20b
openai/gpt-oss-120b -> gpt-oss-120b
ggml-org/gpt-oss-20b-GGUF -> gpt-oss-20b
gemma-3-27b -> gemma-3-27b-it
gemma3:27b-it-qat -> gemma-3-27b-it
unsloth/gemma-3-27b-it-GGUF -> gemma-3-27b-it
gemma-2-9b-it-Q6_K.gguf -> gemma-2-9b-it
gemma3n e4b -> gemma-3n-e4b-it
r1 14b -> deepseek-r1-distill-qwen-14b
deepseek-r1:70b -> deepseek-r1-distill-llama-70b
deepseek-r1:8b-0528-qwen3-q8_0 -> deepseek-r1-0528-qwen3-8b
deepseek-r1-671b -> deepseek-r1-671b
unsloth/DeepSeek-R1-GGUF -> deepseek-r1-671b
deepseek v3 -> deepseek-v3-671b
glm 4.5 air -> glm-4.5-air-106b-a12b
granite4:tiny-h -> granite-4.0-h-tiny
granite 4 h tiny -> granite-4.0-h-tiny
smollm2 135m -> smollm2-135m-instruct
command-r -> command-r-08-2024-35b
bge-m3 -> bge-m3
Granite 4.0 Tiny H -> granite-4.0-h-tiny
Llama-3-1-8B -> llama-3.1-8b-instruct
qwen_2_5_coder_7b -> qwen2.5-coder-7b-instruct
InternLM2_5-7B-Chat -> internlm2.5-7b-chat
command-r+:104b -> command-r-plus-08-2024-104b
Command R+ 08-2024 -> command-r-plus-08-2024-104b
Phi-4 Reasoning+ -> phi-4-reasoning-plus-14b
ｑｗｅｎ３：１４ｂ -> qwen3-14b
ｑｗｅｎ３ー８ｂ -> qwen3-8b
qwen3–8b -> qwen3-8b
ミストラル Nemo -> mistral-nemo-instruct-2407
text-embedding-nomic-embed-text-v1.5 -> nomic-embed-text-v1.5
text-embedding-qwen3-embedding-4b -> qwen3-embedding-4b
hf://lmstudio-community/Qwen3-14B-GGUF -> qwen3-14b
huggingface.co/bartowski/google_gemma-3-4b-it-GGUF -> gemma-3-4b-it
modelscope.cn/Qwen/Qwen3-4B-GGUF:Q6_K -> qwen3-4b
https://huggingface.co/Qwen/Qwen2.5-14B-Instruct/tree/main -> qwen2.5-14b-instruct
https://ollama.com/library/gemma2:27b -> gemma-2-27b-it
docker.io/ai/smollm2:360M-Q4_K_M -> smollm2-360m-instruct
ollama run gemma3:12b -> gemma-3-12b-it
meta-llama/llama-3.1-70b-instruct:free -> llama-3.1-70b-instruct
qwen/qwen3-32b@q8_0 -> qwen3-32b
C:\\models\\gemma-3-12b-it-Q4_K_M.gguf -> gemma-3-12b-it
Qwen3-32B.i1-IQ2_M.gguf -> qwen3-32b
google/gemma-3-1b-it-qat-q4_0-gguf -> gemma-3-1b-it
gpt-oss:120b (mxfp4) -> gpt-oss-120b
starcoder:7b-base-q4_0 -> starcoderbase-7b
qwen:14b-chat -> qwen1.5-14b-chat
gemma:latest -> gemma-7b-it
phi4-reasoning:14b-plus-q4_K_M -> phi-4-reasoning-plus-14b
nemotron-3-ultra -> nemotron-3-ultra-550b-a55b
deepseek-r1 -> deepseek-r1-0528-qwen3-8b
mistral:7b-text-v0.2-q4_0 -> mistral-7b-instruct-v0.2
3.1 llama 8b -> llama-3.1-8b-instruct
DeepSeek-R1-Q4_K_M.gguf -> deepseek-r1-671b
poolside/Laguna-S-2.1 -> laguna-s-2.1
"""

# What was read into the name, or left out of the answer, is said.
NOTED = """
lama 3.1 8b -> llama-3.1-8b-instruct name.read-as
Quen2.5 32B -> qwen2.5-32b-instruct name.read-as
deepsek r1 14b -> deepseek-r1-distill-qwen-14b name.read-as
qewn3 8b -> qwen3-8b name.read-as
mistrl 7b -> mistral-7b-instruct-v0.3 name.read-as name.ambiguous
gemma3:12 -> gemma-3-12b-it name.read-as
mixtral 8x22 -> mixtral-8x22b-instruct-v0.1 name.read-as
mistral 7b v2 -> mistral-7b-instruct-v0.2 name.read-as
gemma 4 4b -> gemma-4-e4b-it name.read-as
llama 4 109b -> llama-4-scout-17b-16e-instruct name.size-counted
kimi k2.6 1t -> kimi-k2.6 name.size-counted
granite 4 h tiny 7b -> granite-4.0-h-tiny name.size-counted
qwen3moe 235B.A22B -> qwen3-235b-a22b-instruct-2507 name.size-counted name.ambiguous
Qwen3-32B-128K-GGUF -> qwen3-32b name.context-ignored
Qwen3-30B-A3B-Instruct-2507-1M-GGUF -> qwen3-30b-a3b-instruct-2507 name.context-ignored
unsloth/Qwen3.6-27B-MTP-GGUF -> qwen3.6-27b name.next-token
gpt-oss:20b-cloud -> gpt-oss-20b name.cloud
deepseek-v3.1:671b-cloud -> deepseek-v3.1-671b name.cloud
Qwen3-8B-Q5_K_P.gguf -> qwen3-8b name.quant-ignored
mlx-community/Qwen3-4B-4bit-DWQ -> qwen3-4b note.quant-taken-for
Qwen3-8B-int4 -> qwen3-8b note.quant-taken-for
Qwen3-8B-Q4_0_4_4.gguf -> qwen3-8b name.quant-ignored
Qwen2.5-7B-Instruct-AWQ-INT4 -> qwen2.5-7b-instruct name.quant-ignored
qwen3.6-35b-a3b-FP8 -> qwen3.6-35b-a3b name.quant-ignored
turboderp/Qwen3-14B-4.0bpw-exl3 -> qwen3-14b name.quant-ignored
RedHatAI/Qwen2.5-7B-Instruct-quantized.w8a8 -> qwen2.5-7b-instruct name.quant-ignored
nemotron 4b -> nemotron-mini-4b-instruct name.ambiguous
llama-7b -> llama-2-7b-chat name.only-match
wizardlm -> wizardlm-2-7b name.ambiguous
llava:13b-v1.6 -> vicuna-13b-v1.5 name.fine-tune
"""

# A fine-tune or a merge whose name says family, generation and size.
ASSUMED = """
huihui-ai/Qwen2.5-14B-Instruct-abliterated -> qwen2.5-14b-instruct
Qwen3-8B-Something.i1-Q4_K_M.gguf -> qwen3-8b
L3-8B-Stheno-v3.2 -> llama-3-8b-instruct
L3.1-70B-Foo -> llama-3.1-70b-instruct
MN-12B-Foo-v2 -> mistral-nemo-instruct-2407
MS3.2-24B-Foo -> mistral-small-3.2-24b
Mistral-Nemo-12B-Foo -> mistral-nemo-instruct-2407
dolphin-2.9-llama3-8b -> llama-3-8b-instruct
Hermes-2-Pro-Llama-3-8B -> llama-3-8b-instruct
EVA-Qwen2.5-32B-v0.2 -> qwen2.5-32b-instruct
gemma-3-12b-it-heretic -> gemma-3-12b-it
gemma-3n-E4B-it-foo -> gemma-3n-e4b-it
Qwen3-VL-8B-Foo -> qwen3-vl-8b-instruct
Mixtral-8x7B-Foo -> mixtral-8x7b-instruct-v0.1
codellama:13b-python-q4_0 -> codellama-13b-instruct
日本語 Llama 3.1 8B -> llama-3.1-8b-instruct
wizardcoder-python-13b -> codellama-13b-instruct
invisietch_L3.3-Ignition-v0.1-70B -> llama-3.3-70b-instruct
TheDrummer_Gemma-3-R1-12B-v1 -> gemma-3-12b-it
deepseek-ai/DeepSeek-V3.2-Speciale -> deepseek-v3.2-685b
GLM-4.7-Flash-derestricted -> glm-4.7-flash-30b-a3b
"""

OTHERS = """
FLUX.1-dev -> image
stable-diffusion-3.5-large -> image
sd-3.5-medium -> image
city96/Qwen-Image-gguf -> image
Wan2.2-T2V-A14B -> video
openai/whisper-large-v3 -> speech
Qwen3-TTS-1.7B -> speech
facebook/musicgen-small -> music
google/siglip2-base -> vision
"""

CLOUD = (
    "gpt-4",
    "gpt-4o",
    "openai/gpt-5-mini",
    "o3-mini",
    "claude-sonnet-4",
    "gemini-2.5-pro",
    "qwen-max",
    "text-embedding-3-small",
)

# Nothing is put in the place of a size, a generation, a kind or a repository that was typed.
UNKNOWN = """
llama 3.3 8b -> llama-3.3-70b-instruct llama-3.1-8b-instruct
llama 65b -> llama-3.3-70b-instruct
gemma 5 27b -> gemma-3-27b-it
qwen4 -> qwen3.6-35b-a3b
qwen 4 -> qwen3.5-9b
phi-5 -> phi-4-14b
gemma 1 -> gemma-2-9b-it
gemma-3-7b-foo -> gemma-3-4b-it
qwen3.5 8b -> qwen3.5-9b
qwen3 31b -> qwen3-8b
nemotron 51b -> llama-3.1-nemotron-70b-instruct
mistral 8b -> mistral-7b-instruct-v0.3
glm-4.6 air -> glm-4.5-air-106b-a12b
solar pro 2 -> solar-pro-preview-22b
phi-4-vision-14b -> phi-4-14b
Qwen/Qwen-7B -> qwen2.5-7b-instruct
mistralai/Mistral-7B -> mistral-7b-instruct-v0.3
someone/Mistral-7B-Foo -> mistral-7b-instruct-v0.3
Qwen/Qwen3-VL-Embedding-8B -> qwen3-vl-8b-instruct qwen3-embedding-8b
LiquidAI/LFM2-VL-1.6B -> lfm2-1.2b
EAGLE3-LLaMA3.1-Instruct-8B -> llama-3.1-8b-instruct
Qwen3-30B-A3B-REAP-25B -> qwen3-30b-a3b
Qwen3.6-40B-Foo-Heretic -> qwen3.6-27b
molmo 7b -> olmo-3-7b-instruct
gemma 29b -> gemma-2-9b-it
llama 370b -> llama-3.3-70b-instruct
ibm-granite/granite-speech-3.3-8b -> granite-3.3-8b-instruct
orca_mini_v8_70b -> llama-3.3-70b-instruct
Kimi-K2-Mini-Foo -> kimi-k2-instruct
Mistral-Small-Foo -> mistral-small-3.2-24b
gwen3 8b -> qwen3-8b
gim 4 32b -> olmo-3.1-32b-instruct
phi 41 4b -> phi-4-14b
starcoder-foo -> starcoder-15b
DS-R1-671B-Foo -> deepseek-r1-671b
jinaai/jina-embeddings-v3 -> embeddinggemma-300m
BAGEL-7B-MoT -> olmo-3-7b-instruct
llama 4 112b -> llama-4-scout-17b-16e-instruct
Kimi-K2-Foo-3 -> kimi-k2-instruct
wizardcoder-python-13b-v1.0 -> codellama-13b-instruct
lamma3 8b -> llama-3-8b-instruct
cydoniax 24b -> devstral-small-2-24b-2512
"""

# Several models: the newest that is not somebody's fine-tune, and the answer says so.
AMBIGUOUS = """
llama 70b -> llama-3.3-70b-instruct
llama 8b -> llama-3.1-8b-instruct
gemma 27b -> gemma-3-27b-it
gemma -> gemma-4-e4b-it
qwen 32b -> qwen3-32b
mistral-7b -> mistral-7b-instruct-v0.3
mistral 7b instruct -> mistral-7b-instruct-v0.3
phi mini -> phi-4-mini-instruct
r1 8b -> deepseek-r1-0528-qwen3-8b
mistral small -> mistral-small-3.2-24b
mistral-large -> mistral-large-3-675b
someone/Qwen3-235B-2507 -> qwen3-235b-a22b-instruct-2507
https://ollama.com/library/mistral-small -> mistral-small-3.2-24b
gemma 2b -> gemma-2b-it
falcon-7b -> falcon-7b-instruct
llama 70B Q4_K - Medium -> llama-3.3-70b-instruct
"""


def rows(table: str) -> list[tuple[str, str]]:
    return [
        (left, right) for left, _, right in (line.partition(" -> ") for line in table.split("\n") if line)
    ]
