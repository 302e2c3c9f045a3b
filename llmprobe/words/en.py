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
    # errors: source, recordings and the network
    # errors: models, files and configurations
    # machine: why a device is not usable, limits, sources, hosts
    # machine: findings of NVIDIA
    # machine: findings of everything else
    # engines
    # site and estimation: terms, notes, warnings, refusals, speed
    # site and estimation: settings that are refused
    "error.setting-unknown": "there is no setting {setting}",
    "error.setting-not-a-choice": "{setting} must be one of its words, not {given}",
    "error.setting-not-a-count": "{setting} must be a whole number, not {given}",
    "error.setting-not-a-switch": "{setting} must be True or False, not {given}",
    "error.setting-not-a-list": "{setting} must be a list of text, not {given}",
    "error.setting-out-of-range": "{setting} must be {least}[ to {most}][!{most} or more], not {given}",
    "error.tensor-split-not-numbers": "the tensor split must be numbers of 0 or more, not {given}",
    "error.tensor-split-too-long": "the tensor split names {given} {given:device|devices}, the machine has {devices}",
    "error.min-speed-not-a-number": "the minimum speed must be a number of 0 or more, not {given}",
    "error.timeout-not-positive": "the timeout must be a number of seconds above 0, not {given}",
    "error.hypothetical-needs-ram": "a hypothetical machine needs GPUs and RAM, and no recording",
    "error.backend-unknown": "there is no backend {given}",
    "error.cpu-without-devices": "the backend cpu has no {devices} {devices:device|devices}",
    "error.no-trained-context": "the model does not name the context it was trained for",
    "error.latent-cache-types": "K and V of this model share one latent cache and must have one type,"
    " not {type_k} and {type_v}",
    "error.v-cache-needs-flash-attention": "a V cache in {type_v} needs flash attention, which is off",
    "error.heads-not-whole-blocks": "a {cache} cache in {type} needs heads of whole blocks of {block} values,"
    " but this model's heads have {head}",
    "error.override-not-readable": "{given} is not a tensor override",
    "error.override-not-to-cpu": "-ot {given} moves tensors to [{buffer}][!{buffer}nothing]; only CPU is estimated",
    "error.override-no-pattern": "-ot {given} is not a valid pattern: {reason}",
    "error.override-matches-nothing": "-ot {given} matches no tensor of {model}",
    "error.override-moves-others": "-ot {given} moves {tensor}; only experts are estimated",
    "error.override-leaves-experts": "the tensor overrides leave {tensor} in place; only all experts of a layer"
    " together are estimated",
    "error.quant-of-the-file": "{file} is {quant}, but --quant requests {requested}",
    "error.nothing-to-write": "nothing fits, so there is nothing to write",
    "hint.one-of": "use {names:or}",
    "hint.whole-number": "give a number without a unit, such as 8192",
    "hint.seconds": "give seconds, such as 2.5",
    "hint.tensor-split": "give one proportion for each GPU",
    "hint.gpus-and-ram": "give gpus and ram_bytes together, or a recording",
    "hint.no-devices-or-another-backend": "omit --devices, or name another backend",
    "hint.give-context": "set it with -c",
    "hint.same-cache-types": "give --cache-type-k and --cache-type-v the same type",
    "hint.flash-attention-on": "use -fa on or auto, or an f16 V cache",
    "hint.f16-cache": "use an f16 cache",
    "hint.override": "for example {example}, or --n-cpu-moe N for the first N layers",
    "hint.leave-out-quant": "omit one of them; a model's name without a quantization means all of them",
    # site and estimation: names of terms
    "label.term.token-embedding": "token embedding",
    "label.term.layers": "layers",
    "label.term.experts": "experts",
    "label.term.output-layer": "output layer",
    "label.term.kv-cache": "KV cache",
    "label.term.sliding-window-cache": "sliding-window cache",
    "label.term.indexer-cache": "indexer cache",
    "label.term.recurrent-state": "recurrent state",
    "label.term.compute-buffer": "compute buffer",
    "label.term.output-buffer": "output buffer",
    "label.term.cuda-context": "CUDA context",
    "label.term.driver-context": "driver context",
    "label.term.engine": "engine process",
    # site and estimation: how the figure of a term came about
    "term.token-embedding": "always on the host",
    "term.layers": "tensors[ of {count:layer|layers} {ranges:and}][{apart:, without experts|}]",
    "term.experts": "experts[ of {count:layer|layers} {ranges:and}]",
    "term.range": "{first} to {last}",
    "term.single-layer": "{layer}",
    "term.output-layer": "output norm and output matrix",
    "term.cache": "{cells} cells[ x {streams} sequences], {layers} {layers:layer|layers} in total, K {type_k},"
    " V {type_v}",
    "term.recurrent-state": "{sequences} {sequences:sequence|sequences}, {layers} {layers:layer|layers} in total, f32,"
    " independent of the context",
    "term.compute-as-llama-cpp": "the model's graph, allocated as llama.cpp's allocator does",
    "term.compute-by-cuda-rules": "the model's graph, allocated by the rules of the CUDA backend",
    "term.compute-bound": "an upper bound from the model's widths, because its graph is unknown",
    "term.output-buffer": "{logits} logits x {sequences} {sequences:sequence|sequences}, f32",
    "term.driver-context": "range measured with {backend}[ on compute capability {generation}.x]"
    "[, for {multiprocessors} multiprocessors]",
    "term.engine-with-devices": "measured size of a process with a GPU driver loaded, without buffers",
    "term.engine-alone": "measured size of llama.cpp's programs on the CPU alone, without buffers",
    # site and estimation: notes and warnings
    "note.reserve": "{bytes:bytes} reserved on every GPU and in RAM",
    "note.assume-idle": "memory of other programs is counted as free (--assume-idle)",
    "note.free-memory-unknown": "{device} is not used: its free memory is unknown",
    "note.most-devices": "llama.cpp uses at most {most} devices: the fastest and largest of {found} are used",
    "note.no-experts-to-keep": "{option} has no effect: {model} has no experts",
    "note.context-rounded": "context rounded up from {requested} to {ctx_size} tokens: llama.cpp uses multiples of"
    " {multiple}",
    "note.context-rounded-per-slot": "context rounded up from {requested} to {ctx_size} tokens, {per_slot} for each of"
    " {slots} slots: llama.cpp uses multiples of {multiple}",
    "note.own-cache-per-slot": "Each of the {slots} slots has its own cache, as in llama-server with -np. Its 4 default"
    " slots share one cache (--kv-unified), which is smaller for layers with a sliding window.",
    "note.mmap-in-the-log": "With mmap the engine's log reports the host's weights as the span of the file between the"
    " first and the last tensor on the host; the required bytes are the ones listed here.",
    "note.backend-not-measured": "The buffers were verified against llama.cpp on CUDA; the same rules are assumed for"
    " {backends:and}.",
    "note.program-defaults": "{program} is assumed with {slots} {slots:slot|slots}"
    "[{shared:, sharing one cache|, each with its own cache}], batch {batch_size}, micro-batch {ubatch_size}, flash"
    " attention {flash_attn}, and logits for {per_slot:one row per slot|a whole micro-batch}"
    "[ (its own default is {own_slots} {own_slots:slot|slots}: -np {own_slots}[{own_shared:, sharing one cache|}])]",
    "note.of-program": "{program}: {note}",
    "warning.architecture-unknown": "the architecture {architecture} is unknown: its cache is a guess",
    "warning.beyond-trained-context": "the context of {ctx_size} tokens exceeds the {trained} that the model was"
    " trained for",
    "warning.not-loaded": "{why}[; {instead:each}]",
    # site and estimation: the rule of thumb
    "thumb.mixture": "{quant} is a mixture of types: {bits:.2f} bits per weight in this model",
    "thumb.context": "the rule ignores the context: the cache for {ctx_size} tokens needs {bytes:bytes}",
    "thumb.compute": "compute buffers depend on batch and widths, not on parameters: {bytes:bytes}",
    "thumb.overhead": "driver and engine need {bytes:bytes} for any model",
    "thumb.stored-twice": "weights that are stored twice or padded add {bytes:bytes}",
    "thumb.experts": "all {experts} experts are in memory[, though a token uses {used}]",
    # site and estimation: speed
    "speed.not-requested": "no speed was requested",
    "speed.no-generation": "the model turns text into vectors and generates no tokens",
    "speed.generation": "at a short context: {parts:each}"
    "[; about {tokens_per_s_at_full_context:pace} tokens/s at a full context]; {prompt}",
    "speed.unknown": "{why}; {prompt}",
    "speed.prompt": "prompts: {parts:and}",
    "speed.prompt-unknown": "prompt speed unknown: {parts:and}",
    "speed.prompt-as-generation": "prompts: no slower than generation, where {parts:and} would be",
    "speed.nothing-read": "nothing is read per token",
    "speed.nothing-multiplied": "nothing is multiplied",
    "speed.ram-bandwidth-unknown": "the memory bandwidth of the RAM is unknown, and up to {bytes:bytes} per token are"
    " read from it",
    "speed.bandwidth-unknown": "the memory bandwidth of {device} is unknown, and up to {bytes:bytes} per token are read"
    " from it",
    "speed.device-unknown": "the FP16 rate and the memory bandwidth of {device} are unknown",
    "speed.active-parameters-unknown": "the number of active parameters is unknown",
    "speed.link-unknown": "{bytes:bytes} of weights cross to the device for each batch, and the speed of the link is"
    " unknown",
    "speed.cores-unknown": "the CPU computes a part, and its number of cores is unknown",
    "speed.too-few-prompts-on-device": "too few prompts of {experts:mixtures of experts|models} were measured on such a"
    " device ({rows})",
    "speed.too-few-prompts-on-processor": "too few prompts of {experts:mixtures of experts|models} were measured on a"
    " CPU ({rows})",
    "speed.device-reads": "{bytes:bytes} from {device} at {bytes_per_s:rate} x {efficiency:.2f} + {kernels} kernels x"
    " {kernel_us:.1f} µs ({measured})",
    "speed.host-reads": "{bytes:bytes} from RAM at {rate} ({measured})",
    "speed.ram-rate": "{bytes_per_s:rate} x {efficiency:.2f}",
    "speed.cores-rate": "{threads} {threads:thread|threads} x {bytes_per_s:rate}",
    "speed.transfer": "{bytes:bytes} from RAM over a {bytes_per_s:rate} link for every {tokens} tokens",
    "speed.flops": "{tflops:.0f} TFLOPS of {device} x {efficiency:.2f}",
    "speed.operations-by-bandwidth": "{bytes_per_s:rate} of {device} x {operations_per_byte:.0f} operations per byte",
    "speed.device-multiplies": "{arithmetic}[ + {bytes:bytes} read for every {tokens} tokens] ({measured})",
    "speed.cores-multiply": "the CPU: {threads} {threads:thread|threads} x {gflops:.0f} GFLOPS ({measured})",
    "speed.cores-attend": "attention over the cache in RAM: {threads} {threads:thread|threads} x {gflops:.0f} GFLOPS"
    " ({measured})",
    "speed.measured": "{rows} measurements[, {current} with a current build]",
    "speed.assumed": "assumed from {rows} {rows:measurement|measurements}",
    # advise: reasons
    # advise: notes, changes, rejections, nearest, balance, quality
    # output: pages
    # command line: help, errors
}
