//! Parameters: declared once, with default, range and doc.

use std::collections::BTreeMap;

use crate::json;

/// The value of a parameter as JSON has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(f64),
    Bool(bool),
    Text(String),
}

/// Values by the name of the parameter.
pub type Values = BTreeMap<String, Value>;

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Value::Number(v)
    }
}

impl From<i32> for Value {
    fn from(v: i32) -> Self {
        Value::Number(v.into())
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Value::Bool(v)
    }
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Value::Text(v.into())
    }
}

impl Value {
    pub(crate) fn json(&self) -> String {
        match self {
            Value::Number(v) => json::number(*v),
            Value::Bool(v) => v.to_string(),
            Value::Text(v) => json::quoted(v),
        }
    }
}

/// What a parameter's field may be: f64, i64, bool or String.
pub trait ParamValue: Sized {
    /// The type's name in a descriptor.
    const TYPE: &'static str;
    fn to_value(&self) -> Value;
    /// None where the value is of another type.
    fn from_value(v: &Value) -> Option<Self>;
}

macro_rules! param_value {
    ($type:ty, $name:literal, $from:ident => $to:expr, $pattern:pat => $value:expr) => {
        impl ParamValue for $type {
            const TYPE: &'static str = $name;
            fn to_value(&self) -> Value {
                let $from = self;
                $to
            }
            fn from_value(v: &Value) -> Option<Self> {
                match v {
                    $pattern => $value,
                    _ => None,
                }
            }
        }
    };
}

param_value!(f64, "float", v => Value::Number(*v), Value::Number(v) => Some(*v));
param_value!(i64, "int", v => Value::Number(*v as f64), Value::Number(v) => (v.fract() == 0.0).then_some(*v as i64));
param_value!(bool, "bool", v => Value::Bool(*v), Value::Bool(v) => Some(*v));
param_value!(String, "string", v => Value::Text(v.clone()), Value::Text(v) => Some(v.clone()));

/// Declares a parameter; params! makes them.
pub struct Param {
    pub name: &'static str,
    pub kind: &'static str,
    pub default: Value,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub choices: Vec<&'static str>,
    /// Of a text without choices: some that it takes, for plugins check to try.
    pub values: Vec<&'static str>,
    /// Names that other programs give it, which a user may write too.
    pub aliases: Vec<&'static str>,
    pub doc: String,
}

impl Param {
    /// A parameter without bounds. doc is one line.
    pub fn new<T: ParamValue>(name: &'static str, default: T, doc: &str) -> Self {
        let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
        Param { name, kind: T::TYPE, default: default.to_value(), min: None, max: None, choices: vec![], values: vec![], aliases: vec![], doc }
    }

    /// The error, if there is one, is what is wrong with v, without the parameter's name.
    pub(crate) fn check(&self, v: &Value) -> Result<(), String> {
        let fits = match (self.kind, v) {
            ("float", Value::Number(n)) => n.is_finite() && self.within(*n),
            ("int", Value::Number(n)) => n.fract() == 0.0 && n.is_finite() && self.within(*n),
            ("bool", Value::Bool(_)) => true,
            ("string", Value::Text(t)) => self.choices.is_empty() || self.choices.contains(&t.as_str()),
            _ => false,
        };
        if fits {
            return Ok(());
        }
        Err(format!("is {}; want {}", v.json(), self.want()))
    }

    fn within(&self, v: f64) -> bool {
        self.min.map_or(true, |min| v >= min) && self.max.map_or(true, |max| v <= max)
    }

    fn want(&self) -> String {
        let kind = match self.kind {
            "bool" => return "true or false".into(),
            "string" if self.choices.is_empty() => return "a text".into(),
            "string" => return "one of ".to_string() + &self.choices.join(", "),
            "int" => "a whole number",
            _ => "a number",
        };
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{kind} from {min} to {max}"),
            (Some(min), None) => format!("{kind} of at least {min}"),
            (None, Some(max)) => format!("{kind} of at most {max}"),
            (None, None) => kind.into(),
        }
    }

    pub(crate) fn json(&self) -> String {
        let mut out = String::from("{");
        json::field(&mut out, "name", self.name);
        json::field(&mut out, "type", self.kind);
        json::name(&mut out, "default");
        out.push_str(&self.default.json());
        for (key, bound) in [("min", self.min), ("max", self.max)] {
            if let Some(v) = bound {
                json::name(&mut out, key);
                out.push_str(&json::number(v));
            }
        }
        if !self.choices.is_empty() {
            json::name(&mut out, "choices");
            json::list(&mut out, self.choices.iter().map(|c| json::quoted(c)));
        }
        if !self.values.is_empty() {
            json::name(&mut out, "values");
            json::list(&mut out, self.values.iter().map(|v| json::quoted(v)));
        }
        if !self.aliases.is_empty() {
            json::name(&mut out, "aliases");
            json::list(&mut out, self.aliases.iter().map(|a| json::quoted(a)));
        }
        json::field(&mut out, "doc", &self.doc);
        out + "}"
    }
}

/// A struct whose fields are parameters. params! implements it.
pub trait Params: Sized {
    fn params() -> Vec<Param>;
    /// Takes the values of all parameters, which have been checked.
    fn configured(values: &Values) -> Self;
}

/// Declares a struct of parameters: a field's doc is the parameter's, and after
/// its type stand the default and, as they are needed, min, max, choices, values or aliases.
///
/// ```
/// llmhost_plugin::params! {
///     /// What the component does.
///     pub struct Mine {
///         /// weight of the first term
///         weight: f64 = 1.0, min = 0.0;
///         /// how it is averaged
///         reduction: String = "mean", choices = ["mean", "sum"];
///     }
/// }
/// ```
#[macro_export]
macro_rules! params {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident {
            $( $(#[doc = $doc:expr])* $field:ident : $type:ty = $default:expr
               $(, min = $min:expr)? $(, max = $max:expr)? $(, choices = [$($choice:expr),* $(,)?])?
               $(, values = [$($value:expr),* $(,)?])? $(, aliases = [$($alias:expr),* $(,)?])? ; )*
        }
    ) => {
        $(#[$meta])*
        $vis struct $name { $( $(#[doc = $doc])* pub $field: $type, )* }

        impl $crate::Params for $name {
            fn params() -> Vec<$crate::Param> {
                vec![ $({
                    let default: $type = $default.into();
                    #[allow(unused_mut)]
                    let mut p = $crate::Param::new(stringify!($field), default, concat!($($doc),*));
                    $( p.min = Some($min.into()); )?
                    $( p.max = Some($max.into()); )?
                    $( p.choices = vec![$($choice),*]; )?
                    $( p.values = vec![$($value),*]; )?
                    $( p.aliases = vec![$($alias),*]; )?
                    p
                }),* ]
            }

            fn configured(_values: &$crate::Values) -> Self {
                $name { $( $field: $crate::ParamValue::from_value(&_values[stringify!($field)]).expect(stringify!($field)), )* }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $( $field: $default.into(), )* }
            }
        }
    };
}
