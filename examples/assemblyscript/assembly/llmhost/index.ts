// Write a plugin for llmhost in AssemblyScript.
//
// A loss is traced once into a small program of tensor operations, which the
// host runs at every training step; so a loss never sees a number, it only says
// what is to be computed. ../index.ts is a whole plugin; its last lines are
//
//	register(new Plugin(…));
//	export * from "./llmhost/exports";
//
// What crosses to the host is described in sdk/README.md of llmhost.

export { Chat, Learn, Message, Messages } from "./chat";
export { MASK_ROLE, Output, REWARD_ROLE, SCORE_ROLE, WEIGHT_ROLE } from "./declare";
export { Graph, Objective } from "./graph";
export { Json, quote } from "./json";
export { Tensor } from "./tensor";
export { Param, flag, float, int, text } from "./param";
export { CLASS_HEAD, Component, Formatter, LM_HEAD, Loss, Plugin, Pooling, SCORE_HEAD, Task } from "./plugin";
export { Candidate, Column, ColumnType, Out, Row } from "./rows";
export { register } from "./server";
