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
    # advise: the verdict
    "verdict.good": "Runs well here: {where}, about {tokens_per_s:pace} tokens/s",
    "verdict.readable": "Runs at a readable speed: {where}, about {tokens_per_s:pace} tokens/s",
    "verdict.slow": "Runs, but slowly: {where}, about {tokens_per_s:pace} tokens/s",
    "verdict.speed-unknown": "Fits here: {where}, speed unknown",
    "verdict.vectors": "Fits here: {where}; the model turns text into vectors and generates none",
    "verdict.last-resort": "Only {quant} fits, with {quality}: a smaller model would answer better "
    "({where}[, about {tokens_per_s:pace} tokens/s])",
    "verdict.does-not-fit": "Does not fit: {missing_bytes:bytes} short, even with {quant}",
    "verdict.memory-unknown": "Unknown whether it fits: it is not known how much memory is free",
    "verdict.no-device": "Cannot run here: {engine} can use none of the devices of this machine",
    "verdict.limits-not-met": "It fits, but nothing meets the requested limits",
    "verdict.not-loaded": "Cannot run: {engine} does not load the architecture {architecture}",
    "where.gpu": "fully on the GPU",
    "where.gpus": "fully on {count} GPUs",
    "where.experts": "all layers on the GPU{count:|s}, the experts of {expert_layers} of {n_layer} layers in RAM",
    "where.partly": "{gpu_layers} of {total_layers} layers on the GPU{count:|s}, the rest on the CPU",
    "where.cpu": "on the CPU alone",
    # advise: where the parts are and why
    "room.gpu": "{left_bytes:bytes} of {usable_bytes:bytes} on {device}",
    "room.ram": "{left_bytes:bytes} of {usable_bytes:bytes} in RAM",
    "room.usable": "{device} ({usable_bytes:bytes} usable)",
    "reason.all-on-gpu": "all {total_layers} layers fit on {devices:and}; still free: {room:and}, besides a reserve of "
    "{reserve_bytes:bytes}{devices:| each}",
    "reason.experts-in-ram": "all {total_layers} layers are on {devices:and}, but the experts of "
    "[!{scattered}the first ]{expert_layers} of {n_layer} layers stay in RAM; still free: {room:and}, besides a "
    "reserve of {reserve_bytes:bytes}{devices:| each}[; {step}]",
    "reason.partly-on-gpu": "{gpu_layers} of {total_layers} layers are on {devices:and}, the CPU computes the others "
    "from RAM[, and the experts of {expert_layers} of those on the GPU]; still free: {room:and}, besides a reserve of "
    "{reserve_bytes:bytes}{devices:| each}[; {step}]",
    "reason.on-cpu": "the CPU computes everything from RAM; still free: {room:and}, besides a reserve of "
    "{reserve_bytes:bytes}[; {idle:and} would not make it faster]",
    "step.layer": "one more layer needs {bytes:bytes} and its cache",
    "step.experts": "the experts of one more layer need {bytes:bytes}",
    "reason.split": "the layers are split: {parts:and}",
    "reason.split-equal": "the layers are split: {parts:and}, as these GPUs are equally fast",
    "reason.split-evenly": "the layers are split: {parts:and}, as these GPUs are equally fast, and filled evenly",
    "reason.split-fastest-first": "the layers are split: {parts:and}; {rates:and}, and faster memory is filled first",
    "part.layers": "{layers} on {device}",
    "part.layers-and-experts": "{layers} on {device} with the experts of {expert_layers}",
    "part.rate": "{device} reads {bytes_per_s:rate}",
    "reason.named-experts": "the layers whose experts stay in RAM ({runs:and}) are named (-ot), as --n-cpu-moe only "
    "counts from the first layer, and here each GPU keeps the experts that it has room for",
    "layers.run": "{first} to {last}",
    "layers.one": "{layer}",
    "reason.left-out-backend": "{devices:and} {devices:is|are} not used: {devices:it needs|they need} {backend}, and "
    "one process uses one backend ({used_backend})",
    "reason.left-out-not-needed": "{devices:and}[ ({bytes_per_s:rate})] {devices:is|are} not used: everything fits on "
    "{used:and}, and another GPU would make it no faster",
    "reason.left-out-no-gain": "{devices:and}[ ({bytes_per_s:rate})] {devices:is|are} not used: another GPU would make "
    "the answer hardly better",
    "reason.experts-resident": "all {expert_count} experts of a layer must be in memory, though each token uses "
    "{expert_used_count}",
    # advise: why the cache and the micro-batch are what they are
    "reason.cache-requested": "the KV cache is {cache_type_k}[ for K and {cache_type_v} for V], as requested "
    "(-ctk, -ctv)",
    "reason.cache-needed": "the KV cache is {cache_type_k}[ for K and {cache_type_v} for V]: in f16 it would not fit "
    "at {ctx_size} tokens",
    "reason.cache-chosen": "the KV cache is {cache_type_k}[ for K and {cache_type_v} for V]; f16 would fit too"
    "[: {differences}]",
    "reason.cache-in-ram": "the KV cache ({bytes:bytes}) stays in RAM (-nkvo), which leaves more of the GPU to layers; "
    "the CPU then computes attention, which slows down as the text grows[: about {tokens_per_s:pace} tokens/s with a "
    "full context]",
    "reason.ubatch-embedding": "the micro-batch is {ubatch_size} (-ub), as a text is turned into a vector all at once",
    "reason.ubatch-needed": "the micro-batch is {ubatch_size} (-ub), as with {default} it would not fit; prompts take "
    "longer",
    "reason.ubatch-smaller": "the micro-batch is {ubatch_size} (-ub), as its compute buffer leaves more room than with "
    "{default}[: {differences}]; prompts take longer",
    "reason.ubatch-larger": "the micro-batch is {ubatch_size} instead of {default} (-ub): weights in RAM are sent to "
    "the GPU once per micro-batch, so prompts are read faster[, {pace}]; its compute buffer needs more memory"
    "[: {cost:and}]",
    "cost.gpu": "{bytes:bytes} on {device}",
    # advise: what the quantization loses, and its neighbours
    "reason.loss": "{quant}: {quality}; it diverges from f16 by {divergence:.4f} nats per token: {basis}",
    "reason.no-loss": "{quant}: {quality}; {basis}",
    "reason.loss-unknown": "the loss of {quant} is unknown: {basis}",
    "reason.not-finer": "not {quant} ({quality}), which is closer to the original[: {differences}]",
    "reason.not-faster": "not {quant} ({quality}), which is faster[: {differences}]",
    "reason.closer": "{quant} ({quality}) is closer to the original than {than}[: {differences}]",
    "reason.further": "{quant} ({quality}) is further from the original than {than}[: {differences}]",
    "quality.no-noticeable-loss": "no noticeable loss",
    "quality.practically-lossless": "practically lossless",
    "quality.very-close": "very close to the original",
    "quality.good": "good, the usual choice",
    "quality.loss-on-hard-tasks": "noticeable loss on hard tasks",
    "quality.clear-loss": "clear loss",
    "quality.heavy-loss": "heavy loss",
    "quality.barely-usable": "barely usable",
    "quality.unknown": "unknown loss",
    "quality.basis.unmeasured": "{quant} was never measured",
    "quality.basis.published": "the weights as published[, plus {cache}]",
    "quality.basis.measured": "{divergence:.4f} measured on {model} ({dataset}, perplexity "
    "+{perplexity_increase:.1%}), x {size_factor:.2f} for the size of the model[, x {family_factor:.2f} for its family]"
    "[, plus {cache}]",
    "quality.basis.cache": "{divergence:.4f} for a KV cache in {cache_type_k}/{cache_type_v} ({basis})",
    "quality.cache.measured": "measured",
    "quality.cache.derived": "derived from perplexity",
    "quality.cache.assumed": "assumed",
    # advise: differences between two ways to run a model
    "difference.all-on-gpu": "fully on the GPU",
    "difference.layers": "{layers} instead of {instead} layers on the GPU",
    "difference.experts": "the experts of {layers} instead of {instead} layers in RAM",
    "difference.cache-type": "the KV cache in {cache_type} instead of {instead}",
    "difference.cache-in-ram": "the KV cache in RAM",
    "difference.cache-on-gpu": "the KV cache on the GPU",
    "difference.context": "{ctx_size} instead of {instead} tokens of context",
    "pace.about": "about {tokens_per_s:pace} tokens/s",
    "pace.instead": "about {tokens_per_s:pace} instead of {instead_tokens_per_s:pace} tokens/s",
    "pace.same": "still about {tokens_per_s:pace} tokens/s",
    "pace.unknown": "speed unknown",
    "pace.relative": "about {factor:.2g} times as fast by assumed bandwidths",
    "pace.full": "{pace} with a full context",
    # advise: notes, changes, rejections, nearest, balance, quality
    "label.recommended": "Recommended",
    "label.last-resort": "Last resort",
    "label.on-disk": "Already on this disk",
    "label.best-quality": "Best quality",
    "label.faster": "Faster",
    "label.longest-context": "Longest context",
    "label.alternative": "Alternative",
    "note.context-default": "using the default context of {ctx_size} tokens; set it with -c",
    "note.context-longest": "using the longest context that fits, up to the {max_context} tokens the model was "
    "trained for",
    "note.beyond-training": "the context of {ctx_size} tokens per slot is longer than the {max_context} that {model} "
    "was trained for; answers degrade beyond that",
    "note.assumed-bandwidths": "where a speed is unknown, choices are ranked as if RAM read {ram_bytes_per_s:rate} and "
    "a GPU {gpu_bytes_per_s:rate}",
    "note.ram-bandwidth-unknown": "tokens/s are unknown for what runs from RAM, as its memory bandwidth is unknown; "
    "{remedy}",
    "remedy.ram-bandwidth-container": "run llmprobe outside the container, where the memory modules can be read",
    "remedy.ram-bandwidth-vm": "a virtual machine hides its memory modules, so only what fits fully on a GPU has "
    "a speed",
    "remedy.ram-bandwidth-hypothetical": "record a real machine of this kind (llmprobe record) and answer for it with "
    "--replay",
    "remedy.ram-bandwidth-linux": "the memory modules are read from the records of systemd-udevd, of systemd 248 or "
    "newer",
    "remedy.ram-bandwidth-other": "this system does not report its memory modules, so only what fits fully on a GPU "
    "has a speed",
    "note.freed": "{held:and}; with that memory free, {quant} ({quality}) would run {where}[, {pace}] (--assume-idle "
    "shows it). {remedy}",
    "held.gpu": "{bytes:bytes} of {device} is in use[ by {holders:and}]",
    "held.ram": "{bytes:bytes} of RAM[ ({holders})], the system's own share included",
    "held.device": "{bytes:bytes} of {device}[ ({holders})]",
    "holder.process": "{name}[ (PID {pid})]",
    "holder.bytes": "{name} {bytes:bytes}",
    "remedy.unload": "To free it, unload the model: {commands:or}",
    "remedy.quit": "To free it, quit {programs:and}",
    "remedy.quit-gpu-programs": "To free it, quit the programs that use the GPU[; {command} lists them]",
    # advise: what would change the answer
    "change.more-memory": "{missing_bytes:bytes} more memory: {quant} ({quality}) would fit",
    "change.more-on-gpu": "{missing_bytes:bytes} more on {devices:and}{devices:| together}: {quant} would be fully "
    "there[, {pace}]",
    "change.less-reserved": "a reserve of {reserve_mib} MiB instead of {instead_bytes:bytes} (--reserve "
    "{reserve_mib}MiB): {choice}",
    "change.freed": "without other programs, which use {held:and}: {choice} (--assume-idle)",
    "change.wired-limit": "with the GPU's memory limit raised ({command}), {usable_bytes:bytes} instead of "
    "{instead_bytes:bytes} usable: [{choice}][!{choice}the same answer]",
    "change.context": "a context of {ctx_size} tokens (-c {ctx_size}): {choice}",
    "change.context-too-long": "a context of {ctx_size} tokens (-c {ctx_size}): nothing fits"
    "[, {missing_bytes:bytes} short]",
    "change.without-quant": "without --quant: {choice}",
    "change.without-cache-type": "without -ctk and -ctv: {choice}",
    "change.priority": "--priority {priority}: {choice}",
    "choice.same-quant": "still {quant}[, {differences}]",
    "choice.other-quant": "{quant} ({quality})[, {differences}]",
    # advise: what does not work, and what would
    "rejected.too-little-free": "too little memory is free in {where:and}",
    "rejected.several-short": "too little memory is free: {where:and}",
    "rejected.free-unknown": "how much memory is free in {where:and} is unknown",
    "rejected.no-device": "{engine} can use none of the devices of this machine",
    "rejected.too-slow": "about {tokens_per_s:pace} tokens/s, less than the requested {min_tokens_per_s:g} "
    "(--min-speed)",
    "rejected.speed-unknown": "speed unknown, and at least {min_tokens_per_s:g} tokens/s were requested (--min-speed)",
    "rejected.loses-more": "{quality}, more than {min_quality} (--min-quality)",
    "rejected.not-loaded": "{engine} does not load the architecture {architecture}",
    "pool.ram": "RAM",
    "pool.shared": "the memory that CPU and GPU share",
    "pool.gpu": "{device}",
    "pool.short": "{missing_bytes:bytes} short in {pool}",
    "nearest.least-short": "{quant} comes closest: {missing_bytes:bytes} more memory would have to be free",
    "nearest.shorter-context": "{quant} would fit with a context of {ctx_size} tokens (-c {ctx_size})",
    "nearest.smaller-model": "{model} ({id}) would fit as {quant}",
    "nearest.faster-model": "{model} ({id}) would run at about {tokens_per_s:pace} tokens/s as {quant}",
    "nearest.estimate": "llmprobe estimate shows the memory that it would need; a newer build of {engine} may load it",
    # advise: how choices are scored
    "balance.priority": "priority {priority}: choices are scored in doublings of speed at a half-full context; one "
    "point more is worth twice the speed",
    "balance.speed": "tokens/s count fully up to {comfortable_tokens_per_s:g}, about twice reading speed; each "
    "doubling beyond is worth {points_beyond:g}",
    "balance.prompts": "each doubling of prompt speed is worth {points:g} up to {comfortable_tokens_per_s:g} tokens/s, "
    "and nothing beyond",
    "balance.loss": "loss costs {points:g} x (divergence / {divergence:g})^2: the divergence from f16 in nats per "
    "token, which becomes noticeable at {divergence:g}",
    "balance.costs": "types with a code book (IQ…) cost {code_book_points:g}, a KV cache in RAM costs {cache_points:g}",
    "balance.score": "{quant} scores {points:.2f}[, {beside}]: {speed_points:+.2f} for {tokens_per_s:.1f} tokens/s"
    "[!{speed_known} (assumed)], {prompt_points:+.2f} for prompts at {prompt_tokens_per_s:.0f} tokens/s"
    "[!{prompts_known} (assumed)], {loss_points:+.2f} for {loss}[, {code_book_points:+.2f} for its code book]"
    "[, {cache_points:+.2f} for a KV cache in RAM]",
    "balance.about-equal": "about as good as {quant}",
    "balance.less": "{points:.2f} less than {quant}",
    "balance.more": "{points:.2f} more than {quant}",
    "balance.loss-of": "a divergence of {divergence:.4f}",
    "balance.no-loss": "no loss",
    "balance.unmeasured-loss": "an unmeasured loss",
    # advise: errors
    "error.slots": "the number of slots must be 1 or more, not {given}",
    "hint.slots": "use -np 1 or more",
    "error.context-negative": "the context must be 0 tokens or more, not {given}",
    "hint.context-one-or-more": "use -c 1 or more",
    "error.cache-types-differ": "{engine} uses one cache type for K and V, not {cache_type_k} and {cache_type_v}",
    "hint.cache-types-differ": "use {cache_type_k} for both",
    "error.cache-type-not-offered": "{engine} does not offer a KV cache in {cache_type_k}/{cache_type_v}",
    "hint.cache-type-not-offered": "use one of {offered:or}",
    # output: pages
    # command line: help, errors
}
