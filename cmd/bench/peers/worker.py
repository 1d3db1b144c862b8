"""The peer: the training steps of cmd/bench in eager PyTorch on a transformers model.

    worker.py TASK VARIANT MODEL BATCHES THREADS DEVICE

Reads "step N" lines from stdin, trains on line N of the file BATCHES, and
answers each with a line of JSON: seconds of the step, loss. The step is
collation, forward, backward, clipping and AdamW. Variants, all of one loss:

    full   what plain code does: rows padded to one length, logits everywhere
    pack   no padding, attention row by row, logits only where they are
           supervised, a prompt that candidates share computed once
    fused  pack, with logits and loss made a chunk of rows at a time
"""

import itertools
import json
import sys
import time

import torch
import torch.nn.functional as F
import transformers
from transformers import AttentionInterface, AutoModelForCausalLM
from transformers.masking_utils import AttentionMaskInterface

IGNORE = -100
CHUNK_ELEMENTS = 8 << 20  # of logits in a chunk: 32 MiB of float32


def segment_attention(module, query, key, value, mask, scaling=None, segments=None, **_):
    """Attention over packed rows [1, heads, tokens, dim]: each segment sees
    itself causally and, where it has one, all of its prefix segment."""
    lengths = [length for length, _, _ in segments]
    queries, keys, values = (x.split(lengths, dim=2) for x in (query, key, value))
    out = []
    for i, (_, prefix, seen) in enumerate(segments):
        k, v = keys[i], values[i]
        if prefix is not None:
            k, v = torch.cat([keys[prefix], k], 2), torch.cat([values[prefix], v], 2)
        out.append(F.scaled_dot_product_attention(
            queries[i], k, v, attn_mask=seen, is_causal=seen is None, scale=scaling, enable_gqa=True))
    return torch.cat(out, 2).transpose(1, 2), None


AttentionInterface.register("segments", segment_attention)
AttentionMaskInterface.register("segments", lambda *_, **__: None)


def prefix_mask(before, length):
    """What `length` tokens behind a prefix of `before` see, added to scores."""
    hidden = torch.ones(length, before + length, dtype=torch.bool).triu(before + 1)
    return torch.zeros(length, before + length).masked_fill_(hidden, float("-inf"))


class Padded:
    """A batch with every row filled up to the longest one."""

    def __init__(self, records):
        rows = [(r["prompt"], answer) for r in records for answer in r["answers"]]
        width = max(len(p) + len(a) for p, a in rows)
        self.ids = torch.zeros(len(rows), width, dtype=torch.long)
        self.mask = torch.zeros_like(self.ids)
        self.labels = torch.full_like(self.ids, IGNORE)
        for i, (prompt, answer) in enumerate(rows):
            end = len(prompt) + len(answer)
            self.ids[i, :end] = torch.tensor(prompt + answer)
            self.mask[i, :end] = 1
            self.labels[i, len(prompt):end] = torch.tensor(answer)

    def forward(self, model, **more):
        return model(input_ids=self.ids, attention_mask=self.mask, use_cache=False, **more)

    def row_logps(self, model):
        """Log-probability and number of answer tokens of each row."""
        logps = F.log_softmax(self.forward(model).logits[:, :-1], -1)
        labels = self.labels[:, 1:]
        known = labels != IGNORE
        picked = logps.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        return (picked * known).sum(-1), known.sum(-1)


class Packed:
    """A batch of only real tokens, in one row, a shared prompt once."""

    def __init__(self, records):
        self.ids, self.positions, self.segments = [], [], []
        self.source, self.target, self.row = [], [], []
        rows = itertools.count()
        for record in records:
            prompt, answers = record["prompt"], record["answers"]
            if len(answers) == 1:
                start = self.add(prompt + answers[0], 0, None)
                self.supervise(start + len(prompt) - 1, start + len(prompt), answers[0], next(rows))
                continue
            prefix = len(self.segments)
            last = self.add(prompt, 0, None) + len(prompt) - 1
            for answer in answers:
                self.supervise(last, self.add(answer, len(prompt), prefix), answer, next(rows))
        self.rows = next(rows)
        self.ids, self.positions = torch.tensor([self.ids]), torch.tensor([self.positions])
        self.source, self.target, self.row = map(torch.tensor, (self.source, self.target, self.row))

    def add(self, ids, position, prefix):
        start = len(self.ids)
        self.ids += ids
        self.positions += range(position, position + len(ids))
        seen = None if prefix is None else prefix_mask(position, len(ids))
        self.segments.append((len(ids), prefix, seen))
        return start

    def supervise(self, before, start, answer, row):
        self.source += [before, *range(start, start + len(answer) - 1)]
        self.target += answer
        self.row += [row] * len(answer)

    def hidden(self, model):
        """States that predict an answer token, [answer tokens, hidden]."""
        out = model.model(input_ids=self.ids, position_ids=self.positions, use_cache=False, segments=self.segments)
        return out.last_hidden_state[0].index_select(0, self.source)

    def by_row(self, token_logps):
        counts = torch.bincount(self.row, minlength=self.rows)
        return token_logps.new_zeros(self.rows).index_add(0, self.row, token_logps), counts


def chunks(hidden, weight):
    size = max(1, CHUNK_ELEMENTS // weight.shape[0])
    for start in range(0, hidden.shape[0], size):
        yield slice(start, min(start + size, hidden.shape[0]))


class MeanLoss(torch.autograd.Function):
    """Mean cross entropy. The loss is linear in the log-probabilities, so that
    its gradient is computed with each chunk of logits."""

    @staticmethod
    def forward(ctx, hidden, weight, target):
        d_hidden, d_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        total, scale = hidden.new_zeros(()), 1 / len(target)
        for part in chunks(hidden, weight):
            wanted = target[part].unsqueeze(1)
            share = torch.mm(hidden[part], weight.t())
            torch.softmax(share, 1, out=share)
            picked = share.gather(1, wanted)
            total -= picked.log().sum()
            share.scatter_(1, wanted, picked - 1)
            torch.mm(share, weight, out=d_hidden[part])
            d_weight.addmm_(share.t(), hidden[part], alpha=scale)
        ctx.save_for_backward(d_hidden.mul_(scale), d_weight)
        return total * scale

    @staticmethod
    def backward(ctx, gradient):
        d_hidden, d_weight = ctx.saved_tensors
        return d_hidden.mul_(gradient), d_weight.mul_(gradient), None


class TokenLogps(torch.autograd.Function):
    """Log-probability of each target. A loss of any form may follow, so that
    the backward pass computes each chunk of logits a second time."""

    @staticmethod
    def forward(ctx, hidden, weight, target):
        norm = hidden.new_empty(len(target))
        picked = torch.empty_like(norm)
        for part in chunks(hidden, weight):
            logits = torch.mm(hidden[part], weight.t())
            norm[part] = logits.logsumexp(1)
            picked[part] = logits.gather(1, target[part].unsqueeze(1)).squeeze(1)
        ctx.save_for_backward(hidden, weight, target, norm)
        return picked - norm

    @staticmethod
    def backward(ctx, gradient):
        hidden, weight, target, norm = ctx.saved_tensors
        d_hidden, d_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        for part in chunks(hidden, weight):
            g = gradient[part].unsqueeze(1)
            share = torch.mm(hidden[part], weight.t())
            share.sub_(norm[part].unsqueeze(1)).exp_().mul_(-g)
            share.scatter_add_(1, target[part].unsqueeze(1), g)
            torch.mm(share, weight, out=d_hidden[part])
            d_weight.addmm_(share.t(), hidden[part])
        return d_hidden, d_weight, None


def sft(model, records, variant):
    """Mean negative log-probability over all answer tokens."""
    if variant == "full":
        batch = Padded(records)
        return batch.forward(model, labels=batch.labels).loss
    batch = Packed(records)
    hidden = batch.hidden(model)
    if variant == "fused":
        return MeanLoss.apply(hidden, model.lm_head.weight, batch.target)
    return F.cross_entropy(model.lm_head(hidden), batch.target)


def rrhf(model, records, variant):
    """Hinge over ordered pairs of candidates plus the best one's mean negative
    log-probability, both as means over prompts."""
    logps, counts = candidate_logps(model, records, variant)
    score = torch.tensor([r["scores"] for r in records])
    p = (logps / counts).view_as(score)
    gap = p.unsqueeze(2) - p.unsqueeze(1)
    better = score.unsqueeze(2) > score.unsqueeze(1)
    rank = (F.relu(-gap) * better).sum() / len(records)
    return rank - p.gather(1, score.argmax(1, keepdim=True)).mean()


def candidate_logps(model, records, variant):
    if variant == "full":
        return Padded(records).row_logps(model)
    batch = Packed(records)
    hidden = batch.hidden(model)
    if variant == "fused":
        return batch.by_row(TokenLogps.apply(hidden, model.lm_head.weight, batch.target))
    return batch.by_row(-F.cross_entropy(model.lm_head(hidden), batch.target, reduction="none"))


def answer(**values):
    print(json.dumps(values), flush=True)


def main():
    task, variant, path, batches, threads, device = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.set_default_device(device)
    attention = "sdpa" if variant == "full" else "segments"
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation=attention).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0, fused=True)
    loss_of = {"sft": sft, "rrhf": rrhf}[task]
    with open(batches) as file:
        steps = [json.loads(line) for line in file]
    answer(versions=f"torch {torch.__version__}, transformers {transformers.__version__}",
           threads=torch.get_num_threads())
    for line in sys.stdin:
        records = steps[int(line.split()[1])]
        began = time.perf_counter()
        loss = loss_of(model, records, variant)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        value = loss.item()  # waits for a GPU
        answer(seconds=time.perf_counter() - began, loss=value)


main()
