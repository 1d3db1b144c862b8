// The functions that a module exports, and the memory that crosses with them.

import "./abort"; // so that it is part of the module
import * as server from "./server";

/** What the host holds a pointer to, so that it is not collected. */
const held = new Map<usize, ArrayBuffer>();

/** Hands a reply over, after which everything else can go. */
function handOver(bytes: ArrayBuffer): u64 {
  const at = changetype<usize>(bytes);
  held.set(at, bytes);
  return ((<u64>at) << 32) | (<u64>bytes.byteLength);
}

export function llmhost_abi_v2(): void {}

export function llmhost_alloc(size: u32): usize {
  if (size > 256 << 20) return 0;
  const bytes = new ArrayBuffer(size > 0 ? size : 1);
  held.set(changetype<usize>(bytes), bytes);
  return changetype<usize>(bytes);
}

export function llmhost_free(pointer: usize, size: u32): void {
  held.delete(pointer);
  if (held.size == 0) __collect(); // the host is done: nothing of the call lives any more
}

export function llmhost_describe(): u64 {
  return handOver(server.describe());
}

export function llmhost_configure(component: u32, pointer: usize, size: u32): u64 {
  return handOver(server.configure(component, String.UTF8.decodeUnsafe(pointer, size)));
}

export function llmhost_trace(instance: u32, pointer: usize, size: u32): u64 {
  return handOver(server.trace(instance));
}

export function llmhost_format(instance: u32, pointer: usize, size: u32): u64 {
  return handOver(server.format(instance, pointer, size));
}

export function llmhost_close(instance: u32): void {
  server.close(instance);
}
