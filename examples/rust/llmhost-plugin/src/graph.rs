//! The graph that a loss or pooling is traced into.

use std::cell::RefCell;
use std::panic::Location;

use crate::declare::{self, Role, Use};
use crate::json;

/// Records one trace. It computes nothing: the host checks every shape and
/// type, and names the author's line where one does not fit.
pub struct Graph {
    values: RefCell<Vec<Recorded>>,
}

/// An input or a node, in the order in which the author made them.
struct Recorded {
    input: Option<Input>,
    op: &'static str,
    from: Vec<usize>,
    attrs: String, // JSON
    place: String, // folder/file.rs:12
}

struct Input {
    name: String,
    dtype: &'static str,
    shape: Vec<String>,
    said: Use,
}

/// A value of a trace. Methods are named as in PyTorch; see ops.rs for them.
#[derive(Clone, Copy)]
pub struct Tensor<'g> {
    pub(crate) graph: &'g Graph,
    id: usize,
}

/// What a loss yields: loss = Σ over terms of coefficient · ΣSum / ΣCount, where
/// both sums run over the whole optimizer step. Sums and counts are f32 scalars
/// over the batch, and a count depends on data alone.
#[derive(Default)]
pub struct Objective<'g> {
    terms: Vec<Total<'g>>,
    metrics: Vec<Total<'g>>,
    states: Vec<State<'g>>,
    allow: Vec<(String, String)>,
}

struct Total<'g> {
    name: String,
    sum: Tensor<'g>,
    count: Option<Tensor<'g>>,
    last: String, // "coefficient" or "exp", as JSON
}

struct State<'g> {
    name: String,
    initial: f64,
    update: Tensor<'g>,
}

impl<'g> Objective<'g> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a term. Without a count (None) it is a plain sum.
    pub fn term(mut self, name: &str, sum: Tensor<'g>, count: impl Into<Option<Tensor<'g>>>, coefficient: f64) -> Self {
        let last = format!("\"coefficient\":{}", json::number(coefficient));
        self.terms.push(Total { name: name.into(), sum, count: count.into(), last });
        self
    }

    /// Adds a metric, reported as ΣSum / ΣCount over all batches.
    pub fn metric(mut self, name: &str, sum: Tensor<'g>, count: impl Into<Option<Tensor<'g>>>) -> Self {
        self.metrics.push(Total { name: name.into(), sum, count: count.into(), last: "\"exp\":false".into() });
        self
    }

    /// Adds a metric that is reported as exp(ΣSum / ΣCount): a perplexity.
    pub fn exp_metric(mut self, name: &str, sum: Tensor<'g>, count: impl Into<Option<Tensor<'g>>>) -> Self {
        self.metrics.push(Total { name: name.into(), sum, count: count.into(), last: "\"exp\":true".into() });
        self
    }

    /// Adds a state: a number that lasts, which g.state(name) reads. It begins as
    /// initial, and after each optimizer step it becomes update, an f32 scalar
    /// computed of states and of global means alone.
    ///
    /// ```
    /// # use llmhost_plugin::*;
    /// # params! { pub struct Centred {} }
    /// impl Loss for Centred {
    ///     fn trace<'g>(&self, g: &'g Graph) -> Objective<'g> {
    ///         let (rewards, real, level) = (g.rewards(), g.real(), g.state("level"));
    ///         let mean = rewards.sum(ALL).global_mean(real.sum(ALL));
    ///         let apart = (rewards - level).square().where_(real, 0.0);
    ///         Objective::new().term("apart", apart.sum(ALL), real.sum(ALL), 1.0).state("level", 0.5, level * 0.9 + mean * 0.1)
    ///     }
    /// }
    /// # let plugin = Plugin::new("centred", "1.0.0", "").loss::<Centred>("centred", "");
    /// # let program = Server::new(plugin).program("centred", "{}").unwrap();
    /// # assert!(program.contains(r#""metrics":[],"states":[{"name":"level","initial":0.5,"update":13}]}"#), "{program}");
    /// ```
    pub fn state(mut self, name: &str, initial: f64, update: Tensor<'g>) -> Self {
        self.states.push(State { name: name.into(), initial, update });
        self
    }

    /// Says why a check of `llmhost plugins check` would find fault with what is
    /// meant: allow("detach", "the weight is a constant by eq. 5").
    pub fn allow(mut self, check: &str, why: &str) -> Self {
        self.allow.push((check.into(), why.into()));
        self
    }
}

/// What a loss says of a data column. It changes nothing of what is computed.
impl<'g> Tensor<'g> {
    /// What the column's numbers mean: g.column("score").role(Role::Score).
    pub fn role(self, role: Role) -> Self {
        self.say(|said| {
            assert!(said.role == Role::Number || said.role == role, "a column has the role {role:?} here, and {:?} elsewhere in this loss", said.role);
            said.role = role;
        })
    }

    /// Examples of what the column may hold, with which a check feeds the loss.
    pub fn values(self, values: &[f64]) -> Self {
        self.say(|said| said.values = values.to_vec())
    }

    /// What the column's numbers lie between, both included.
    pub fn range(self, min: f64, max: f64) -> Self {
        self.say(|said| said.range = Some((min, max)))
    }

    fn say(self, f: impl FnOnce(&mut Use)) -> Self {
        let mut values = self.graph.values.borrow_mut();
        let input = values[self.id].input.as_mut().filter(|i| i.name.starts_with("column.") || i.name.starts_with("example_column."));
        f(&mut input.expect("role, values and range apply only to columns").said);
        drop(values);
        self
    }
}

/// Dimensions of the inputs.
const BKT: &[&str] = &["B", "K", "T"];
const BKU: &[&str] = &["B", "K", "U"];
const BK: &[&str] = &["B", "K"];

impl Graph {
    pub(crate) fn new() -> Self {
        Graph { values: RefCell::default() }
    }

    /// Log-probability of each label token, f32 [B, K, T]: 0 where there is no label.
    /// Label tokens T are a row's learned tokens in their order; several learned spans
    /// may stand in one row.
    pub fn logps(&self) -> Tensor<'_> {
        self.input("policy.logps", "f32", BKT)
    }

    /// The same under the reference model, a constant for the gradient.
    pub fn ref_logps(&self) -> Tensor<'_> {
        self.input("ref.logps", "f32", BKT)
    }

    /// The candidates' rewards under the score head, f32 [B, K]: 0 for a padding
    /// candidate.
    pub fn rewards(&self) -> Tensor<'_> {
        self.input("rewards", "f32", BK)
    }

    /// KL(policy ‖ reference) over the whole vocabulary at each label token, f32 [B, K, T]: 0
    /// where there is no label.
    pub fn reverse_kl(&self) -> Tensor<'_> {
        self.input("kl.reverse", "f32", BKT)
    }

    /// KL(reference ‖ policy), as reverse_kl is.
    pub fn forward_kl(&self) -> Tensor<'_> {
        self.input("kl.forward", "f32", BKT)
    }

    /// Mean over the whole vocabulary of the log-probabilities at each label token, f32
    /// [B, K, T]: 0 where there is no label.
    pub fn vocab_mean_logps(&self) -> Tensor<'_> {
        self.input("policy.vocab_mean_logps", "f32", BKT)
    }

    /// Log-probabilities of another example's answer after this example's prompt, f32
    /// [B, K, U]: 0 where there is no token. No gradient flows into them.
    pub fn mismatched_logps(&self) -> Tensor<'_> {
        self.input("mismatched.policy.logps", "f32", BKU)
    }

    /// The same under the reference model.
    pub fn mismatched_ref_logps(&self) -> Tensor<'_> {
        self.input("mismatched.ref.logps", "f32", BKU)
    }

    /// A number that the host keeps from step to step and in checkpoints, f32 [].
    /// Objective::state says how it begins and changes.
    pub fn state(&self, name: &str) -> Tensor<'_> {
        self.input(&format!("state.{name}"), "f32", &[])
    }

    /// Logits of the classes of the head called name, f32 [B, C_name].
    pub fn logits(&self, name: &str) -> Tensor<'_> {
        self.input(&format!("logits.{name}"), "f32", &["B", &format!("C_{name}")])
    }

    /// The class of each example under the head called name, i64 [B], −100 for none.
    pub fn label(&self, name: &str) -> Tensor<'_> {
        self.input(&format!("label.{name}"), "i64", &["B"])
    }

    /// True where there is a label token, bool [B, K, T].
    pub fn label_mask(&self) -> Tensor<'_> {
        self.input("label_mask", "bool", BKT)
    }

    /// False for a padding candidate, bool [B, K].
    pub fn real(&self) -> Tensor<'_> {
        self.input("candidate_mask", "bool", BK)
    }

    /// A data column with one number a candidate, f32 [B, K]. Its role, values and
    /// range can be declared on what this returns.
    pub fn column(&self, name: &str) -> Tensor<'_> {
        self.input(&format!("column.{name}"), "f32", BK)
    }

    /// A data column with one number an example, f32 [B]. Takes the same declarations
    /// as column.
    pub fn example_column(&self, name: &str) -> Tensor<'_> {
        self.input(&format!("example_column.{name}"), "f32", &["B"])
    }

    /// Hidden states of every stored token, f32 [P, H]; for poolings, as are the next four.
    pub fn hidden(&self) -> Tensor<'_> {
        self.input("hidden", "f32", &["P", "H"])
    }

    /// Each sequence's tokens in order, as indices into hidden, i64 [M].
    pub fn token(&self) -> Tensor<'_> {
        self.input("token", "i64", &["M"])
    }

    /// The sequence that each entry of token belongs to, i64 [M], ascending from
    /// 0.
    pub fn sequence(&self) -> Tensor<'_> {
        self.input("sequence", "i64", &["M"])
    }

    /// The token ids of the entries of token, i64 [M].
    pub fn ids(&self) -> Tensor<'_> {
        self.input("ids", "i64", &["M"])
    }

    /// The id of the end token, i64 [], −1 where there is none.
    pub fn eos(&self) -> Tensor<'_> {
        self.input("eos_token_id", "i64", &[])
    }

    /// The size of a named dimension in the batch, f32 []: count("B") is the number of prompts.
    #[track_caller]
    pub fn count(&self, dim: &str) -> Tensor<'_> {
        self.record("dim_size", &[], format!("\"dim\":{}", json::quoted(dim)))
    }

    /// Asks the host for an input, once however often the author names it.
    fn input(&self, name: &str, dtype: &'static str, shape: &[&str]) -> Tensor<'_> {
        let mut values = self.values.borrow_mut();
        let known = values.iter().position(|v| v.input.as_ref().is_some_and(|i| i.name == name));
        let id = known.unwrap_or_else(|| {
            let shape = shape.iter().map(|d| d.to_string()).collect();
            let input = Some(Input { name: name.into(), dtype, shape, said: Use::default() });
            values.push(Recorded { input, op: "", from: vec![], attrs: String::new(), place: String::new() });
            values.len() - 1
        });
        Tensor { graph: self, id }
    }

    /// Appends an operation.
    #[track_caller]
    pub(crate) fn record(&self, op: &'static str, from: &[Tensor], attrs: String) -> Tensor<'_> {
        for t in from {
            assert!(std::ptr::eq(t.graph, self), "{op}: an input belongs to another trace");
        }
        let from = from.iter().map(|t| t.id).collect();
        let mut values = self.values.borrow_mut();
        values.push(Recorded { input: None, op, from, attrs, place: place(Location::caller()) });
        Tensor { graph: self, id: values.len() - 1 }
    }

    /// The reply to a trace of a loss.
    pub(crate) fn close_loss(&self, o: &Objective) -> String {
        let numbers = self.numbers();
        let totals = |list: &[Total]| list.iter().map(|t| t.json(&numbers)).collect::<Vec<_>>();
        let mut out = self.begin("loss", &numbers);
        json::name(&mut out, "terms");
        json::list(&mut out, totals(&o.terms));
        json::name(&mut out, "metrics");
        json::list(&mut out, totals(&o.metrics));
        if !o.states.is_empty() {
            json::name(&mut out, "states");
            json::list(&mut out, o.states.iter().map(|s| s.json(&numbers)));
        }
        self.end(&mut out);
        self.append_uses(&mut out);
        declare::append_allow(&mut out, &o.allow);
        out + "}"
    }

    /// Appends what the loss says of its columns.
    fn append_uses(&self, out: &mut String) {
        let values = self.values.borrow();
        let said: Vec<&Input> = values.iter().filter_map(|v| v.input.as_ref()).filter(|i| !i.said.is_empty()).collect();
        if !said.is_empty() {
            json::name(out, "columns");
            json::list(out, said.iter().map(|i| i.said.json(&i.name)));
        }
    }

    /// The reply to a trace of a pooling.
    pub(crate) fn close_pooling(&self, output: Tensor, last_token: bool, allow: &[(String, String)]) -> String {
        let numbers = self.numbers();
        let mut out = self.begin("pooling", &numbers);
        json::name(&mut out, "output");
        out.push_str(&numbers[output.id].to_string());
        self.end(&mut out);
        if last_token {
            json::name(&mut out, "pools_last_token");
            out.push_str("true");
        }
        declare::append_allow(&mut out, allow);
        out + "}"
    }

    /// The number of every value in the program: inputs first, then nodes.
    fn numbers(&self) -> Vec<usize> {
        let values = self.values.borrow();
        let (mut input, mut node) = (0, values.iter().filter(|v| v.input.is_some()).count());
        let next = |n: &mut usize| {
            *n += 1;
            *n - 1
        };
        values.iter().map(|v| if v.input.is_some() { next(&mut input) } else { next(&mut node) }).collect()
    }

    /// A trace's reply up to the nodes of its program.
    fn begin(&self, kind: &str, numbers: &[usize]) -> String {
        let values = self.values.borrow();
        let mut out = String::from("{\"program\":{\"llmhost_program\":1,\"op_level\":1");
        json::field(&mut out, "kind", kind);
        json::name(&mut out, "inputs");
        json::list(&mut out, values.iter().filter_map(|v| v.input.as_ref()).map(Input::json));
        json::name(&mut out, "nodes");
        json::list(&mut out, values.iter().filter(|v| v.input.is_none()).map(|v| v.json(numbers)));
        out
    }

    /// Ends the program, and adds the places of its nodes.
    fn end(&self, out: &mut String) {
        out.push('}');
        json::name(out, "locations");
        let values = self.values.borrow();
        json::list(out, values.iter().filter(|v| v.input.is_none()).map(|v| json::quoted(&v.place)));
    }
}

impl Input {
    fn json(&self) -> String {
        let mut out = String::from("{");
        json::field(&mut out, "name", &self.name);
        json::field(&mut out, "dtype", self.dtype);
        json::name(&mut out, "shape");
        json::list(&mut out, self.shape.iter().map(|d| json::quoted(d)));
        out + "}"
    }
}

impl Recorded {
    fn json(&self, numbers: &[usize]) -> String {
        let mut out = String::from("{");
        json::field(&mut out, "op", self.op);
        json::name(&mut out, "in");
        json::list(&mut out, self.from.iter().map(|id| numbers[*id].to_string()));
        out + ",\"attrs\":{" + &self.attrs + "}}"
    }
}

impl Total<'_> {
    fn json(&self, numbers: &[usize]) -> String {
        let mut out = String::from("{");
        json::field(&mut out, "name", &self.name);
        json::name(&mut out, "sum");
        out.push_str(&numbers[self.sum.id].to_string());
        if let Some(count) = self.count {
            json::name(&mut out, "count");
            out.push_str(&numbers[count.id].to_string());
        }
        out + "," + &self.last + "}"
    }
}

impl State<'_> {
    fn json(&self, numbers: &[usize]) -> String {
        let mut out = String::from("{");
        json::field(&mut out, "name", &self.name);
        json::name(&mut out, "initial");
        out.push_str(&json::number(self.initial));
        json::name(&mut out, "update");
        out + &numbers[self.update.id].to_string() + "}"
    }
}

/// The author's line as folder/file.rs:12, the same on every machine.
fn place(at: &Location) -> String {
    let mut parts: Vec<&str> = at.file().rsplit(['/', '\\']).take(2).collect();
    parts.reverse();
    format!("{}:{}", parts.join("/"), at.line())
}
