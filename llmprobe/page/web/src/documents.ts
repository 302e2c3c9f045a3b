// Made from llmprobe/schemas by `npm run types`.

/**
 * A device that can hold a model, or one that is there and can't (``usable`` false, with ``why_not``).
 *
 * The id is ``gpu0``, ``gpu1``, … in the order in which engines number the usable devices.
 * ``vendor`` is ``nvidia``, ``amd``, ``intel``, ``apple``, or ``other`` for one that has no probe.
 * ``pci`` is ``0000:01:00.0`` in lower case. ``pools`` names the pools that it allocates from.
 * ``index`` is the number that the vendor's library gives it. ``hidden_by`` is the variable of the environment
 * that hides it from engines, ``numa_node`` the node that it is nearest to. ``ecc`` and ``driver_model`` are the mode
 * of its memory and, on Windows, of its driver. ``cited`` holds the answers behind single fields, by field name.
 */
export interface Accelerator {
  architecture: string | null;
  backend: ("cuda" | "metal" | "rocm" | "sycl" | "vulkan") | null;
  bandwidth_basis: ("assumed" | "declared" | "derived" | "measured") | null;
  bandwidth_bytes_per_s: number | null;
  bandwidth_how: Message | null;
  cited: {
    [k: string]: string[];
  };
  compute_capability: string | null;
  compute_mode: string | null;
  cores: number | null;
  display_active: boolean | null;
  driver: string | null;
  driver_model: ("mcdm" | "tcc" | "wddm") | null;
  ecc: boolean | null;
  evidence: string[];
  hidden_by: string | null;
  id: string;
  index: number | null;
  integrated: boolean;
  link: Link | null;
  memory_bus_bits: number | null;
  name: string;
  numa_node: number | null;
  partition: Partition | null;
  pci: string | null;
  pools: string[];
  power: Power | null;
  state: "asleep" | "lent" | "lost" | "no-instance" | "present" | "unreachable";
  throttle: Throttle | null;
  usable: boolean;
  uuid: string | null;
  vendor: string;
  why_not: Message | null;
  window: Window | null;
}
/**
 * A sentence in the language of the document, with its stable id.
 */
export interface Message {
  id: string;
  text: string;
}
/**
 * The PCIe connection of a device: its lanes and generation now and at most (see ``llmprobe.machine.pcie``).
 *
 * ``max_generation`` is the most that device and slot support together, ``device_max_generation`` the most that
 * the device supports in any slot. ``bytes_per_s`` is the rate in one direction under load: of the lanes that are
 * connected, at ``max_generation``, because idle devices lower ``generation`` to save power.
 */
export interface Link {
  bytes_per_s: number | null;
  device_max_generation: number | null;
  generation: number | null;
  max_generation: number | null;
  max_width: number | null;
  width: number | null;
}
/**
 * The part of a divided accelerator that this record is: a MIG instance, a vGPU profile, or AMD's ``xcp``.
 */
export interface Partition {
  instance_id: number | null;
  kind: "mig" | "vgpu" | "xcp";
  parent_name: string | null;
  parent_uuid: string | null;
  profile: string | null;
}
/**
 * The power limits of a device and its draw now, in watts: the limit in force, the vendor's, and the highest allowed.
 */
export interface Power {
  default_watts: number | null;
  draw_watts: number | null;
  limit_watts: number | null;
  max_watts: number | null;
}
/**
 * The reasons why a device lowers its clocks now (none: an empty tuple; unknown: None), and its temperature.
 */
export interface Throttle {
  celsius: number | null;
  reasons: ("hardware" | "power-brake" | "power-limit" | "temperature" | "temperature-hardware")[] | null;
}
/**
 * The part of a device's own memory that the processor can address at a time (BAR).
 *
 * ``resizable`` is False where the device has a small window whatever the firmware allows. ``slows`` is the
 * cost of a small window: ``sharing`` (Vulkan and transfers between devices), ``loading`` or ``computing``.
 */
export interface Window {
  resizable: boolean;
  slows: "computing" | "loading" | "sharing";
  visible_bytes: number;
}
/**
 * AMD's driver and libraries on this machine.
 *
 * ``kfd`` is None where it could not be asked, and on processors that ROCm is not made for. ``hiding`` are the
 * variables that hide GPUs from ROCm.
 */
export interface Amd {
  carve_outs: CarveOut[];
  heaps: SharedHeaps[];
  hiding: HidingVariable[];
  kfd: KfdAccess | null;
  without_rocm: WithoutRocm[];
}
/**
 * The memory that the firmware sets aside for the integrated GPU at ``pci``, and what it may map of RAM (GTT).
 */
export interface CarveOut {
  bytes: number;
  evidence: string[];
  gtt_bytes: number | null;
  pci: string;
}
/**
 * What ROCm and Vulkan can allocate of the memory that the integrated GPU at ``pci`` shares, and the backend chosen.
 *
 * ROCm allocates from the carve-out or from RAM that the GPU may map (``gtt``), Vulkan from both. ``rocm_basis`` is
 * ``measured`` where the driver says how large ROCm's part is, else it follows from the kernel's version.
 */
export interface SharedHeaps {
  chosen: "rocm" | "vulkan";
  evidence: string[];
  pci: string;
  rocm_basis: string;
  rocm_free_bytes: number | null;
  rocm_from: "carve-out" | "gtt";
  rocm_total_bytes: number;
  vulkan_free_bytes: number | null;
}
/**
 * A variable of the environment that hides GPUs from ROCm, with its value.
 */
export interface HidingVariable {
  evidence: string[];
  value: string;
  variable: string;
}
/**
 * Whether this user may open /dev/kfd, ROCm's device: ``open``, ``closed`` (no right to it) or ``absent``.
 */
export interface KfdAccess {
  evidence: string[];
  state: "absent" | "closed" | "open";
}
/**
 * A GPU whose instruction set ROCm's libraries have no code for (``gfx1031``).
 */
export interface WithoutRocm {
  evidence: string[];
  gfx: string;
  pci: string;
}
/**
 * The time of one answer for a use: new tokens of the prompt, tokens of thinking and of the answer, and ``seconds``
 * at the stated speeds, with the range of these.
 */
export interface AnswerTime {
  answer_tokens: number;
  prompt_tokens: number;
  seconds: Range;
  thinking_tokens: number;
  use: "agent" | "batch" | "chat" | "long" | "reasoning";
}
/**
 * A figure that is not exact, with its bounds.
 */
export interface Range {
  high: number;
  likely: number;
  low: number;
}
/**
 * A Mac with an Apple chip. ``translated`` is true where this Python runs under Rosetta, ``low_power_mode`` where
 * the owner chose it.
 *
 * ``gpu_in_use_bytes`` is what the GPU holds now; ``wired_bytes`` and ``compressed_bytes`` are the kernel's count
 * for the whole system. ``missing_bytes`` is how much larger than RAM everything would be if nothing was compressed.
 */
export interface Apple {
  compressed_bytes: number | null;
  evidence: string[];
  gpu_in_use_bytes: number | null;
  low_power_mode: boolean | null;
  missing_bytes: number | null;
  translated: boolean | null;
  wired_bytes: number | null;
  working_set: WorkingSet | null;
}
/**
 * How much of the host's memory macOS lets the GPU use; ``wired_limit_mb`` is the owner's setting, 0 for none.
 */
export interface WorkingSet {
  bytes: number;
  evidence: string[];
  wired_limit_mb: number | null;
}
/**
 * The first choice at one context, in short. Where it does not fit all but the context is None.
 *
 * ``host_experts`` counts layers whose experts stay in RAM; bytes are over all devices, and of the host. The speeds
 * are for an empty and for a full context.
 */
export interface AtContext {
  cache_bytes: number | null;
  cache_type_k: string | null;
  cache_type_v: string | null;
  ctx_size: number;
  device_bytes: number | null;
  fits: boolean;
  generation_at_full_context_tokens_per_s: Range | null;
  generation_tokens_per_s: Range | null;
  gpu_layers: number | null;
  host_bytes: number | null;
  host_experts: number | null;
  kv_offload: boolean | null;
  quant: string | null;
  total_layers: number | null;
}
/**
 * One thing that can be set, and the ``values`` that the grid has of it.
 *
 * ``bodies`` are, for each value, what ``POST /v1/setting`` is asked with: ``quant``, or some of its ``settings``.
 * A ``number`` may be any whole one from ``least`` to ``most`` in steps of ``step``, which is then asked for under the
 * name of the axis. ``labels`` are names for people, None where the value is one itself.
 */
export interface Axis {
  bodies: {
    [k: string]:
      | number
      | string
      | boolean
      | {
          [k: string]: number | string | boolean | string[] | null;
        }
      | null;
  }[];
  kind: "choice" | "number";
  label: Message;
  labels: (Message | null)[];
  least: number | null;
  most: number | null;
  name: "cache_types" | "ctx_size" | "draft" | "gpu_layers" | "n_cpu_moe" | "parallel" | "projector" | "quant";
  step: number | null;
  values: (number | string | boolean | null)[];
}
/**
 * A full product of values of every axis: ``size`` cells, by columns. A figure of a device that has no column is 0
 * everywhere, any other is None.
 */
export interface Block {
  axes: {
    [k: string]: (number | string | boolean | null)[];
  };
  columns: Column[];
  size: number;
}
/**
 * One figure of every cell of a block, of a ``device`` (a place in ``ModelReport.devices``) or of all.
 *
 * It depends on ``axes`` alone, the last of which moves fastest. With ``distinct`` each value is a place in these.
 */
export interface Column {
  axes: ("cache_types" | "ctx_size" | "draft" | "gpu_layers" | "n_cpu_moe" | "parallel" | "projector" | "quant")[];
  device: number | null;
  distinct: (number | string | boolean | null)[] | null;
  name: string;
  values: (number | string | boolean | null)[];
}
/**
 * Bytes that are not exact, with their bounds. They may be below zero: what is missing of a pool.
 */
export interface Bounds {
  high_bytes: number;
  likely_bytes: number;
  low_bytes: number;
}
/**
 * How good the full-precision model is at the use, by published results, in one ``mode``.
 *
 * ``index`` has the mean of the catalog of November 2026 at 50 and its standard deviation at 10; ``low`` is the index
 * less two standard errors ``se``, by which models are ranked. ``reads_as`` is the same position as a score of the
 * reference ``test``, in ``unit``, between ``reads_low`` and ``reads_high``; ``basis`` says what it rests on: three
 * results or more of the use (``measured``), fewer (``few rows``), results of other uses alone (``other uses``).
 */
export interface Capability {
  basis: string;
  index: number;
  low: number;
  measured_by: string;
  mode: "no thinking" | "thinking";
  reads_as: number;
  reads_high: number;
  reads_low: number;
  results: Result[];
  se: number;
  test: string;
  unit: string;
}
/**
 * One published result of the full-precision model, as its source gives it. ``month`` may be a year alone.
 */
export interface Result {
  benchmark: string;
  measured_by: string;
  month: string;
  source: string;
  unit: string;
  value: number;
}
/**
 * Published weights. ``format`` is what people call it (``BF16``, ``FP8``, ``AWQ``), ``repository`` its place on
 * Hugging Face; ``certain`` says that it was seen there, not only that its publisher usually has one. ``folder`` is
 * one on this machine.
 */
export interface Checkpoint {
  certain: boolean;
  folder: string | null;
  format: string;
  repository: string | null;
}
/**
 * One way to run the model here: what the engine is told, and what comes of it.
 *
 * ``use_devices`` names the devices to use where an engine would use others too; ``device_numbers`` are those that
 * their backend gives to the devices in use, and ``environment`` is what the engine's environment must hold so that
 * it sees them alone or in this order. ``leaves_devices`` is true where it is unknown whether there is a GPU: the
 * figures are for the processor, and the command leaves devices to the engine. ``on_disk`` is the file that is this
 * choice already. ``remarks`` are what must be known beside the command of the engine that was asked for, ``origin``
 * is where its file comes from.
 * ``shell`` is the one that commands are written for: PowerShell on Windows.
 * ``serving`` is how an engine with a pool of cache serves it; llama.cpp's settings then only repeat what they can.
 *
 * ``time`` is how long one answer takes, None where a speed is unknown, ``loading`` how long the model takes from its
 * disk, None where that was not measured.
 * ``verdict`` is the choice in one line, ``reasons`` are for every reader, ``details`` for ``--explain``.
 */
export interface Choice {
  batch_size: number;
  cache_type_k: string;
  cache_type_v: string;
  commands: {
    [k: string]: string;
  };
  cpu_moe_layers: number[];
  ctx_size: number;
  details: Message[];
  device_numbers: number[];
  devices: DeviceEstimate[];
  download_bytes: number | null;
  draft: DraftInEstimate | null;
  embeddings: boolean;
  environment: {
    [k: string]: string;
  };
  fits: boolean;
  flash_attn: "auto" | "off" | "on";
  gpu_layers: number;
  image_max_tokens: number;
  image_min_tokens: number;
  kv_offload: boolean;
  kv_unified: boolean;
  label: "alternative" | "best-quality" | "faster" | "last-resort" | "longest-context" | "on-disk" | "recommended";
  leaves_devices: boolean;
  loading: Loading | null;
  mmap: boolean;
  mmproj: string;
  mmproj_offload: boolean;
  moe_cache_mib: number;
  n_cpu_ffn: number;
  n_cpu_moe: number;
  on_disk: string | null;
  op_offload: boolean;
  origin: FileOrigin | null;
  outputs_max: number | null;
  override_tensor: string[];
  parallel: number;
  pooling: ("cls" | "last" | "mean" | "none" | "rank") | null;
  projector: ProjectorInEstimate | null;
  quality: Quality;
  quant: string;
  read_layers: number[];
  reasons: Message[];
  remarks: Message[];
  repack: boolean;
  serving: Serving | null;
  shell: "powershell" | "sh";
  spec_draft_device: string[];
  spec_draft_n_max: number;
  spec_draft_ngl: number | null;
  spec_draft_type_k: string;
  spec_draft_type_v: string;
  spec_type: (
    | "draft-dflash"
    | "draft-dspark"
    | "draft-eagle3"
    | "draft-mtp"
    | "draft-simple"
    | "ngram-cache"
    | "ngram-map-k"
    | "ngram-map-k4v"
    | "ngram-mod"
    | "ngram-simple"
  )[];
  speed: Speed;
  split_mode: "layer" | "none" | "row" | "tensor";
  swa_full: boolean;
  tensor_split: number[];
  time: AnswerTime | null;
  total_layers: number;
  ubatch_size: number;
  use_devices: string[] | null;
  verdict: Message | null;
}
/**
 * What one device (``host``, ``gpu0``, …) will hold.
 *
 * ``weights_bytes``, ``cache_bytes`` and ``compute_bytes`` are llama.cpp's model, context and compute buffers;
 * on the host they are the sums over its host buffer types. ``draft_bytes`` is all that a second context for drafting
 * holds: its weights, where they are not the model's own, its caches, compute buffer and logits. ``projector_bytes``
 * is all that the encoder of images or sound holds before the first of them. ``adapter_bytes`` are
 * the tensors of adapters.
 */
export interface DeviceEstimate {
  adapter_bytes: number;
  budget_bytes: number | null;
  cache_bytes: number;
  compute_bytes: number;
  draft_bytes: number;
  id: string;
  name: string | null;
  output_bytes: number;
  overhead_bytes: number;
  projector_bytes: number;
  terms: Term[];
  total_bytes: number;
  weights_bytes: number;
}
/**
 * One named part of what a device holds, and how its figure came about. A range is given where there is one.
 *
 * ``name`` is a stable id (``kv-cache``), ``label`` its name for people. ``mapped_bytes`` of it are read from the
 * mapped file row by row as they are used, so that no budget need hold them.
 */
export interface Term {
  basis: "assumed" | "declared" | "derived" | "measured";
  bytes: number;
  high_bytes: number | null;
  how: Message;
  kind: "adapter" | "cache" | "compute" | "draft" | "output" | "overhead" | "projector" | "weights";
  low_bytes: number | null;
  mapped_bytes: number;
  name: string;
}
/**
 * How tokens are drafted: the ways, the most tokens at once, and the draft model where it is one of its own.
 *
 * ``rs_snapshots`` counts the earlier recurrent states that the model keeps, so that drafted tokens can be taken back.
 */
export interface DraftInEstimate {
  model: ModelInEstimate | null;
  rs_snapshots: number;
  tokens: number;
  types: (
    | "draft-dflash"
    | "draft-dspark"
    | "draft-eagle3"
    | "draft-mtp"
    | "draft-simple"
    | "ngram-cache"
    | "ngram-map-k"
    | "ngram-map-k4v"
    | "ngram-mod"
    | "ngram-simple"
  )[];
}
/**
 * The model and its quantization. ``tensor_bytes`` is the sum of all tensors of the file, ``folder`` the weights
 * beside a configuration.
 */
export interface ModelInEstimate {
  architecture: string;
  file_parameters: number;
  folder: Folder | null;
  id: string;
  max_context: number | null;
  name: string;
  parameters: number;
  quant: string;
  tensor_bytes: number;
}
/**
 * The weights as they are published. ``format`` is what people call it, ``bytes`` the size of the whole folder.
 *
 * ``basis`` is ``exact`` where the files were seen, ``derived`` where the size follows from the format, and
 * ``assumed`` where a list of exceptions was not understood, or where nothing is known of the width (``bytes`` is
 * None). ``engines`` load the weights as they are. ``gguf_type`` is the type that a GGUF file keeps, ``left_out`` are
 * the parts that are not quantized, in ``left_out_type``; ``understood`` is False where the configuration names some
 * in a way that was not.
 */
export interface Folder {
  basis: "assumed" | "derived" | "exact";
  bytes: number | null;
  engines: string[];
  format: string;
  gguf: "dequantized" | "kept" | "made" | "refused";
  gguf_type: string | null;
  left_out: string[];
  left_out_type: string | null;
  understood: boolean;
}
/**
 * How long a model takes from a disk that ``llmprobe bench`` read: ``seconds`` for the ``bytes`` of its file, none of
 * which are in the cache of the system. ``directory`` is on that disk, and ``bytes_per_s`` is its measured rate.
 */
export interface Loading {
  bytes: number;
  bytes_per_s: number;
  directory: string;
  seconds: Range;
}
/**
 * Where the file of a choice comes from. Nothing of it is downloaded by this program.
 *
 * ``here`` is true where ``file`` is on this machine, False where it was not found, None of another machine. A
 * published one is in ``repository`` under ``tag`` (its type), or has a ``name`` in Ollama's library; ``certain`` says
 * that this very file was seen there, not only that its publisher usually offers the type. ``command`` fetches it for
 * the engine, ``how`` says what the command does. ``make`` are the lines that make one where none is known.
 *
 * ``size_bytes`` is what it takes on the disk, whose room is ``free_bytes`` of the file system at ``directory``;
 * ``has_room`` None is unknown. ``needs`` is what must be installed first.
 *
 * ``projector_file`` is the file of the projector that the command names and that is not known to be here either,
 * ``projector_bytes`` its size; ``projector_certain`` says that the repository calls it so, else it is the one there
 * with ``mmproj`` in its name.
 */
export interface FileOrigin {
  certain: boolean;
  command: string | null;
  directory: string | null;
  file: string;
  free_bytes: number | null;
  has_room: boolean | null;
  here: boolean | null;
  how: Message | null;
  make: string[];
  name: string | null;
  needs: Message[];
  projector_bytes: number | null;
  projector_certain: boolean;
  projector_file: string | null;
  repository: string | null;
  size_bytes: number | null;
  tag: string | null;
}
/**
 * The projector that is loaded beside the model (``--mmproj``), on ``device``.
 *
 * ``tensor_bytes`` is the sum of its tensors, ``weights_bytes`` that with the padding of the device,
 * ``compute_bytes`` what the encoder reserves for the image or sound that is tried at the start, inputs on the host
 * included; ``largest_image_bytes`` is what the largest image adds at the most. ``image_size`` and
 * ``largest_image_size`` are pixels a side, None of one that hears only. ``modelled`` False: the graph of a type is
 * not known, and its buffers are bounds. ``assumed`` is a projector as it was published, not a file that is here.
 */
export interface ProjectorInEstimate {
  assumed: boolean;
  compute_bytes: number;
  device: string;
  flash_attn: boolean;
  image_size: number | null;
  largest_image_bytes: number;
  largest_image_size: number | null;
  modelled: boolean;
  name: string;
  path: string | null;
  tensor_bytes: number;
  types: string[];
  weights_bytes: number;
}
/**
 * The loss of a quantization: ``value`` in units of ``metric``, its level in ``words``, and its ``basis``.
 *
 * ``low`` and ``high`` are the range in which nine of ten measurements lie that the figures were not fitted to.
 * ``same_first_choice_percent`` is how often the likeliest next token remains that of the original. ``usable`` False:
 * so much is lost that a smaller model answers better.
 */
export interface Quality {
  basis: Message;
  high: number | null;
  low: number | null;
  metric: string;
  same_first_choice_percent: number | null;
  usable: boolean | null;
  value: number | null;
  words: Message;
}
/**
 * How a choice is served: the published weights, the settings, the pool, and the speed of several requests at once.
 *
 * ``sure`` False: at the worst end of the range the pool does not hold what was asked for. ``points`` are what it is
 * worth for the wishes, a doubling of the speed a quarter; only differences count.
 */
export interface Serving {
  checkpoint: Checkpoint;
  points: number | null;
  pool: Pool;
  settings: ServingSettings;
  sure: boolean;
  together: Together[];
}
/**
 * The pool of cache of each device, and what it holds.
 *
 * ``bytes`` of the device with the least. ``tokens`` are the requests of the whole length that it holds at once,
 * times that length. ``longest`` is the longest that one request may be, ``request_bytes`` what one of the whole
 * length takes. A page has ``page_bytes`` in each of ``layers`` layers of a group; ``groups`` draw from one pool.
 */
export interface Pool {
  block_bytes: number;
  block_size: number;
  bytes: Bounds;
  concurrency: Range;
  given: boolean;
  groups: number;
  longest: Counts;
  request_bytes: number;
  tokens: Counts;
}
/**
 * A number of tokens that is not exact, with its bounds.
 */
export interface Counts {
  high: number;
  likely: number;
  low: number;
}
/**
 * What a serving engine is told, in its own names, defaults filled in; None is a setting that it does not have.
 *
 * ``version`` is the one whose rules count. ``gpu_memory_utilization`` is vLLM's part of the whole memory of each
 * device, ``mem_fraction_static`` SGLang's of what is free for weights and cache. ``block_size`` are the tokens of a
 * page, after an enlargement that states of other layers force. ``kv_cache_memory_bytes`` is a pool that was set,
 * ``speculative_tokens`` are drafted at once by the model's own layers.
 */
export interface ServingSettings {
  block_size: number;
  decode_context_parallel_size: number;
  enable_expert_parallel: boolean;
  enable_prefix_caching: boolean;
  enforce_eager: boolean;
  engine: string;
  gpu_memory_utilization: number | null;
  kv_cache_dtype: string;
  kv_cache_memory_bytes: number | null;
  max_model_len: number;
  max_num_batched_tokens: number;
  max_num_seqs: number;
  mem_fraction_static: number | null;
  pipeline_parallel_size: number;
  speculative_tokens: number;
  tensor_parallel_size: number;
  version: string;
}
/**
 * The tokens per second of so many requests at once, all together, each with a context of ``ctx_size``.
 */
export interface Together {
  ctx_size: number;
  tokens_per_s: Range;
  users: number;
}
/**
 * Tokens per second. Unknown is None; ``reason`` says on what the figures stand or why there are none.
 *
 * Generation is that at a short context; at a full one the whole cache is read for every token.
 * ``prompt_is_assumed`` says that no measurement stands for the prompt's: its link, its arithmetic or its class of
 * devices is not known. ``time_to_first_token_s`` are the seconds in which a prompt of ``prompt_tokens`` is read into
 * an empty context.
 */
export interface Speed {
  generation_at_full_context_tokens_per_s: Range | null;
  generation_tokens_per_s: Range | null;
  prompt_at_full_context_tokens_per_s: Range | null;
  prompt_is_assumed: boolean;
  prompt_tokens: number | null;
  prompt_tokens_per_s: Range | null;
  reason: Message;
  time_to_first_token_s: Range | null;
}
/**
 * The memory that Windows promises to all programs at most, RAM and page files together, and what it has promised.
 */
export interface CommitLimit {
  evidence: string[];
  limit_bytes: number;
  promised_bytes: number;
}
/**
 * What a container or a service may use of the host (Linux control groups). None is no limit.
 */
export interface ControlGroup {
  cpu_quota: CpuQuota | null;
  cpu_set: CpuSet | null;
  memory: GroupMemory | null;
}
/**
 * The processor time that a control group allows, in processors (2.5).
 */
export interface CpuQuota {
  evidence: string[];
  processors: number;
}
/**
 * How many processors a control group may run on.
 */
export interface CpuSet {
  evidence: string[];
  processors: number;
}
/**
 * The memory that a control group allows: the tightest limit of the group and its ancestors.
 *
 * ``left_bytes`` is what may still be used; ``used_bytes`` leaves out what the kernel can drop. ``slows_down`` is
 * true for a limit above which programs are slowed down, not killed. ``swap_bytes`` is what may be swapped.
 */
export interface GroupMemory {
  evidence: string[];
  left_bytes: number;
  limit_bytes: number;
  slows_down: boolean;
  swap_bytes: number | null;
  used_bytes: number | null;
}
/**
 * Arithmetic of the cores: bytes per second that one thread alone hashes (SHA-512), and all threads together.
 *
 * What all do beside one is how many cores the threads are worth: fewer where two of them share a core, where a
 * virtual machine has parts of cores, and where a container has a quota.
 */
export interface CoreRate {
  all_bytes_per_s: number;
  one_bytes_per_s: number;
  threads: number;
}
/**
 * What an engine reached on this machine, as parts of what was predicted (``llmprobe verify``).
 *
 * It holds for models that are computed by the same ``places``: ``cpu`` and the names of devices, sorted; mixtures of
 * ``experts`` apart. None was not measured. ``model`` and ``date`` are those of the run.
 */
export interface Correction {
  date: string;
  experts: boolean;
  generation: number | null;
  model: string;
  places: string[];
  prompt: number | null;
}
/**
 * The processor: what it is, and how many threads a program may use here (affinity, quota).
 *
 * ``instruction_sets`` are in lower case as the system names them: ``avx2``, ``avx512f``, ``amx_int8``, ``asimddp``.
 * ``usable_cores`` are the cores behind the usable threads, of a hybrid processor the performance cores among
 * them: as many threads as that compute fastest, since two threads of a core share its arithmetic.
 */
export interface Cpu {
  efficiency_cores: number | null;
  evidence: string[];
  instruction_sets: string[];
  limits: Message[];
  logical_cores: number | null;
  name: string | null;
  performance_cores: number | null;
  physical_cores: number | null;
  usable_cores: number | null;
  usable_threads: number | null;
  vendor: string | null;
}
/**
 * Memory against context of a choice (its place in ``recommendation.choices``), placed as it is there.
 */
export interface Curve {
  choice: number;
  points: CurvePoint[];
  quant: string;
}
/**
 * A choice at one context, as ``estimate`` has it: what each device holds, and the speed at a full context.
 */
export interface CurvePoint {
  ctx_size: number;
  devices: TotalOfDevice[];
  fits: boolean | null;
  tokens_per_s: Range | null;
}
/**
 * What one device holds in all.
 */
export interface TotalOfDevice {
  id: string;
  total_bytes: number;
}
/**
 * A device of an estimate, what of it may be used, and how much of that ``recommend`` leaves free. Host and
 * devices of one ``pool`` share its memory.
 */
export interface DeviceInReport {
  budget_bytes: number | null;
  id: string;
  name: string | null;
  pool: string | null;
  reserve_bytes: number;
}
/**
 * Two sources differ on one fact; the first value is used.
 *
 * ``of`` is a device's name (``names``), a device's memory or the host's memory (``sizes_bytes``). ``device`` is the
 * PCI address or the name of the device, None for the host.
 */
export interface Disagreement {
  device: string | null;
  evidence: string[];
  names: never[] | null;
  of: "device-memory" | "device-name" | "host-memory";
  sizes_bytes: never[] | null;
}
/**
 * The rate at which a model file on a disk was read past the cache: ``read_bytes`` of it.
 */
export interface DiskRate {
  bytes_per_s: number;
  directory: string;
  read_bytes: number;
}
/**
 * An engine that is installed or runs here, or that keeps models here.
 *
 * ``installed`` False means that only its models were found. ``silent`` is true where its port is in use and does not
 * answer as the engine does. ``settings`` are variables of its environment that change what a model takes.
 */
export interface EngineOnMachine {
  detail: Message | null;
  endpoint: string | null;
  evidence: string[];
  installed: boolean | null;
  loaded: LoadedModel[];
  models: ModelOnDisk[];
  name: string;
  running: boolean | null;
  settings: {
    [k: string]: string;
  };
  silent: boolean | null;
  version: string | null;
}
/**
 * A model that an engine holds in memory now. ``until`` is when it lets go of it by itself (ISO 8601).
 */
export interface LoadedModel {
  ctx_size: number | null;
  name: string;
  parallel: number | null;
  size_bytes: number | null;
  until: string | null;
  vram_bytes: number | null;
}
/**
 * A model that lies on this machine's disk, under the name that its keeper has for it.
 *
 * ``path`` is its GGUF file, or the first of a split set; None where there is none to be read. ``problem`` says
 * why it can't be used: half downloaded, parts missing. ``quant`` is what the keeper or the file's name says.
 * ``projector`` is the mmproj file that the keeper names for it.
 */
export interface ModelOnDisk {
  bytes: number | null;
  kept_by: Message;
  name: string;
  path: string | null;
  problem: Message | null;
  projector: string | null;
  quant: string | null;
  repo: string | null;
}
/**
 * A choice (its place in ``recommendation.choices``) that axes at these ``values`` make only with further
 * ``settings``, or on the devices ``use_devices`` alone; None is all of them.
 */
export interface Exact {
  choice: number;
  settings: {
    [k: string]: number | string | boolean | (number | string | boolean | null)[] | null;
  };
  use_devices: string[] | null;
  values: {
    [k: string]: number | string | boolean | null;
  };
}
/**
 * One thing that is wrong with a machine, or worth knowing, and what it costs its user.
 *
 * ``evidence`` names the answers that it stands on (see ``Source``); it is never empty.
 */
export interface Finding {
  detail: Message;
  evidence: string[];
  id: string;
  remedy: Remedy | null;
  severity: "error" | "note" | "warning";
  title: Message;
}
/**
 * What mends it: a sentence, and the commands to run on that system.
 */
export interface Remedy {
  commands: string[];
  link: string | null;
  text: Message;
}
/**
 * The document of ``llmprobe fit``: ``rows`` best first, and apart the models that no result was published for, but
 * whose weights have room.
 *
 * ``kept`` are models on this disk that are none of the catalog. ``left_out`` counts the others by reason.
 * ``next_model`` says what the next model worth having would take.
 */
export interface Fit {
  balance: Message[];
  capability_date: string;
  catalog_date: string;
  findings: Finding[];
  kept: KeptInFit[];
  left_out: Message[];
  llmprobe_version: string;
  machine: MachineInShort;
  next_model: Message | null;
  notes: Message[];
  rows: Fitting[];
  schema: "llmprobe.fit/1";
  this_machine: boolean;
  unranked: ModelInFit[];
  verdict: Message | null;
  wishes: FitWishes;
}
/**
 * A model on this disk that is none of the catalog, so that nothing published ranks it: with the choice that
 * ``recommend`` makes of its file, None where it does not run here; ``problem`` says why it cannot be used at all.
 */
export interface KeptInFit {
  choice: Choice | null;
  kept_by: Message;
  name: string;
  parameters: number | null;
  path: string | null;
  problem: Message | null;
  quant: string | null;
}
/**
 * The machine a recommendation was made for.
 */
export interface MachineInShort {
  accelerators: Accelerator[];
  cpu: string | null;
  origin: string;
  pools: MemoryPool[];
  ram_bandwidth_basis: ("assumed" | "declared" | "derived" | "measured") | null;
  ram_bandwidth_bytes_per_s: number | null;
}
/**
 * Memory that can be allocated from: all of it, what is free now, and what a model may take.
 *
 * The id is ``ram`` for the memory of the host (kind ``system``, or ``unified`` when an accelerator
 * shares it) and ``vram0``, ``vram1``, … for the memory of accelerator ``gpu0``, ``gpu1``, ….
 *
 * ``free_bytes`` is what may be allocated now by anyone (MemAvailable for RAM, NVML's free for VRAM).
 * ``budget_bytes`` is never more than that, nor more than any limit (cgroup, Apple's working set); of a
 * unified pool it is what the accelerator may take, and all of host and accelerator must fit ``free_bytes``.
 * ``host_budget_bytes`` is what the host alone may take of a unified pool: less than is free where a part of it
 * is set aside for the accelerator or a container is limited. It is unknown (None) for every other pool.
 */
export interface MemoryPool {
  basis: "assumed" | "declared" | "derived" | "measured";
  budget_bytes: number | null;
  evidence: string[];
  free_bytes: number | null;
  held_by: Holder[];
  host_budget_bytes: number | null;
  id: string;
  kind: "system" | "unified" | "vram";
  limits: Limit[];
  total_bytes: number | null;
}
/**
 * A process that holds memory of a pool. ``used_bytes`` is unknown where the driver does not say (WDDM, WSL).
 */
export interface Holder {
  graphics: boolean;
  name: string | null;
  pid: number | null;
  used_bytes: number | null;
}
/**
 * One named reduction of a pool: ``total_bytes`` less the sum of all ``bytes`` is ``budget_bytes``.
 *
 * ``by`` is a word for tools: ``in-use``, ``driver-reserve``, ``processes``, ``display``, ``cgroup``,
 * ``working-set``, ``os``, ``hidden``. ``detail`` says it to a person.
 */
export interface Limit {
  basis: "assumed" | "declared" | "derived" | "measured";
  by: string;
  bytes: number;
  detail: Message | null;
}
/**
 * One model that this machine runs, with the choice that ``recommend`` makes for it.
 *
 * ``points`` are ``capability.low`` and what speed, loss and the like are worth in the same units. ``variants`` are
 * other models of the same shape that fit as well and are worse for this use.
 *
 * ``answers`` is the use that ``recommend`` weighs the time of an answer for (``--for``), None of embeddings.
 * ``reads_as`` is ``capability.reads_as`` less what the file loses, which is assumed.
 */
export interface Fitting {
  answers: ("agent" | "batch" | "chat" | "long" | "reasoning") | null;
  capability: Capability;
  choice: Choice;
  model: ModelInFit;
  points: number;
  reads_as: number;
  variants: string[];
  why: Message[];
}
/**
 * A model of the catalog: ``released`` is a month, ``parameters`` and ``active_parameters`` are counts of weights.
 */
export interface ModelInFit {
  active_parameters: number | null;
  family: string;
  id: string;
  license: string | null;
  name: string;
  parameters: number;
  released: string | null;
  repo: string | null;
}
/**
 * The user's wishes. ``ctx_size`` is that of the use where ``ctx_size_given`` is False.
 *
 * ``max_download_bytes`` counts files that are not on this machine. ``only_gpu`` leaves out what stays in RAM in part.
 * ``licenses`` and ``families`` are beginnings of names (``apache``, ``qwen``); none is all.
 */
export interface FitWishes {
  assume_idle: boolean;
  ctx_size: number;
  ctx_size_given: boolean;
  engine: string;
  families: string[];
  licenses: string[];
  max_download_bytes: number | null;
  min_quality: string | null;
  min_speed: number | null;
  only_gpu: boolean;
  reserve_bytes: number | null;
  sort: "capability" | "points" | "released" | "size" | "speed";
  top: number;
  use: "agent" | "chat" | "coding" | "embedding" | "japanese" | "reasoning" | "vision";
}
/**
 * Estimates made beforehand, as many as the page has room for; ``about`` says how much that is.
 *
 * ``qualities``, ``refusals`` and ``warnings`` are what the columns of these names (``quality``, ``refused``,
 * ``warnings``) are places in.
 */
export interface Grid {
  about: Message;
  blocks: Block[];
  cells: number;
  qualities: Quality[];
  refusals: Message[];
  warnings: Message[][];
}
/**
 * The system around the devices: what the interpreter knows of it, what probes found out, and the processor.
 *
 * ``measurement`` is the one that is kept of it. Where it counts, the bandwidth of the RAM is the measured one.
 */
export interface Host {
  container_of: "kubernetes" | "lxc";
  control_group: ControlGroup | null;
  cpu: Cpu;
  environment: ("bare" | "container" | "vm" | "wsl") | null;
  environment_evidence: string[];
  in_container: boolean | null;
  machine: string;
  measurement: Measurement | null;
  memory: HostMemory;
  os: string | null;
  product: string | null;
  ram_bandwidth_basis: ("assumed" | "declared" | "derived" | "measured") | null;
  ram_bandwidth_bytes_per_s: number | null;
  ram_bandwidth_how: Message | null;
  release: string | null;
  system: string;
  wsl_gpu: boolean | null;
}
/**
 * The figures of one measurement. None was not measured.
 *
 * ``quick`` is the short one that ``recommend`` makes the first time, ``busy`` one that was made while other programs
 * kept the processors busy: its ``cores`` say nothing then. ``changed`` names the fields of the fingerprint
 * that are no longer as they were when it was made: it does not count then. ``corrections`` are of speeds that were
 * predicted with it. ``date`` is that of the day, in UTC.
 */
export interface Measurement {
  busy: boolean;
  changed: string[];
  cores: CoreRate | null;
  corrections: Correction[];
  date: string | null;
  disks: DiskRate[];
  quick: boolean;
  ram: RamRate | null;
}
/**
 * The rate at which ``threads`` threads together read the RAM, each the memory that it wrote first.
 *
 * It is the best of ``passes`` over ``span_bytes``, far more than the caches keep. ``low`` is the part of it that is
 * certain: caches may have kept a part of the span, and a program whose memory is all on one NUMA node reads at the
 * rate of that node. ``by`` is the function of the C library that read.
 */
export interface RamRate {
  by: string;
  bytes_per_s: number;
  low: number;
  nodes: NodeRate[];
  passes: number;
  span_bytes: number;
  threads: number;
}
/**
 * The rate at which the threads of one NUMA node read that node's own memory.
 */
export interface NodeRate {
  bytes_per_s: number;
  number: number;
  threads: number;
}
/**
 * What the system reports of its memory beside the pool ``ram``. ``wsl`` is there only where it is known.
 */
export interface HostMemory {
  commit: CommitLimit | null;
  huge_pages: HugePages | null;
  modules: MemoryModules | null;
  numa: Numa | null;
  pressure: MemoryPressure | null;
  process_limits: ProcessLimits | null;
  strict_overcommit: StrictOvercommit | null;
  swap: Swap | null;
  wsl: WslSettings;
  zfs_cache: ZfsCache | null;
}
/**
 * Memory that is reserved as huge pages, and how much of it is not in use.
 */
export interface HugePages {
  evidence: string[];
  free_bytes: number;
  total_bytes: number;
}
/**
 * The memory modules that the firmware lists; ``kind`` is as it names them (``DDR5``).
 *
 * ``slots`` counts the places for modules, the empty ones among them. ``bus_bits`` is the part of the bus that they
 * use, ``most_bus_bits`` all that the processors have, where that is known.
 */
export interface MemoryModules {
  bus_bits: number | null;
  channels: number;
  count: number;
  evidence: string[];
  installed_bytes: number | null;
  kind: string | null;
  most_bus_bits: number | null;
  slots: number | null;
}
/**
 * The nodes of a machine whose memory is divided.
 *
 * ``allowed`` are the numbers of those that this process may take memory of (cpuset.mems); None where that is all.
 */
export interface Numa {
  allowed: number[] | null;
  evidence: string[];
  nodes: NumaNode[];
}
/**
 * A part of memory, and whether processors are attached to it.
 */
export interface NumaNode {
  free_bytes: number | null;
  has_processors: boolean;
  number: number;
  total_bytes: number | null;
}
/**
 * How short of memory the system is now.
 *
 * ``some_percent`` and ``full_percent`` are the share of the last ten seconds in which some programs, and all of
 * them, waited for memory (Linux). ``level`` is the word of macOS.
 */
export interface MemoryPressure {
  evidence: string[];
  full_percent: number | null;
  level: ("critical" | "high" | "normal") | null;
  some_percent: number | null;
}
/**
 * How much a program of this shell may map and lock; None is unlimited.
 */
export interface ProcessLimits {
  address_space_bytes: number | null;
  evidence: string[];
  locked_bytes: number | null;
}
/**
 * The kernel promises no more memory than ``limit_bytes`` (vm.overcommit_memory is 2).
 */
export interface StrictOvercommit {
  committed_bytes: number | null;
  evidence: string[];
  limit_bytes: number | null;
}
/**
 * Swap space. ``compressed_used_bytes`` is what zram holds of it, which is in memory and not on disk.
 */
export interface Swap {
  compressed_used_bytes: number | null;
  evidence: string[];
  total_bytes: number;
  used_bytes: number;
}
/**
 * What the file .wslconfig at ``path`` gives WSL of Windows' memory, swap and processors; None is not set.
 *
 * Where the file does not exist, ``path`` is where it would be, None where that is not sure.
 */
export interface WslSettings {
  evidence: string[];
  exists: boolean;
  memory_bytes: number | null;
  path: string | null;
  processors: number | null;
  swap_bytes: number | null;
}
/**
 * How much of its cache ZFS gives back under pressure.
 */
export interface ZfsCache {
  evidence: string[];
  reclaimable_bytes: number;
}
/**
 * The answer of ``nvmlInit`` where it is not ok: its status, NVML's return code, and the reason in words.
 */
export interface LibraryStart {
  code: number | null;
  status: "denied" | "failed" | "missing" | "not_recorded" | "ok" | "timeout";
  why: Message;
}
/**
 * A file system that engines keep models on. ``engines`` are those that do; ``file_system`` is its kind (``ext4``).
 */
export interface ModelDisk {
  directory: string;
  engines: string[];
  evidence: string[];
  file_system: string | null;
  free_bytes: number | null;
  total_bytes: number | null;
}
/**
 * One model on this machine. ``start`` is where its axes stand at first: the first choice, or what is nearest to it.
 * ``base`` are the settings that hold at every stop of the axes: those of the first choice that are not the engine's
 * own. Where the axes stand at the values of an ``exact`` one, its settings are meant too, and are in the first blocks
 * of the grid.
 */
export interface ModelReport {
  axes: Axis[];
  base: {
    [k: string]: number | string | boolean | null;
  };
  curves: Curve[];
  devices: DeviceInReport[];
  engines: OfEngine[];
  exact: Exact[];
  grid: Grid | null;
  recommendation: Recommendation;
  start: {
    [k: string]: number | string | boolean | null;
  };
}
/**
 * The first choice for an engine, with its commands; None is its answer "no", whose reason is the verdict.
 */
export interface OfEngine {
  choice: Choice | null;
  engine: string;
  notes: Message[];
  verdict: Message | null;
}
/**
 * The document of ``llmprobe recommend``. No choices is the answer "no"; ``nearest`` then names what would fit.
 *
 * ``verdict`` is the answer in one line. ``balance`` is how choices were scored; ``changes``, with ``--explain``, is
 * what would change the first one, and ``contexts``, with ``--table``, the first one at other contexts. ``points``,
 * for a page, are all candidates of the search and what does not fit. ``findings`` are those of the machine that are
 * worse than a note, or whose remedy makes more memory usable.
 */
export interface Recommendation {
  balance: Message[];
  changes: Message[];
  choices: Choice[];
  contexts: AtContext[];
  findings: Finding[];
  llmprobe_version: string;
  machine: MachineInShort;
  model: ModelInEstimate;
  nearest: Message[];
  notes: Message[];
  points: Point[];
  rejected: Rejected[];
  schema: "llmprobe.recommendation/1";
  this_machine: boolean;
  verdict: Message | null;
  warnings: Message[];
  wishes: Wishes;
}
/**
 * One candidate of a search, or a quantization that does not fit: its loss against its speed.
 *
 * ``choice`` is its place among the choices, None where it is none. ``why`` says why it does not fit, or which wish
 * excludes it. ``host_experts`` counts layers whose experts stay in RAM, ``devices`` are those in use. What comes of a
 * placement is None where there is none.
 */
export interface Point {
  cache_type_k: string | null;
  cache_type_v: string | null;
  choice: number | null;
  ctx_size: number | null;
  devices: string[];
  fits: boolean;
  gpu_layers: number | null;
  host_experts: number | null;
  kv_offload: boolean | null;
  missing_bytes: number | null;
  quality: Quality;
  quant: string;
  time: AnswerTime | null;
  tokens_per_s: Range | null;
  total_layers: number | null;
  ubatch_size: number | null;
  why: Message | null;
}
/**
 * A quantization that was not chosen, and why; ``missing_bytes`` is its shortfall where it is short of memory.
 */
export interface Rejected {
  missing_bytes: number | null;
  what: string;
  why: Message;
}
/**
 * The user's wishes. ``ctx_size`` None is a default that a note names; it is never changed silently.
 * ``mmproj_offload`` None leaves it to the search where a projector lies. ``spec_type`` is how tokens shall be
 * drafted. ``use`` is what the model is for, None its usual one: reasoning of a model that thinks, chat of others.
 */
export interface Wishes {
  assume_idle: boolean;
  cache_type_k: string | null;
  cache_type_v: string | null;
  ctx_size: number | null;
  engine: string;
  image_max_tokens: number;
  image_min_tokens: number;
  max_ctx: boolean;
  min_quality: string | null;
  min_speed: number | null;
  mmproj: string;
  mmproj_offload: boolean | null;
  parallel: number;
  priority: "balanced" | "context" | "quality" | "speed";
  quants: string[];
  reserve_bytes: number | null;
  spec_draft_n_max: number;
  spec_type: (
    | "draft-dflash"
    | "draft-dspark"
    | "draft-eagle3"
    | "draft-mtp"
    | "draft-simple"
    | "ngram-cache"
    | "ngram-map-k"
    | "ngram-map-k4v"
    | "ngram-mod"
    | "ngram-simple"
  )[];
  top: number;
  use: ("agent" | "batch" | "chat" | "long" | "reasoning") | null;
}
/**
 * Properties of one physical device that no other vendor reports. ``index`` is NVML's number of it.
 *
 * ``memory_node`` is the NUMA node that its memory is (GH200). ``licensed`` is known of vGPUs only.
 * ``protected_bytes`` is memory set aside for confidential computing.
 */
export interface NvidiaDevice {
  addressing: ("ats" | "hmm" | "none") | null;
  brand: string | null;
  evidence: string[];
  index: number;
  licensed: boolean | null;
  memory_node: number | null;
  minor: number | null;
  performance_state: number | null;
  persistence: boolean | null;
  protected_bytes: number | null;
  virtualization: ("passthrough" | "vgpu-guest" | "vgpu-host" | "vsga-host") | null;
}
/**
 * What a system knows of its NVIDIA devices beside the accelerators. A fact that was not looked for is None.
 *
 * ``on_bus`` are the PCI addresses of all NVIDIA devices, ``kernel_drivers`` the driver bound to each address,
 * ``asleep`` the addresses that the kernel has powered down, ``device_files`` the names in /dev.
 * ``module_version`` is the version of the running kernel module by /proc, ``installed_module`` by /sys.
 * ``board`` and ``l4t`` are the name and the release of a Jetson's system. ``start`` is known where NVML failed
 * to start, ``listed`` (how many devices NVML counts) where it counts none. ``by_command`` is True where
 * nvidia-smi answered in the library's place. ``given_to_container`` is NVIDIA_VISIBLE_DEVICES, ``uncertain_order``
 * the names of unlike devices that CUDA may number differently.
 */
export interface NvidiaSystem {
  asleep: SeenTupleStr | null;
  board: SeenStr | null;
  by_command: SeenBool | null;
  cuda_version: SeenStr | null;
  cuda_visible_devices: SeenVisibleDevices | null;
  device_files: SeenTupleStr | null;
  devices: NvidiaDevice[];
  given_to_container: SeenStr | null;
  installed_module: SeenStr | null;
  kernel_drivers: SeenDictStrStr | null;
  l4t: SeenStr | null;
  listed: SeenIntNone | null;
  module_version: SeenStr | null;
  on_bus: SeenTupleStr | null;
  start: SeenLibraryStart | null;
  uncertain_order: SeenTupleStr | null;
}
/**
 * A value that a probe found, and the names of the answers it rests on (see ``Source``), never none.
 */
export interface SeenTupleStr {
  evidence: string[];
  value: string[];
}
/**
 * A value that a probe found, and the names of the answers it rests on (see ``Source``), never none.
 */
export interface SeenStr {
  evidence: string[];
  value: string;
}
/**
 * A value that a probe found, and the names of the answers it rests on (see ``Source``), never none.
 */
export interface SeenBool {
  evidence: string[];
  value: boolean;
}
/**
 * A value that a probe found, and the names of the answers it rests on (see ``Source``), never none.
 */
export interface SeenVisibleDevices {
  evidence: string[];
  value: VisibleDevices;
}
/**
 * The value of CUDA_VISIBLE_DEVICES, and the entry at which CUDA stops reading it because it names no device.
 */
export interface VisibleDevices {
  invalid: string | null;
  value: string;
}
/**
 * A value that a probe found, and the names of the answers it rests on (see ``Source``), never none.
 */
export interface SeenDictStrStr {
  evidence: string[];
  value: {
    [k: string]: string;
  };
}
/**
 * A value that a probe found, and the names of the answers it rests on (see ``Source``), never none.
 */
export interface SeenIntNone {
  evidence: string[];
  value: number | null;
}
/**
 * A value that a probe found, and the names of the answers it rests on (see ``Source``), never none.
 */
export interface SeenLibraryStart {
  evidence: string[];
  value: LibraryStart;
}
/**
 * The variables that are set, and what they leave. ``problem`` is why a program ends at them; nothing is left then.
 *
 * ``hidden`` are addresses of GPUs that SYCL does not see by them; None where OpenCL's numbers decide, which count
 * processors as well.
 */
export interface OneApi {
  devices: SyclDevice[];
  evidence: string[];
  hidden: string[] | null;
  hierarchy: string | null;
  mask: string | null;
  problem: Message | null;
  selector: string | null;
}
/**
 * A GPU that SYCL sees, or one ``tile`` of it. ``number`` is llama.cpp's (``SYCL0``), None where it is not sure.
 */
export interface SyclDevice {
  number: number | null;
  pci: string;
  tile: number | null;
}
/**
 * The document of ``llmprobe report``: the machine as ``check`` has it, ``fit`` for some uses, and one model.
 *
 * ``live`` is that of a server, which answers what is not in it; with ``needs_token`` it wants to be given one.
 * ``check`` is None only in the page of a server before it asked. ``made_at`` is a time of this machine, None of
 * another. ``words`` are the page's own sentences in ``language``.
 */
export interface Report {
  check: Snapshot | null;
  fit: Fit[];
  language: string;
  live: boolean;
  llmprobe_version: string;
  made_at: string | null;
  model: ModelReport | null;
  needs_token: boolean;
  notes: Message[];
  schema: "llmprobe.report/1";
  this_machine: boolean;
  words: {
    [k: string]: string;
  };
}
/**
 * A machine at one moment. ``oneapi``: where a variable narrows what SYCL sees. ``uncounted``: of a chip under Linux.
 */
export interface Snapshot {
  accelerators: Accelerator[];
  amd: Amd | null;
  apple: Apple | null;
  disagreements: Disagreement[];
  disks: ModelDisk[];
  engines: EngineOnMachine[];
  findings: Finding[];
  host: Host;
  llmprobe_version: string;
  nvidia: NvidiaSystem | null;
  oneapi: OneApi;
  origin: "hypothetical" | "live" | "recording";
  pools: MemoryPool[];
  schema: "llmprobe.snapshot/1";
  sources: SourceReport[];
  this_machine: boolean;
  uncounted: UncountedAdapter[];
  vulkan: Vulkan | null;
  windows: Windows | null;
}
/**
 * Whether a probe got its answers, and how long it took. A probe that raised is ``crashed``.
 *
 * ``absent``: this machine has no such facility. ``unsupported``: it may have it, and no probe knows how to ask.
 */
export interface SourceReport {
  detail: Message | null;
  duration_ms: number | null;
  name: string;
  status: "absent" | "crashed" | "denied" | "failed" | "not_recorded" | "ok" | "partial" | "timeout" | "unsupported";
}
/**
 * An adapter that the system lists and that no model is put on.
 */
export interface UncountedAdapter {
  evidence: string[];
  kind: "basic" | "npu" | "opencl-graphics" | "other-graphics" | "remote" | "slow-graphics" | "virtual";
  name: string;
}
/**
 * The loader's devices in its order, software devices among them. ``visible`` is GGML_VK_VISIBLE_DEVICES; ``loaded``
 * is False where there is no loader, or no driver for it, and None where it was not asked or did not answer.
 */
export interface Vulkan {
  api: string | null;
  devices: VulkanDevice[];
  evidence: string[];
  loaded: boolean | null;
  visible: string | null;
}
/**
 * A device at its ``place`` in the loader's list, with the ``number`` that llama.cpp gives it (``Vulkan0``), None
 * where it is ``left_out``. ``accelerator`` is its id in the snapshot, ``luid`` the adapter's number in Windows.
 *
 * ``total_bytes`` and ``free_bytes`` are counted as llama.cpp counts: over the heaps of a card's own memory, of
 * integrated graphics over all. Where the driver's budgets are larger than the heaps (``clamped_bytes`` in sum), the
 * heaps count. ``free_bytes`` is None without budgets.
 *
 * ``max_allocation_bytes`` is the largest allocation, ``max_buffer_bytes`` the largest buffer, ``max_range_bytes``
 * what a shader reaches of one buffer; ``buffer_alignment`` and ``map_alignment`` are those of offsets and of mapped
 * memory.
 */
export interface VulkanDevice {
  accelerator: string | null;
  api: string | null;
  buffer_alignment: number | null;
  clamped_bytes: number | null;
  cooperative_matrix: boolean;
  cooperative_matrix_2: boolean;
  driver: string | null;
  driver_id: number | null;
  driver_version: string | null;
  free_bytes: number | null;
  heaps: VulkanHeap[];
  indexing_64_bit: boolean;
  kind: "discrete" | "integrated" | "other" | "software" | "virtual";
  left_out: ("duplicate" | "no-16-bit-storage" | "not-chosen" | "other-kind" | "software") | null;
  luid: string | null;
  map_alignment: number | null;
  max_allocation_bytes: number | null;
  max_buffer_bytes: number | null;
  max_range_bytes: number | null;
  name: string;
  number: number | null;
  pci: string | null;
  place: number;
  shuffles: boolean | null;
  storage_16_bit: boolean | null;
  subgroup_size: number | null;
  total_bytes: number | null;
  uuid: string | null;
  vendor_id: number | null;
}
/**
 * A part of the memory that a device allocates from. ``budget_bytes`` and ``used_bytes`` are the driver's for a
 * program, None where it has no budgets.
 */
export interface VulkanHeap {
  budget_bytes: number | null;
  device_local: boolean;
  size_bytes: number;
  used_bytes: number | null;
}
/**
 * A machine that runs Windows: the adapters that are no GPUs for models.
 */
export interface Windows {
  uncounted: UncountedAdapter[];
}
/**
 * An adapter as an estimate names it.
 */
export interface AdapterInEstimate {
  kind: "control-vector" | "lora";
  name: string;
  rank: number;
}
/**
 * The document of ``llmprobe estimate``: one configuration, device by device and term by term. ``loading`` is None
 * where no disk was measured.
 */
export interface Estimate {
  adapters: AdapterInEstimate[];
  devices: DeviceEstimate[];
  draft: DraftInEstimate | null;
  fits: boolean | null;
  layers: Layers;
  llmprobe_version: string;
  loading: Loading | null;
  missing_bytes: number | null;
  model: ModelInEstimate;
  notes: Message[];
  projector: ProjectorInEstimate | null;
  rule_of_thumb: RuleOfThumb | null;
  schema: "llmprobe.estimate/1";
  settings: ResolvedSettings;
  speed: Speed;
  this_machine: boolean;
  warnings: Message[];
}
/**
 * Layers as llama.cpp counts them: the repeating ones and the output.
 */
export interface Layers {
  offloaded: number;
  total: number;
}
/**
 * What the usual multiplication says, beside the exact figure, and why they differ.
 */
export interface RuleOfThumb {
  exact_bytes: number;
  f16_bytes: number;
  four_bit_bytes: number;
  why: Message[];
  with_overhead_high_bytes: number;
  with_overhead_low_bytes: number;
}
/**
 * Every setting in force after defaults and rounding: ``ctx_size`` in all, ``ctx_per_seq`` for one sequence.
 *
 * ``outputs_max`` 0 is the whole batch. ``flash_attn`` is ``auto`` only until the graph has decided. ``devices``
 * are those that the engine opens. ``rs_snapshots`` counts the earlier states of recurrent layers that are kept
 * beside the last.
 */
export interface ResolvedSettings {
  batch_size: number;
  cache_type_k: string;
  cache_type_v: string;
  cpu_moe_layers: number[];
  ctx_per_seq: number;
  ctx_size: number;
  devices: string[];
  embeddings: boolean;
  engine: string;
  flash_attn: "auto" | "off" | "on";
  gpu_layers: number;
  image_max_tokens: number;
  image_min_tokens: number;
  kv_offload: boolean;
  kv_unified: boolean;
  mmap: boolean;
  mmproj: string;
  mmproj_offload: boolean;
  moe_cache_mib: number;
  n_cpu_ffn: number;
  n_cpu_moe: number;
  op_offload: boolean;
  outputs_max: number;
  override_tensor: string[];
  parallel: number;
  pooling: ("cls" | "last" | "mean" | "none" | "rank") | null;
  read_layers: number[];
  repack: boolean;
  rs_snapshots: number;
  spec_draft_device: string[];
  spec_draft_n_max: number;
  spec_draft_ngl: number | null;
  spec_draft_type_k: string;
  spec_draft_type_v: string;
  spec_type: (
    | "draft-dflash"
    | "draft-dspark"
    | "draft-eagle3"
    | "draft-mtp"
    | "draft-simple"
    | "ngram-cache"
    | "ngram-map-k"
    | "ngram-map-k4v"
    | "ngram-mod"
    | "ngram-simple"
  )[];
  split_mode: "layer" | "none" | "row" | "tensor";
  swa_full: boolean;
  tensor_split: number[];
  ubatch_size: number;
}
/**
 * An estimate with what a choice of ``recommend`` has beside it: the loss, the time of an answer, and the commands by
 * engine. ``quality`` is None where the model makes no text, ``time`` where a speed is unknown.
 */
export interface Setting {
  commands: {
    [k: string]: string;
  };
  estimate: Estimate;
  llmprobe_version: string;
  quality: Quality | null;
  schema: "llmprobe.setting/1";
  this_machine: boolean;
  time: AnswerTime | null;
}
/**
 * One model as ``llmprobe models`` lists it.
 *
 * ``modality`` is what it reads beside text (``text+vision``), or ``embedding`` of one that makes vectors.
 * ``thinking`` says whether it writes its reasoning before an answer, ``thinking_switch`` that this can be switched
 * off, ``thinking_tokens`` how many tokens that usually takes, from and to. ``projector`` says that a projector of it
 * is published, ``next_token_layers`` how many layers for multi-token prediction its published weights have,
 * ``ollama`` is its name in Ollama's library, ``gguf`` are repositories with GGUF files of it, the usual one first.
 * ``own_file`` is where the user wrote this entry. None is stated nowhere.
 *
 * ``note`` says what can't be done with it, or what is odd about it.
 */
export interface CatalogEntry {
  active_parameters: number | null;
  aliases: string[];
  architecture: string;
  family: string;
  gguf: string[];
  id: string;
  license: string | null;
  max_context: number | null;
  modality: string | null;
  name: string;
  next_token_layers: number | null;
  note: Message | null;
  ollama: string | null;
  own_file: string | null;
  parameters: number;
  projector: boolean | null;
  released: string | null;
  repo: string | null;
  source: string | null;
  thinking: boolean | null;
  thinking_switch: boolean | null;
  thinking_tokens: never[] | null;
}
/**
 * The document of ``llmprobe models``. ``meant`` is the model that the other commands take the query for.
 *
 * ``catalog_date`` is the month of the catalog's newest facts, ``own_folder`` where entries of the user's own are
 * looked for, and ``problems`` what is wrong with those that were left out.
 */
export interface ModelList {
  catalog_date: string | null;
  llmprobe_version: string;
  meant: string | null;
  models: CatalogEntry[];
  own_folder: string | null;
  problems: Message[];
  query: string | null;
  schema: "llmprobe.models/1";
  this_machine: boolean;
}
/**
 * What every command prints in place of its document when it could not answer.
 *
 * ``code`` is the exit code: 1 could not answer, 2 usage. ``this_machine`` says whether the question was about it.
 */
export interface ErrorDocument {
  code: number;
  hint: Message | null;
  llmprobe_version: string;
  message: Message;
  schema: "llmprobe.error/1";
  this_machine: boolean;
}
