// Answers the calls of a host.

import { allowMember } from "./declare";
import { flat, list, quoted, Value } from "./json";
import { Graph } from "./graph";
import { Component, Formatter, Loss, Part, Plugin, Pooling } from "./plugin";
import { Frame, Out } from "./rows";

// The one plugin of this module: what a module exports can be reached in no
// other way.
let plugin: Plugin | null = null;
const instances = new Map<u32, Part>();
let last: u32 = 0;

/** Makes p the plugin of this module. */
export function register(p: Plugin): void {
  assert(!plugin, "register was called twice; one module holds one plugin");
  plugin = p;
}

function registered(): Plugin {
  const p = plugin;
  assert(p != null, "this module holds no plugin; its entry file needs: register(new Plugin(…))");
  return p!;
}

function success(payload: string): ArrayBuffer {
  return String.UTF8.encode("\0" + payload);
}

function failure(code: string, message: string, field: string = ""): ArrayBuffer {
  const last = field == "" ? "" : ',"field":' + quoted(field);
  return String.UTF8.encode('\x01{"code":' + quoted(code) + ',"message":' + quoted(message) + last + "}");
}

function noInstance(instance: u32): ArrayBuffer {
  return failure("bad_request", "nothing is configured under handle " + instance.toString());
}

export function describe(): ArrayBuffer {
  return success(registered().json());
}

export function configure(index: u32, config: string): ArrayBuffer {
  const all = registered().components;
  if (index >= <u32>all.length) return failure("bad_request", "no component has the index " + index.toString());
  const values = flat(config);
  if (!values) return failure("invalid_config", "configuration is not a flat JSON object of numbers, texts, true and false");
  const component = all[index];
  const part = component.make();
  const names = values.keys();
  for (let i = 0; i < names.length; i++) {
    const wrong = set(component, part, names[i], values.get(names[i]));
    if (wrong != "") return failure("invalid_config", wrong, names[i]);
  }
  const wrong = part.validate();
  if (wrong != "") return failure("invalid_config", wrong);
  instances.set(++last, part);
  return success('{"instance":' + last.toString() + records(part) + "}");
}

/** Sets a parameter of a part; the result is what is wrong, or empty. */
function set(component: Component, part: Part, name: string, value: Value): string {
  for (let i = 0; i < part.params.length; i++) {
    if (part.params[i].name == name) return part.params[i].set(value);
  }
  return name + " is no parameter of " + component.kind + " " + component.name;
}

/** What a formatter reads and gives, for the reply to configure. */
function records(part: Part): string {
  if (!(part instanceof Formatter)) return "";
  const formatter = part as Formatter;
  const columns = formatter.columns();
  const all: string[] = [];
  for (let i = 0; i < columns.length; i++) all.push(columns[i].json());
  let out = ',"columns":' + list(all);
  const outputs = formatter.gives();
  if (outputs) {
    const given: string[] = [];
    for (let i = 0; i < outputs.length; i++) given.push(outputs[i].json());
    out += ',"gives":' + list(given);
  }
  return out + allowMember(formatter.allow());
}

export function trace(instance: u32): ArrayBuffer {
  if (!instances.has(instance)) return noInstance(instance);
  const part = instances.get(instance);
  const g = new Graph();
  if (part instanceof Loss) return success(g.closeLoss((part as Loss).trace(g)));
  if (part instanceof Pooling) {
    const pooling = part as Pooling;
    return success(g.closePooling(pooling.trace(g), pooling.poolsLastToken(), pooling.allow()));
  }
  return failure("bad_request", "a formatter has no trace");
}

export function format(instance: u32, at: usize, size: usize): ArrayBuffer {
  if (!instances.has(instance)) return noInstance(instance);
  const part = instances.get(instance);
  if (!(part instanceof Formatter)) return failure("bad_request", "handle " + instance.toString() + " is not a formatter");
  const frame = new Frame(at, size);
  for (let row = frame.next(); row; row = frame.next()) {
    const out = new Out();
    (part as Formatter).format(row, out);
    frame.answer(out);
  }
  const reply = frame.reply();
  return reply ? reply : failure("bad_request", "row frame: broken or cut short");
}

export function close(instance: u32): void {
  instances.delete(instance);
}
