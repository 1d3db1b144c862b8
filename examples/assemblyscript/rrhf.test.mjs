// node --test: asks the plugin what a host would ask.

import assert from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Host } from "./host.mjs";

const file = process.env.PLUGIN ?? new URL("rrhf.wasm", import.meta.url);

test("parameters choose the program", () => {
  const host = new Host(readFileSync(file));
  const mean = host.program("rrhf", {});
  const sums = host.program("rrhf", { rrhf_reduction: "paper_sum", rrhf_weight: 0.1 });
  assert.deepEqual(mean.terms[0], { name: "rank", sum: 29, count: 24, coefficient: 1 });
  assert.deepEqual(sums.terms[0], { name: "rank", sum: 28, coefficient: 0.1 });
});

test("a wrong parameter is named", () => {
  const host = new Host(readFileSync(file));
  assert.throws(() => host.program("rrhf", { rrhf_weight: -1 }), /rrhf_weight is -1; want a number of at least 0/);
});
