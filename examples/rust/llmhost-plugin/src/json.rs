//! The little JSON that a plugin writes and reads.

use crate::param::{Value, Values};
use crate::plugin::Bad;

/// Appends s as a JSON string.
pub fn string(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A number as JSON writes it; the infinite ones are texts.
pub fn number(v: f64) -> String {
    if v.is_infinite() {
        return if v > 0.0 { "\"inf\"" } else { "\"-inf\"" }.into();
    }
    let text = format!("{v:?}"); // the shortest that reads back as v
    text.strip_suffix(".0").unwrap_or(&text).into()
}

/// Appends a key and a text, with a comma unless the object has just begun.
pub fn field(out: &mut String, key: &str, s: &str) {
    name(out, key);
    string(out, s);
}

/// Appends a key.
pub fn name(out: &mut String, key: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    string(out, key);
    out.push(':');
}

/// Appends "[a,b,…]" of texts that are JSON already.
pub fn list(out: &mut String, items: impl IntoIterator<Item = String>) {
    out.push('[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&item);
    }
    out.push(']');
}

/// s as a JSON string.
pub fn quoted(s: &str) -> String {
    let mut out = String::new();
    string(&mut out, s);
    out
}

/// A text as a JSON string, as Python's json.dumps writes it with ensure_ascii off.
pub fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The keys of a JSON object with their values as JSON, in order; None where it is none.
pub fn fields(object: &str) -> Option<Vec<(String, &str)>> {
    let mut r = Reader { rest: object };
    r.skip("{").then_some(())?;
    let mut all = vec![];
    while !r.skip("}") {
        (all.is_empty() || r.skip(",")).then_some(())?;
        let key = r.string()?;
        r.skip(":").then_some(())?;
        all.push((key, r.raw()?));
    }
    r.rest.trim().is_empty().then_some(all)
}

/// The elements of a JSON array, each as JSON; None where it is none.
pub fn elements(array: &str) -> Option<Vec<&str>> {
    let mut r = Reader { rest: array };
    r.skip("[").then_some(())?;
    let mut all = vec![];
    while !r.skip("]") {
        (all.is_empty() || r.skip(",")).then_some(())?;
        all.push(r.raw()?);
    }
    r.rest.trim().is_empty().then_some(all)
}

/// Reads a JSON object of numbers, texts, true and false: all that a host sends
/// besides rows. None where it is anything else.
pub fn flat(text: &str) -> Option<Values> {
    let mut r = Reader { rest: text };
    let mut values = Values::new();
    r.skip("{").then_some(())?;
    while !r.skip("}") {
        if !values.is_empty() {
            r.skip(",").then_some(())?;
        }
        let key = r.string()?;
        r.skip(":").then_some(())?;
        let value = r.value()?;
        if values.insert(key, value).is_some() {
            return None;
        }
    }
    r.rest.trim().is_empty().then_some(values)
}

/// A value of a JSON column: `Json::parse(r.json(0))?`. Asked for what it has not, it
/// answers with null, nothing or 0, so that a formatter reads on and checks once.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The value of a text. The error makes the row a bad one.
    pub fn parse(text: &str) -> Result<Json, Bad> {
        let mut r = Reader { rest: text };
        match r.any(0) {
            Some(value) if r.rest.trim().is_empty() => Ok(value),
            _ => Err("a JSON column holds no JSON".into()),
        }
    }

    /// The value of a key of an object.
    pub fn get(&self, key: &str) -> &Json {
        match self {
            Json::Object(all) => all.iter().find(|(name, _)| name == key).map_or(&Json::Null, |(_, value)| value),
            _ => &Json::Null,
        }
    }

    /// The values of a list.
    pub fn items(&self) -> &[Json] {
        match self {
            Json::List(all) => all,
            _ => &[],
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Json::Text(text) => text,
            _ => "",
        }
    }

    pub fn number(&self) -> f64 {
        match self {
            Json::Number(v) => *v,
            _ => 0.0,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }
}

/// How deep lists and objects may stand in each other.
const DEEPEST: usize = 200;

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Any value, as its text.
    fn raw(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start();
        let all = self.rest;
        self.any(0)?;
        Some(&all[..all.len() - self.rest.len()])
    }

    /// Passes over blanks and word, and reports whether it was there.
    fn skip(&mut self, word: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Any value; depth lists and objects are around it.
    fn any(&mut self, depth: usize) -> Option<Json> {
        if depth > DEEPEST {
            return None;
        }
        if self.skip("[") {
            let mut all = vec![];
            while !self.skip("]") {
                (all.is_empty() || self.skip(",")).then_some(())?;
                all.push(self.any(depth + 1)?);
            }
            return Some(Json::List(all));
        }
        if self.skip("{") {
            let mut all = vec![];
            while !self.skip("}") {
                (all.is_empty() || self.skip(",")).then_some(())?;
                let key = self.string()?;
                self.skip(":").then_some(())?;
                all.push((key, self.any(depth + 1)?));
            }
            return Some(Json::Object(all));
        }
        if self.skip("null") {
            return Some(Json::Null);
        }
        self.value().map(|value| match value {
            Value::Bool(v) => Json::Bool(v),
            Value::Number(v) => Json::Number(v),
            Value::Text(v) => Json::Text(v),
        })
    }

    fn value(&mut self) -> Option<Value> {
        if self.skip("true") {
            return Some(Value::Bool(true));
        }
        if self.skip("false") {
            return Some(Value::Bool(false));
        }
        if self.rest.starts_with('"') {
            return self.string().map(Value::Text);
        }
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits.parse().ok().map(Value::Number)
    }

    fn string(&mut self) -> Option<String> {
        self.skip("\"").then_some(())?;
        let mut out = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => out.push(match chars.next()? {
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => unicode(&mut chars)?,
                    c @ ('"' | '\\' | '/') => c,
                    _ => return None,
                }),
                c => out.push(c),
            }
        }
        self.rest = chars.as_str();
        Some(out)
    }
}

/// Reads the four digits of an escape, and a second one that completes a pair.
fn unicode(chars: &mut std::str::Chars) -> Option<char> {
    let first = hex4(chars)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    if chars.next()? != '\\' || chars.next()? != 'u' {
        return None;
    }
    let second = hex4(chars)?;
    (0xdc00..0xe000).contains(&second).then_some(())?;
    char::from_u32(((first - 0xd800) << 10) + (second - 0xdc00) + 0x10000)
}

fn hex4(chars: &mut std::str::Chars) -> Option<u32> {
    let digits: String = chars.by_ref().take(4).collect();
    (digits.len() == 4 && !digits.starts_with('+')).then_some(())?;
    u32::from_str_radix(&digits, 16).ok()
}
