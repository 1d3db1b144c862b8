"""The peers' losses of classifiers and reward models, theirs and ours.

    heads.py < JOB > ANSWER

JOB is JSON: {"cases": [CASE, ...]}. A CASE is a folder with a tokenizer and

    texts    of each record: its text, or those of its candidates, the best first
    labels   the class of each record; left out for rewards
    special  whether BOS and EOS, where the tokenizer has them, are put around texts
    train    a folder to train the model into, by TRL's RewardTrainer or
             transformers' Trainer, before it is scored there; left out for none

ANSWER is JSON: {"answers": [...]}, one for each case, with the mean loss over its
records by "single" rows, rows padded to the "right" and to the "left" with the
tokenizer's pad token, null where it or the config has none, and by the "trainer".
Numbers are float32 on the CPU. Every model is read as its folder stands.
"""

import json
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import torch.nn.functional as F
import transformers
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
from trl import RewardConfig, RewardTrainer

STEPS = {"max_steps": 4, "learning_rate": 1e-3, "lr_scheduler_type": "constant", "save_strategy": "no", "report_to": [],
         "use_cpu": True, "seed": 1, "bf16": False, "disable_tqdm": True, "logging_strategy": "no",
         "per_device_train_batch_size": 4, "per_device_eval_batch_size": 64}


def opened(folder, case):
    """Model and tokenizer of a folder; a new head has as many outputs as the case has classes."""
    classes = sorted(set(case.get("labels") or ["one"]))
    new = {"num_labels": len(classes), "id2label": dict(enumerate(classes)), "label2id": {c: i for i, c in enumerate(classes)}}
    config = json.load(open(os.path.join(folder, "config.json")))
    if config["architectures"][0].endswith("ForSequenceClassification"):
        new = {}
    torch.manual_seed(3)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", **new)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def encode(tokenizer, text, special):
    ends = [[i] if special and i is not None else [] for i in (tokenizer.bos_token_id, tokenizer.eos_token_id)]
    return ends[0] + tokenizer(text, add_special_tokens=False)["input_ids"] + ends[1]


def loss_of(logits, case, config):
    if case.get("labels"):
        return F.cross_entropy(logits, torch.tensor([config.label2id[c] for c in case["labels"]])).item()
    chosen, rejected = logits[:, 0].view(-1, 2).unbind(1)
    return -F.logsigmoid(chosen - rejected).mean().item()


def padded(model, rows, pad, side):
    width = max(map(len, rows))
    fill = [[pad] * (width - len(row)) for row in rows]
    mask = torch.tensor([[0] * len(f) + [1] * len(r) if side == "left" else [1] * len(r) + [0] * len(f) for f, r in zip(fill, rows)])
    ids = torch.tensor([f + r if side == "left" else r + f for f, r in zip(fill, rows)])
    return model(input_ids=ids, attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0)).logits


def trainer_of(model, tokenizer, rows, case):
    """TRL's trainer of rewards, or that of transformers for classes; it cannot pad
    for a tokenizer without a pad token, which is then left to single rows."""
    settings = STEPS | {"output_dir": tempfile.mkdtemp()}
    if not case.get("labels"):
        data = Dataset.from_list([{"chosen_ids": a, "rejected_ids": b} for a, b in zip(rows[::2], rows[1::2])])
        settings |= {"max_length": None, "gradient_checkpointing": False}
        return RewardTrainer(model=model, args=RewardConfig(**settings), train_dataset=data, eval_dataset=data, processing_class=tokenizer)
    data = Dataset.from_list([{"input_ids": row, "labels": model.config.label2id[c]} for row, c in zip(rows, case["labels"])])
    more = {}
    if tokenizer.pad_token is None:
        settings |= {"per_device_train_batch_size": 1, "per_device_eval_batch_size": 1}
        more = {"data_collator": transformers.default_data_collator}
    return Trainer(model=model, args=TrainingArguments(**settings), train_dataset=data, eval_dataset=data, processing_class=tokenizer, **more)


def trained(case):
    model, tokenizer = opened(case["folder"], case)
    trainer = trainer_of(model, tokenizer, rows_of(tokenizer, case), case)
    trainer.train()
    trainer.save_model(case["train"])
    return case["train"]


def rows_of(tokenizer, case):
    return [encode(tokenizer, text, case["special"]) for texts in case["texts"] for text in texts]


def answer(case):
    folder = trained(case) if case.get("train") else case["folder"]
    model, tokenizer = opened(folder, case)
    rows = rows_of(tokenizer, case)
    out = {"right": None, "left": None}
    with torch.no_grad():
        single = torch.cat([model(input_ids=torch.tensor([row])).logits for row in rows])
        out["single"] = loss_of(single, case, model.config)
        for side in ("right", "left"):
            if tokenizer.pad_token_id is not None and model.config.pad_token_id is not None:
                out[side] = loss_of(padded(model, rows, tokenizer.pad_token_id, side), case, model.config)
    out["trainer"] = trainer_of(model, tokenizer, rows, case).evaluate()["eval_loss"]
    return out


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    cases = json.load(sys.stdin)["cases"]
    talk, sys.stdout = sys.stdout, sys.stderr
    json.dump({"answers": [answer(case) for case in cases]}, talk)


if __name__ == "__main__":
    main()
