//! Conversations as text: what transformers' `apply_chat_template` does around a template.

use std::sync::atomic::Ordering;

use minijinja::value::{Value, ValueKind};

use crate::json::{self, Map};
use crate::methods::is_dict;
use crate::template::{Failure, Template};
use crate::{filters, python};

/// A conversation as text.
pub struct Rendering {
    pub text: String,
    /// Bytes inside `{% generation %}` blocks.
    pub spans: Vec<(usize, usize)>,
}

/// What the host asks for beside the template's variables.
struct Options {
    now: i64,
    /// The field of the last message that is to be continued; empty for none.
    resume: String,
}

impl Options {
    fn read(text: &str) -> Result<Options, Failure> {
        let value = json::parse(text).map_err(Failure::new)?;
        let get = |key: &str| value.get_attr(key).unwrap_or_default();
        Ok(Options {
            now: get("now").as_i64().unwrap_or(0),
            resume: get("continue").as_str().unwrap_or_default().to_owned(),
        })
    }
}

/// Names by which a message's reasoning goes; the first is the one that templates read.
const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];
/// What is put behind the text that is to be continued, to find it again.
const RESUME_TAG: &str = "CONTINUE_FINAL_MESSAGE_TAG ";

/// Renders `context`, a JSON object with the template's variables. A failure comes with
/// the number of the message that brings it about, where one does.
pub fn render(template: &Template, options: &str, context: &str) -> Result<Rendering, (Failure, Option<usize>)> {
    let options = Options::read(options).map_err(|f| (f, None))?;
    let mut root = variables(context).map_err(|f| (f, None))?;
    let messages = messages(&root)?;
    filters::NOW.store(options.now, Ordering::Relaxed);
    pick_marks(&[context, template.source]);
    let size = context.len();
    let mut all = messages.clone();
    let end = resume(template, &options, &mut all).map_err(|f| (f, Some(all.len().saturating_sub(1))))?;
    root.insert("messages".into(), all.into());
    match template.render(Value::from_object(root.clone()), size) {
        Ok(text) => finish(text, end).map_err(|f| (f, None)),
        Err(failure) => {
            let at = culprit(template, root, &messages, size, &failure);
            Err((failure, at))
        }
    }
}

/// The variables that every template sees, and those of `context`.
fn variables(context: &str) -> Result<Map, Failure> {
    let value = json::parse(context).map_err(Failure::new)?;
    let Some(given) = value.downcast_object_ref::<Map>() else {
        return Err(Failure::new("a conversation is not a JSON object"));
    };
    let mut root = Map::default();
    root.insert("tools".into(), ().into());
    root.insert("documents".into(), ().into());
    root.insert("add_generation_prompt".into(), false.into());
    root.extend(given.iter().map(|(k, v)| (k.clone(), v.clone())));
    for key in ["tools", "documents"] {
        objects(&root, key)?;
    }
    Ok(root)
}

/// The value of a variable that is None or a list of objects.
fn objects(root: &Map, key: &str) -> Result<Vec<Value>, Failure> {
    let value = root.get(&Value::from(key)).cloned().unwrap_or_default();
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => return Ok(vec![]),
        ValueKind::Seq => {}
        _ => return Err(Failure::new(format!("{key} is {}; want a list of objects", crate::methods::describe(&value)))),
    }
    let items: Vec<Value> = value.try_iter()?.collect();
    match items.iter().position(|item| !is_dict(item)) {
        Some(at) => Err(Failure::new(format!("{key}[{at}] is {}; want an object", crate::methods::describe(&items[at])))),
        None => Ok(items),
    }
}

/// The messages as a template sees them: without the keys that are null, and with
/// reasoning under the names that templates read.
fn messages(root: &Map) -> Result<Vec<Value>, (Failure, Option<usize>)> {
    let given = objects(root, "messages").map_err(|f| (f, None))?;
    if given.is_empty() {
        return Err((Failure::new("the conversation has no messages; want at least one"), None));
    }
    Ok(given.iter().map(|message| {
        let fields = message.downcast_object_ref::<Map>().into_iter().flatten();
        let kept: Map = fields.filter(|(_, v)| !v.is_none()).map(|(k, v)| (k.clone(), v.clone())).collect();
        Value::from_object(with_reasoning(kept))
    }).collect())
}

fn with_reasoning(message: Map) -> Map {
    let Some(reasoning) = REASONING.iter().find_map(|key| message.get(&Value::from(*key))).cloned() else {
        return message;
    };
    let mut out = Map::default();
    out.insert("thinking".into(), reasoning.clone());
    out.extend(message);
    out.insert("reasoning_content".into(), reasoning);
    out
}

/// Marks the text of the last message that is to be continued, and returns it.
fn resume(template: &Template, options: &Options, messages: &mut [Value]) -> Result<Option<String>, Failure> {
    let field = options.resume.as_str();
    let Some(last) = messages.last_mut().filter(|_| !field.is_empty()) else {
        return Ok(None);
    };
    let mut message = last.downcast_object_ref::<Map>().cloned().unwrap_or_default();
    let value = message.get(&Value::from(field)).cloned().unwrap_or_default();
    if value.is_undefined() {
        return Err(Failure::new(format!("continue_final_message wants {field:?} of the last message, which has none")));
    }
    let mut fields = vec![field];
    if REASONING.contains(&field) {
        fields = REASONING.into_iter().filter(|key| message.get(&Value::from(*key)) == Some(&value)).collect();
    }
    if !fields.iter().any(|field| template.source.contains(field)) {
        return Err(Failure::new(format!("continue_final_message wants {field:?}, which the template never reads")));
    }
    let (marked, text) = tagged(&value)?;
    for field in fields {
        message.insert(field.into(), marked.clone());
    }
    *last = Value::from_object(message);
    Ok(Some(text))
}

/// A content with the tag behind its text, or behind the last text of its parts.
fn tagged(value: &Value) -> Result<(Value, String), Failure> {
    if let Some(text) = value.as_str() {
        return Ok((Value::from(format!("{text}{RESUME_TAG}")), text.to_owned()));
    }
    let no_text = || Failure::new("continue_final_message finds no text in the last message");
    let mut parts: Vec<Value> = value.try_iter().map_err(|_| no_text())?.collect();
    for part in parts.iter_mut().rev() {
        let Some(mut fields) = part.downcast_object_ref::<Map>().cloned() else { continue };
        let Some(text) = fields.get(&Value::from("text")).and_then(|t| t.as_str()).map(str::to_owned) else { continue };
        fields.insert("text".into(), format!("{text}{RESUME_TAG}").into());
        *part = Value::from_object(fields);
        return Ok((Value::from(parts), text));
    }
    Err(no_text())
}

/// Cuts a rendering where the last message ends, if it is to be continued, and takes the marks out.
fn finish(mut text: String, resumed: Option<String>) -> Result<Rendering, Failure> {
    if let Some(last) = resumed {
        let at = text.rfind(RESUME_TAG.trim()).filter(|_| text.contains(last.trim()));
        let Some(at) = at else {
            return Err(Failure::new("continue_final_message: the template does not print the last message as it is"));
        };
        let kept = text[at..].starts_with(RESUME_TAG);
        text.truncate(at);
        if !kept {
            text.truncate(text.trim_end_matches(python::is_space).len());
        }
    }
    Ok(unmarked(text))
}

/// Takes the marks out of a text and keeps where they stood.
fn unmarked(marked: String) -> Rendering {
    let (start, end) = (python::mark(0), python::mark(1));
    let mut text = String::with_capacity(marked.len());
    let mut spans = Vec::new();
    let mut open = Vec::new();
    let mut from = 0;
    for (at, c) in marked.match_indices(python::is_mark) {
        text.push_str(&marked[from..at]);
        from = at + c.len();
        if c.starts_with(start) {
            open.push(text.len());
        } else if c.starts_with(end) {
            spans.extend(open.pop().map(|start| (start, text.len())));
        }
    }
    text.push_str(&marked[from..]);
    Rendering { text, spans }
}

/// Chooses marks that stand in none of the texts.
fn pick_marks(texts: &[&str]) {
    let mut first = python::FIRST_MARKS;
    let taken = |first: u32| {
        let is = |c: char| (c as u32).wrapping_sub(first) < python::MARK_COUNT;
        // JSON may spell a character as an escape, half of it at a time.
        texts.iter().any(|text| text.contains(is) || text.contains("\\udb") || text.contains("\\uDB"))
    };
    while taken(first) && first < 0x10fff0 {
        first += python::MARK_COUNT;
    }
    python::MARKS.store(first, Ordering::Relaxed);
}

/// The message that brings a failure about: with it, and not without it, the
/// conversation fails in the same way.
fn culprit(template: &Template, mut root: Map, messages: &[Value], size: usize, failure: &Failure) -> Option<usize> {
    const MOST: usize = 64; // renderings spent on an error text
    for n in 1..messages.len().min(MOST) {
        root.insert("messages".into(), messages[..n].iter().cloned().collect());
        match template.render(Value::from_object(root.clone()), size) {
            Err(found) if found == *failure => return Some(n - 1),
            _ => {}
        }
    }
    (messages.len() <= MOST).then(|| messages.len() - 1)
}
