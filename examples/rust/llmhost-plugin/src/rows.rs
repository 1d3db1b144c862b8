//! Rows of data, and the frames that carry them; sdk/README.md has their layout.

use std::cell::Cell as StdCell;

use crate::chat::{Chat, Message};
use crate::declare::Role;
use crate::plugin::{Bad, Formatter};

/// What the host must find in a record's field. A field that is null counts as absent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ColumnType {
    String = 1,
    Float,
    Bool,
    Int,
    StringList,
    FloatList,
    Json,
}

impl ColumnType {
    pub(crate) fn key(self) -> &'static str {
        ["string", "float", "bool", "int", "string_list", "float_list", "json"][self as usize - 1]
    }
}

/// Declares one field that a formatter reads. A record without a required field
/// never reaches format.
pub struct Column {
    pub name: String,
    pub kind: ColumnType,
    pub required: bool,
    pub doc: String,
    /// That of a number, or of each number of a list.
    pub role: Role,
    /// Values of the field as they stand in a record, each as JSON.
    pub examples: Vec<String>,
}

impl Column {
    pub fn required(name: &str, kind: ColumnType, doc: &str) -> Self {
        Column { name: name.into(), kind, required: true, doc: doc.into(), role: Role::Number, examples: vec![] }
    }

    pub fn optional(name: &str, kind: ColumnType, doc: &str) -> Self {
        Column { required: false, ..Column::required(name, kind, doc) }
    }

    /// What the column's numbers mean.
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Adds a value as it may stand in a record, as JSON; `null` is a field that is
    /// absent. The first ones of all columns make a record together, and so do the
    /// second ones.
    pub fn example(mut self, json: &str) -> Self {
        self.examples.push(json.into());
        self
    }
}

/// One field of one record.
pub(crate) enum Cell<'a> {
    Absent,
    Str(&'a str),
    Float(f64),
    Bool(bool),
    Int(i64),
    Strs(Vec<&'a str>),
    Floats(Vec<f64>),
    Json(&'a str),
    Text(&'a str), // of a test: a String or a Json column
    NotUtf8,
}

/// One record, by the index of its columns. An absent cell reads as empty or 0;
/// one of another type does too, and makes the row a bad one.
pub struct Row<'a> {
    cells: Vec<Cell<'a>>,
    misread: StdCell<Option<usize>>,
}

macro_rules! read {
    ($($(#[$doc:meta])* $name:ident $type:ty, $pattern:pat => $value:expr, $absent:expr;)*) => { $(
        $(#[$doc])*
        pub fn $name(&self, column: usize) -> $type {
            match self.cells.get(column) {
                Some($pattern) => $value,
                Some(Cell::Absent) | None => $absent,
                _ => { self.misread.set(Some(column)); $absent }
            }
        }
    )* };
}

impl<'a> Row<'a> {
    /// A record of texts and of JSON as text, None where it lacks a field: for tests of a formatter.
    pub fn of_texts(texts: &[Option<&'a str>]) -> Self {
        let cells = texts.iter().map(|t| t.map_or(Cell::Absent, Cell::Text)).collect();
        Row { cells, misread: StdCell::new(None) }
    }

    /// Whether the record has the column.
    pub fn has(&self, column: usize) -> bool {
        !matches!(self.cells.get(column), Some(Cell::Absent) | None)
    }

    read! {
        /// a String column
        str &'a str, Cell::Str(v) | Cell::Text(v) => v, "";
        /// a Float column
        float f64, Cell::Float(v) => *v, 0.0;
        /// a Bool column
        bool bool, Cell::Bool(v) => *v, false;
        /// an Int column
        int i64, Cell::Int(v) => *v, 0;
        /// a StringList column
        strs &[&'a str], Cell::Strs(v) => v, &[];
        /// a FloatList column
        floats &[f64], Cell::Floats(v) => v, &[];
        /// a Json column, as its raw text; Json::parse reads it
        json &'a str, Cell::Json(v) | Cell::Text(v) => v, "";
    }
}

/// A prompt and one answer to it, or a chat, with a number for each of its columns.
/// All candidates of an example have the same columns, and all are chats or none is.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub prompt: String,
    pub answer: String,
    pub chat: Option<Chat>,
    pub columns: Vec<(String, f64)>,
}

impl Candidate {
    /// Gives the column name the value v, which must be finite.
    pub fn set(&mut self, name: &str, v: f64) {
        set(&mut self.columns, name, v);
    }
}

/// Takes what a formatter makes of one row.
#[derive(Debug, Default)]
pub struct Out {
    pub candidates: Vec<Candidate>,
    pub columns: Vec<(String, f64)>,
    /// The class of the example under each head.
    pub labels: Vec<(String, String)>,
}

impl Out {
    /// Adds a candidate, whose columns can be set on what it returns.
    pub fn candidate(&mut self, prompt: impl Into<String>, answer: impl Into<String>) -> &mut Candidate {
        self.candidates.push(Candidate { prompt: prompt.into(), answer: answer.into(), chat: None, columns: vec![] });
        self.candidates.last_mut().unwrap()
    }

    /// Adds a candidate that is a chat, whose columns can be set on what it returns.
    pub fn chat(&mut self, chat: Chat) -> &mut Candidate {
        self.candidates.push(Candidate { prompt: String::new(), answer: String::new(), chat: Some(chat), columns: vec![] });
        self.candidates.last_mut().unwrap()
    }

    /// Gives the example's column name the value v, which must be finite.
    pub fn set(&mut self, name: &str, v: f64) {
        set(&mut self.columns, name, v);
    }

    /// Says which class the example has under a classification head, by its name
    /// in the data: the host numbers the names found in the training data.
    pub fn label(&mut self, head: &str, class: impl Into<String>) {
        set(&mut self.labels, head, class.into());
    }

    /// What leaves the row out of the data. The host counts by reason, so a
    /// reason must not quote the row.
    pub fn drop(&self, reason: &str) -> Result<(), Bad> {
        Err(Bad::Dropped(reason.into()))
    }
}

fn set<V>(columns: &mut Vec<(String, V)>, name: &str, v: V) {
    match columns.iter_mut().find(|c| c.0 == name) {
        Some(c) => c.1 = v,
        None => columns.push((name.into(), v)),
    }
}

/// Runs f over a frame of rows and returns a frame of answers. The error is a
/// frame that is broken.
pub(crate) fn format_frame(f: &dyn Formatter, frame: &[u8]) -> Result<Vec<u8>, String> {
    let mut r = Reader { rest: frame };
    let (rows, columns) = r.header().ok_or("row frame: broken at its beginning")?;
    let (mut names, mut body) = (vec![], vec![]);
    for row in 0..rows {
        let cells = (0..columns).map(|_| r.cell()).collect::<Option<_>>();
        let cells = cells.ok_or_else(|| format!("row frame: broken or cut short in row {row}"))?;
        answer(&mut body, &mut names, format_row(f, &Row { cells, misread: StdCell::new(None) }));
    }
    if !r.rest.is_empty() {
        return Err(format!("row frame: {} bytes too long", r.rest.len()));
    }
    let mut reply = rows.to_le_bytes().to_vec();
    uvarint(&mut reply, names.len());
    names.iter().for_each(|name| text(&mut reply, name));
    reply.append(&mut body);
    Ok(reply)
}

fn format_row(f: &dyn Formatter, row: &Row) -> Result<Out, Bad> {
    if let Some(column) = row.cells.iter().position(|c| matches!(c, Cell::NotUtf8)) {
        return Err(format!("column {column} is not UTF-8").into());
    }
    let mut out = Out::default();
    let result = f.format(row, &mut out);
    if let Some(column) = row.misread.get() {
        return Err(format!("column {column} is declared as another type than format reads").into());
    }
    result?;
    let chats = out.candidates.iter().filter(|c| c.chat.is_some()).count();
    if chats > 0 && chats < out.candidates.len() {
        return Err("some candidates are chats, and others a prompt and an answer; want all of an example alike".into());
    }
    Ok(out)
}

fn answer(body: &mut Vec<u8>, names: &mut Vec<String>, result: Result<Out, Bad>) {
    match result {
        Err(Bad::Dropped(reason)) => tagged(body, 1, &reason),
        Err(Bad::Error(what)) => tagged(body, 2, &what),
        Ok(out) if out.candidates.is_empty() => tagged(body, 2, "the formatter made no candidate; want at least one, or drop with a reason"),
        Ok(out) => {
            let chats = out.candidates[0].chat.is_some();
            body.push(if chats { 4 } else if out.labels.is_empty() { 0 } else { 3 });
            if chats || !out.labels.is_empty() {
                classes(body, names, &out.labels);
            }
            numbers(body, names, &out.columns);
            uvarint(body, out.candidates.len());
            for (i, c) in out.candidates.iter().enumerate() {
                let before = (i > 0).then(|| &out.candidates[i - 1]);
                match &c.chat {
                    Some(own) => chat(body, own, before.and_then(|b| b.chat.as_ref())),
                    None => {
                        if before.is_some_and(|b| b.prompt == c.prompt) {
                            body.push(0);
                        } else {
                            tagged(body, 1, &c.prompt);
                        }
                        text(body, &c.answer);
                    }
                }
                numbers(body, names, &c.columns);
            }
        }
    }
}

/// A chat, and what it shares with the one before it as a lone 0.
fn chat(body: &mut Vec<u8>, c: &Chat, before: Option<&Chat>) {
    if before.is_some_and(|b| b.shares_prompt(c)) {
        body.push(0);
    } else {
        body.push(1);
        turns(body, &c.prompt);
        [&c.tools, &c.documents, &c.args].iter().for_each(|part| text(body, part));
    }
    turns(body, &c.answer);
}

fn turns(body: &mut Vec<u8>, messages: &[Message]) {
    uvarint(body, messages.len());
    messages.iter().for_each(|m| tagged(body, m.learn as u8, &m.json));
}

fn tagged(out: &mut Vec<u8>, tag: u8, s: &str) {
    out.push(tag);
    text(out, s);
}

fn text(out: &mut Vec<u8>, s: &str) {
    uvarint(out, s.len());
    out.extend_from_slice(s.as_bytes());
}

/// Columns and labels go by the index of their name, which is new where it first comes up.
fn index(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.into());
        names.len() - 1
    })
}

fn classes(out: &mut Vec<u8>, names: &mut Vec<String>, labels: &[(String, String)]) {
    uvarint(out, labels.len());
    for (head, class) in labels {
        uvarint(out, index(names, head));
        text(out, class);
    }
}

fn numbers(out: &mut Vec<u8>, names: &mut Vec<String>, columns: &[(String, f64)]) {
    uvarint(out, columns.len());
    for (name, v) in columns {
        uvarint(out, index(names, name));
        out.extend_from_slice(&v.to_le_bytes());
    }
}

fn uvarint(out: &mut Vec<u8>, mut n: usize) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Reads a request frame; None is a frame that is broken.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        (n <= self.rest.len()).then(|| {
            let (taken, rest) = self.rest.split_at(n);
            self.rest = rest;
            taken
        })
    }

    fn header(&mut self) -> Option<(u32, u8)> {
        let rows = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        let columns = self.take(1)?[0];
        (columns > 0 && rows as usize <= self.rest.len() / columns as usize).then_some((rows, columns))
    }

    fn uvarint(&mut self) -> Option<usize> {
        let mut v = 0u64;
        for shift in (0..35).step_by(7) {
            let b = self.take(1)?[0];
            v |= u64::from(b & 0x7f) << shift;
            if b < 0x80 {
                return usize::try_from(v).ok();
            }
        }
        None
    }

    fn eight(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }

    fn cell(&mut self) -> Option<Cell<'a>> {
        let kind = self.take(1)?[0];
        if kind == 0 {
            return Some(Cell::Absent);
        }
        let size = self.uvarint()?;
        let mut body = Reader { rest: self.take(size)? };
        let cell = match kind {
            1 => std::str::from_utf8(body.take(size)?).map_or(Cell::NotUtf8, Cell::Str),
            2 => Cell::Float(f64::from_le_bytes(body.eight()?)),
            3 => Cell::Bool(body.take(1)?[0] != 0),
            4 => Cell::Int(i64::from_le_bytes(body.eight()?)),
            5 => {
                let count = body.uvarint()?;
                let texts = (0..count).map(|_| body.uvarint().and_then(|n| body.take(n))).collect::<Option<Vec<_>>>()?;
                let texts = texts.into_iter().map(std::str::from_utf8).collect::<Result<_, _>>();
                texts.map_or(Cell::NotUtf8, Cell::Strs)
            }
            6 => Cell::Floats((0..size / 8).map(|_| body.eight().map(f64::from_le_bytes)).collect::<Option<_>>()?),
            7 => std::str::from_utf8(body.take(size)?).map_or(Cell::NotUtf8, Cell::Json),
            _ => return None,
        };
        body.rest.is_empty().then_some(cell)
    }
}
