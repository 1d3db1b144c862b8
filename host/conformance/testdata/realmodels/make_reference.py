#!/usr/bin/env python3
"""Write what transformers gives for the models that make test-models fetches, beside this script.

usage: make_reference.py FOLDER   (the folder that go run ./cmd/testmodels prints)
made with: torch 2.11.0, transformers 5.23.0, float32, CPU
"""
import json, sys
from pathlib import Path
import torch, transformers
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

models, here = Path(sys.argv[1]), Path(__file__).parent
made_with = f"torch {torch.__version__}, transformers {transformers.__version__}, float32, CPU"
torch.set_num_threads(1)

TEXT = ("The harbour wakes before the town does. Two boats come in with the tide, and by six o'clock the first crates "
        "stand on the quay: 14 of herring, 3 of crab. \"Not bad,\" says Ines, who has seen better years and far worse ones.")
CONVERSATIONS = [
    ([{"role": "user", "content": "Which way is the harbour?"}], True),
    ([{"role": "user", "content": "Which way is the harbour?"}, {"role": "assistant", "content": "Down the hill, then left."}], False),
    ([{"role": "system", "content": "Answer in five words."}, {"role": "user", "content": "Wo ist der Hafen? ⚓"},
      {"role": "assistant", "content": "Den Hügel hinunter, dann links."}, {"role": "user", "content": "  And\nthe market?  "}], True),
]
SENTENCES = ["Two boats come in with the tide.", "The ships return when the water rises.", "Prices on the market fell by 3.5 % in May!",
             "Der Hafen ist ruhig.", "A sentence that is " + "very, " * 30 + "very long."]

def smollm2(name):
    model = AutoModelForCausalLM.from_pretrained(models / name, dtype=torch.float32).eval()
    tok = AutoTokenizer.from_pretrained(models / name)
    ids = tok(TEXT, add_special_tokens=False)["input_ids"]
    out = model(torch.tensor([ids]))
    logps = out.logits[0, :-1].log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    loss = -logps.mean()
    loss.backward()
    norms = {n: p.grad.norm().item() for n, p in model.named_parameters()
             if n in ("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.layers.29.mlp.down_proj.weight", "model.norm.weight")}
    chats = [{"messages": json.dumps(m, ensure_ascii=False), "generation_prompt": g,
              "prompt": tok.apply_chat_template(m, tokenize=False, add_generation_prompt=g),
              "prompt_ids": tok.apply_chat_template(m, add_generation_prompt=g, return_dict=False)} for m, g in CONVERSATIONS]
    return {"made_with": made_with, "tolerance": "1e-3 on log-probabilities", "text": TEXT, "text_ids": ids, "text_mean_nll": loss.item(),
            "text_ppl": loss.exp().item(), "text_token_logprobs": [round(x, 6) for x in logps.tolist()],
            "text_grad_norms": norms, "conversations": chats}

def minilm(name):
    model = AutoModel.from_pretrained(models / name, dtype=torch.float32).eval()
    tok = AutoTokenizer.from_pretrained(models / name)
    rows = []
    for text in SENTENCES:
        ids = tok(text, padding=False, truncation=False)["input_ids"]
        with torch.no_grad():
            mean = model(torch.tensor([ids])).last_hidden_state[0].mean(0)
        rows.append({"text": text, "ids": ids, "embedding": [round(x, 7) for x in (mean / mean.norm()).tolist()]})
    return {"made_with": made_with, "tolerance": "1e-5 on components", "sentences": rows}

for name, make in {"smollm2-135m-instruct": smollm2, "minilm-l6-v2": minilm}.items():
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in make(name).items())
    (here / f"{name}.json").write_text("{\n" + lines + "\n}\n", encoding="utf-8")
