//! Write a plugin for llmhost in Rust.
//!
//! A loss is traced once into a small program of tensor operations, which the
//! host runs at every training step; so a loss never sees a number, it only
//! says what is to be computed.
//!
//! ```
//! use llmhost_plugin::*;
//!
//! params! {
//!     /// A better candidate's mean log-probability should lie margin above a worse one's.
//!     pub struct Margin {
//!         /// gap wanted for every pair, in nats per token
//!         margin: f64 = 0.5, min = 0.0;
//!     }
//! }
//!
//! impl Loss for Margin {
//!     fn trace<'g>(&self, g: &'g Graph) -> Objective<'g> {
//!         let p = g.logps().sum(-1) / g.label_mask().sum(-1).clamp_min(1.0); // [B, K]
//!         let (score, real) = (g.column("score"), g.real());
//!         let better = score.unsqueeze(2).gt(score.unsqueeze(1)) & real.unsqueeze(2) & real.unsqueeze(1);
//!         let gap = p.unsqueeze(2) - p.unsqueeze(1); // [B, K, K]
//!         let hinge = (self.margin - gap).relu().where_(better, 0.0).sum(ALL);
//!         Objective::new().term("hinge", hinge, better.sum(ALL), 1.0)
//!     }
//! }
//!
//! fn plugin() -> Plugin {
//!     Plugin::new("margin", "1.0.0", "hinge over scored candidates")
//!         .loss::<Margin>("margin", "hinge over pairs")
//!         .task(Task::new("margin", "rank by a hinge").formatter("builtin:preference").loss("margin"))
//! }
//!
//! llmhost_plugin::export!(plugin);
//! ```
//!
//! What crosses to the host is described in sdk/README.md of llmhost. The crate
//! has no dependencies. Start at [`Graph`], [`Tensor`] and [`Formatter`].

mod chat;
mod declare;
mod exports;
mod graph;
mod json;
mod ops;
mod param;
mod plugin;
mod rows;
mod server;

pub use chat::{messages, Chat, Learn, Message};
pub use declare::{Output, Role};
pub use exports::{exported, exported_reply, give, take};
pub use json::{quote, Json};
pub use graph::{Graph, Objective, Tensor};
pub use ops::{Axes, Operand, ALL};
pub use param::{Param, ParamValue, Params, Value, Values};
pub use plugin::{Bad, Component, Formatter, Loss, Part, Plugin, Pooling, Task, CLASS_HEAD, LM_HEAD, SCORE_HEAD};
pub use rows::{Candidate, Column, ColumnType, Out, Row};
pub use server::Server;
