"""The peer's reading of what llmhost writes: models, heads and adapters.

    exported.py < JOB > ANSWER

JOB is JSON: {"cases": [CASE, ...]}. A CASE names a folder that llmhost wrote
and what to run through it:

    folder   of a model, or of an adapter, whose base is where its config says
    texts    list of strings, encoded with the folder's own tokenizer
    batch    how many texts at once, filled up with pad tokens; 1 if left out
    pooling  of a score head in llm_codebase's layout, whose config does
             not tell: eos, last, average or max; eos if left out

What a folder holds is read from its config:

    adapter_config.json       PEFT on AutoModelForCausalLM or ...ForSequenceClassification
    ...ForCausalLM            AutoModelForCausalLM
    ...ForSequenceClassification  the class of that name
    ...RewardModel            AutoModel, and the matrix rm_head
    ...Classifer              AutoModel, and the matrices cls_heads.NAME

ANSWER is JSON: {"answers": [{"class", "ids", "labels", "vectors"}, ...]}, one for
each case. ids [text][token] are what the tokenizer made of the texts, with the
special tokens that llmhost trains with. vectors [text][...][...] are logits: one
vector a token of a model that predicts tokens, else one a head, whose entries
labels [head][entry] names. Numbers are float32 on the CPU.

Nothing is passed over. A tensor that is missing, left over or of another shape,
an adapter's included, ends the program with its folder and name.
"""

import json
import os
import sys
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"  # every name is a folder's; the libraries read it when they are loaded

import torch
import torch.nn.functional as F
import transformers
from safetensors import safe_open
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

KINDS = {"CAUSAL_LM": AutoModelForCausalLM, "SEQ_CLS": AutoModelForSequenceClassification}


def refuse(folder, what):
    sys.exit(f"{folder}: {what}")


def tensors(path):
    """All tensors of a file by name."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def load(kind, folder, unexpected=(), spare=(), **settings):
    """The model in a folder. unexpected are the tensors that it has in addition to the
    model's, spare those that it may have or lack."""
    model, report = kind.from_pretrained(
        folder, output_loading_info=True, dtype=torch.float32, attn_implementation="eager", **settings)
    found = {name: sorted(set(report[name]) - set(spare)) for name in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    if found != {"missing_keys": [], "unexpected_keys": sorted(unexpected), "mismatched_keys": []}:
        refuse(folder, f"{type(model).__name__} reports {found}")
    return model.eval()


def vectors_of_tokens(model):
    def run(ids, mask):
        logits = model(input_ids=ids, attention_mask=mask).logits
        return [rows[: int(seen.sum())] for rows, seen in zip(logits, mask)]

    return run


def vectors_of_rows(model):
    return lambda ids, mask: model(input_ids=ids, attention_mask=mask).logits.unsqueeze(1)


def labels_of(config):
    return [[config.id2label[i] for i in range(config.num_labels)]]


def open_adapter(folder):
    """PEFT's model of an adapter; its tensors equal those of the file, to the bit."""
    from peft import PeftConfig, PeftModel, get_peft_model_state_dict

    config = PeftConfig.from_pretrained(folder)
    stored = tensors(os.path.join(folder, "adapter_model.safetensors"))
    kind, settings = KINDS[config.task_type], {}
    if kind is AutoModelForSequenceClassification:
        heads = {name: stored["base_model.model." + name] for name in ("score.weight", "classifier.weight", "classifier.bias")
                 if "base_model.model." + name in stored}
        if not heads:
            refuse(folder, "has neither score.weight nor classifier.weight, one of which a SEQ_CLS needs")
        settings = {"spare": [*heads, "lm_head.weight", "embed_out.weight"], "num_labels": len(next(iter(heads.values())))}
    base = load(kind, config.base_model_name_or_path, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", UserWarning)  # as of missing keys
        model = PeftModel.from_pretrained(base, folder).eval()
    held = get_peft_model_state_dict(model, save_embedding_layers=False)
    differ = sorted(set(held) ^ set(stored))
    differ += [name for name in held if name in stored and not torch.equal(held[name], stored[name].float())]
    if differ:
        refuse(folder, f"PEFT and the file differ in {differ}")
    if kind is AutoModelForCausalLM:
        return model, vectors_of_tokens(model), []
    return model, vectors_of_rows(model), labels_of(base.config)


def pooled(name, states, mask, ids, end, pad):
    """One vector per sequence, from its states [tokens, hidden]. eos is the rule of
    ...ForSequenceClassification: the last token that is not the pad token."""
    states, ids = states[mask.bool()], ids[mask.bool()]
    if name == "eos":
        return states[(torch.arange(len(ids)) * (ids != pad)).argmax()]
    if name == "average":
        return states.mean(0)
    if name == "max":
        return states.max(0).values
    return states[-2 if name == "last" and len(ids) > 1 and ids[-1] == end else -1]


def reference_heads(config, stored):
    """The heads of a file in llm_codebase's layout: the labels of each
    module that gives logits, and the shapes of all their tensors."""
    hidden = config.hidden_size
    if not hasattr(config, "cls_info"):
        shapes = {"rm_head.weight": [1, hidden], "lm_head.weight": [config.vocab_size, hidden]}
        if "lm_head.weight" not in stored:  # a reward model without one, or whose embeddings are it
            del shapes["lm_head.weight"]
        return {"rm_head": ["LABEL_0"]}, shapes
    modules = {"cls_heads." + name: info["labels"] for name, info in config.cls_info.items()}
    shapes = {module + ".weight": [len(labels), hidden] for module, labels in modules.items()}
    return modules, shapes | {module + ".bias": [len(labels)] for module, labels in modules.items()}


def open_heads(folder, config, pooling, end):
    """A body with heads that transformers has no class for: their matrices are
    applied by hand."""
    stored = tensors(os.path.join(folder, "model.safetensors"))
    modules, shapes = reference_heads(config, stored)
    body = load(AutoModel, folder, unexpected=shapes)
    for name, shape in shapes.items():
        if list(stored[name].shape) != shape:
            refuse(folder, f"{name} has shape {list(stored[name].shape)}; want {shape}")
    for name in set(stored) - set(shapes):
        if not name.startswith(body.base_model_prefix + "."):
            refuse(folder, f"holds {name}; want {body.base_model_prefix}.{name}")

    def run(ids, mask):
        out = body(input_ids=ids, attention_mask=mask)
        if config.model_type == "bert":
            rows = out.pooler_output
        else:
            rows = [pooled(pooling, *row, end, config.pad_token_id) for row in zip(out.last_hidden_state, mask, ids)]
        return [[F.linear(row, stored[m + ".weight"], stored.get(m + ".bias")) for m in modules] for row in rows]

    return body, run, list(modules.values())


def open_folder(folder, pooling, end):
    """The model in a folder, the function that makes a vector of a sequence, and the names of its entries."""
    if os.path.exists(os.path.join(folder, "adapter_config.json")):
        return open_adapter(folder)
    config = AutoConfig.from_pretrained(folder)
    [architecture] = config.architectures
    if architecture.endswith("ForCausalLM"):
        model = load(AutoModelForCausalLM, folder)
        return model, vectors_of_tokens(model), []
    if architecture.endswith("ForSequenceClassification"):
        model = load(AutoModelForSequenceClassification, folder)
        if type(model).__name__ != architecture:
            refuse(folder, f"is a {type(model).__name__}; its config says {architecture}")
        return model, vectors_of_rows(model), labels_of(model.config)
    if architecture.endswith(("RewardModel", "Classifer")):
        return open_heads(folder, config, pooling, end)
    refuse(folder, f"holds a {architecture}, which this program does not know")


def encode(tokenizer, text):
    """Ids with the special tokens of a row: the tokenizer's own [CLS] and [SEP]
    where it has them, else BOS before and EOS after it."""
    if tokenizer.cls_token_id is not None:
        return tokenizer(text)["input_ids"]
    ends = [[] if i is None else [i] for i in (tokenizer.bos_token_id, tokenizer.eos_token_id)]
    return ends[0] + tokenizer(text, add_special_tokens=False)["input_ids"] + ends[1]


def answer(case):
    tokenizer = AutoTokenizer.from_pretrained(case["folder"])
    tokenizer.padding_side = "right"
    model, run, labels = open_folder(case["folder"], case.get("pooling") or "eos", tokenizer.eos_token_id)
    rows = [encode(tokenizer, text) for text in case["texts"]]
    vectors, size = [], case.get("batch") or 1
    with torch.no_grad():
        for i in range(0, len(rows), size):
            batch = tokenizer.pad({"input_ids": rows[i : i + size]}, return_tensors="pt")
            vectors += [[v.tolist() for v in row] for row in run(batch["input_ids"], batch["attention_mask"])]
    return {"class": type(model).__name__, "ids": rows, "labels": labels, "vectors": vectors}


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    cases = json.load(sys.stdin)["cases"]
    json.dump({"answers": [answer(case) for case in cases]}, sys.stdout)


if __name__ == "__main__":
    main()
