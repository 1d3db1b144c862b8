//! Filters, tests and functions of Jinja that the engine lacks or gives another meaning.

use std::sync::atomic::{AtomicI64, Ordering};

use minijinja::value::{Kwargs, Rest, Value, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State};

use crate::generator::Generator;
use crate::guard;
use crate::methods::{capitalize, describe, is_dict, lines, pairs, replace, strip};
use crate::ops::{escaped, iterated, like};
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

fn texts(env: &mut Environment<'static>) {
    for name in ["escape", "e"] {
        env.add_filter(name, |v: Value| escaped(&v).map(Value::from_safe_string));
    }
    env.add_filter("pprint", |v: Value| {
        let mut out = String::new();
        crate::python::write_repr(&mut out, &v, 0).map(|()| out)
    });
    env.add_filter("attr", |v: Value, name: &str| if is_dict(&v) { Value::UNDEFINED } else { v.get_attr(name).unwrap_or_default() });
    env.add_filter("tojson", tojson);
    env.add_filter("string", |v: Value| made(&v, |s| Ok(s)));
    env.add_filter("upper", |v: Value| made(&v, |s| Ok(s.to_uppercase())));
    env.add_filter("lower", |v: Value| made(&v, |s| Ok(s.to_lowercase())));
    env.add_filter("capitalize", |v: Value| made(&v, |s| Ok(capitalize(&s))));
    env.add_filter("title", |v: Value| made(&v, |s| Ok(title(&s))).map(|s| Value::from(s.as_str().unwrap_or_default())));
    env.add_filter("trim", |v: Value, chars: Option<Value>| made(&v, |s| strip(&s, chars.filter(|c| !c.is_none()), true, true)));
    env.add_filter("replace", |v: Value, old: Value, new: Value, count: Option<i64>| {
        replace(&str_of(&v)?, &str_of(&old)?, &str_of(&new)?, count.unwrap_or(-1))
    });
    env.add_filter("format", |text: Value, args: Rest<Value>| {
        let (list, kwargs): (&[Value], Kwargs) = from_args(&args)?;
        let named: Vec<(String, Value)> =
            kwargs.args().map(|k| Ok((k.to_owned(), kwargs.get::<Value>(k)?))).collect::<Result<_, Error>>()?;
        let with = if named.is_empty() { Value::from(list.to_vec()) } else { named.into_iter().collect() };
        crate::ops::rem(Value::from(str_of(&text)?), with, true)
    });
    env.add_filter("indent", indent);
    env.add_filter("join", join);
    env.add_filter("wordcount", |v: Value| str_of(&v).map(|s| s.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).count()));
    env.add_filter("center", |state: &State, v: Value, width: Option<usize>| {
        crate::methods::call(state, &Value::from(str_of(&v)?), "center", &[Value::from(width.unwrap_or(80))])
    });
    env.add_filter("reverse", |v: Value| -> Result<Value, Error> {
        guard::scan(&v)?;
        if let Some(text) = v.as_str() {
            return Ok(Value::from(text.chars().rev().collect::<String>()));
        }
        let mut items: Vec<Value> = iterated(v)?.try_iter()?.collect();
        items.reverse();
        Ok(Generator::value(items))
    });
}

/// A text made of another one: safe if that is.
fn made(of: &Value, make: impl FnOnce(String) -> Result<String, Error>) -> Result<Value, Error> {
    let text = str_of(of)?;
    guard::spend(text.len())?;
    Ok(like(of, guard::checked(make(text)?)?))
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

fn indent(v: Value, args: Rest<Value>) -> Result<Value, Error> {
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
    let mut out = if first { pad.clone() } else { String::new() };
    for (i, line) in lines(&text, false).into_iter().enumerate() {
        if i > 0 {
            out.push('\n');
            if blank || !line.is_empty() {
                guard::room(pad.len() + out.len())?;
                out.push_str(&pad);
            }
        }
        out.push_str(line);
    }
    Ok(like(&v, guard::checked(out)?))
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
    for (i, mut item) in iterated(v)?.try_iter()?.enumerate() {
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

/// What a filter of the engine makes of lists.
#[derive(Clone, Copy, PartialEq)]
enum Makes {
    Value,
    /// A generator.
    Generator,
    /// A generator, which is empty where there is nothing.
    Chosen,
}

/// Filters of the engine, with their work counted, and refusing None as Python does.
fn counted(env: &mut Environment<'static>) {
    use Makes::{Chosen, Generator as Generated, Value as One};
    use minijinja::filters as of;
    let filters: [(&'static str, Value, Makes); 17] = [
        ("first", Value::from_function(of::first), One),
        ("last", Value::from_function(of::last), One),
        ("min", Value::from_function(of::min), One),
        ("max", Value::from_function(of::max), One),
        ("sum", Value::from_function(of::sum), One),
        ("sort", Value::from_function(of::sort), One),
        ("groupby", Value::from_function(of::groupby), One),
        ("dictsort", Value::from_function(of::dictsort), One),
        ("unique", Value::from_function(of::unique), Generated),
        ("batch", Value::from_function(of::batch), Generated),
        ("slice", Value::from_function(of::slice), Generated),
        ("map", Value::from_function(of::map), Chosen),
        ("select", Value::from_function(of::select), Chosen),
        ("reject", Value::from_function(of::reject), Chosen),
        ("selectattr", Value::from_function(of::selectattr), Chosen),
        ("rejectattr", Value::from_function(of::rejectattr), Chosen),
        ("abs", Value::from_function(of::abs), One),
    ];
    for (name, filter, makes) in filters {
        env.add_filter(name, move |state: &State, args: Rest<Value>| -> Result<Value, Error> {
            let nothing = Value::UNDEFINED;
            let of = args.first().unwrap_or(&nothing);
            match makes {
                Makes::Chosen if !of.is_true() => return Ok(Generator::value(vec![])),
                Makes::Value if of.is_undefined() && name != "abs" => return Ok(empty(name)),
                _ => {}
            }
            if ["first", "last"].contains(&name) { guard::spend(0)? } else { guard::scan_all(of)? }
            if of.is_none() {
                return Err(Error::new(ErrorKind::InvalidOperation, format!("{name} does not go with None")));
            }
            let found = filter.call(state, &args)?;
            if makes == Makes::Value {
                return Ok(found);
            }
            Ok(Generator::value(found.try_iter()?.collect()))
        });
    }
    for name in ["length", "count"] {
        env.add_filter(name, |v: Value| -> Result<usize, Error> {
            guard::scan(&v)?;
            match v.len() {
                Some(length) => Ok(length),
                None if v.is_undefined() => Ok(0),
                None => Err(Error::new(ErrorKind::InvalidOperation, format!("{} has no length", describe(&v)))),
            }
        });
    }
}

/// What a filter makes of an undefined value, which is an empty list to it.
fn empty(filter: &str) -> Value {
    match filter {
        "sum" => Value::from(0),
        "sort" | "groupby" => Value::from(Vec::<Value>::new()),
        _ => Value::UNDEFINED,
    }
}

fn lists(env: &mut Environment<'static>) {
    counted(env);
    env.add_filter("list", |v: Value| -> Result<Value, Error> {
        let v = iterated(v)?;
        match v.as_str() {
            Some(text) => guard::list(text.len()).map(|()| text.chars().map(|c| Value::from(c.to_string())).collect()),
            None => Ok(Value::from(v.try_iter()?.collect::<Vec<_>>())),
        }
    });
    env.add_filter("items", |v: Value| -> Result<Value, Error> {
        if v.is_undefined() {
            return Ok(Generator::value(vec![]));
        }
        if !is_dict(&v) {
            return Err(Error::new(ErrorKind::InvalidOperation, "items wants a dict"));
        }
        guard::scan(&v)?;
        Ok(Generator::value(pairs(&v)?.into_iter().map(|(k, v)| Value::from(vec![k, v])).collect()))
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
    env.add_test("sequence", |v: Value| matches!(v.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable | ValueKind::Undefined) && !Generator::is(&v) || is_dict(&v));
    env.add_test("mapping", |v: Value| is_dict(&v));
    env.add_test("number", |v: Value| matches!(v.kind(), ValueKind::Number | ValueKind::Bool));
    env.add_test("callable", |v: Value| {
        v.is_undefined() || v.downcast_object_ref::<crate::methods::Bound>().is_some() || v.to_string().starts_with("<macro ") || v.kind() == ValueKind::Plain
    });
}
