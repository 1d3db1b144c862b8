"""Prints, as JSON, the ids and labels that TRL's trainers make of records with chats.

Usage: trl_chats.py TOKENIZER JOBS, where JOBS is a file with a list of jobs: "trainer" (sft, dpo, kto, cpo, orpo
or reward), "args" of its config, and "records". A job with "model" (and "ref_model") trains it for one step on all of its
records at once, and has a "metric" of that step, such as its loss, as its result; a reward model is saved to "save" before, with the head that it
got. Made with transformers 5.23 and trl 1.16.
"""

import contextlib
import copy
import json
import os
import sys
import tempfile
import warnings

os.environ.update(TRANSFORMERS_VERBOSITY="error", HF_HUB_OFFLINE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")
warnings.filterwarnings("ignore")

import torch
from datasets import Dataset
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer


def rows(trainer, dataset):
    """Each record as a list of candidates with ids and labels."""
    for r in dataset:
        if trainer == "sft":
            yield [{"ids": r["input_ids"], "labels": r["labels"]}]
        elif trainer == "dpo":
            yield [answer(r["prompt_ids"], r[name]) for name in ("chosen_ids", "rejected_ids")]
        elif trainer == "kto":
            yield [answer(r["prompt_ids"], r["completion_ids"])]
        elif trainer in ("cpo", "orpo"):
            yield [{"ids": r[name + "_input_ids"], "labels": r[name + "_labels"]} for name in ("chosen", "rejected")]
        else:
            yield [{"ids": r[name], "labels": None} for name in ("chosen_ids", "rejected_ids")]


def answer(prompt, completion):
    return {"ids": prompt + completion, "labels": [-100] * len(prompt) + completion}


def build(job, tokenizer):
    if "save" in job:
        torch.manual_seed(0)
        model = LlamaForSequenceClassification.from_pretrained(job["model"], dtype=torch.float32, num_labels=1)
        model.config.pad_token_id = tokenizer.pad_token_id
        model.save_pretrained(job["save"])
        return model
    if "model" in job:
        return LlamaForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
        pad_token_id=tokenizer.pad_token_id, num_labels=1,
    )
    return (LlamaForSequenceClassification if job["trainer"] == "reward" else LlamaForCausalLM)(config)


def prepare(tokenizer, job, folder):
    trainers = {
        "sft": (SFTConfig, SFTTrainer),
        "dpo": (DPOConfig, DPOTrainer),
        "kto": (KTOConfig, KTOTrainer),
        "cpo": (CPOConfig, CPOTrainer),
        "orpo": (ORPOConfig, ORPOTrainer),
        "reward": (RewardConfig, RewardTrainer),
    }
    make_config, make_trainer = trainers[job["trainer"]]
    model = build(job, tokenizer)
    args = make_config(
        output_dir=folder, report_to=[], use_cpu=True, bf16=False, gradient_checkpointing=False,
        **{"per_device_train_batch_size": 2, **job["args"]}
    )
    more = {}
    if job["trainer"] in ("dpo", "kto"):
        more["ref_model"] = build({**job, "model": job["ref_model"]}, tokenizer) if "ref_model" in job else copy.deepcopy(model)
    trainer = make_trainer(
        model=model, args=args, processing_class=tokenizer, train_dataset=Dataset.from_list(job["records"]), **more
    )
    if "model" in job:
        trainer.train()
        return next(entry[job["metric"]] for entry in trainer.state.log_history if "loss" in entry)
    return list(rows(job["trainer"], trainer.train_dataset))


def main(folder, jobs):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with open(jobs, encoding="utf-8") as file, tempfile.TemporaryDirectory() as scratch:
        with contextlib.redirect_stdout(sys.stderr):
            prepared = [prepare(tokenizer, job, scratch) for job in json.load(file)]
    print(json.dumps(prepared))


main(*sys.argv[1:])
