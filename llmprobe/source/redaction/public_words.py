"""
Words that say nothing private: what public models, their publishers, their formats and usual folders are called.

A name is taken apart into words, and each word that is not here gets a placeholder. Digits at the end of a word are
no part of it (``qwen`` is in ``qwen3``); words of one letter and plain numbers are always public.
"""

_MODELS_AND_PUBLISHERS = """
    abliterated adapter afm afmoe agentica ai ai21labs aidc ailabs air all allenai alpindale amd
    apertus apple arcee arctic asr audio awq aya baai baidu bailingmoe bartowski base bert beta bf
    bge bigcode bytedance c4ai cai cascade casperhansen chat chatglm clip cloud code codegeex
    codegemma codellama codeqwen coder codestral cogito cohere coherelabs command community cyankiwi
    databricks dbrx deep deepcoder deepcogito deephermes deepseek dense devstral diffusion distill
    distilled dolphin dots dphn dpo draft dreamgen dsa eagle embed embedding embeddinggemma en
    english ernie essentialai eurollm exaone expanse falcon fim finetune flash flux functiongemma
    gemma gemman ggml glimmer glm glmmoe glmv google gpt granite granitehybrid granitemoe grok guard
    heretic hermes hf hilab hpcai huggingfaceh huggingfacetb hunyuan hy ibm inclusionai infly inst
    instruct intel intern internlm internvl intfloat iquest iquestlab it jamba jetbrains jp kimi
    kokoro laguna large lfm lfmmoe lgai lightning linear ling liquidai lite llama llm lmstudio lmsys
    longcat lora m magistral marco math mathstral maverick maziyarpanahi medgemma medium mellum
    merged meta micro microsoft mimo mini minicpm minilm minimax minimaxai minimaxm ministral
    mistral mistralai mixedbread mixtral mllama mlx moe moondream moonlight moonshotai mpnet
    mradermacher mtp multilingual muse mxbai nanbeige nano nemo nemotron neuralmagic next nm nomic
    nous nousresearch nvidia ocr olmo olmoe omni open openai openbmb openchat opencoder openhermes
    openthinker org oss pangu parakeet paraphrase perplexity phi phimoe pixtral plus poolside
    preview pro project pt quantfactory qwen qwenmoe qwennext qwenvl qwenvlmoe qwq r reasoning
    redhatai rednote rerank reranker ring rl rnj safeguard sarashina sarvam sarvamai sbintuitions
    scout sd sdxl seed sentence small smollm snowflake solar speculator sql stabilityai stable
    stablelm starcoder starcoderbase step stepfun super swiss tech teknium tencent terminus text
    thebloke think thinker thinking thoughts tiiuae tiny tinyllama transformers translategemma
    trinity tts tulu turboderp ubergarm ultra uncensored unsloth upstage utter vicuna vision vl
    voxtral whisper wizardlm xiaomimimo xs yi zai zephyr
"""

_FORMATS = """
    a aria auto awq b bf bin bit bits cache config default downloading downloadinprogress dynamic e etag exl
    exllamav f fp full ggml gguf gptq h i imatrix incomplete index int iq jinja json k l latest lock m main
    master md metadata mmproj model models mxfp nl nvfp of part partial precision q quant quantized s
    safetensors sha t tmp tokenizer tq txt ud uint v x xl xs xxl xxs yaml yml
"""

_FOLDERS = """
    ai appdata application backup backups bin blobs boot cache caches cargo cc co code com conda conf
    containerd containers cpp cpuinfo data datasets desktop dev diff disk disks docker documents downloads
    drive drives efi env etc files flatpak git gpu gpus hdd home hostname hosts http hub huggingface image
    images internal io kubelet lib lib64 library llama llms lm lmstudio local lxc lxcfs lxd manifests media
    meminfo merged ml mnt modelscope mount net nfs node nvme ollama opt overlay overlay2 podman pods pointer
    pool proc program programs project projects public python raid refs registry repo repos resolv roaming
    root run sbin server settings sglang share shared smb snap snapshots src srv ssd stat storage store
    studio support swaps sys tank tmp torch transformers trees uptime users usr var venv vllm volume volumes
    work workspace workspaces wsl wslconfig zfs
"""

PUBLIC = frozenset(f"{_MODELS_AND_PUBLISHERS} {_FORMATS} {_FOLDERS}".split())
