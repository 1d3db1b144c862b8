//! Filters, tests and functions of Jinja that the engine lacks or gives another meaning.

use std::sync::atomic::{AtomicI64, Ordering};

use minijinja::value::{Kwargs, Rest, Value, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State};

use crate::guard;
use crate::methods::{capitalize, is_dict, pairs, replace, strip};
use crate::python::{Style, str_of, write_json};

/// What the message of `raise_exception` begins with inside the engine.
pub const RAISED: char = '\u{1}';

/// The moment that `strftime_now` tells, in seconds since 1970.
pub static NOW: AtomicI64 = AtomicI64::new(0);

/// Puts them into an environment.
pub fn install(env: &mut Environment<'static>) {
    env.set_formatter(|out, _, value| {
        if let Some(text) = value.as_str() {
            guard::room(text.len())?;
            return out.write_str(text).map_err(Error::from);
        }
        let text = guard::checked(str_of(value)?)?;
        out.write_str(&text).map_err(Error::from)
    });
    texts(env);
    lists(env);
    numbers(env);
    tests(env);
    env.add_function("raise_exception", |message: Value| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, format!("{RAISED}{}", str_of(&message)?)))
    });
    env.add_function("dict", |args: Rest<Value>| -> Result<Value, Error> {
        let (list, kwargs): (&[Value], Kwargs) = from_args(&args)?;
        let mut out = crate::json::Map::default();
        match list.first() {
            Some(first) if is_dict(first) => out.extend(pairs(first)?),
            Some(first) => {
                for pair in first.try_iter()? {
                    out.insert(pair.get_item_by_index(0)?, pair.get_item_by_index(1)?);
                }
            }
            None => {}
        }
        for key in kwargs.args() {
            out.insert(Value::from(key), kwargs.get(key)?);
        }
        Ok(Value::from_object(out))
    });
    env.add_function("strftime_now", |format: &str| crate::clock::strftime(NOW.load(Ordering::Relaxed), format));
}

/// Escapes a text for HTML as Python's markupsafe does.
fn escape(v: Value) -> Result<String, Error> {
    let mut out = str_of(&v)?;
    for (char, name) in [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&#34;"), ('\'', "&#39;")] {
        out = replace(&out, char.encode_utf8(&mut [0; 4]), name, -1)?;
    }
    Ok(out)
}

fn texts(env: &mut Environment<'static>) {
    env.add_filter("escape", escape);
    env.add_filter("e", escape);
    env.add_filter("pprint", |v: Value| {
        let mut out = String::new();
        crate::python::write_repr(&mut out, &v, 0).map(|()| out)
    });
    env.add_filter("attr", |v: Value, name: &str| if is_dict(&v) { Value::UNDEFINED } else { v.get_attr(name).unwrap_or_default() });
    env.add_filter("tojson", tojson);
    env.add_filter("string", |v: Value| str_of(&v));
    env.add_filter("upper", |v: Value| str_of(&v).map(|s| s.to_uppercase()));
    env.add_filter("lower", |v: Value| str_of(&v).map(|s| s.to_lowercase()));
    env.add_filter("capitalize", |v: Value| str_of(&v).map(|s| capitalize(&s)));
    env.add_filter("title", |v: Value| str_of(&v).map(|s| title(&s)));
    env.add_filter("trim", |v: Value, chars: Option<Value>| strip(&str_of(&v)?, chars.filter(|c| !c.is_none()), true, true));
    env.add_filter("replace", |v: Value, old: Value, new: Value, count: Option<i64>| {
        replace(&str_of(&v)?, &str_of(&old)?, &str_of(&new)?, count.unwrap_or(-1))
    });
    env.add_filter("format", |text: Value, args: Rest<Value>| {
        let (list, kwargs): (&[Value], Kwargs) = from_args(&args)?;
        let named: Vec<(String, Value)> =
            kwargs.args().map(|k| Ok((k.to_owned(), kwargs.get::<Value>(k)?))).collect::<Result<_, Error>>()?;
        let with = if named.is_empty() { Value::from(list.to_vec()) } else { named.into_iter().collect() };
        crate::format::percent(&str_of(&text)?, &with, true)
    });
    env.add_filter("indent", indent);
    env.add_filter("join", join);
    env.add_filter("wordcount", |v: Value| str_of(&v).map(|s| s.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).count()));
    env.add_filter("center", |state: &State, v: Value, width: Option<usize>| {
        crate::methods::call(state, &Value::from(str_of(&v)?), "center", &[Value::from(width.unwrap_or(80))])
    });
    env.add_filter("reverse", |v: Value| -> Result<Value, Error> {
        if let Some(text) = v.as_str() {
            return Ok(Value::from(text.chars().rev().collect::<String>()));
        }
        let mut items: Vec<Value> = v.try_iter()?.collect();
        items.reverse();
        Ok(Value::from(items))
    });
}

/// `json.dumps`, with the arguments that transformers gives the filter.
fn tojson(value: Value, args: Rest<Value>) -> Result<Value, Error> {
    let (list, kwargs): (&[Value], Kwargs) = from_args(&args)?;
    let get = |i: usize, key: &str| -> Result<Option<Value>, Error> {
        let given = list.get(i).cloned().or(kwargs.get::<Option<Value>>(key)?);
        Ok(given.filter(|v| !v.is_none()))
    };
    let mut style = Style { ascii: get(0, "ensure_ascii")?.is_some_and(|v| v.is_true()), ..Style::default() };
    if let Some(indent) = get(1, "indent")? {
        style.item = ",".into();
        style.indent = Some(match indent.as_str() {
            Some(text) => text.into(),
            None => " ".repeat(i64::try_from(indent)?.clamp(0, 1000) as usize),
        });
    }
    if let Some(two) = get(2, "separators")? {
        let two: Vec<Value> = two.try_iter()?.collect();
        let [item, key] = two.as_slice() else {
            return Err(Error::new(ErrorKind::InvalidOperation, "tojson wants two separators"));
        };
        (style.item, style.key) = (str_of(item)?, str_of(key)?);
    }
    style.sorted = get(3, "sort_keys")?.is_some_and(|v| v.is_true());
    kwargs.assert_all_used()?;
    let mut out = String::new();
    write_json(&mut out, &value, &style, 0)?;
    Ok(Value::from(guard::checked(out)?))
}

/// Jinja's own `title`, which begins words after blanks, dashes and brackets alone.
fn title(s: &str) -> String {
    let mut out = String::new();
    let mut first = true;
    for c in s.chars() {
        let between = c.is_whitespace() || "-({[<".contains(c);
        if first && !between {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        first = between;
    }
    out
}

fn indent(v: Value, args: Rest<Value>) -> Result<String, Error> {
    let (list, kwargs): (&[Value], Kwargs) = from_args(&args)?;
    let get = |i: usize, key: &str| -> Result<Option<Value>, Error> {
        Ok(list.get(i).cloned().or(kwargs.get::<Option<Value>>(key)?))
    };
    let width = get(0, "width")?.unwrap_or(Value::from(4));
    let pad = match width.as_str() {
        Some(text) => text.to_owned(),
        None => " ".repeat(i64::try_from(width)?.clamp(0, 10_000) as usize),
    };
    let first = get(1, "first")?.is_some_and(|v| v.is_true());
    let blank = get(2, "blank")?.is_some_and(|v| v.is_true());
    let text = str_of(&v)? + "\n";
    let mut out = String::new();
    for (i, line) in text.lines().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        if (i > 0 || first) && (blank || !line.is_empty()) {
            guard::room(pad.len() + line.len())?;
            out.push_str(&pad);
        }
        out.push_str(line);
    }
    guard::checked(out)
}

fn join(v: Value, by: Option<Value>, attribute: Option<Value>) -> Result<String, Error> {
    let (by, kwargs) = match by {
        Some(v) if v.is_kwargs() => (None, Some(Kwargs::try_from(v)?)),
        other => (other, None),
    };
    let attribute = match (&attribute, &kwargs) {
        (Some(v), _) if v.is_kwargs() => Kwargs::try_from(v.clone())?.get::<Option<String>>("attribute")?,
        (Some(v), _) => Some(str_of(v)?),
        (None, Some(kwargs)) => kwargs.get::<Option<String>>("attribute")?,
        _ => None,
    };
    let by = match (by, &kwargs) {
        (Some(v), _) => str_of(&v)?,
        (None, Some(kwargs)) => kwargs.get::<Option<String>>("d")?.unwrap_or_default(),
        _ => String::new(),
    };
    let mut out = String::new();
    for (i, mut item) in v.try_iter()?.enumerate() {
        if i > 0 {
            out.push_str(&by);
        }
        if let Some(attribute) = &attribute {
            item = item.get_attr(attribute)?;
        }
        let text = str_of(&item)?;
        guard::room(text.len() + by.len())?;
        out.push_str(&text);
    }
    Ok(out)
}

fn lists(env: &mut Environment<'static>) {
    env.add_filter("list", |v: Value| -> Result<Value, Error> {
        match v.as_str() {
            Some(text) => Ok(text.chars().map(|c| Value::from(c.to_string())).collect()),
            None => Ok(Value::from(v.try_iter()?.collect::<Vec<_>>())),
        }
    });
    env.add_filter("items", |v: Value| -> Result<Value, Error> {
        if v.is_undefined() {
            return Ok(Value::from(Vec::<Value>::new()));
        }
        if !is_dict(&v) {
            return Err(Error::new(ErrorKind::InvalidOperation, "items wants a dict"));
        }
        Ok(pairs(&v)?.into_iter().map(|(k, v)| Value::from(vec![k, v])).collect())
    });
    let default = |v: Value, args: Rest<Value>| -> Result<Value, Error> {
        let (list, kwargs): (&[Value], Kwargs) = from_args(&args)?;
        let other = list.first().cloned().or(kwargs.get::<Option<Value>>("default_value")?).unwrap_or(Value::from(""));
        let boolean = list.get(1).cloned().or(kwargs.get::<Option<Value>>("boolean")?).is_some_and(|v| v.is_true());
        Ok(if v.is_undefined() || (boolean && !v.is_true()) { other } else { v })
    };
    env.add_filter("default", default);
    env.add_filter("d", default);
}

fn numbers(env: &mut Environment<'static>) {
    env.add_filter("int", |v: Value, args: Rest<Value>| -> Result<Value, Error> {
        let (list, kwargs): (&[Value], Kwargs) = from_args(&args)?;
        let default = list.first().cloned().or(kwargs.get::<Option<Value>>("default")?).unwrap_or(Value::from(0));
        let base = list.get(1).cloned().or(kwargs.get::<Option<Value>>("base")?).and_then(|v| v.as_i64()).unwrap_or(10);
        Ok(whole(&v, base.clamp(2, 36) as u32).map_or(default, Value::from))
    });
    env.add_filter("float", |v: Value, default: Option<Value>| {
        let found = match v.as_str() {
            Some(text) => text.trim().replace('_', "").parse::<f64>().ok(),
            None => f64::try_from(v.clone()).ok().or_else(|| (v.kind() == ValueKind::Bool).then(|| v.is_true() as u8 as f64)),
        };
        found.map_or(default.unwrap_or(Value::from(0.0)), Value::from)
    });
    env.add_filter("round", |v: Value, args: Rest<Value>| -> Result<Value, Error> {
        let (list, kwargs): (&[Value], Kwargs) = from_args(&args)?;
        let precision = list.first().cloned().or(kwargs.get::<Option<Value>>("precision")?).and_then(|p| p.as_i64()).unwrap_or(0);
        let method = list.get(1).cloned().or(kwargs.get::<Option<Value>>("method")?);
        let method = method.as_ref().and_then(|m| m.as_str()).unwrap_or("common");
        if v.is_integer() && method == "common" {
            return Ok(v);
        }
        let x = f64::try_from(v)?;
        let scale = 10f64.powi(precision.clamp(-300, 300) as i32);
        Ok(Value::from(match method {
            "ceil" => (x * scale).ceil() / scale,
            "floor" => (x * scale).floor() / scale,
            _ if precision > 0 => format!("{x:.*}", precision.min(100) as usize).parse().unwrap_or(x),
            _ => (x * scale).round_ties_even() / scale,
        }))
    });
}

fn whole(v: &Value, base: u32) -> Option<i128> {
    match v.as_str() {
        Some(text) => {
            let text = text.trim().replace('_', "");
            let bare = text.trim_start_matches(['0']).trim_start_matches(['x', 'X', 'b', 'B', 'o', 'O']);
            i128::from_str_radix(if base == 10 { &text } else { bare }, base)
                .ok()
                .or_else(|| text.parse::<f64>().ok().filter(|x| x.is_finite()).map(|x| x as i128))
        }
        None if v.kind() == ValueKind::Bool => Some(v.is_true() as i128),
        None if v.is_integer() => i128::try_from(v.clone()).ok(),
        None => f64::try_from(v.clone()).ok().filter(|x| x.is_finite()).map(|x| x as i128),
    }
}

fn tests(env: &mut Environment<'static>) {
    env.add_test("iterable", |v: Value| matches!(v.kind(), ValueKind::Undefined | ValueKind::String | ValueKind::Seq | ValueKind::Iterable | ValueKind::Map));
    env.add_test("sequence", |v: Value| matches!(v.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable) || is_dict(&v));
    env.add_test("mapping", |v: Value| is_dict(&v));
    env.add_test("number", |v: Value| matches!(v.kind(), ValueKind::Number | ValueKind::Bool));
    env.add_test("callable", |v: Value| {
        v.is_undefined() || v.downcast_object_ref::<crate::methods::Bound>().is_some() || v.to_string().starts_with("<macro ") || v.kind() == ValueKind::Plain
    });
}
