"""PEFT's side of the tests of host/lora. A job comes from stdin and its answer goes to stdout, both JSON.

    peer.py fields          the names of LoraConfig's fields, and what PEFT says of some values
    peer.py match           {"cases": [{"config", "modules"}]} -> which modules get an adapter, of which rank and alpha
    peer.py make            {"base", "class", "labels", "ids", "kinds": {NAME: {"config", "embeddings", "vocab"}}, "out"} -> logits
                            by NAME; the adapters are in out/NAME
    peer.py read            {"base", "class", "labels", "ids", "folders": [...], "vocab": {FOLDER: ...}} -> logits by folder
"""

import dataclasses
import json
import os
import sys
import typing
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
warnings.simplefilter("ignore")

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
from peft.utils.other import get_pattern_key

SEED = 3
NOISE = 0.1


def fields():
    literal = typing.get_args(typing.get_type_hints(LoraConfig)["init_lora_weights"])
    return {
        "version": peft.__version__,
        "fields": [f.name for f in dataclasses.fields(LoraConfig)],
        "inits": [value for kind in literal for value in typing.get_args(kind)],
        "families": {k: v for k, v in TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING.items() if isinstance(v, list)},
    }


def match(job):
    answers = []
    for case in job["cases"]:
        config, answer = LoraConfig(**case["config"]), []
        for module in case["modules"]:
            rank = config.rank_pattern.get(get_pattern_key(config.rank_pattern.keys(), module), config.r)
            alpha = config.alpha_pattern.get(get_pattern_key(config.alpha_pattern.keys(), module), config.lora_alpha)
            answer.append([bool(check_target_module_exists(config, module)), rank, alpha])
        answers.append(answer)
    return answers


def base_of(job, vocab=None):
    kind = getattr(transformers, job["class"])
    torch.manual_seed(SEED)  # of a head that the base lacks, and of new tokens
    more = {"num_labels": job["labels"]} if job.get("labels") else {}
    model = kind.from_pretrained(job["base"], dtype=torch.float32, attn_implementation="eager", **more)
    if vocab:
        model.resize_token_embeddings(vocab)
    return model


def run(model, ids):
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).logits.flatten().tolist()


def disturb(parameters):
    with torch.no_grad():
        for p in parameters:
            p.add_(torch.randn_like(p) * NOISE)


def make(job):
    logits = {}
    for name, kind in job["kinds"].items():
        torch.manual_seed(SEED)
        model = get_peft_model(base_of(job, kind.get("vocab")), LoraConfig(**kind["config"]))
        disturb(p for p in model.parameters() if p.requires_grad)
        if kind.get("embeddings"):
            inner = model.get_base_model()
            found = {id(m): m for m in (inner.get_input_embeddings(), inner.get_output_embeddings()) if m is not None}
            weights = {id(m.weight): m.weight for m in found.values()}
            disturb(weights.values())
        logits[name] = run(model, job["ids"])
        model.save_pretrained(os.path.join(job["out"], name), save_embedding_layers="auto" if kind.get("vocab") else bool(kind.get("embeddings")))
    return logits


def read(job):
    logits = {}
    for folder in job["folders"]:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*missing adapter keys.*")
            logits[folder] = run(PeftModel.from_pretrained(base_of(job, job["vocab"][folder]), folder), job["ids"])
    return logits


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    jobs = {"fields": lambda _: fields(), "match": match, "make": make, "read": read}
    job = json.load(sys.stdin)
    json.dump([jobs[sys.argv[1]](j) for j in job], sys.stdout)
