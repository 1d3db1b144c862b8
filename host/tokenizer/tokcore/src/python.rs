//! Values as Python prints them: `str`, `repr` and `json.dumps`.

use std::sync::atomic::{AtomicU32, Ordering};

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};
use unicode_general_category::{GeneralCategory, get_general_category};

use crate::generator::Generator;
use crate::guard;

/// How deep lists and objects may nest, in input and in output.
pub const MAX_DEPTH: usize = 200;

/// The first of a few characters that no text of a conversation has: the host picks them
/// for each rendering, and nothing here ever escapes them.
pub static MARKS: AtomicU32 = AtomicU32::new(FIRST_MARKS);
/// The lowest place for them, in the second plane for private use.
pub const FIRST_MARKS: u32 = 0x100000;
/// How many there are.
pub const MARK_COUNT: u32 = 8;

/// The mark of a number below `MARK_COUNT`.
pub fn mark(n: u32) -> char {
    char::from_u32(MARKS.load(Ordering::Relaxed) + n).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The number of a mark.
pub fn number_of(mark: &str) -> u32 {
    mark.chars().next().map_or(MARK_COUNT, |c| (c as u32).wrapping_sub(MARKS.load(Ordering::Relaxed)))
}

pub fn is_mark(c: char) -> bool {
    (c as u32).wrapping_sub(MARKS.load(Ordering::Relaxed)) < MARK_COUNT
}

/// `str(value)`, which is what `{{ value }}` prints.
pub fn str_of(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_str(&mut out, value)?;
    Ok(out)
}

/// Appends `str(value)`.
pub fn write_str(out: &mut String, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => out.push_str(text),
        None if value.is_undefined() => {}
        None => write_repr(out, value, 0)?,
    }
    Ok(())
}

/// Appends `repr(value)`.
pub fn write_repr(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    guard::node(out.len())?;
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    match value.kind() {
        ValueKind::Undefined => out.push_str("Undefined"),
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => number(out, value),
        ValueKind::String => quote(out, value.as_str().unwrap_or_default()),
        ValueKind::Iterable if Generator::is(value) => out.push_str(&value.to_string()),
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (i, item) in value.try_iter()?.enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_repr(out, &item, depth + 1)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (i, key) in value.try_iter()?.enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_repr(out, &key, depth + 1)?;
                out.push_str(": ");
                write_repr(out, &value.get_item(&key)?, depth + 1)?;
            }
            out.push('}');
        }
        _ => out.push_str(&value.to_string()),
    }
    Ok(())
}

fn too_deep() -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("a value nests deeper than {MAX_DEPTH} levels"))
}

fn number(out: &mut String, value: &Value) {
    if value.is_integer() {
        out.push_str(&value.to_string());
    } else {
        out.push_str(&float(f64::try_from(value.clone()).unwrap_or(f64::NAN)));
    }
}

/// `repr` of a float: the shortest digits that give it back, in plain notation for
/// exponents from -4 to 15.
pub fn float(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let shortest = format!("{x:e}"); // d.ddde-5
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{x}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// `repr` of a text.
fn quote(out: &mut String, text: &str) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(mark);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == mark => {
                out.push('\\');
                out.push(c);
            }
            c if is_mark(c) || printable(c) => out.push(c),
            c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push(mark);
}

/// `str.isprintable` of one character.
pub fn printable(c: char) -> bool {
    use GeneralCategory::*;
    c == ' '
        || (' '..='~').contains(&c)
        || !matches!(
            get_general_category(c),
            Control | Format | Surrogate | PrivateUse | Unassigned | LineSeparator | ParagraphSeparator | SpaceSeparator
        )
}

/// `str.isspace` of one character, which is what `strip` and `split` go by.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// How `json.dumps` is asked to write.
pub struct Style {
    pub ascii: bool,
    pub indent: Option<String>,
    pub item: String,
    pub key: String,
    pub sorted: bool,
}

impl Default for Style {
    fn default() -> Self {
        Style { ascii: false, indent: None, item: ", ".into(), key: ": ".into(), sorted: false }
    }
}

/// Appends `json.dumps(value)`.
pub fn write_json(out: &mut String, value: &Value, style: &Style, depth: usize) -> Result<(), Error> {
    guard::node(out.len())?;
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => json_number(out, value),
        ValueKind::String => json_text(out, value.as_str().unwrap_or_default(), style.ascii),
        ValueKind::Seq => {
            let items: Vec<Value> = value.try_iter()?.collect();
            brackets(out, ('[', ']'), &items, style, depth, |out, item| {
                write_json(out, item, style, depth + 1)
            })?;
        }
        ValueKind::Map => {
            let mut keys: Vec<Value> = value.try_iter()?.collect();
            if style.sorted {
                keys.sort();
            }
            brackets(out, ('{', '}'), &keys, style, depth, |out, key| {
                json_key(out, key, style)?;
                out.push_str(&style.key);
                write_json(out, &value.get_item(key)?, style, depth + 1)
            })?;
        }
        kind => {
            return Err(Error::new(ErrorKind::InvalidOperation, format!("tojson cannot write a value that is {kind}")));
        }
    }
    Ok(())
}

fn brackets(
    out: &mut String,
    pair: (char, char),
    items: &[Value],
    style: &Style,
    depth: usize,
    mut write: impl FnMut(&mut String, &Value) -> Result<(), Error>,
) -> Result<(), Error> {
    out.push(pair.0);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(&style.item);
        }
        newline(out, style, depth + 1);
        write(out, item)?;
    }
    if !items.is_empty() {
        newline(out, style, depth);
    }
    out.push(pair.1);
    Ok(())
}

fn newline(out: &mut String, style: &Style, depth: usize) {
    if let Some(indent) = &style.indent {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str(indent));
    }
}

fn json_key(out: &mut String, key: &Value, style: &Style) -> Result<(), Error> {
    let mut text = String::new();
    match key.kind() {
        ValueKind::String => return Ok(json_text(out, key.as_str().unwrap_or_default(), style.ascii)),
        ValueKind::None | ValueKind::Bool | ValueKind::Number => write_json(&mut text, key, style, 0)?,
        kind => {
            return Err(Error::new(ErrorKind::InvalidOperation, format!("tojson cannot write a key that is {kind}")));
        }
    }
    json_text(out, &text, style.ascii);
    Ok(())
}

fn json_number(out: &mut String, value: &Value) {
    let mut text = String::new();
    number(&mut text, value);
    out.push_str(match text.as_str() {
        "nan" => "NaN",
        "inf" => "Infinity",
        "-inf" => "-Infinity",
        other => other,
    });
}

fn json_text(out: &mut String, text: &str, ascii: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || (c == '\u{7f}' && ascii) => out.push_str(&format!("\\u{:04x}", c as u32)),
            c if c.is_ascii() || !ascii || is_mark(c) => out.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out.push('"');
}
