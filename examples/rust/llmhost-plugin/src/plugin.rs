//! What a plugin is made of.

use crate::declare::Output;
use crate::graph::{Graph, Objective, Tensor};
use crate::json;
use crate::param::{Param, Params, Value, Values};
use crate::rows::{Column, Out, Row};

/// A training objective.
pub trait Loss {
    /// Records the loss once. What it computes may depend on the parameters,
    /// never on data: the graph holds symbols, not numbers.
    fn trace<'g>(&self, g: &'g Graph) -> Objective<'g>;

    /// Checks the parameters together.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Turns hidden states into one vector a sequence.
pub trait Pooling {
    /// Returns f32 [N, H] from g.hidden and its kin.
    fn trace<'g>(&self, g: &'g Graph) -> Tensor<'g>;

    /// Whether it takes the state of each sequence's last token as it is, as
    /// transformers' …ForSequenceClassification do.
    fn pools_last_token(&self) -> bool {
        false
    }

    /// Checks that would find fault with what is meant, each with the reason.
    fn allow(&self) -> Vec<(String, String)> {
        vec![]
    }

    /// Checks the parameters together.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Turns one record of a data file into one example. It sees only text and
/// numbers, never token ids, and must depend on nothing but the row and its
/// parameters.
pub trait Formatter {
    /// The fields that it reads, by whose index a row is asked.
    fn columns(&self) -> Vec<Column>;

    /// Makes candidates in o. `return o.drop("why")` leaves the row out, and
    /// `Err("what is wrong".into())` makes it a bad one.
    fn format(&self, r: &Row, o: &mut Out) -> Result<(), Bad>;

    /// The columns and labels that format gives; None says nothing of them.
    fn gives(&self) -> Option<Vec<Output>> {
        None
    }

    /// Checks that would find fault with what is meant, each with the reason.
    fn allow(&self) -> Vec<(String, String)> {
        vec![]
    }

    /// Checks the parameters together.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Why a row became no example.
#[derive(Clone, Debug, PartialEq)]
pub enum Bad {
    Dropped(String),
    Error(String),
}

impl From<&str> for Bad {
    fn from(text: &str) -> Self {
        Bad::Error(text.into())
    }
}

impl From<String> for Bad {
    fn from(text: String) -> Self {
        Bad::Error(text)
    }
}

/// A component with its parameters set.
pub enum Part {
    Loss(Box<dyn Loss>),
    Pooling(Box<dyn Pooling>),
    Formatter(Box<dyn Formatter>),
}

impl Part {
    pub(crate) fn validate(&self) -> Result<(), String> {
        match self {
            Part::Loss(l) => l.validate(),
            Part::Pooling(p) => p.validate(),
            Part::Formatter(f) => f.validate(),
        }
    }
}

/// A loss, pooling or formatter of a plugin.
pub struct Component {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    doc: String,
    pub(crate) params: Vec<Param>,
    pub(crate) make: fn(&Values) -> Part,
}

impl Component {
    /// "loss rrhf"
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }

    fn json(&self) -> String {
        let mut out = String::from("{");
        json::field(&mut out, "kind", self.kind);
        json::field(&mut out, "name", &self.name);
        json::field(&mut out, "doc", &self.doc);
        json::name(&mut out, "params");
        json::list(&mut out, self.params.iter().map(Param::json));
        out + "}"
    }
}

/// A head that gives log-probabilities of tokens.
pub const LM_HEAD: &str = "lm";

/// A head that gives each candidate a reward.
pub const SCORE_HEAD: &str = "score";

/// Heads that give each example the logits of classes, by name.
pub const CLASS_HEAD: &str = "classes";

/// Puts the parts of a training run together. A part is a component of the same
/// plugin, "builtin:NAME", or empty.
pub struct Task {
    name: String,
    doc: String,
    parts: [(&'static str, String); 4],
    defaults: Values,
    aliases: Vec<String>,
}

impl Task {
    pub fn new(name: &str, doc: &str) -> Self {
        let parts = [("formatter", String::new()), ("head", LM_HEAD.into()), ("pooling", String::new()), ("loss", String::new())];
        Task { name: name.into(), doc: doc.into(), parts, defaults: Values::new(), aliases: vec![] }
    }

    pub fn formatter(self, name: &str) -> Self {
        self.part(0, name)
    }

    /// LM_HEAD, which it is without this, SCORE_HEAD or CLASS_HEAD.
    pub fn head(self, name: &str) -> Self {
        self.part(1, name)
    }

    pub fn pooling(self, name: &str) -> Self {
        self.part(2, name)
    }

    pub fn loss(self, name: &str) -> Self {
        self.part(3, name)
    }

    fn part(mut self, index: usize, name: &str) -> Self {
        self.parts[index].1 = name.into();
        self
    }

    /// Another name that the task answers to.
    pub fn alias(mut self, name: &str) -> Self {
        self.aliases.push(name.into());
        self
    }

    /// A setting or parameter that the task starts from: default("beta", 0.1).
    pub fn default(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.defaults.insert(name.into(), value.into());
        self
    }

    fn json(&self) -> String {
        let mut out = String::from("{");
        json::field(&mut out, "name", &self.name);
        json::field(&mut out, "doc", &self.doc);
        for (key, name) in &self.parts {
            json::field(&mut out, key, name);
        }
        json::name(&mut out, "defaults");
        out.push('{');
        for (key, value) in &self.defaults {
            json::name(&mut out, key);
            out.push_str(&value.json());
        }
        out.push('}');
        if !self.aliases.is_empty() {
            json::name(&mut out, "aliases");
            json::list(&mut out, self.aliases.iter().map(|a| json::quoted(a)));
        }
        out + "}"
    }
}

/// What one module offers. Names have letters, digits, - and _.
pub struct Plugin {
    name: String,
    version: String,
    doc: String,
    pub(crate) components: Vec<Component>,
    tasks: Vec<Task>,
}

impl Plugin {
    /// A plugin without components; doc is one line.
    pub fn new(name: &str, version: &str, doc: &str) -> Self {
        Plugin { name: name.into(), version: version.into(), doc: doc.into(), components: vec![], tasks: vec![] }
    }

    pub fn loss<L: Loss + Params + 'static>(self, name: &str, doc: &str) -> Self {
        self.component::<L>("loss", name, doc, |v| Part::Loss(Box::new(L::configured(v))))
    }

    pub fn pooling<P: Pooling + Params + 'static>(self, name: &str, doc: &str) -> Self {
        self.component::<P>("pooling", name, doc, |v| Part::Pooling(Box::new(P::configured(v))))
    }

    pub fn formatter<F: Formatter + Params + 'static>(self, name: &str, doc: &str) -> Self {
        self.component::<F>("formatter", name, doc, |v| Part::Formatter(Box::new(F::configured(v))))
    }

    pub fn task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    fn component<C: Params>(mut self, kind: &'static str, name: &str, doc: &str, make: fn(&Values) -> Part) -> Self {
        self.components.push(Component { kind, name: name.into(), doc: doc.into(), params: C::params(), make });
        self
    }

    /// The descriptor.
    pub(crate) fn json(&self) -> String {
        let mut out = String::from("{\"llmhost_plugin\":1,\"abi\":2,\"abi_minor\":1");
        json::field(&mut out, "sdk", concat!("rust ", env!("CARGO_PKG_VERSION")));
        json::field(&mut out, "name", &self.name);
        json::field(&mut out, "version", &self.version);
        json::field(&mut out, "doc", &self.doc);
        json::name(&mut out, "components");
        json::list(&mut out, self.components.iter().map(Component::json));
        json::name(&mut out, "tasks");
        json::list(&mut out, self.tasks.iter().map(Task::json));
        out + "}"
    }
}
