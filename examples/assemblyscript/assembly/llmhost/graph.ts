// The graph that a loss or pooling is traced into. It computes nothing: the host
// checks every shape and type.

import { allowMember, Use } from "./declare";
import { list, numeral, quoted, strings } from "./json";
import { Tensor } from "./tensor";

/** An input or a node, in the order in which the author made them. */
class Recorded {
  said: Use | null = null; // of a column

  constructor(
    public input: string, // its name, or empty for a node
    public dtype: string,
    public shape: string[],
    public op: string,
    public args: i32[],
    public attrs: string, // JSON
  ) {}
}

/** Records one trace. */
export class Graph {
  private values: Recorded[] = [];
  private inputs: i32 = 0;

  /** Log-probability of each label token, f32 [B, K, T]: 0 where there is no label.
   *  Label tokens T are a row's learned tokens in their order; several learned spans
   *  may stand in one row. */
  logps(): Tensor {
    return this.ask("policy.logps", "f32", ["B", "K", "T"]);
  }

  /** The same under the reference model, a constant for the gradient. */
  refLogps(): Tensor {
    return this.ask("ref.logps", "f32", ["B", "K", "T"]);
  }

  /** The candidates' rewards under the score head, f32 [B, K]: 0 for a padding candidate. */
  rewards(): Tensor {
    return this.ask("rewards", "f32", ["B", "K"]);
  }

  /** KL(policy ‖ reference) over the whole vocabulary at each label token, f32 [B, K, T]:
   *  0 where there is no label. */
  reverseKL(): Tensor {
    return this.ask("kl.reverse", "f32", ["B", "K", "T"]);
  }

  /** KL(reference ‖ policy), as reverseKL is. */
  forwardKL(): Tensor {
    return this.ask("kl.forward", "f32", ["B", "K", "T"]);
  }

  /** Mean over the whole vocabulary of the log-probabilities at each label token, f32
   *  [B, K, T]: 0 where there is no label. */
  vocabMeanLogps(): Tensor {
    return this.ask("policy.vocab_mean_logps", "f32", ["B", "K", "T"]);
  }

  /** Log-probabilities of another example's answer after this example's prompt, f32
   *  [B, K, U]: 0 where there is no token. No gradient flows into them. */
  mismatchedLogps(): Tensor {
    return this.ask("mismatched.policy.logps", "f32", ["B", "K", "U"]);
  }

  /** The same under the reference model. */
  mismatchedRefLogps(): Tensor {
    return this.ask("mismatched.ref.logps", "f32", ["B", "K", "U"]);
  }

  /** A number that the host keeps from step to step and in checkpoints, f32 []. A state
   *  of the objective says how it begins and changes. */
  state(name: string): Tensor {
    return this.ask("state." + name, "f32", []);
  }

  /** Logits of the classes of the head called name, f32 [B, C_name]. */
  logits(name: string): Tensor {
    return this.ask("logits." + name, "f32", ["B", "C_" + name]);
  }

  /** The class of each example under the head called name, i64 [B], −100 for none. */
  label(name: string): Tensor {
    return this.ask("label." + name, "i64", ["B"]);
  }

  /** True where there is a label token, bool [B, K, T]. */
  labelMask(): Tensor {
    return this.ask("label_mask", "bool", ["B", "K", "T"]);
  }

  /** False for a padding candidate, bool [B, K]. */
  real(): Tensor {
    return this.ask("candidate_mask", "bool", ["B", "K"]);
  }

  /** A data column with one number a candidate, f32 [B, K]. Its role, values and range
   *  can be declared on what this returns. */
  column(name: string): Tensor {
    return this.ask("column." + name, "f32", ["B", "K"]);
  }

  /** A data column with one number an example, f32 [B]. Takes the same declarations as column. */
  exampleColumn(name: string): Tensor {
    return this.ask("example_column." + name, "f32", ["B"]);
  }

  /** Hidden states of every stored token, f32 [P, H]; for poolings, as are the next four. */
  hidden(): Tensor {
    return this.ask("hidden", "f32", ["P", "H"]);
  }

  /** Each sequence's tokens in order, as indices into hidden, i64 [M]. */
  token(): Tensor {
    return this.ask("token", "i64", ["M"]);
  }

  /** The sequence that each entry of token belongs to, i64 [M], ascending from 0. */
  sequence(): Tensor {
    return this.ask("sequence", "i64", ["M"]);
  }

  /** The token ids of the entries of token, i64 [M]. */
  ids(): Tensor {
    return this.ask("ids", "i64", ["M"]);
  }

  /** The id of the end token, i64 [], −1 where there is none. */
  eos(): Tensor {
    return this.ask("eos_token_id", "i64", []);
  }

  /** The size of a named dimension in the batch, f32 []: count("B") is the number of prompts. */
  count(dim: string): Tensor {
    return this.record("dim_size", [], '"dim":' + quoted(dim));
  }

  /** Asks the host for an input, once however often the author names it. */
  private ask(name: string, dtype: string, shape: string[]): Tensor {
    for (let i = 0; i < this.values.length; i++) {
      if (this.values[i].input == name) return new Tensor(this, i);
    }
    this.inputs++;
    this.values.push(new Recorded(name, dtype, shape, "", [], ""));
    return new Tensor(this, this.values.length - 1);
  }

  /** What has been declared about a column so far. */
  use(id: i32): Use {
    const v = this.values[id];
    assert(v.input.startsWith("column.") || v.input.startsWith("example_column."), "role, values and range apply only to columns");
    let said = v.said;
    if (!said) {
      said = new Use();
      v.said = said;
    }
    return said;
  }

  /** What the loss says of its columns as a member of the reply. */
  private uses(): string {
    const all: string[] = [];
    for (let i = 0; i < this.values.length; i++) {
      const said = this.values[i].said;
      if (said) all.push(said.json(this.values[i].input));
    }
    return all.length == 0 ? "" : ',"columns":' + list(all);
  }

  /** Appends an operation. */
  record(op: string, args: Tensor[], attrs: string): Tensor {
    const ids: i32[] = [];
    for (let i = 0; i < args.length; i++) {
      assert(args[i].graph == this, op + ": an input belongs to another trace");
      ids.push(args[i].id);
    }
    this.values.push(new Recorded("", "", [], op, ids, attrs));
    return new Tensor(this, this.values.length - 1);
  }

  /** The reply to a trace of a loss. */
  closeLoss(o: Objective): string {
    const numbers = this.numbers();
    return this.begin("loss", numbers) + ',"terms":' + totals(o.terms, numbers) + ',"metrics":' + totals(o.metrics, numbers) + states(o.states, numbers) + this.end() + this.uses() + allowMember(o.allowed) + "}";
  }

  /** The reply to a trace of a pooling. */
  closePooling(output: Tensor, lastToken: bool, allow: Map<string, string>): string {
    const numbers = this.numbers();
    const program = this.begin("pooling", numbers) + ',"output":' + numbers[output.id].toString() + this.end();
    return program + (lastToken ? ',"pools_last_token":true' : "") + allowMember(allow) + "}";
  }

  /** The number of every value in the program: inputs first, then nodes. */
  private numbers(): i32[] {
    let input = 0;
    let node = this.inputs;
    const numbers: i32[] = [];
    for (let i = 0; i < this.values.length; i++) numbers.push(this.values[i].input != "" ? input++ : node++);
    return numbers;
  }

  /** A trace's reply up to the nodes of its program. */
  private begin(kind: string, numbers: i32[]): string {
    const inputs: string[] = [];
    const nodes: string[] = [];
    for (let i = 0; i < this.values.length; i++) {
      const v = this.values[i];
      if (v.input != "") {
        inputs.push('{"name":' + quoted(v.input) + ',"dtype":' + quoted(v.dtype) + ',"shape":' + strings(v.shape) + "}");
        continue;
      }
      const args: string[] = [];
      for (let j = 0; j < v.args.length; j++) args.push(numbers[v.args[j]].toString());
      nodes.push('{"op":' + quoted(v.op) + ',"in":' + list(args) + ',"attrs":{' + v.attrs + "}}");
    }
    const head = '{"program":{"llmhost_program":1,"op_level":1,"kind":' + quoted(kind);
    return head + ',"inputs":' + list(inputs) + ',"nodes":' + list(nodes);
  }

  /** The end of the program, and a place for each node. AssemblyScript cannot tell
   *  a function where it was called, so a place is what the node is made of. */
  private end(): string {
    const places: string[] = [];
    for (let i = 0; i < this.values.length; i++) {
      if (this.values[i].input == "") places.push(quoted(this.formula(i, 2)));
    }
    return '},"locations":' + list(places);
  }

  /** A value as the author wrote it, up to depth operations deep. */
  private formula(id: i32, depth: i32): string {
    const v = this.values[id];
    if (v.input != "") return v.input;
    if (depth == 0) return "…";
    const args: string[] = [];
    for (let i = 0; i < v.args.length; i++) args.push(this.formula(v.args[i], depth - 1));
    return v.op + "(" + args.join(", ") + ")";
  }
}

/** A term or metric. */
class Total {
  constructor(
    public name: string,
    public sum: Tensor,
    public count: Tensor | null,
    public last: string, // "coefficient" or "exp", as JSON
  ) {}
}

function totals(all: Total[], numbers: i32[]): string {
  const out: string[] = [];
  for (let i = 0; i < all.length; i++) {
    const t = all[i];
    let text = '{"name":' + quoted(t.name) + ',"sum":' + numbers[t.sum.id].toString();
    const count = t.count;
    if (count) text += ',"count":' + numbers[count.id].toString();
    out.push(text + "," + t.last + "}");
  }
  return list(out);
}

/** A number that lasts from step to step. */
class State {
  constructor(
    public name: string,
    public initial: f64,
    public update: Tensor,
  ) {}
}

/** The states as a member of the program, or nothing where there are none. */
function states(all: State[], numbers: i32[]): string {
  if (all.length == 0) return "";
  const out: string[] = [];
  for (let i = 0; i < all.length; i++) {
    const s = all[i];
    out.push('{"name":' + quoted(s.name) + ',"initial":' + numeral(s.initial) + ',"update":' + numbers[s.update.id].toString() + "}");
  }
  return ',"states":' + list(out);
}

/** What a loss yields: loss = Σ over terms of coefficient · ΣSum / ΣCount, where
 *  both sums run over the whole optimizer step. Sums and counts are f32 scalars
 *  over the batch, and a count depends on data alone. */
export class Objective {
  terms: Total[] = [];
  metrics: Total[] = [];
  states: State[] = [];
  allowed: Map<string, string> = new Map<string, string>();

  /** Adds a term. Without a count (null) it is a plain sum. */
  term(name: string, sum: Tensor, count: Tensor | null, coefficient: f64 = 1): Objective {
    this.terms.push(new Total(name, sum, count, '"coefficient":' + numeral(coefficient)));
    return this;
  }

  /** Adds a metric, reported as ΣSum / ΣCount over all batches, or as exp of that. */
  metric(name: string, sum: Tensor, count: Tensor | null, exp: bool = false): Objective {
    this.metrics.push(new Total(name, sum, count, '"exp":' + exp.toString()));
    return this;
  }

  /** Adds a state, which g.state(name) reads. It begins as initial, and after each
   *  optimizer step it becomes update, an f32 scalar computed of states and of
   *  globalMeans alone. */
  state(name: string, initial: f64, update: Tensor): Objective {
    this.states.push(new State(name, initial, update));
    return this;
  }

  /** Says why a check of `llmhost plugins check` would find fault with what is meant:
   *  allow("detach", "the weight is a constant by eq. 5"). */
  allow(check: string, why: string): Objective {
    this.allowed.set(check, why);
    return this;
  }
}
