"""Says which fields transformers' config classes have, with their defaults and the
kinds of values that each takes. The argument is a JSON list of model types."""
import dataclasses, json, sys
import transformers as hf
from huggingface_hub.errors import StrictDataclassFieldValidationError
from transformers.modeling_rope_utils import RopeParameters

KINDS = dict(null=[None], int=[3], float=[0.5], bool=[True], string=["x"], list=[[1], ["full_attention"]], object=[{}])


def takes(cls, name, value):
    try:
        cls(**{name: value})
    except StrictDataclassFieldValidationError as err:
        return f"'{name}'" not in str(err)
    except Exception:
        pass  # of another field that the value goes badly with
    return True


base = {f.name: f.default for f in dataclasses.fields(hf.PreTrainedConfig)}
out = dict(base=base, rope=list(RopeParameters.__annotations__), classes={})
for kind in json.loads(sys.argv[1]):
    cls = hf.CONFIG_MAPPING[kind]
    own = [f for f in dataclasses.fields(cls) if f.name not in base]
    out["classes"][kind] = dict(name=cls.__name__, fields={f.name: dict(default=f.default, takes=[
        k for k, values in KINDS.items() if any(takes(cls, f.name, v) for v in values)]) for f in own})
print(json.dumps(out))
