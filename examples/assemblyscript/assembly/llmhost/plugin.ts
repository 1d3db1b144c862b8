// What a plugin is made of.

import { Output } from "./declare";
import { Graph, Objective } from "./graph";
import { list, numeral, quoted } from "./json";
import { Param, takeDeclared } from "./param";
import { Column, Out, Row } from "./rows";
import { Tensor } from "./tensor";

/** A loss, pooling or formatter. Its fields of type Param are its parameters. */
export abstract class Part {
  params: Param[] = [];

  /** Says what is wrong with the parameters together, or nothing. */
  validate(): string {
    return "";
  }
}

/** A training objective. */
export abstract class Loss extends Part {
  /** Records the loss once. What it computes may depend on the parameters, never
   *  on data: the graph holds symbols, not numbers. */
  abstract trace(g: Graph): Objective;
}

/** Turns hidden states into one vector a sequence. */
export abstract class Pooling extends Part {
  /** Returns f32 [N, H] from g.hidden and its kin. */
  abstract trace(g: Graph): Tensor;

  /** Whether it takes the state of each sequence's last token as it is, as
   *  transformers' …ForSequenceClassification do. */
  poolsLastToken(): bool {
    return false;
  }

  /** Checks that would find fault with what is meant, and why. */
  allow(): Map<string, string> {
    return new Map<string, string>();
  }
}

/** Turns one record of a data file into one example. It sees text and numbers
 *  alone, never token ids, and must depend on nothing but the row and its
 *  parameters. */
export abstract class Formatter extends Part {
  /** The fields that it reads, by whose index a row is asked. */
  abstract columns(): Column[];
  /** Makes candidates in o, or calls o.drop or o.fail. */
  abstract format(r: Row, o: Out): void;

  /** The columns and labels that format gives; null says nothing of them. */
  gives(): Output[] | null {
    return null;
  }

  /** Checks that would find fault with what is meant, and why. */
  allow(): Map<string, string> {
    return new Map<string, string>();
  }
}

/** A loss, pooling or formatter with a name; make returns a new one. */
export class Component {
  constructor(
    public kind: string, // "loss", "pooling" or "formatter"
    public name: string,
    public doc: string,
    private factory: () => Part,
  ) {}

  /** A new part, with its parameters at their defaults. */
  make(): Part {
    takeDeclared();
    const part = this.factory();
    part.params = takeDeclared();
    return part;
  }

  json(): string {
    const part = this.make();
    const params: string[] = [];
    for (let i = 0; i < part.params.length; i++) params.push(part.params[i].json());
    return '{"kind":' + quoted(this.kind) + ',"name":' + quoted(this.name) + ',"doc":' + quoted(this.doc) + ',"params":' + list(params) + "}";
  }
}

/** A head that gives log-probabilities of tokens. */
export const LM_HEAD: string = "lm";
/** A head that gives each candidate a reward. */
export const SCORE_HEAD: string = "score";
/** Heads that give each example the logits of classes, by name. */
export const CLASS_HEAD: string = "classes";

/** Puts the parts of a training run together. A part is a component of the same
 *  plugin, "builtin:NAME", or empty. */
export class Task {
  private defaults: string[] = [];
  private aliases: string[] = [];

  constructor(
    public name: string,
    public doc: string,
    public formatter: string,
    public loss: string,
    public pooling: string = "",
    public head: string = LM_HEAD,
  ) {}

  /** Another name that the task answers to. */
  alias(name: string): Task {
    this.aliases.push(quoted(name));
    return this;
  }

  /** A setting or parameter that the task starts from. */
  defaultNumber(name: string, v: f64): Task {
    this.defaults.push(quoted(name) + ":" + numeral(v));
    return this;
  }

  defaultFlag(name: string, v: bool): Task {
    this.defaults.push(quoted(name) + ":" + v.toString());
    return this;
  }

  defaultText(name: string, v: string): Task {
    this.defaults.push(quoted(name) + ":" + quoted(v));
    return this;
  }

  json(): string {
    let out = '{"name":' + quoted(this.name) + ',"doc":' + quoted(this.doc) + ',"formatter":' + quoted(this.formatter);
    out += ',"head":' + quoted(this.head) + ',"pooling":' + quoted(this.pooling) + ',"loss":' + quoted(this.loss);
    out += ',"defaults":{' + this.defaults.join(",") + "}";
    return out + (this.aliases.length == 0 ? "" : ',"aliases":' + list(this.aliases)) + "}";
  }
}

/** What one module offers. Names have letters, digits, - and _. */
export class Plugin {
  constructor(
    public name: string,
    public version: string,
    public doc: string,
    public components: Component[],
    public tasks: Task[] = [],
  ) {}

  /** The descriptor. */
  json(): string {
    const components: string[] = [];
    for (let i = 0; i < this.components.length; i++) components.push(this.components[i].json());
    const tasks: string[] = [];
    for (let i = 0; i < this.tasks.length; i++) tasks.push(this.tasks[i].json());
    let out = '{"llmhost_plugin":1,"abi":2,"abi_minor":1,"sdk":"assemblyscript 0.3.0","name":' + quoted(this.name);
    out += ',"version":' + quoted(this.version) + ',"doc":' + quoted(this.doc);
    return out + ',"components":' + list(components) + ',"tasks":' + list(tasks) + "}";
  }
}
