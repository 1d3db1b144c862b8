// What a component declares beside its program or its columns.

import { list, numeral, quoted } from "./json";

// The roles of data columns: what their numbers mean.

/** It orders the candidates of an example: the higher, the better. */
export const SCORE_ROLE: string = "score";
/** It scales the share of a record or candidate in the loss: 0 or more, 0 takes it out. */
export const WEIGHT_ROLE: string = "weight";
/** A signed measure of how good an answer is, whose size and sign both count. */
export const REWARD_ROLE: string = "reward";
/** 0 or 1: whether something takes part. */
export const MASK_ROLE: string = "mask";

/** A role as a member of an object that has begun, or nothing without one. */
export function roleMember(role: string): string {
  return role == "" ? "" : ',"role":' + quoted(role);
}

/** What a loss says of a column that it reads. */
export class Use {
  role: string = "";
  values: f64[] = [];
  ranged: bool = false;
  min: f64 = 0;
  max: f64 = 0;

  json(input: string): string {
    let out = '{"input":' + quoted(input) + roleMember(this.role);
    const values: string[] = [];
    for (let i = 0; i < this.values.length; i++) values.push(numeral(this.values[i]));
    if (values.length > 0) out += ',"values":' + list(values);
    if (this.ranged) out += ',"min":' + numeral(this.min) + ',"max":' + numeral(this.max);
    return out + "}";
  }
}

/** One thing that a formatter gives to losses. */
export class Output {
  private role: string = "";
  private padding: f64 = 0;

  private constructor(
    private kind: string,
    private name: string,
  ) {}

  /** A column with one number a candidate. padding is what it holds for a candidate that
   *  only fills up a batch; 0 stands for -100 of a score and 0 of all others. */
  static column(name: string, role: string = "", padding: f64 = 0): Output {
    const o = new Output("column", name);
    o.role = role;
    o.padding = padding;
    return o;
  }

  /** A column with one number an example. */
  static exampleColumn(name: string, role: string = ""): Output {
    const o = new Output("example_column", name);
    o.role = role;
    return o;
  }

  /** The class of an example under the head called name. */
  static label(name: string): Output {
    return new Output("label", name);
  }

  json(): string {
    const out = '{"kind":' + quoted(this.kind) + ',"name":' + quoted(this.name) + roleMember(this.role);
    return out + (this.padding == 0 ? "" : ',"padding":' + numeral(this.padding)) + "}";
  }
}

/** Checks that are not meant as a member of a reply, or nothing where there are none. */
export function allowMember(allow: Map<string, string>): string {
  if (allow.size == 0) return "";
  const names = allow.keys();
  const all: string[] = [];
  for (let i = 0; i < names.length; i++) all.push(quoted(names[i]) + ":" + quoted(allow.get(names[i])));
  return ',"allow":{' + all.join(",") + "}";
}
