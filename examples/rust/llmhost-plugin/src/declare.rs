//! What a component declares beside its program or its columns.

use crate::json;

/// What the numbers of a data column mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Role {
    /// no special meaning
    #[default]
    Number,
    /// orders the candidates of an example: the higher, the better
    Score,
    /// scales the share of a record or candidate in the loss: 0 or more, 0 takes it out
    Weight,
    /// a signed measure of how good an answer is, whose size and sign both
    /// count
    Reward,
    /// 0 or 1: whether something takes part
    Mask,
}

impl Role {
    /// Appends the role to an object that has begun, where there is one.
    pub(crate) fn append(self, out: &mut String) {
        let key = ["", "score", "weight", "reward", "mask"][self as usize];
        if !key.is_empty() {
            json::field(out, "role", key);
        }
    }
}

/// One thing that a formatter gives to losses.
#[derive(Clone, Debug)]
pub struct Output {
    kind: &'static str,
    name: String,
    role: Role,
    padding: f64,
}

impl Output {
    /// A column with one number a candidate: column.NAME of a loss.
    pub fn column(name: &str) -> Self {
        Output::new("column", name)
    }

    /// A column with one number an example: example_column.NAME.
    pub fn example_column(name: &str) -> Self {
        Output::new("example_column", name)
    }

    /// The class of an example under the head called name: label.NAME.
    pub fn label(name: &str) -> Self {
        Output::new("label", name)
    }

    fn new(kind: &'static str, name: &str) -> Self {
        Output { kind, name: name.into(), role: Role::Number, padding: 0.0 }
    }

    /// What the column's numbers mean.
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// What the column holds for a padding candidate. 0, which it is without
    /// this, stands for -100 of a score and 0 of all others.
    pub fn padding(mut self, padding: f64) -> Self {
        self.padding = padding;
        self
    }

    pub(crate) fn json(&self) -> String {
        let mut out = String::from("{");
        json::field(&mut out, "kind", self.kind);
        json::field(&mut out, "name", &self.name);
        self.role.append(&mut out);
        if self.padding != 0.0 {
            json::name(&mut out, "padding");
            out.push_str(&json::number(self.padding));
        }
        out + "}"
    }
}

/// What a loss says of a column that it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Use {
    pub role: Role,
    pub values: Vec<f64>,
    pub range: Option<(f64, f64)>,
}

impl Use {
    pub(crate) fn is_empty(&self) -> bool {
        self.role == Role::Number && self.values.is_empty() && self.range.is_none()
    }

    pub(crate) fn json(&self, input: &str) -> String {
        let mut out = String::from("{");
        json::field(&mut out, "input", input);
        self.role.append(&mut out);
        if !self.values.is_empty() {
            json::name(&mut out, "values");
            json::list(&mut out, self.values.iter().map(|v| json::number(*v)));
        }
        if let Some((min, max)) = self.range {
            json::name(&mut out, "min");
            out.push_str(&json::number(min));
            json::name(&mut out, "max");
            out.push_str(&json::number(max));
        }
        out + "}"
    }
}

/// Appends the checks that are not meant, each with the reason, where there are any.
pub(crate) fn append_allow(out: &mut String, allow: &[(String, String)]) {
    if allow.is_empty() {
        return;
    }
    json::name(out, "allow");
    out.push('{');
    for (name, why) in allow {
        json::field(out, name, why);
    }
    out.push('}');
}
