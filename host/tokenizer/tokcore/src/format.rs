//! `'%s' % x` and `'{}'.format(x)`.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind};

use crate::guard;
use crate::python::{float, str_of, write_repr};

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Fills the placeholders of `text`: the items of a tuple in turn, the keys of a dict
/// by name, or one value. A list that is no tuple for sure is taken for one where the
/// numbers fit.
pub fn percent(text: &str, with: &Value, tuple: bool) -> Result<String, Error> {
    let places = text.replace("%%", "").matches('%').count();
    let mut items = match with.kind() {
        ValueKind::Seq if tuple || (places > 1 && with.len() == Some(places)) => with.try_iter()?.collect::<Vec<_>>(),
        _ => vec![with.clone()],
    }
    .into_iter();
    let mut out = String::new();
    let mut rest = text;
    let mut named = false;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut value = None;
        if let Some(name) = rest.strip_prefix('(') {
            let (name, after) = name.split_once(')').ok_or_else(|| wrong("a name in a format does not end"))?;
            value = Some(with.get_item(&Value::from(name))?);
            rest = after;
            named = true;
        }
        let flags = rest.find(|c: char| !"-+ #0".contains(c)).unwrap_or(rest.len());
        let mut spec = Spec { flags: &rest[..flags], ..Spec::default() };
        rest = &rest[flags..];
        (spec.width, rest) = digits(rest);
        if let Some(after) = rest.strip_prefix('.') {
            let (precision, after) = digits(after);
            spec.precision = Some(precision);
            rest = after;
        }
        let kind = rest.chars().next().ok_or_else(|| wrong("a format ends in %"))?;
        rest = &rest[kind.len_utf8()..];
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match value {
            Some(value) => value,
            None => items.next().ok_or_else(|| wrong("a format has more places than values"))?,
        };
        out.push_str(&spec.write(kind, &value)?);
        guard::room(spec.width)?;
    }
    out.push_str(rest);
    if !named && with.kind() != ValueKind::Map && items.next().is_some() {
        return Err(wrong("a format has fewer places than values"));
    }
    guard::checked(out)
}

fn digits(text: &str) -> (usize, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].parse().unwrap_or(0), &text[end..])
}

#[derive(Default)]
struct Spec<'a> {
    flags: &'a str,
    width: usize,
    precision: Option<usize>,
}

impl Spec<'_> {
    fn write(&self, kind: char, value: &Value) -> Result<String, Error> {
        guard::room(self.width.max(self.precision.unwrap_or(0)))?;
        let body = match kind {
            's' => self.cut(str_of(value)?),
            'r' | 'a' => {
                let mut out = String::new();
                write_repr(&mut out, value, 0)?;
                self.cut(out)
            }
            'c' => str_of(value)?.chars().take(1).collect(),
            'd' | 'i' | 'u' => self.signed(format!("{}", real(value)?.trunc() as i128)),
            'x' => format!("{:x}", real(value)? as i128),
            'X' => format!("{:X}", real(value)? as i128),
            'o' => format!("{:o}", real(value)? as i128),
            'f' | 'F' => self.signed(format!("{:.*}", self.precision.unwrap_or(6).min(100), real(value)?)),
            'e' => self.signed(exponent(real(value)?, self.precision.unwrap_or(6))),
            'g' => self.signed(general(real(value)?, self.precision.unwrap_or(6))),
            other => return Err(wrong(format!("a format has the unknown kind %{other}"))),
        };
        Ok(self.pad(body, kind))
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(n) => text.chars().take(n).collect(),
            None => text,
        }
    }

    fn signed(&self, body: String) -> String {
        match body.starts_with('-') {
            false if self.flags.contains('+') => format!("+{body}"),
            false if self.flags.contains(' ') => format!(" {body}"),
            _ => body,
        }
    }

    fn pad(&self, body: String, kind: char) -> String {
        let missing = self.width.saturating_sub(body.chars().count());
        if self.flags.contains('-') {
            return body + &" ".repeat(missing);
        }
        if self.flags.contains('0') && !matches!(kind, 's' | 'r' | 'a') {
            let sign = body.starts_with(['-', '+', ' ']) as usize;
            return format!("{}{}{}", &body[..sign], "0".repeat(missing), &body[sign..]);
        }
        " ".repeat(missing) + &body
    }
}

fn real(value: &Value) -> Result<f64, Error> {
    match value.kind() {
        ValueKind::Bool => Ok(value.is_true() as u8 as f64),
        ValueKind::Number => f64::try_from(value.clone()).map_err(|_| wrong("a number is too large for a format")),
        _ => Err(wrong(format!("a format wants a number and got {}", crate::methods::describe(value)))),
    }
}

fn exponent(x: f64, precision: usize) -> String {
    let text = format!("{:.*e}", precision.min(100), x);
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn general(x: f64, precision: usize) -> String {
    let precision = precision.clamp(1, 100);
    let text = exponent(x, precision - 1);
    let power: i32 = text.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let shorten = |digits: &str| if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.').to_owned() } else { digits.to_owned() };
    if power < -4 || power >= precision as i32 {
        let (digits, e) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{e}", shorten(digits));
    }
    shorten(&format!("{:.*}", (precision as i32 - 1 - power).max(0) as usize, x))
}

/// `str.format`: places by order, number or name, with attributes and items, `!r`, and a
/// width or precision.
pub fn braces(text: &str, args: &[Value], kwargs: &Kwargs) -> Result<String, Error> {
    let mut out = String::new();
    let mut next = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '{' | '}' if chars.peek().is_some_and(|(_, n)| *n == c) => {
                chars.next();
                out.push(c);
            }
            '}' => return Err(wrong("a format has a } without its {")),
            '{' => {
                let end = text[at..].find('}').ok_or_else(|| wrong("a format has a { without its }"))? + at;
                out.push_str(&place(&text[at + 1..end], args, kwargs, &mut next)?);
                while chars.peek().is_some_and(|(i, _)| *i <= end) {
                    chars.next();
                }
            }
            c => out.push(c),
        }
    }
    guard::checked(out)
}

fn place(inner: &str, args: &[Value], kwargs: &Kwargs, next: &mut usize) -> Result<String, Error> {
    let (field, spec) = inner.split_once(':').unwrap_or((inner, ""));
    let (field, conversion) = field.split_once('!').unwrap_or((field, ""));
    let end = field.find(['.', '[']).unwrap_or(field.len());
    let mut value = match &field[..end] {
        "" => {
            *next += 1;
            args.get(*next - 1).cloned().ok_or_else(|| wrong("a format has more places than values"))?
        }
        name => match name.parse::<usize>() {
            Ok(n) => args.get(n).cloned().ok_or_else(|| wrong(format!("a format has no value {n}")))?,
            Err(_) => kwargs.get::<Value>(name).map_err(|_| wrong(format!("a format has no value {name:?}")))?,
        },
    };
    for step in field[end..].split(['.', '[']).filter(|step| !step.is_empty()) {
        let key = step.trim_end_matches(']');
        value = match key.parse::<usize>() {
            Ok(n) if step.ends_with(']') => value.get_item(&Value::from(n))?,
            _ => value.get_item(&Value::from(key))?,
        };
    }
    let text = match conversion {
        "r" | "a" => {
            let mut out = String::new();
            write_repr(&mut out, &value, 0)?;
            return aligned(&Value::from(out), spec);
        }
        "s" => Value::from(str_of(&value)?),
        _ => value,
    };
    aligned(&text, spec)
}

/// A value by a format spec: fill and alignment, sign, width, comma, precision, kind.
fn aligned(value: &Value, spec: &str) -> Result<String, Error> {
    if spec.is_empty() {
        return str_of(value);
    }
    let chars: Vec<char> = spec.chars().collect();
    let (fill, align, mut at) = match chars.as_slice() {
        [fill, align, ..] if "<>^=".contains(*align) => (*fill, Some(*align), 2),
        [align, ..] if "<>^=".contains(*align) => (' ', Some(*align), 1),
        _ => (' ', None, 0),
    };
    let mut rest: String = chars[at.min(chars.len())..].iter().collect();
    at = rest.find(|c: char| !"+- #".contains(c)).unwrap_or(rest.len());
    let flags = rest[..at].to_owned();
    rest = rest[at..].to_owned();
    let zeros = rest.starts_with('0');
    let (width, after) = digits(&rest);
    let commas = after.starts_with(',');
    let after = after.trim_start_matches(',');
    let (precision, kind) = match after.strip_prefix('.') {
        Some(after) => {
            let (n, kind) = digits(after);
            (Some(n), kind)
        }
        None => (None, after),
    };
    let number = matches!(value.kind(), ValueKind::Number | ValueKind::Bool);
    let plain = Spec { flags: &flags, width: 0, precision };
    let mut body = match kind {
        "" if number && precision.is_none() => plain.signed(if value.is_integer() { value.to_string() } else { float(real(value)?) }),
        "" if number => plain.write('g', value)?,
        "" => plain.write('s', value)?,
        "%" => plain.signed(format!("{:.*}%", precision.unwrap_or(6), real(value)? * 100.0)),
        kind => plain.write(kind.chars().next().unwrap_or('s'), value)?,
    };
    if commas {
        body = grouped(&body);
    }
    guard::room(width)?;
    let missing = width.saturating_sub(body.chars().count());
    let (fill, align) = if zeros && align.is_none() { ('0', '=') } else { (fill, align.unwrap_or(if number { '>' } else { '<' })) };
    let fill = |n: usize| fill.to_string().repeat(n);
    Ok(match align {
        '<' => body + &fill(missing),
        '^' => fill(missing / 2) + &body + &fill(missing - missing / 2),
        '=' => {
            let sign = body.starts_with(['-', '+', ' ']) as usize;
            format!("{}{}{}", &body[..sign], fill(missing), &body[sign..])
        }
        _ => fill(missing) + &body,
    })
}

/// A number with a comma after every three digits.
fn grouped(body: &str) -> String {
    let sign = body.starts_with(['-', '+', ' ']) as usize;
    let end = body.find('.').unwrap_or(body.len());
    let mut out = body[..sign].to_owned();
    for (i, c) in body[sign..end].chars().enumerate() {
        if i > 0 && (end - sign - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    out + &body[end..]
}
