"""Makes a model with random weights under each config.json, which is written as it
is given, and says what it computes, or why transformers cannot.

The argument is a JSON object: "configs" by folder, "ids" of one row, and "seed".
Prints by folder {"logits": [...]} or {"error": ...}.
"""
import json, os, sys
import torch
import transformers as hf

job = json.loads(sys.argv[1])
torch.set_num_threads(1)
hf.utils.logging.disable_progress_bar()
out = {}
for folder, text in job["configs"].items():
    try:
        with open(os.path.join(folder, "config.json"), "w") as file:
            file.write(text)
        config = hf.AutoConfig.from_pretrained(folder)
        kind = hf.AutoModel if config.model_type == "bert" else hf.AutoModelForCausalLM
        torch.manual_seed(job["seed"])
        model = kind.from_config(config, attn_implementation="eager").float()
        with torch.no_grad():
            for p in model.parameters():
                p.normal_(0.3 if p.dim() == 1 else 0.0, 0.3 if p.dim() == 1 else 0.15)
        model.save_pretrained(folder)
        with open(os.path.join(folder, "config.json"), "w") as file:
            file.write(text)
        model = kind.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        with torch.no_grad():
            result = model(torch.tensor([job["ids"]]))
        rows = result.last_hidden_state if config.model_type == "bert" else result.logits
        out[folder] = dict(logits=rows[0].tolist())
    except Exception as err:
        out[folder] = dict(error=f"{type(err).__name__}: {err}")
print(json.dumps(out))
