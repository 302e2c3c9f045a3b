"""
Every sentence in English, by id. How a template is written is said in ``render``.

A language is one file like this one. Sections follow the rooms that make the messages.
"""

SENTENCES: dict[str, str] = {
    # lists
    "list.comma": ", ",
    "list.semicolon": "; ",
    "list.and": " and ",
    "list.or": " or ",
    # errors: units, settings and names that any room refuses
    "hint.one-of": "one of {names}",
    # errors: source, recordings and the network
    # errors: models, files and configurations
    # machine: why a device is not usable, limits, sources, hosts
    # machine: findings of NVIDIA
    # machine: findings of everything else
    # engines
    "error.engine-unknown": "no engine is called '{engine}'",
    "error.program-unknown": "the defaults of the program '{program}' are not known",
    "error.builds-not-known": "builds of {program} are not distinguished",
    "error.no-build": "'{build}' is not a build of {program}",
    "hint.leave-build-out": "leave out @{build}",
    "hint.build-example": "such as {program}@b9000",
    "rejected.engine-lacks-architecture": "{engine} does not load the architecture {architecture}",
    "nearest.engine-has-architecture": "{engine} loads it: --engine {engine}",
    "kept-by.ollama": "Ollama",
    "kept-by.lmstudio": "LM Studio",
    "kept-by.llama-cpp": "the cache of llama.cpp",
    "kept-by.models-dir": "the models folder of llama.cpp",
    "kept-by.hub-cache": "the Hugging Face cache",
    "kept-by.folder": "the folder {path}",
    "model.half-downloaded": "the download is incomplete",
    "model.first-part-missing": "the first part is missing",
    "model.parts-missing": "{missing} of {total} parts are missing",
    "model.manifest-unreadable": "its manifest cannot be read",
    "model.file-missing": "its file is missing",
    "engine.port-taken": "another process is listening on port {port}",
    "engine.port-silent": "a process is listening on port {port} but did not respond ({status})",
    "engine.elsewhere": "its server runs on another machine and was not queried",
    "engine.command-silent": "{program} --version did not respond in time",
    "engine.only-caches": "no program of llama.cpp is on the PATH; its caches hold models",
    "engine.other-build-on-path": "the program on the PATH is build {build}",
    "engine.llama-server-prompt-cache": "llama-server keeps up to {bytes:bytes} of finished prompts in RAM while it "
    "runs (--cache-ram)",
    "engine.llama-cpp-older-build": "build {build} reserves logits for a whole micro-batch, and masks in f32 beside "
    "an f16 copy",
    "engine.llama-cpp-build-unsure": "buffers changed around build {changed}; build {build} is assumed to be newer",
    "engine.ollama-experts": "Ollama places whole layers only: it cannot keep experts on the CPU and the rest of a "
    "layer on the GPU",
    "engine.ollama-one-slot": "Ollama serves models of the architecture {architecture} with one slot",
    "engine.ollama-context": "Ollama defaults to a context of {ctx_size} tokens[ with {vram_bytes:bytes} of VRAM in "
    "total][!{vram_bytes}, as with less than 23 GiB of VRAM: the VRAM is not known]",
    "engine.ollama-batch": "Ollama defaults to a batch and micro-batch of {batch_size} for this context and free "
    "memory (num_batch)",
    "engine.ollama-slots": "each slot has its own cache: OLLAMA_NUM_PARALLEL=N needs N times the memory of the context",
    "engine.ollama-serve": "start the server with: {command}",
    "engine.ollama-one-cache-type": "Ollama uses one cache type for K and V: {type_k} applies to both",
    "engine.ollama-split-files": "Ollama does not load split files: join the parts first with llama-gguf-split "
    "--merge FIRST-PART WHOLE",
    "engine.ollama-file-name": "a Modelfile cannot name the file {file}: rename it",
    "engine.lmstudio-defaults": "LM Studio defaults to a context of {ctx_size}, {parallel} parallel requests that share "
    "one cache, and a batch of {batch_size}; the settings of a model in the app override them",
    "engine.lmstudio-whole-layers": "lms load offloads a share of whole layers; other cache types are set in the app",
    "engine.lmstudio-experts": "LM Studio keeps experts on the CPU only through a setting of its app, so whole layers "
    "are placed here",
    "engine.lmstudio-set-cache": "set in the load settings of the model: K cache {type_k}, V cache {type_v}",
    "engine.lmstudio-set-experts": "set in the load settings of the model: experts of {layers} {layers:layer|layers} "
    "on the CPU",
    "engine.lmstudio-set-split": "set in the hardware settings of the app: split evenly across the GPUs, or in their "
    "order",
    "engine.lmstudio-set-devices": "switch off in the hardware settings of the app every GPU except {devices:and}",
    "engine.vllm-whole": "vLLM does not offload layers of a GGUF file to the CPU: the model must fit the GPUs whole",
    "engine.vllm-gpus-only": "vLLM runs GGUF files on NVIDIA and AMD GPUs only",
    "engine.vllm-buffers": "the buffers of vLLM itself are not modelled: it allocates {share:.0%} of the memory of each "
    "GPU and fills what the weights leave with cache; where less is free, lower --gpu-memory-utilization",
    # site and estimation: terms, notes, warnings, refusals, speed
    # advise: reasons
    # advise: notes, changes, rejections, nearest, balance, quality
    # output: pages
    "readme.title": "{name}, {quant}, for {engine}",
    "readme.made": "made by llmprobe {version} for: {machine}",
    "readme.settings": "context {ctx_size} tokens over {slots} {slots:slot|slots}, {layers} of {total} layers on the GPU",
    "readme.device": "{device}: {bytes:bytes}",
    "readme.download": "The model file is not downloaded: put it where the commands expect it, or change its path there.",
    "readme.here": "The model file is already on this disk: {path}",
    "readme.files": "files: {names}",
    # command line: help, errors
}
