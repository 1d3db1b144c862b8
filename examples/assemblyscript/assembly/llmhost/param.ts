// Parameters: declared once, with default, range and doc, as fields of a
// component:
//
//	margin: Param = float("margin", 0.5, "gap wanted for every pair").min(0);

import { numeral, quoted, strings, Value } from "./json";

/** The parameters of the component that is being made. */
let declared: Param[] = [];

/** Ends the declarations of a component and returns them. */
export function takeDeclared(): Param[] {
  const all = declared;
  declared = [];
  return all;
}

/** A parameter and its value. */
export class Param {
  private lowest: f64 = NaN;
  private highest: f64 = NaN;
  private choices: string[] = [];
  private tried: string[] = [];
  private others: string[] = [];

  constructor(
    public name: string,
    public type: string,
    public doc: string,
    private given: Value, // the default, then what the host sets
  ) {
    declared.push(this);
  }

  /** The value of a float or an int. */
  get number(): f64 {
    return this.given.number;
  }

  /** The value of a bool. */
  get flag(): bool {
    return this.given.number != 0;
  }

  /** The value of a string. */
  get text(): string {
    return this.given.text;
  }

  min(v: f64): Param {
    this.lowest = v;
    return this;
  }

  max(v: f64): Param {
    this.highest = v;
    return this;
  }

  /** The only texts that will do. */
  oneOf(choices: string[]): Param {
    this.choices = choices;
    return this;
  }

  /** Some that a text without choices takes, for plugins check to try. */
  values(tried: string[]): Param {
    this.tried = tried;
    return this;
  }

  /** Names that other programs give it, which a user may write too. */
  aliases(names: string[]): Param {
    this.others = names;
    return this;
  }

  /** Takes a value; the result is what is wrong with it, or empty. */
  set(v: Value): string {
    const numeric = this.type == "float" || this.type == "int";
    let fits = v.type == (numeric ? "float" : this.type);
    if (numeric) fits = fits && isFinite(v.number) && !(v.number < this.lowest) && !(v.number > this.highest);
    if (this.type == "int") fits = fits && v.number == Math.trunc(v.number);
    if (this.choices.length > 0) fits = fits && this.choices.includes(v.text);
    if (!fits) return this.name + " is " + (v.type == "string" ? quoted(v.text) : numeral(v.number)) + "; want " + this.want();
    this.given = v;
    return "";
  }

  private want(): string {
    if (this.choices.length > 0) return "one of " + this.choices.join(", ");
    if (this.type == "bool") return "true or false";
    if (this.type == "string") return "a text";
    let kind = this.type == "int" ? "a whole number" : "a number";
    if (!isNaN(this.lowest)) kind += " of at least " + numeral(this.lowest);
    if (!isNaN(this.highest)) kind += " of at most " + numeral(this.highest);
    return kind;
  }

  json(): string {
    let out = '{"name":' + quoted(this.name) + ',"type":' + quoted(this.type) + ',"default":';
    out += this.type == "string" ? quoted(this.text) : this.type == "bool" ? this.flag.toString() : numeral(this.number);
    if (!isNaN(this.lowest)) out += ',"min":' + numeral(this.lowest);
    if (!isNaN(this.highest)) out += ',"max":' + numeral(this.highest);
    if (this.choices.length > 0) out += ',"choices":' + strings(this.choices);
    if (this.tried.length > 0) out += ',"values":' + strings(this.tried);
    if (this.others.length > 0) out += ',"aliases":' + strings(this.others);
    return out + ',"doc":' + quoted(this.doc) + "}";
  }
}

export function float(name: string, value: f64, doc: string): Param {
  return new Param(name, "float", doc, new Value("float", value, ""));
}

export function int(name: string, value: f64, doc: string): Param {
  return new Param(name, "int", doc, new Value("float", value, ""));
}

export function flag(name: string, value: bool, doc: string): Param {
  return new Param(name, "bool", doc, new Value("bool", value ? 1 : 0, ""));
}

export function text(name: string, value: string, doc: string): Param {
  return new Param(name, "string", doc, new Value("string", 0, value));
}
