//! Which bytes of a rendering are control tokens that a user wrote as text.
//!
//! A conversation is rendered as it is, and once more with marks around what could become
//! a control token in its texts. Without the marks both renderings must be the same text:
//! then the marks changed none of the template's decisions, and they say where the user's
//! texts went. Marks behind or before the pieces alone are tried where marks around them
//! change something.

use std::collections::HashSet;

use daachorse::{DoubleArrayAhoCorasick, DoubleArrayAhoCorasickBuilder, MatchKind};
use minijinja::value::{Value, ValueKind};

use crate::json::Map;
use crate::methods::is_dict;
use crate::python::mark;

/// Bytes of a text, from and to.
pub type Range = (usize, usize);

/// The special tokens of a tokenizer, to be found in texts.
pub struct Control {
    tokens: Vec<String>,
    finder: DoubleArrayAhoCorasick<u32>,
    /// Every proper beginning and ending of a token: two texts that stand side by side
    /// may make one together.
    beginnings: HashSet<String>,
    endings: HashSet<String>,
    /// The bytes with which tokens begin and end: only a few of all that there are.
    first_bytes: [bool; 256],
    last_bytes: [bool; 256],
    longest: usize,
}

/// Where the marks of a second rendering stand.
#[derive(Clone, Copy, PartialEq)]
pub enum Way {
    Around,
    Behind,
    Before,
}

/// The ways, in the order in which they are tried.
pub const WAYS: [Way; 3] = [Way::Around, Way::Behind, Way::Before];

impl Control {
    /// None where there are no tokens.
    pub fn new(tokens: &[&str]) -> Result<Option<Control>, String> {
        let tokens: Vec<String> = tokens.iter().filter(|t| !t.is_empty()).map(|t| (*t).to_owned()).collect();
        if tokens.is_empty() {
            return Ok(None);
        }
        let finder = DoubleArrayAhoCorasickBuilder::new()
            .match_kind(MatchKind::LeftmostLongest)
            .build_with_values(tokens.iter().enumerate().map(|(i, t)| (t, i as u32)))
            .map_err(|e| format!("special tokens: {e}"))?;
        let mut beginnings = HashSet::new();
        let mut endings = HashSet::new();
        let (mut first_bytes, mut last_bytes) = ([false; 256], [false; 256]);
        for token in &tokens {
            first_bytes[token.as_bytes()[0] as usize] = true;
            last_bytes[token.as_bytes()[token.len() - 1] as usize] = true;
            for (at, _) in token.char_indices().skip(1) {
                beginnings.insert(token[..at].to_owned());
                endings.insert(token[at..].to_owned());
            }
        }
        let longest = tokens.iter().map(String::len).max().unwrap_or(0);
        Ok(Some(Control { tokens, finder, beginnings, endings, first_bytes, last_bytes, longest }))
    }

    /// The tokens in a text, with their numbers.
    pub fn find(&self, text: &str) -> Vec<(Range, u32)> {
        self.finder.leftmost_find_iter(text).map(|m| ((m.start(), m.end()), m.value())).collect()
    }

    pub fn token(&self, n: u32) -> &str {
        &self.tokens[n as usize]
    }

    /// The pieces of a text that could become control tokens: whole tokens, and what at
    /// its ends could be part of one.
    fn pieces(&self, text: &str) -> Vec<Range> {
        let mut pieces: Vec<Range> = self.find(text).into_iter().map(|(range, _)| range).collect();
        let last = pieces.last().map_or(0, |p| p.1);
        let bytes = text.as_bytes();
        let mut tail = last.max(text.len().saturating_sub(self.longest - 1))..text.len();
        if let Some(at) = tail.find(|at| self.first_bytes[bytes[*at] as usize] && text.is_char_boundary(*at) && self.beginnings.contains(&text[*at..])) {
            pieces.push((at, text.len()));
        }
        let first = pieces.first().map_or(text.len(), |p| p.0);
        let mut ends = (1..=first.min(self.longest - 1)).rev();
        if let Some(end) = ends.find(|end| self.last_bytes[bytes[end - 1] as usize] && text.is_char_boundary(*end) && self.endings.contains(&text[..*end])) {
            pieces.insert(0, (0, end));
        }
        pieces
    }

    /// Whether a value has pieces in its texts.
    pub fn touches(&self, value: &Value) -> bool {
        if let Some(text) = value.as_str() {
            return !self.pieces(text).is_empty();
        }
        if let Some(map) = value.downcast_object_ref::<Map>() {
            return self.touches_map(map);
        }
        value.kind() == ValueKind::Seq && value.try_iter().is_ok_and(|mut items| items.any(|item| self.touches(&item)))
    }

    pub fn touches_map(&self, map: &Map) -> bool {
        map.iter().any(|(key, value)| self.touches(value) || key.as_str().is_some_and(|key| !self.find(key).is_empty()))
    }

    /// The value with marks at the pieces of its texts; None where it has no pieces.
    /// `found` gets the pieces.
    pub fn marked(&self, value: &Value, way: Way, found: &mut HashSet<String>) -> Option<Value> {
        if let Some(text) = value.as_str() {
            return self.marked_text(text, way, found).map(Value::from);
        }
        if value.kind() == ValueKind::Seq {
            let mut any = false;
            let items: Vec<Value> = value
                .try_iter()
                .ok()?
                .map(|item| match self.marked(&item, way, found) {
                    Some(marked) => {
                        any = true;
                        marked
                    }
                    None => item,
                })
                .collect();
            return any.then(|| Value::from(items));
        }
        if is_dict(value) {
            return self.marked_map(value.downcast_object_ref::<Map>()?, way, found).map(Value::from_object);
        }
        None
    }

    pub fn marked_map(&self, map: &Map, way: Way, found: &mut HashSet<String>) -> Option<Map> {
        let mut any = false;
        let out: Map = map
            .iter()
            .map(|(key, value)| {
                // A key that holds a whole token is no name that a template looks up.
                let whole = key.as_str().is_some_and(|key| !self.find(key).is_empty());
                let new_key = if whole { self.marked(key, way, found) } else { None };
                let new_value = self.marked(value, way, found);
                any |= new_key.is_some() || new_value.is_some();
                (new_key.unwrap_or_else(|| key.clone()), new_value.unwrap_or_else(|| value.clone()))
            })
            .collect();
        any.then_some(out)
    }

    fn marked_text(&self, text: &str, way: Way, found: &mut HashSet<String>) -> Option<String> {
        let pieces = self.pieces(text);
        if pieces.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len() + 8 * pieces.len());
        let mut from = 0;
        for (start, end) in pieces {
            out.push_str(&text[from..start]);
            if way != Way::Behind {
                out.push(mark(2));
            }
            out.push_str(&text[start..end]);
            if way != Way::Before {
                out.push(mark(3));
            }
            found.insert(text[start..end].to_owned());
            from = end;
        }
        out.push_str(&text[from..]);
        Some(out)
    }

    /// The first token in the texts of a value.
    pub fn first(&self, value: &Value) -> Option<String> {
        if let Some(text) = value.as_str() {
            return self.find(text).first().map(|(_, n)| self.token(*n).to_owned());
        }
        match value.kind() {
            ValueKind::Seq => value.try_iter().ok()?.find_map(|item| self.first(&item)),
            ValueKind::Map => crate::methods::pairs(value).ok()?.iter().find_map(|(k, v)| self.first(k).or_else(|| self.first(v))),
            _ => None,
        }
    }

    /// The tokens of a rendering that lie, in part or whole, where a user's pieces stand.
    pub fn overlapping(&self, text: &str, pieces: &[Range]) -> Vec<(Range, u32)> {
        let mut found = self.find(text);
        found.retain(|((start, end), _)| pieces.iter().any(|(from, to)| from < end && start < to));
        found
    }
}

/// The bytes of the user's pieces in a text from which the marks were taken; `marks` are
/// the places of the opening and closing ones in it, in their order.
pub fn ranges(text: &str, marks: &[(usize, bool)], way: Way, found: &HashSet<String>) -> Vec<Range> {
    let mut out = Vec::new();
    let mut open = None;
    for (at, opening) in marks {
        match way {
            Way::Around if *opening => open = Some(*at),
            Way::Around => out.extend(open.take().map(|start| (start, *at))),
            Way::Behind => out.extend(longest(found, |piece| text[..*at].ends_with(piece)).map(|n| (at - n, *at))),
            Way::Before => out.extend(longest(found, |piece| text[*at..].starts_with(piece)).map(|n| (*at, at + n))),
        }
    }
    out
}

fn longest(found: &HashSet<String>, is: impl Fn(&str) -> bool) -> Option<usize> {
    found.iter().filter(|piece| is(piece)).map(String::len).max()
}
