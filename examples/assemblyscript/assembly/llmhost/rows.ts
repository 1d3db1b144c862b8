// Rows of data, and the frames that carry them; sdk/README.md has their layout.

import { Chat, Message } from "./chat";
import { roleMember } from "./declare";
import { list, quoted } from "./json";

/** What the host must find in a record's field. A field that is null counts as absent. */
export enum ColumnType {
  String = 1,
  Float,
  Bool,
  Int,
  StringList,
  FloatList,
  JSON,
}

const keys = ["", "string", "float", "bool", "int", "string_list", "float_list", "json"];

/** Declares one field that a formatter reads. A record without a required field
 *  never reaches format. */
export class Column {
  private meaning: string = "";
  private examples: string[] = [];

  constructor(
    public name: string,
    public type: ColumnType,
    public required: bool,
    public doc: string,
  ) {}

  /** What a number means, or each number of a list: SCORE_ROLE and so on. */
  role(role: string): Column {
    this.meaning = role;
    return this;
  }

  /** Adds a value as it may stand in a record, as JSON; null is a field that is absent.
   *  The first ones of all columns make a record together, and so do the second ones. */
  example(json: string): Column {
    this.examples.push(quoted(json));
    return this;
  }

  json(): string {
    let out = '{"name":' + quoted(this.name) + ',"type":' + quoted(keys[this.type]) + ',"required":' + this.required.toString() + ',"doc":' + quoted(this.doc);
    out += roleMember(this.meaning);
    return out + (this.examples.length == 0 ? "" : ',"examples":' + list(this.examples)) + "}";
  }
}

/** Reads bytes that the host sent. */
class Reader {
  broken: bool = false;

  constructor(
    public at: usize,
    public end: usize,
  ) {}

  /** Passes over n bytes and returns where they stand. */
  take(n: usize): usize {
    const at = this.at;
    if (n > this.end - at) {
      this.broken = true;
      this.at = this.end;
      return 0;
    }
    this.at += n;
    return at;
  }

  byte(): u8 {
    const at = this.take(1);
    return this.broken ? 0 : load<u8>(at);
  }

  uvarint(): usize {
    let v: usize = 0;
    for (let shift = 0; shift < 35 && !this.broken; shift += 7) {
      const b = this.byte();
      v |= <usize>(b & 0x7f) << shift;
      if (b < 0x80) return v;
    }
    this.broken = true;
    return 0;
  }

  text(): string {
    const size = this.uvarint();
    const at = this.take(size);
    return this.broken ? "" : String.UTF8.decodeUnsafe(at, size);
  }
}

/** Writes bytes for the host. */
class Writer {
  private bytes: ArrayBuffer = new ArrayBuffer(1024);
  size: i32 = 0;

  /** Makes room for n bytes and returns where they go. */
  room(n: i32): usize {
    if (this.size + n > this.bytes.byteLength) {
      const more = new ArrayBuffer((this.size + n) * 2);
      memory.copy(changetype<usize>(more), changetype<usize>(this.bytes), this.size);
      this.bytes = more;
    }
    const at = changetype<usize>(this.bytes) + this.size;
    this.size += n;
    return at;
  }

  byte(b: u8): void {
    store<u8>(this.room(1), b);
  }

  uvarint(n: u32): void {
    for (; n >= 0x80; n >>= 7) this.byte(<u8>(n | 0x80));
    this.byte(<u8>n);
  }

  float(v: f64): void {
    store<f64>(this.room(8), v);
  }

  text(s: string): void {
    const size = String.UTF8.byteLength(s);
    this.uvarint(size);
    String.UTF8.encodeUnsafe(changetype<usize>(s), s.length, this.room(size));
  }

  /** The bytes, until more are written. */
  start(): usize {
    return changetype<usize>(this.bytes);
  }

  append(w: Writer): void {
    const to = this.room(w.size);
    memory.copy(to, w.start(), w.size);
  }
}

/** One field of one record: where its bytes stand. */
class Cell {
  type: u8 = 0;
  at: usize = 0;
  size: usize = 0;

  reader(): Reader {
    return new Reader(this.at, this.at + this.size);
  }
}

/** One record, by the index of its columns. An absent cell reads as empty or 0;
 *  one of another type does too, and makes the row a bad one. */
export class Row {
  private cells: Cell[] = [];
  misread: string = "";

  constructor(columns: i32) {
    for (let i = 0; i < columns; i++) this.cells.push(new Cell());
  }

  /** Reads the next row of a frame. */
  read(r: Reader): void {
    this.misread = "";
    for (let i = 0; i < this.cells.length && !r.broken; i++) {
      const c = this.cells[i];
      c.type = r.byte();
      c.size = c.type == 0 ? 0 : r.uvarint();
      c.at = r.take(c.size);
    }
  }

  /** Whether the record has the column. */
  has(column: i32): bool {
    return this.cells[column].type != 0;
  }

  /** The cell of a column, or null where it is absent or of another type. */
  private cell(column: i32, type: ColumnType): Cell | null {
    const c = this.cells[column];
    if (c.type == <u8>type) return c;
    if (c.type != 0) this.misread = "column " + column.toString() + " is declared as " + keys[c.type] + ", but format reads it as " + keys[type];
    return null;
  }

  private textOf(column: i32, type: ColumnType): string {
    const c = this.cell(column, type);
    return c ? String.UTF8.decodeUnsafe(c.at, c.size) : "";
  }

  str(column: i32): string {
    return this.textOf(column, ColumnType.String);
  }

  /** A JSON column, as its raw text, which Json.parse reads. */
  json(column: i32): string {
    return this.textOf(column, ColumnType.JSON);
  }

  float(column: i32): f64 {
    const c = this.cell(column, ColumnType.Float);
    return c && c.size == 8 ? load<f64>(c.at) : 0;
  }

  int(column: i32): i64 {
    const c = this.cell(column, ColumnType.Int);
    return c && c.size == 8 ? load<i64>(c.at) : 0;
  }

  bool(column: i32): bool {
    const c = this.cell(column, ColumnType.Bool);
    return c && c.size == 1 ? load<u8>(c.at) != 0 : false;
  }

  strs(column: i32): string[] {
    const all: string[] = [];
    const c = this.cell(column, ColumnType.StringList);
    if (!c) return all;
    const r = c.reader();
    const count = r.uvarint();
    for (let i: usize = 0; i < count && !r.broken; i++) all.push(r.text());
    return all;
  }

  floats(column: i32): f64[] {
    const all: f64[] = [];
    const c = this.cell(column, ColumnType.FloatList);
    if (c) for (let at = c.at; at + 8 <= c.at + c.size; at += 8) all.push(load<f64>(at));
    return all;
  }
}

/** Numbers by the name of their column. */
class Columns {
  names: string[] = [];
  values: f64[] = [];

  set(name: string, v: f64): void {
    const i = this.names.indexOf(name);
    if (i >= 0) {
      this.values[i] = v;
      return;
    }
    this.names.push(name);
    this.values.push(v);
  }
}

/** A prompt and one answer to it, or a chat. All candidates of an example have the same
 *  columns, and all are chats or none is. */
export class Candidate {
  columns: Columns = new Columns();
  chat: Chat | null = null;

  constructor(
    public prompt: string,
    public answer: string,
  ) {}

  /** Gives the candidate's column name the value v, which must be finite. */
  set(name: string, v: f64): Candidate {
    this.columns.set(name, v);
    return this;
  }
}

/** Takes what a formatter makes of one row. */
export class Out {
  candidates: Candidate[] = [];
  columns: Columns = new Columns();
  heads: string[] = [];
  classes: string[] = []; // one a head
  dropped: string = "";
  error: string = "";

  candidate(prompt: string, answer: string): Candidate {
    const c = new Candidate(prompt, answer);
    this.candidates.push(c);
    return c;
  }

  /** Adds a candidate that is a chat. */
  chat(chat: Chat): Candidate {
    const c = this.candidate("", "");
    c.chat = chat;
    return c;
  }

  /** Whether the first candidate is a chat. */
  isChat(): bool {
    return this.candidates.length > 0 && this.candidates[0].chat != null;
  }

  /** Gives the example's column name the value v, which must be finite. */
  set(name: string, v: f64): void {
    this.columns.set(name, v);
  }

  /** Says which class the example has under a classification head, as the data calls
   *  it: the host gives the names of the training data their numbers. */
  label(head: string, name: string): void {
    const i = this.heads.indexOf(head);
    if (i >= 0) {
      this.classes[i] = name;
      return;
    }
    this.heads.push(head);
    this.classes.push(name);
  }

  /** Leaves the row out of the data. The host counts by reason. */
  drop(reason: string): void {
    this.dropped = reason;
  }

  /** Makes the row a bad one. */
  fail(what: string): void {
    this.error = what;
  }
}

/** Writes answers, whose columns and labels go by the index of their name. */
class Answers {
  private body: Writer = new Writer();
  private names: string[] = [];

  private name(name: string): void {
    let index = this.names.indexOf(name);
    if (index < 0) index = this.names.push(name) - 1;
    this.body.uvarint(index);
  }

  private columns(c: Columns): void {
    this.body.uvarint(c.names.length);
    for (let i = 0; i < c.names.length; i++) {
      this.name(c.names[i]);
      this.body.float(c.values[i]);
    }
  }

  private labels(o: Out): void {
    this.body.uvarint(o.heads.length);
    for (let i = 0; i < o.heads.length; i++) {
      this.name(o.heads[i]);
      this.body.text(o.classes[i]);
    }
  }

  private tagged(tag: u8, text: string): void {
    this.body.byte(tag);
    this.body.text(text);
  }

  add(o: Out): void {
    if (o.error == "" && o.dropped == "" && o.candidates.length == 0) o.error = "the formatter made no candidate; want at least one, or drop with a reason";
    const chats = o.isChat();
    for (let i = 0; i < o.candidates.length; i++) {
      if ((o.candidates[i].chat != null) != chats) o.error = "some candidates are chats, and others a prompt and an answer; want all of an example alike";
    }
    if (o.error != "") return this.tagged(2, o.error);
    if (o.dropped != "") return this.tagged(1, o.dropped);
    this.body.byte(chats ? 4 : o.heads.length > 0 ? 3 : 0);
    if (chats || o.heads.length > 0) this.labels(o);
    this.columns(o.columns);
    this.body.uvarint(o.candidates.length);
    for (let i = 0; i < o.candidates.length; i++) {
      const c = o.candidates[i], chat = c.chat;
      if (chat) {
        this.chat(chat, i > 0 ? o.candidates[i - 1].chat : null);
        this.columns(c.columns);
        continue;
      }
      if (i > 0 && c.prompt == o.candidates[i - 1].prompt) {
        this.body.byte(0);
      } else {
        this.tagged(1, c.prompt);
      }
      this.body.text(c.answer);
      this.columns(c.columns);
    }
  }

  /** A chat, and what it shares with the one before it as a lone 0. */
  private chat(c: Chat, before: Chat | null): void {
    if (before && c.sharesPrompt(before)) {
      this.body.byte(0);
    } else {
      this.body.byte(1);
      this.turns(c.prompt);
      this.body.text(c.tools);
      this.body.text(c.documents);
      this.body.text(c.args);
    }
    this.turns(c.answer);
  }

  private turns(messages: Message[]): void {
    this.body.uvarint(messages.length);
    for (let i = 0; i < messages.length; i++) this.tagged(<u8>messages[i].learn, messages[i].json);
  }

  /** The reply: status 0 and the frame. */
  reply(rows: u32): ArrayBuffer {
    const w = new Writer();
    w.byte(0);
    store<u32>(w.room(4), rows);
    w.uvarint(this.names.length);
    for (let i = 0; i < this.names.length; i++) w.text(this.names[i]);
    w.append(this.body);
    const out = new ArrayBuffer(w.size);
    memory.copy(changetype<usize>(out), w.start(), w.size);
    return out;
  }
}

/** Goes over the rows of a frame. */
export class Frame {
  private reader: Reader;
  private answers: Answers = new Answers();
  private row: Row;
  private rows: u32;
  private done: u32 = 0;

  constructor(at: usize, size: usize) {
    const r = new Reader(at, at + size);
    const head = r.take(4);
    this.rows = r.broken ? 0 : load<u32>(head);
    this.row = new Row(r.byte());
    this.reader = r;
  }

  /** The next row, or null after the last one and where the frame is broken. */
  next(): Row | null {
    if (this.done == this.rows || this.reader.broken) return null;
    this.row.read(this.reader);
    return this.reader.broken ? null : this.row;
  }

  answer(o: Out): void {
    if (this.row.misread != "") o.fail(this.row.misread);
    this.answers.add(o);
    this.done++;
  }

  /** The reply, or null where the frame is broken. */
  reply(): ArrayBuffer | null {
    return this.reader.broken || this.done != this.rows || this.reader.at != this.reader.end ? null : this.answers.reply(this.rows);
  }
}
