//! Operators with Python's meaning where the engine has another.

use std::cmp::Ordering;

use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Error, ErrorKind};

use crate::generator::Generator;
use crate::guard;
use crate::methods::{Bound, OF_DICT, describe, is_dict};
use crate::python::str_of;

pub fn count_chars(s: &str) -> usize {
    s.chars().count()
}

/// Start and end of a slice of a text of `length` characters, as Python clamps them.
pub fn range_of(start: Option<&Value>, end: Option<&Value>, length: usize) -> Result<(usize, usize), Error> {
    let place = |value: Option<&Value>, default: usize| -> Result<usize, Error> {
        Ok(match value {
            None => default,
            Some(v) if v.is_none() => default,
            Some(v) => {
                let n = whole(v)?;
                if n < 0 { (length as i64 + n).max(0) as usize } else { (n as usize).min(length) }
            }
        })
    };
    Ok((place(start, 0)?, place(end, length)?))
}

fn whole(value: &Value) -> Result<i64, Error> {
    i64::try_from(value.clone())
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, format!("{} stands where a whole number is wanted", describe(value))))
}

fn unsupported(op: &str, a: &Value, b: &Value) -> Error {
    let undefined = a.is_undefined() || b.is_undefined();
    let kind = if undefined { ErrorKind::UndefinedError } else { ErrorKind::InvalidOperation };
    Error::new(kind, format!("{op} does not go with {} and {}", describe(a), describe(b)))
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// A text, escaped for HTML unless it is marked as being safe, as texts are that stand
/// beside one that is.
pub fn escaped(value: &Value) -> Result<String, Error> {
    let text = str_of(value)?;
    if value.is_safe() || !text.contains(['&', '<', '>', '"', '\'']) {
        return Ok(text);
    }
    guard::spend(text.len())?;
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    guard::checked(out)
}

/// `a + b`
pub fn add(a: Value, b: Value) -> Result<Value, Error> {
    match (a.as_str(), b.as_str()) {
        (Some(_), Some(_)) if a.is_safe() || b.is_safe() => {
            Ok(Value::from_safe_string(guard::checked(escaped(&a)? + &escaped(&b)?)?))
        }
        (Some(x), Some(y)) => {
            guard::room(x.len() + y.len())?;
            Ok(Value::from([x, y].concat()))
        }
        (None, None) if is_list(&a) && is_list(&b) => {
            let items: Vec<Value> = a.try_iter()?.chain(b.try_iter()?).collect();
            guard::room(items.len() * size_of::<Value>())?;
            Ok(Value::from(items))
        }
        _ => arithmetic("+", &a, &b, i128::checked_add, |x, y| x + y),
    }
}

fn arithmetic(
    op: &str,
    a: &Value,
    b: &Value,
    whole: impl Fn(i128, i128) -> Option<i128>,
    real: impl Fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    let (Some(x), Some(y)) = (numeric(a), numeric(b)) else {
        return Err(unsupported(op, a, b));
    };
    match (x, y) {
        (Number::Int(x), Number::Int(y)) => whole(x, y)
            .map(int)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{x} {op} {y} cannot be calculated"))),
        (x, y) => Ok(Value::from(real(x.real(), y.real()))),
    }
}

fn int(n: i128) -> Value {
    i64::try_from(n).map_or_else(|_| Value::from(n), Value::from)
}

enum Number {
    Int(i128),
    Real(f64),
}

impl Number {
    fn real(&self) -> f64 {
        match self {
            Number::Int(n) => *n as f64,
            Number::Real(x) => *x,
        }
    }
}

/// A number, or a bool, which is one.
fn numeric(value: &Value) -> Option<Number> {
    match value.kind() {
        ValueKind::Bool => Some(Number::Int(value.is_true() as i128)),
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok().map(Number::Int),
        ValueKind::Number => f64::try_from(value.clone()).ok().map(Number::Real),
        _ => None,
    }
}

/// `a * b`
pub fn mul(a: Value, b: Value) -> Result<Value, Error> {
    let times = |n: &Value| numeric(n).and_then(|n| if let Number::Int(n) = n { Some(n.clamp(0, 1 << 40) as usize) } else { None });
    for (one, n) in [(&a, &b), (&b, &a)] {
        let Some(n) = times(n) else { continue };
        if let Some(text) = one.as_str() {
            guard::room(text.len().saturating_mul(n))?;
            return Ok(like(one, text.repeat(n)));
        }
        if is_list(one) {
            let items: Vec<Value> = one.try_iter()?.collect();
            guard::room(items.len().saturating_mul(n).saturating_mul(size_of::<Value>()))?;
            return Ok(Value::from(std::iter::repeat_n(items, n).flatten().collect::<Vec<_>>()));
        }
    }
    arithmetic("*", &a, &b, i128::checked_mul, |x, y| x * y)
}

/// `a % b`: the rest has the sign of `b`; of a text, its placeholders are filled, with the
/// items of `b` if it is a tuple.
pub fn rem(a: Value, b: Value, tuple: bool) -> Result<Value, Error> {
    if let Some(text) = a.as_str() {
        if a.is_safe() {
            return crate::format::percent(text, &all_escaped(&b)?, tuple).map(Value::from_safe_string);
        }
        return Ok(Value::from(crate::format::percent(text, &b, tuple)?));
    }
    let zero = numeric(&b).is_some_and(|n| n.real() == 0.0) && numeric(&a).is_some();
    if zero {
        return Err(Error::new(ErrorKind::InvalidOperation, "% by zero"));
    }
    arithmetic("%", &a, &b, |x, y| x.checked_rem(y).map(|r| if r != 0 && (r < 0) != (y < 0) { r + y } else { r }), |x, y| {
        let r = x % y;
        if r != 0.0 && (r < 0.0) != (y < 0.0) { r + y } else { r }
    })
}

/// A text that is safe if the one that it was made of is.
pub fn like(of: &Value, text: String) -> Value {
    if of.is_safe() { Value::from_safe_string(text) } else { Value::from(text) }
}

/// The texts of a value, escaped.
fn all_escaped(value: &Value) -> Result<Value, Error> {
    if value.as_str().is_some() {
        return escaped(value).map(Value::from_safe_string);
    }
    if value.kind() == ValueKind::Seq {
        return Ok(Value::from(value.try_iter()?.map(|item| all_escaped(&item)).collect::<Result<Vec<_>, _>>()?));
    }
    Ok(value.clone())
}

/// `a ~ b`
pub fn concat(a: Value, b: Value) -> Result<Value, Error> {
    let mut text = str_of(&a)?;
    text.push_str(&str_of(&b)?);
    Ok(Value::from(guard::checked(text)?))
}

/// `of[start:stop:step]`
pub fn slice(of: Value, start: Value, stop: Value, step: Value) -> Result<Value, Error> {
    let step = if step.is_none() { 1 } else { whole(&step)? };
    if step == 0 {
        return Err(Error::new(ErrorKind::InvalidOperation, "the step of a slice is 0"));
    }
    if let Some(text) = of.as_str() {
        guard::spend(text.len())?;
        let chars: Vec<char> = text.chars().collect();
        return Ok(like(&of, picked(&start, &stop, step, chars.len())?.map(|i| chars[i]).collect()));
    }
    if of.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if !is_list(&of) || Generator::is(&of) {
        return Ok(Value::UNDEFINED);
    }
    guard::scan(&of)?;
    let items: Vec<Value> = of.try_iter()?.collect();
    Ok(picked(&start, &stop, step, items.len())?.map(|i| items[i].clone()).collect())
}

/// The indices of a slice.
fn picked(start: &Value, stop: &Value, step: i64, length: usize) -> Result<impl Iterator<Item = usize>, Error> {
    let n = length as i64;
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let place = |value: &Value, default: i64| -> Result<i64, Error> {
        if value.is_none() {
            return Ok(default);
        }
        let at = whole(value)?;
        Ok(if at < 0 { at.saturating_add(n) } else { at }.clamp(low, high))
    };
    let first = place(start, if step > 0 { low } else { high })?;
    let end = place(stop, if step > 0 { high } else { low })?;
    let mut at = first;
    Ok(std::iter::from_fn(move || {
        let more = if step > 0 { at < end } else { at > end };
        let here = at;
        at = at.saturating_add(step);
        more.then_some(here as usize)
    }))
}

/// `of.name` for a name that is a method of dicts.
pub fn attribute(of: &Value, name: &'static str) -> Result<Value, Error> {
    if is_dict(of) {
        return Ok(Value::from_object(Bound { of: of.clone(), name }));
    }
    of.get_attr(name)
}

/// `of[key]`: a key that a dict lacks may still name one of its methods.
pub fn item(of: Value, key: Value) -> Result<Value, Error> {
    if is_dict(&of) {
        hashable(&key)?;
    }
    if Generator::is(&of) {
        return Ok(Value::UNDEFINED);
    }
    let found = of.get_item(&key)?;
    if found.is_undefined() && is_dict(&of) {
        let method = key.as_str().and_then(|key| OF_DICT.iter().find(|name| **name == key));
        if let Some(name) = method {
            return Ok(Value::from_object(Bound { of, name }));
        }
    }
    Ok(found)
}

/// What a loop goes through: None is nothing that can be gone through.
pub fn iterated(value: Value) -> Result<Value, Error> {
    if value.is_none() {
        return Err(Error::new(ErrorKind::InvalidOperation, "None cannot be gone through in a loop"));
    }
    guard::scan(&value)?;
    Ok(value)
}

/// Lists and dicts are no keys.
pub fn hashable(key: &Value) -> Result<(), Error> {
    match key.kind() {
        ValueKind::Seq | ValueKind::Map => Err(Error::new(ErrorKind::InvalidOperation, format!("{} is no key of a dict", describe(key)))),
        _ => Ok(()),
    }
}

/// `{key: value, …}`
pub fn dict(items: Rest<Value>) -> Result<Value, Error> {
    guard::spend(items.len() * size_of::<Value>())?;
    let mut out = crate::json::Map::with_capacity(items.len() / 2);
    for pair in items.chunks_exact(2) {
        hashable(&pair[0])?;
        out.insert(pair[0].clone(), pair[1].clone());
    }
    Ok(Value::from_object(out))
}

fn holds_values(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map)
}

/// `a == b`
pub fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
    match (a.as_str(), b.as_str()) {
        (Some(x), Some(y)) => guard::spend(x.len().min(y.len()) / 16)?,
        _ if holds_values(a) && holds_values(b) => guard::scan_all(a)?,
        _ => {}
    }
    Ok(a == b)
}

/// `a < b` and its kin, which go with two numbers, two texts, and two lists.
pub fn ordered(op: &str, a: &Value, b: &Value, is: impl Fn(Ordering) -> bool) -> Result<bool, Error> {
    match (a.as_str(), b.as_str()) {
        (Some(x), Some(y)) => {
            guard::spend(x.len().min(y.len()) / 16)?;
            return Ok(is(x.cmp(y)));
        }
        _ if a.kind() == ValueKind::Seq && b.kind() == ValueKind::Seq => {
            guard::scan_all(a)?;
            return Ok(is(a.cmp(b)));
        }
        _ => {}
    }
    match (numeric(a), numeric(b)) {
        (Some(Number::Int(x)), Some(Number::Int(y))) => Ok(is(x.cmp(&y))),
        (Some(x), Some(y)) => Ok(x.real().partial_cmp(&y.real()).is_some_and(is)),
        _ => Err(unsupported(op, a, b)),
    }
}

/// `item in list`
pub fn contained(list: &Value, item: &Value) -> Result<bool, Error> {
    if let Some(text) = list.as_str() {
        guard::scan(list)?;
        return match item.as_str() {
            Some(piece) => Ok(text.contains(piece)),
            None => Err(unsupported("in", item, list)),
        };
    }
    if list.is_undefined() {
        return Ok(false);
    }
    if is_dict(list) {
        hashable(item)?;
        return Ok(list.downcast_object_ref::<crate::json::Map>().is_some_and(|map| map.contains_key(item)));
    }
    if !is_list(list) {
        return Err(unsupported("in", item, list));
    }
    if holds_values(item) { guard::scan_all(list)? } else { guard::scan(list)? }
    Ok(list.try_iter()?.any(|one| one == *item))
}
