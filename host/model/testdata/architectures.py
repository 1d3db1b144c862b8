"""Makes random models with transformers and says what they compute.

The first argument is a JSON object: "rows" of ids for decoders, "pairs" of ids
and token types for encoders, "seed" for dropout, and "out", a folder. Every
variant gets a folder OUT/NAME with the model, config_v4.json, the same config as
transformers 4 wrote it, and golden.safetensors; OUT/golden.json says the rest.
"""
import json, os, sys
import torch
import transformers as hf
from safetensors.torch import save_file

job = json.loads(sys.argv[1])
torch.set_num_threads(1)
hf.utils.logging.disable_progress_bar()
SMALL = dict(vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
             max_position_embeddings=64, pad_token_id=None, bos_token_id=1, eos_token_id=2)
GROUPED = dict(SMALL, num_key_value_heads=2)
NEOX = dict(SMALL)
GEMMA = dict(GROUPED, head_dim=10, query_pre_attn_scalar=7, sliding_window=4)
BERT = {k: v for k, v in SMALL.items() if k not in ("bos_token_id", "eos_token_id", "pad_token_id")}


def rope(kind="default", theta=500.0, **more):
    return dict(rope_type=kind, rope_theta=theta, **more)


YARN = dict(factor=4.0, original_max_position_embeddings=16)
VARIANTS = {
    "neox": (hf.GPTNeoXConfig, dict(NEOX)),
    "neox_serial": (hf.GPTNeoXConfig, dict(NEOX, use_parallel_residual=False, hidden_act="gelu_new")),
    "neox_tied": (hf.GPTNeoXConfig, dict(NEOX, tie_word_embeddings=True, hidden_act="gelu_fast")),
    "neox_bare": (hf.GPTNeoXConfig, dict(NEOX, attention_bias=False, hidden_act="gelu_pytorch_tanh",
                                         rope_parameters=rope(partial_rotary_factor=1.0))),
    "neox_odd": (hf.GPTNeoXConfig, dict(NEOX, hidden_act="relu", rope_parameters=rope(partial_rotary_factor=0.7))),
    "neox_linear": (hf.GPTNeoXConfig, dict(NEOX, rope_parameters=rope("linear", factor=3.0, partial_rotary_factor=0.5))),
    "neox_dropout": (hf.GPTNeoXConfig, dict(NEOX, hidden_dropout=0.2, attention_dropout=0.3)),
    "llama_linear": (hf.LlamaConfig, dict(GROUPED, rope_parameters=rope("linear", factor=2.5))),
    "llama_llama3": (hf.LlamaConfig, dict(GROUPED, attention_bias=True, mlp_bias=True, rope_parameters=rope(
        "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16))),
    "llama_yarn": (hf.LlamaConfig, dict(GROUPED, rope_parameters=rope("yarn", **YARN))),
    "llama_yarn_factor": (hf.LlamaConfig, dict(GROUPED, rope_parameters=rope("yarn", attention_factor=1.3, truncate=False, **YARN))),
    "llama_yarn_scales": (hf.LlamaConfig, dict(GROUPED, rope_parameters=rope(
        "yarn", mscale=0.8, mscale_all_dim=0.4, beta_fast=4.0, beta_slow=0.5, **YARN))),
    "llama_dropout": (hf.LlamaConfig, dict(GROUPED, attention_dropout=0.3)),
    "mistral": (hf.MistralConfig, dict(GROUPED, sliding_window=4, head_dim=6)),
    "qwen2_yarn": (hf.Qwen2Config, dict(GROUPED, rope_parameters=rope("yarn", **YARN))),
    "qwen3": (hf.Qwen3Config, dict(GROUPED, head_dim=10)),
    "qwen3_window": (hf.Qwen3Config, dict(GROUPED, head_dim=8, attention_bias=True, tie_word_embeddings=True,
                                          use_sliding_window=True, sliding_window=4, max_window_layers=1)),
    "qwen3_yarn": (hf.Qwen3Config, dict(GROUPED, head_dim=12, rope_parameters=rope("yarn", **YARN))),
    "gemma2": (hf.Gemma2Config, dict(GEMMA, final_logit_softcapping=1.5, attn_logit_softcapping=0.8)),
    "gemma2_uncapped": (hf.Gemma2Config, dict(GEMMA, final_logit_softcapping=None, attn_logit_softcapping=None, attention_bias=True,
                                              tie_word_embeddings=False)),
    "gemma2_layers": (hf.Gemma2Config, dict(GEMMA, hidden_activation="gelu", rope_parameters=rope("linear", factor=2.0),
                                            layer_types=["full_attention", "full_attention", "sliding_attention"])),
    "gemma2_dropout": (hf.Gemma2Config, dict(GEMMA, attn_logit_softcapping=2.0, attention_dropout=0.3)),
    "gemma3": (hf.Gemma3TextConfig, dict(GEMMA, layer_types=["sliding_attention", "full_attention", "sliding_attention"])),
    "gemma3_ropes": (hf.Gemma3TextConfig, dict(GEMMA, final_logit_softcapping=2.0, attention_bias=True, sliding_window_pattern=2, rope_parameters={
        "full_attention": rope("linear", 2000.0, factor=8.0), "sliding_attention": rope(theta=50.0)})),
    "phi3": (hf.Phi3Config, dict(GROUPED)),
    "phi3_window": (hf.Phi3Config, dict(GROUPED, sliding_window=4, tie_word_embeddings=True, hidden_act="gelu")),
    "phi3_partial": (hf.Phi3Config, dict(GROUPED, rope_parameters=rope(partial_rotary_factor=0.5))),
    "phi3_dropout": (hf.Phi3Config, dict(GROUPED, resid_pdrop=0.2, attention_dropout=0.3)),
    "bert": (hf.BertConfig, dict(BERT, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)),
    "bert_new": (hf.BertConfig, dict(BERT, hidden_act="gelu_new", type_vocab_size=3, layer_norm_eps=1e-6)),
    "bert_dropout": (hf.BertConfig, dict(BERT, hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.3)),
}


def as_transformers_4(config, settings):
    """The keys that transformers 4 had for rotary positions and types of layers."""
    old = dict(config)
    if "layer_types" not in settings:
        old.pop("layer_types", None)
        old["sliding_window_pattern"] = old.pop("_sliding_window_pattern", None)
    scaling = old.pop("rope_parameters", None)
    old["torch_dtype"] = old.pop("dtype")
    if not scaling:
        return old
    kind = old["model_type"]
    if kind == "gemma3_text":
        old["rope_local_base_freq"] = scaling["sliding_attention"]["rope_theta"]
        scaling = scaling["full_attention"]
    scaling = dict(scaling)
    theta, share = scaling.pop("rope_theta"), scaling.pop("partial_rotary_factor", None)
    old["rotary_emb_base" if kind == "gpt_neox" else "rope_theta"] = theta
    if share is not None:
        old["rotary_pct" if kind == "gpt_neox" else "partial_rotary_factor"] = share
    if scaling["rope_type"] == "linear":
        scaling["type"] = scaling.pop("rope_type")
    old["rope_scaling"] = None if scaling.get("rope_type") == "default" else scaling
    return old


def weighing(*shape):
    """Numbers to weigh outputs with, which Go makes too."""
    n = 1
    for s in shape:
        n *= s
    return torch.cos(torch.arange(n, dtype=torch.float64)).float().view(*shape)


def decode(model):
    logits, total, count = {}, 0.0, 0
    for i, row in enumerate(job["rows"]):
        ids = torch.tensor([row])
        out = model(ids, use_cache=False).logits[0]
        logits[f"logits.{i}"] = out.detach()
        logps = out[:-1].log_softmax(-1).gather(1, ids[0, 1:, None])
        total, count = total - logps.sum(), count + len(row) - 1
    return logits, total / count


def encode(model):
    outputs, loss = {}, 0.0
    for i, pair in enumerate(job["pairs"]):
        out = model(torch.tensor([pair["ids"]]), token_type_ids=torch.tensor([pair["types"]]))
        hidden, pooled = out.last_hidden_state[0], out.pooler_output[0]
        outputs[f"hidden.{i}"], outputs[f"pooled.{i}"] = hidden.detach(), pooled.detach()
        loss = loss + (hidden * weighing(*hidden.shape)).sum() + (pooled * weighing(*pooled.shape)).sum()
    return outputs, loss


def decayed(model):
    """The parameters that transformers' Trainer decays."""
    from transformers.trainer_pt_utils import get_parameter_names
    patterns = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
    once = dict(model.named_parameters())  # tied ones have one name here
    return [name for name in get_parameter_names(model, [torch.nn.LayerNorm], patterns) if name in once]


facts = {}
for name, (kind, settings) in VARIANTS.items():
    torch.manual_seed(len(facts))
    config = kind(**settings)
    encoder = kind is hf.BertConfig
    model = (hf.BertModel if encoder else hf.AutoModelForCausalLM.from_config)(config)
    model.set_attn_implementation("eager")
    fresh = {n: p.flatten()[0].item() for n, p in model.named_parameters() if p.dim() == 1}
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0.3 if p.dim() == 1 else 0.0, 0.3 if p.dim() == 1 else 0.15)
    folder = os.path.join(job["out"], name)
    model.eval().save_pretrained(folder)
    config = json.load(open(os.path.join(folder, "config.json")))
    json.dump(as_transformers_4(config, settings), open(os.path.join(folder, "config_v4.json"), "w"))
    if name.endswith("_dropout"):
        model.train()
    torch.manual_seed(job["seed"])
    golden, loss = (encode if encoder else decode)(model)
    loss.backward()
    for n, p in model.named_parameters():
        if p.grad is not None:
            golden["grad." + n] = p.grad.contiguous()
    save_file({k: v.contiguous() for k, v in golden.items()}, os.path.join(folder, "golden.safetensors"))
    facts[name] = dict(loss=loss.item(), fresh=fresh, decayed=decayed(model))
json.dump(facts, open(os.path.join(job["out"], "golden.json"), "w"))
