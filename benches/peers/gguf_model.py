"""The GGUF model as the drivers of the peers need it: its tokenizer, and copies of it in f32 and bf16."""

import json
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

# Types whose values are kept as they are.
PLAIN = [gguf.GGMLQuantizationType.F32]


def tokenizer(path):
    """Byte-level BPE as SmolLM2 has it: each digit is a token of its own."""
    fields = gguf.GGUFReader(path).fields
    if fields["tokenizer.ggml.pre"].contents() != "smollm":
        raise SystemExit(f"{path}: only SmolLM2's way of cutting text is known here")
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    made = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    digits, words = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    return made


def written_as(dtype, path, target):
    """Writes the model with all its weights in f32, or those of its products in bf16."""
    bf16 = gguf.GGMLQuantizationType.BF16
    reader = gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        file_type = {"f32": gguf.LlamaFileType.ALL_F32, "bf16": gguf.LlamaFileType.MOSTLY_BF16}[dtype]
        value = file_type if name == "general.file_type" else field.contents()
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, value, field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        values = tensor.data if tensor.tensor_type in PLAIN else gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        values = np.ascontiguousarray(values, dtype=np.float32)
        if dtype == "bf16" and values.ndim > 1:
            writer.add_tensor(tensor.name, gguf.quants.quantize(values, bf16), raw_dtype=bf16)
        else:
            writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def requests(path):
    """Prompts, and the continuations, which are the same for all of them."""
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    prompts = [line["prompt"]["text"] for line in lines]
    asked = [line["ask"]["likelihood"]["continuations"] for line in lines]
    if any(continuations != asked[0] for continuations in asked):
        raise SystemExit(f"{path}: the prompts have different continuations")
    return prompts, asked[0]
