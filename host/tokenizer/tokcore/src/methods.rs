//! The methods that Python's texts, dicts and lists have, with Python's meaning.

use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

use crate::guard;
use crate::ops::{count_chars, escaped, hashable, range_of};
use crate::python::is_space;

/// The methods of a dict: an attribute of one of these names is the method, also
/// where the dict has such a key.
pub const OF_DICT: [&str; 11] =
    ["items", "keys", "values", "get", "copy", "pop", "popitem", "update", "clear", "setdefault", "fromkeys"];

/// A method that is not called yet, as `{{ x.items }}` has it.
#[derive(Debug)]
pub struct Bound {
    pub of: Value,
    pub name: &'static str,
}

impl Object for Bound {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        call(state, &self.of, self.name, args)
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<built-in method {} of dict object>", self.name)
    }
}

/// Calls `of.name(args)`.
pub fn call(state: &State, of: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    guard::scan(of)?;
    let done = match of.kind() {
        ValueKind::String if of.is_safe() => safe_text(of.as_str().unwrap_or_default(), name, args)?,
        ValueKind::String => text(of.as_str().unwrap_or_default(), name, args)?,
        ValueKind::Map if is_dict(of) => dict(of, name, args)?,
        ValueKind::Seq | ValueKind::Iterable => list(of, name, args)?,
        _ => None,
    };
    match done {
        Some(value) => Ok(value),
        None => of.call_method(state, name, args).map_err(|e| match e.kind() {
            ErrorKind::UnknownMethod => {
                Error::new(ErrorKind::UnknownMethod, format!("{} has no method {name}", describe(of)))
            }
            _ => e,
        }),
    }
}

/// Names the kind of a value as Python does.
pub fn describe(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "an undefined value",
        ValueKind::None => "None",
        ValueKind::Bool => "a bool",
        ValueKind::Number => "a number",
        ValueKind::String => "a str",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a dict",
        _ => "this value",
    }
}

/// Tells dicts from namespaces and other objects that only look like one.
pub fn is_dict(value: &Value) -> bool {
    value.kind() == ValueKind::Map && value.downcast_object_ref::<crate::json::Map>().is_some()
}

fn dict(of: &Value, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match name {
        "keys" => {
            let () = from_args(args)?;
            of.try_iter()?.collect()
        }
        "values" => {
            let () = from_args(args)?;
            pairs(of)?.into_iter().map(|(_, v)| v).collect()
        }
        "items" => {
            let () = from_args(args)?;
            pairs(of)?.into_iter().map(|(k, v)| Value::from(vec![k, v])).collect()
        }
        "get" => {
            let (key, default): (Value, Option<Value>) = from_args(args)?;
            hashable(&key)?;
            let found = of.get_item(&key)?;
            if found.is_undefined() { default.unwrap_or(Value::from(())) } else { found }
        }
        "copy" => of.clone(),
        "pop" | "popitem" | "update" | "clear" | "setdefault" => return Err(frozen("dict", name)),
        _ => return Ok(None),
    }))
}

/// A sandboxed template changes no value.
fn frozen(kind: &str, name: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{kind}.{name} changes its value, which no chat template may do"))
}

pub fn pairs(of: &Value) -> Result<Vec<(Value, Value)>, Error> {
    of.try_iter()?.map(|key| of.get_item(&key).map(|value| (key, value))).collect()
}

fn list(of: &Value, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match name {
        "count" => {
            let (what,): (Value,) = from_args(args)?;
            Value::from(of.try_iter()?.filter(|item| *item == what).count())
        }
        "index" => {
            let (what,): (Value,) = from_args(args)?;
            let at = of.try_iter()?.position(|item| item == what);
            Value::from(at.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "list.index: the value is not in the list"))?)
        }
        "copy" => of.clone(),
        "append" | "extend" | "insert" | "pop" | "remove" | "clear" | "sort" | "reverse" => return Err(frozen("list", name)),
        _ => return Ok(None),
    }))
}

/// A method of a text that is marked as safe: what it gives is safe, and the texts that it
/// takes in are escaped.
fn safe_text(s: &str, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let mut args = args.to_vec();
    let taken = match name {
        "replace" => 1..2,
        "format" => 0..args.len(),
        _ => 0..0,
    };
    for arg in args.iter_mut().take(taken.end).skip(taken.start).filter(|arg| arg.as_str().is_some()) {
        *arg = Value::from(escaped(arg)?);
    }
    if let ("join", Some(items)) = (name, args.first()) {
        let items = items.try_iter()?.map(|item| escaped(&item).map(Value::from)).collect::<Result<Vec<_>, _>>()?;
        args[0] = Value::from(items);
    }
    let safe = |value: Value| value.as_str().map(|text| Value::from_safe_string(text.to_owned())).unwrap_or(value);
    Ok(match text(s, name, &args)? {
        Some(list) if list.kind() == ValueKind::Seq => Some(list.try_iter()?.map(safe).collect()),
        other => other.map(safe),
    })
}

fn text(s: &str, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let (args, kwargs) = from_args::<(&[Value], Kwargs)>(args)?;
    let at = |i: usize, key: &str| -> Option<Value> {
        let given = args.get(i).cloned().or_else(|| kwargs.get::<Option<Value>>(key).ok().flatten());
        given.filter(|v| !v.is_none() && !v.is_undefined())
    };
    let done = match name {
        "upper" => Value::from(s.to_uppercase()),
        "lower" => Value::from(s.to_lowercase()),
        "casefold" => Value::from(s.to_lowercase()),
        "title" => Value::from(title(s)),
        "capitalize" => Value::from(capitalize(s)),
        "swapcase" => Value::from(swapcase(s)),
        "islower" => Value::from(s.chars().any(char::is_lowercase) && !s.chars().any(char::is_uppercase)),
        "isupper" => Value::from(s.chars().any(char::is_uppercase) && !s.chars().any(char::is_lowercase)),
        "isspace" => Value::from(all(s, is_space)),
        "isdigit" | "isdecimal" | "isnumeric" => Value::from(all(s, char::is_numeric)),
        "isalnum" => Value::from(all(s, char::is_alphanumeric)),
        "isalpha" => Value::from(all(s, char::is_alphabetic)),
        "isprintable" => Value::from(s.chars().all(crate::python::printable)),
        "isidentifier" => Value::from(all(s, |c| c.is_alphanumeric() || c == '_') && !s.starts_with(|c: char| c.is_numeric())),
        "istitle" => Value::from(s.chars().any(char::is_alphabetic) && title(s) == s),
        "isascii" => Value::from(s.is_ascii()),
        "strip" => Value::from(strip(s, at(0, "chars"), true, true)?),
        "lstrip" => Value::from(strip(s, at(0, "chars"), true, false)?),
        "rstrip" => Value::from(strip(s, at(0, "chars"), false, true)?),
        "removeprefix" => Value::from(s.strip_prefix(need(&at(0, "prefix"), name)?).unwrap_or(s)),
        "removesuffix" => Value::from(s.strip_suffix(need(&at(0, "suffix"), name)?).unwrap_or(s)),
        "replace" => {
            let (old, new) = (at(0, "old"), at(1, "new"));
            let count = at(2, "count").and_then(|n| n.as_i64()).unwrap_or(-1);
            Value::from(replace(s, need(&old, name)?, need(&new, name)?, count)?)
        }
        "split" | "rsplit" => split(s, at(0, "sep"), at(1, "maxsplit"), name == "rsplit")?,
        "splitlines" => {
            guard::spend(s.len())?;
            lines(s, at(0, "keepends").is_some_and(|v| v.is_true())).into_iter().map(Value::from).collect()
        }
        "partition" => parts(s, s.split_once(need(&at(0, "sep"), name)?), &at(0, "sep"), false),
        "rpartition" => parts(s, s.rsplit_once(need(&at(0, "sep"), name)?), &at(0, "sep"), true),
        "count" => Value::from(matches(s, need(&at(0, "sub"), name)?)),
        "find" | "rfind" | "index" | "rindex" => find(s, name, &args)?,
        "startswith" | "endswith" => Value::from(fixed(s, name, args)?),
        "join" => {
            let mut items = Vec::new();
            for item in at(0, "iterable").unwrap_or_default().try_iter()? {
                items.push(need(&Some(item), name)?.to_owned());
            }
            Value::from(crate::guard::checked(items.join(s))?)
        }
        "zfill" => Value::from(zfill(s, width(&at(0, "width"))?)),
        "ljust" | "rjust" | "center" => Value::from(justify(s, name, width(&at(0, "width"))?, &at(1, "fillchar"))?),
        "format" => Value::from(crate::format::braces(s, args, &kwargs)?),
        "encode" | "translate" | "maketrans" | "expandtabs" => {
            return Err(Error::new(ErrorKind::UnknownMethod, format!("str.{name} is not supported in chat templates here")));
        }
        _ => return Ok(None),
    };
    Ok(Some(done))
}

fn all(s: &str, is: impl Fn(char) -> bool) -> bool {
    !s.is_empty() && s.chars().all(is)
}

/// The text that a method needs as an argument.
fn need<'a>(value: &'a Option<Value>, method: &str) -> Result<&'a str, Error> {
    value.as_ref().and_then(|v| v.as_str()).ok_or_else(|| {
        let found = value.as_ref().map_or("nothing", describe);
        Error::new(ErrorKind::InvalidOperation, format!("str.{method} needs a str and got {found}"))
    })
}

fn width(value: &Option<Value>) -> Result<usize, Error> {
    let width = value.as_ref().and_then(|v| v.as_i64()).unwrap_or(0).clamp(0, i32::MAX as i64) as usize;
    guard::room(width)?;
    Ok(width)
}

pub fn capitalize(s: &str) -> String {
    let mut chars = s.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

fn swapcase(s: &str) -> String {
    s.chars()
        .flat_map(|c| -> Vec<char> {
            if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
        })
        .collect()
}

/// `str.title`: a letter after anything but a letter is a capital.
fn title(s: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in s.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_lowercase() || c.is_uppercase();
    }
    out
}

/// `str.strip` and its one-sided kin.
pub fn strip(s: &str, chars: Option<Value>, left: bool, right: bool) -> Result<String, Error> {
    let set: Option<Vec<char>> = match &chars {
        Some(_) => Some(need(&chars, "strip")?.chars().collect()),
        None => None,
    };
    let drop = |c: char| set.as_ref().map_or_else(|| is_space(c), |set| set.contains(&c));
    let mut s = s;
    if left {
        s = s.trim_start_matches(drop);
    }
    if right {
        s = s.trim_end_matches(drop);
    }
    Ok(s.to_owned())
}

/// `str.replace`; a count below 0 means all.
pub fn replace(s: &str, old: &str, new: &str, count: i64) -> Result<String, Error> {
    let times = matches(s, old).min(if count < 0 { usize::MAX } else { count as usize });
    crate::guard::room(s.len().saturating_add(times.saturating_mul(new.len())))?;
    Ok(if count < 0 { s.replace(old, new) } else { s.replacen(old, new, count as usize) })
}

fn matches(s: &str, what: &str) -> usize {
    if what.is_empty() { count_chars(s) + 1 } else { s.matches(what).count() }
}

fn split(s: &str, sep: Option<Value>, max: Option<Value>, right: bool) -> Result<Value, Error> {
    let max = max.and_then(|m| m.as_i64()).filter(|m| *m >= 0).map_or(usize::MAX, |m| m as usize);
    guard::list(match &sep {
        Some(sep) => matches(s, sep.as_str().unwrap_or_default()),
        None => s.chars().filter(|c| is_space(*c)).count(),
    }.min(max))?;
    let mut found: Vec<&str> = match &sep {
        Some(_) => {
            let sep = need(&sep, "split")?;
            if sep.is_empty() {
                return Err(Error::new(ErrorKind::InvalidOperation, "str.split needs a separator that is not empty"));
            }
            let n = max.saturating_add(1);
            if right { s.rsplitn(n, sep).collect() } else { s.splitn(n, sep).collect() }
        }
        None => blanks(s, max, right),
    };
    if right {
        found.reverse();
    }
    Ok(found.into_iter().map(Value::from).collect())
}

/// The words of a text, split at most `max` times; from the right end, the last first.
fn blanks(s: &str, max: usize, right: bool) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = if right { s.trim_end_matches(is_space) } else { s.trim_start_matches(is_space) };
    while !rest.is_empty() {
        let cut = if words.len() == max {
            None
        } else if right {
            rest.char_indices().rev().find(|(_, c)| is_space(*c))
        } else {
            rest.char_indices().find(|(_, c)| is_space(*c))
        };
        match cut {
            None => {
                words.push(if right { rest.trim_start_matches(is_space) } else { rest.trim_end_matches(is_space) });
                if words.len() > max {
                    let last = words.len() - 1;
                    words[last] = if right { rest } else { rest };
                }
                break;
            }
            Some((at, c)) if right => {
                words.push(&rest[at + c.len_utf8()..]);
                rest = rest[..at].trim_end_matches(is_space);
            }
            Some((at, _)) => {
                words.push(&rest[..at]);
                rest = rest[at..].trim_start_matches(is_space);
            }
        }
    }
    words
}

/// `str.splitlines`, which knows more line ends than `\n`.
pub fn lines(s: &str, keep: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = s.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == '\r' && chars.peek().is_some_and(|(_, next)| *next == '\n') {
            chars.next();
            end += 1;
        }
        lines.push(&s[start..if keep { end } else { at }]);
        start = end;
    }
    if start < s.len() {
        lines.push(&s[start..]);
    }
    lines
}

fn parts(s: &str, cut: Option<(&str, &str)>, sep: &Option<Value>, right: bool) -> Value {
    let sep = sep.as_ref().and_then(|v| v.as_str()).unwrap_or_default();
    let three = match cut {
        Some((before, after)) => [before, sep, after],
        None if right => ["", "", s],
        None => [s, "", ""],
    };
    three.into_iter().map(Value::from).collect()
}

/// Positions are in characters, and a part of the text may be asked for.
fn find(s: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let what = args.first().cloned();
    let what = need(&what, name)?;
    let (start, end) = range_of(args.get(1), args.get(2), count_chars(s))?;
    let byte = |n: usize| s.char_indices().nth(n).map_or(s.len(), |(at, _)| at);
    let part = if start <= end { Some(&s[byte(start)..byte(end)]) } else { None };
    let found = part.and_then(|part| if name.starts_with('r') { part.rfind(what) } else { part.find(what) }.map(|at| count_chars(&part[..at])));
    match found {
        Some(at) => Ok(Value::from(start + at)),
        None if name.ends_with("find") => Ok(Value::from(-1)),
        None => Err(Error::new(ErrorKind::InvalidOperation, format!("str.{name}: {what:?} is not in the text"))),
    }
}

/// `startswith` and `endswith`, of one text or of any of several.
fn fixed(s: &str, name: &str, args: &[Value]) -> Result<bool, Error> {
    let (start, end) = range_of(args.get(1), args.get(2), count_chars(s))?;
    let byte = |n: usize| s.char_indices().nth(n).map_or(s.len(), |(at, _)| at);
    let part = match args.len() {
        0 | 1 => s,
        _ if start <= end => &s[byte(start)..byte(end)],
        _ => return Ok(false),
    };
    let is = |affix: &str| if name == "startswith" { part.starts_with(affix) } else { part.ends_with(affix) };
    match args.first() {
        Some(several) if several.kind() == ValueKind::Seq => {
            for one in several.try_iter()? {
                if is(need(&Some(one), name)?) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        one => Ok(is(need(&one.cloned(), name)?)),
    }
}

fn zfill(s: &str, width: usize) -> String {
    let missing = width.saturating_sub(count_chars(s));
    match s.strip_prefix(['+', '-']) {
        Some(rest) => format!("{}{}{rest}", &s[..1], "0".repeat(missing)),
        None => "0".repeat(missing) + s,
    }
}

fn justify(s: &str, name: &str, width: usize, fill: &Option<Value>) -> Result<String, Error> {
    let fill = match fill {
        Some(_) => need(fill, name)?,
        None => " ",
    };
    let missing = width.saturating_sub(count_chars(s));
    let left = match name {
        "ljust" => 0,
        "rjust" => missing,
        _ => missing / 2 + (missing & width & 1),
    };
    Ok(fill.repeat(left) + s + &fill.repeat(missing - left))
}
