// The little JSON that a plugin writes and reads.

import { decimal } from "./number";

/** s as a JSON string. */
export function quoted(s: string): string {
  let out = '"';
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c == 0x22 || c == 0x5c) {
      out += "\\" + s.charAt(i);
    } else if (c < 0x20) {
      out += "\\u00" + (c >> 4).toString() + (c & 15).toString(16);
    } else {
      out += s.charAt(i);
    }
  }
  return out + '"';
}

/** A text as a JSON string, as Python's json.dumps writes it with ensure_ascii off. */
export function quote(s: string): string {
  let out = '"', from = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c >= 0x20 && c != 0x22 && c != 0x5c) continue;
    out += s.substring(from, i);
    from = i + 1;
    const known = '"\\\b\f\n\r\t'.indexOf(s.charAt(i));
    out += known >= 0 ? "\\" + '"\\bfnrt'.charAt(known) : "\\u00" + (c >> 4).toString() + (c & 15).toString(16);
  }
  return out + s.substring(from) + '"';
}

/** The keys of a JSON object with their values as JSON, in order. */
export class Fields {
  keys: string[] = [];
  values: string[] = [];
  broken: bool = false;

  constructor(object: string) {
    const r = new Reader(object);
    r.expect("{");
    while (!r.broken && !r.skip("}")) {
      if (this.keys.length > 0) r.expect(",");
      this.keys.push(r.string());
      r.expect(":");
      this.values.push(r.raw());
    }
    r.skip(" ");
    this.broken = r.broken || r.at != object.length;
  }
}

/** The elements of a JSON array, each as JSON; null where it is none. */
export function elements(array: string): string[] | null {
  const r = new Reader(array), all: string[] = [];
  r.expect("[");
  while (!r.broken && !r.skip("]")) {
    if (all.length > 0) r.expect(",");
    all.push(r.raw());
  }
  r.skip(" ");
  return r.broken || r.at != array.length ? null : all;
}

/** A number as JSON writes it; the infinite ones are texts. */
export function numeral(v: f64): string {
  if (v == Infinity) return '"inf"';
  if (v == -Infinity) return '"-inf"';
  return Math.abs(v) < 1e15 && v == Math.trunc(v) ? (<i64>v).toString() : v.toString();
}

/** "[a,b]" of texts that are JSON already. */
export function list(items: string[]): string {
  return "[" + items.join(",") + "]";
}

/** "[…]" of strings. */
export function strings(items: string[]): string {
  const all: string[] = [];
  for (let i = 0; i < items.length; i++) all.push(quoted(items[i]));
  return list(all);
}

/** A value of a configuration. */
export class Value {
  constructor(
    public type: string, // "float", "bool" or "string"
    public number: f64,
    public text: string,
  ) {}
}

/** Reads a JSON object of numbers, texts, true and false; null where it is anything else. */
export function flat(text: string): Map<string, Value> | null {
  const r = new Reader(text);
  const values = new Map<string, Value>();
  r.expect("{");
  while (!r.broken && !r.skip("}")) {
    if (values.size > 0) r.expect(",");
    const key = r.string();
    r.expect(":");
    const value = r.value();
    if (values.has(key)) r.broken = true;
    values.set(key, value);
  }
  r.skip(" ");
  return r.broken || r.at != text.length ? null : values;
}

/** A value of a JSON column: Json.parse(r.json(0)). Asked for what it has not, it
 *  answers with a null, nothing or 0, so that a formatter reads on and checks once. */
export class Json {
  text: string = ""; // of a string
  number: f64 = 0; // of a number, and 1 of true
  items: Json[] = []; // of a list, and the values of an object
  keys: string[] = []; // of an object, one an item

  /** type is "null", "bool", "number", "string", "list" or "object"; "" where a text is no JSON. */
  constructor(public type: string = "null") {}

  static parse(text: string): Json {
    const r = new Reader(text);
    const v = r.any(0);
    r.skip(" ");
    return r.broken || r.at != text.length ? new Json("") : v;
  }

  /** The value of a key of an object. */
  get(key: string): Json {
    const i = this.keys.indexOf(key);
    return i < 0 ? new Json() : this.items[i];
  }
}

/** How deep lists and objects may stand in each other. */
const DEEPEST = 200;

class Reader {
  at: i32 = 0;
  broken: bool = false;

  constructor(public text: string) {}

  /** Passes over blanks and word, and reports whether it was there. */
  skip(word: string): bool {
    while (this.at < this.text.length && " \n\t\r".includes(this.text.charAt(this.at))) this.at++;
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  expect(word: string): void {
    if (!this.skip(word)) this.broken = true;
  }

  /** Any value, as its text. */
  raw(): string {
    this.skip("");
    const start = this.at;
    this.any(0);
    return this.text.substring(start, this.at);
  }

  /** Any value; depth lists and objects are around it. */
  any(depth: i32): Json {
    if (depth > DEEPEST) this.broken = true;
    if (this.skip("null")) return new Json();
    if (this.skip("[")) return this.collection(new Json("list"), "]", depth);
    if (this.skip("{")) return this.collection(new Json("object"), "}", depth);
    const v = this.value();
    const out = new Json(v.type == "float" ? "number" : v.type);
    out.text = v.text;
    out.number = v.number;
    return out;
  }

  /** The rest of a list or object. */
  private collection(out: Json, end: string, depth: i32): Json {
    while (!this.broken && !this.skip(end)) {
      if (out.items.length > 0) this.expect(",");
      if (out.type == "object") {
        out.keys.push(this.string());
        this.expect(":");
      }
      out.items.push(this.any(depth + 1));
    }
    return out;
  }

  value(): Value {
    if (this.skip("true")) return new Value("bool", 1, "");
    if (this.skip("false")) return new Value("bool", 0, "");
    if (this.text.charAt(this.at) == '"') return new Value("string", 0, this.string());
    const start = this.at;
    while (this.at < this.text.length && "0123456789+-.eE".includes(this.text.charAt(this.at))) this.at++;
    const v = decimal(this.text.substring(start, this.at));
    if (isNaN(v)) this.broken = true;
    return new Value("float", v, "");
  }

  string(): string {
    let out = "";
    this.expect('"');
    let from = this.at;
    while (this.at < this.text.length && this.text.charCodeAt(this.at) != 0x22) {
      if (this.text.charCodeAt(this.at) != 0x5c) {
        this.at++;
        continue;
      }
      out += this.text.substring(from, this.at++);
      out += this.escape();
      from = this.at;
    }
    out += this.text.substring(from, this.at);
    if (this.at++ >= this.text.length) this.broken = true;
    return out;
  }

  /** Reads what follows a backslash. */
  escape(): string {
    const c = this.text.charAt(this.at++);
    const i = '"\\/bfnrt'.indexOf(c);
    if (i >= 0 && c != "") return '"\\/\b\f\n\r\t'.charAt(i);
    if (c != "u") this.broken = true;
    const code = this.text.substr(this.at, 4);
    this.at += 4;
    return String.fromCharCode(<i32>parseInt(code, 16)); // halves of a pair find together again
  }
}
