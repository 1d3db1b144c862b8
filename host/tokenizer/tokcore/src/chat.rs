//! Conversations as text: what transformers' `apply_chat_template` does around a template.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use minijinja::value::{Value, ValueKind};

use crate::json::{self, Map};
use crate::methods::is_dict;
use crate::plain::{Range, WAYS, ranges};
use crate::template::{Failure, Template};
use crate::{filters, python};

/// A conversation as text.
pub struct Rendering {
    pub text: String,
    /// Bytes inside `{% generation %}` blocks.
    pub spans: Vec<Range>,
    /// Control tokens that a user wrote as text, with their numbers.
    pub plain: Vec<(Range, u32)>,
    /// Where the marks of a second rendering stood, and whether each opens.
    marks: Vec<(usize, bool)>,
}

/// What the host asks for beside the template's variables.
struct Options {
    now: i64,
    /// The field of the last message that is to be continued; empty for none.
    resume: String,
    /// The text alone is wanted, not which control tokens in it a user wrote.
    text: bool,
}

impl Options {
    fn read(text: &str) -> Result<Options, Failure> {
        let value = json::parse(text).map_err(Failure::new)?;
        let get = |key: &str| value.get_attr(key).unwrap_or_default();
        Ok(Options {
            now: get("now").as_i64().unwrap_or(0),
            resume: get("continue").as_str().unwrap_or_default().to_owned(),
            text: get("text").is_true(),
        })
    }
}

/// Names by which a message's reasoning goes; the first is the one that templates read.
const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];
/// What is put behind the text that is to be continued, to find it again.
const RESUME_TAG: &str = "CONTINUE_FINAL_MESSAGE_TAG ";

/// What a template is given.
struct Given {
    /// Variables of the conversation, without its messages.
    root: Map,
    messages: Vec<Value>,
    /// The text of the last message, where that is to be continued.
    resumed: Option<String>,
    /// Bytes of the JSON that they came from.
    size: usize,
}

impl Given {
    fn values(&self, template: &Template, messages: &[Value]) -> Value {
        let mut all = template.roles.clone();
        all.extend(self.root.clone());
        all.insert("messages".into(), messages.iter().cloned().collect());
        Value::from_object(all)
    }

    fn render(&self, template: &Template) -> Result<Rendering, Failure> {
        finish(template.render(self.values(template, &self.messages), self.size)?, &self.resumed)
    }
}

/// Renders `context`, a JSON object with the template's variables. A failure comes with
/// the number of the message that brings it about, where one does.
pub fn render(template: &Template, options: &str, context: &str) -> Result<Rendering, (Failure, Option<usize>)> {
    let options = Options::read(options).map_err(|f| (f, None))?;
    let root = variables(context).map_err(|f| (f, None))?;
    let messages = messages(&root)?;
    filters::NOW.store(options.now, Ordering::Relaxed);
    pick_marks(template, context, &root);
    let mut given = Given { root, messages, resumed: None, size: context.len() };
    let last = given.messages.len() - 1;
    given.resumed = resume(template, &options, &mut given.messages).map_err(|f| (f, Some(last)))?;
    match given.render(template) {
        Ok(rendering) if options.text => Ok(rendering),
        Ok(rendering) => with_plain(template, &given, rendering).map_err(|f| (f, None)),
        Err(failure) => {
            let at = culprit(template, &given, &failure);
            Err((failure, at))
        }
    }
}

/// Finds the control tokens in a rendering that its texts brought in, by rendering again
/// with marks. One whose marks change what the template prints cannot be told apart.
fn with_plain(template: &Template, given: &Given, mut rendering: Rendering) -> Result<Rendering, Failure> {
    let Some(control) = &template.control else {
        return Ok(rendering);
    };
    if !control.touches_map(&given.root) && !given.messages.iter().any(|message| control.touches(message)) {
        return Ok(rendering);
    }
    for way in WAYS {
        let mut found = HashSet::new();
        let root = control.marked_map(&given.root, way, &mut found);
        let messages: Vec<Option<Value>> = given.messages.iter().map(|m| control.marked(m, way, &mut found)).collect();
        if found.is_empty() {
            return Ok(rendering);
        }
        let marked = Given {
            root: root.unwrap_or_else(|| given.root.clone()),
            messages: messages.into_iter().zip(&given.messages).map(|(new, old)| new.unwrap_or_else(|| old.clone())).collect(),
            resumed: given.resumed.clone(),
            size: given.size,
        };
        if let Ok(again) = marked.render(template) {
            if again.text == rendering.text && again.spans == rendering.spans {
                let pieces = ranges(&again.text, &again.marks, way, &found);
                rendering.plain = control.overlapping(&again.text, &pieces);
                return Ok(rendering);
            }
        }
    }
    let texts: Vec<&Value> = given.messages.iter().chain(given.root.values()).collect();
    let token = texts.iter().find_map(|value| control.first(value)).unwrap_or_default();
    if token.is_empty() {
        return Ok(rendering); // only what could be part of a token, in texts that the template looks at
    }
    Err(Failure::new(format!(
        "a text has the control token {token}, and the template prints other things because of it, so that the user's cannot be told from its own"
    )))
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

/// Takes the marks out of a rendering, and cuts it where the last message ends, if that is
/// to be continued.
fn finish(marked: String, resumed: &Option<String>) -> Result<Rendering, Failure> {
    let mut rendering = unmarked(marked);
    if let Some(last) = resumed {
        let text = &mut rendering.text;
        let at = text.rfind(RESUME_TAG.trim()).filter(|_| text.contains(last.trim()));
        let Some(at) = at else {
            return Err(Failure::new("continue_final_message: the template does not print the last message as it is"));
        };
        let kept = text[at..].starts_with(RESUME_TAG);
        text.truncate(at);
        if !kept {
            text.truncate(text.trim_end_matches(python::is_space).len());
        }
        let end = text.len();
        rendering.spans.retain_mut(|(start, stop)| {
            *stop = end.min(*stop);
            *start <= end
        });
        rendering.marks.retain(|(at, _)| *at <= end);
    }
    Ok(rendering)
}

/// Takes the marks out of a text and keeps where they stood.
fn unmarked(marked: String) -> Rendering {
    let mut text = String::with_capacity(marked.len());
    let mut spans = Vec::new();
    let mut open = Vec::new();
    let mut marks = Vec::new();
    let mut from = 0;
    for (at, c) in marked.match_indices(python::is_mark) {
        text.push_str(&marked[from..at]);
        from = at + c.len();
        match python::number_of(c) {
            0 => open.push(text.len()),
            1 => spans.extend(open.pop().map(|start| (start, text.len()))),
            n => marks.push((text.len(), n == 2)),
        }
    }
    text.push_str(&marked[from..]);
    Rendering { text, spans, plain: vec![], marks }
}

/// Chooses marks that stand in no text of the template or the conversation.
fn pick_marks(template: &Template, context: &str, root: &Map) {
    let mut first = python::FIRST_MARKS;
    if rare(context) || template.rare {
        let mut taken = HashSet::new();
        collect(template.source, &mut taken);
        root.iter().for_each(|(_, value)| collect_all(value, &mut taken));
        while (first..first + python::MARK_COUNT).any(|c| taken.contains(&c)) && first < 0x10fff0 {
            first += python::MARK_COUNT;
        }
    }
    python::MARKS.store(first, Ordering::Relaxed);
}

/// Whether a text may have characters of the marks' plane, as all but very few have
/// neither one of them nor an escape of one.
pub fn rare(text: &str) -> bool {
    text.bytes().any(|b| b == 0xf4) || text.contains("\\ud") || text.contains("\\uD")
}

fn collect(text: &str, taken: &mut HashSet<u32>) {
    taken.extend(text.chars().map(|c| c as u32).filter(|c| *c >= python::FIRST_MARKS));
}

fn collect_all(value: &Value, taken: &mut HashSet<u32>) {
    if let Some(text) = value.as_str() {
        return collect(text, taken);
    }
    let is_map = value.kind() == ValueKind::Map;
    for item in value.try_iter().into_iter().flatten() {
        collect_all(&item, taken);
        if is_map {
            collect_all(&value.get_item(&item).unwrap_or_default(), taken);
        }
    }
}

/// The message that brings a failure about: with it, and not without it, the
/// conversation fails in the same way.
fn culprit(template: &Template, given: &Given, failure: &Failure) -> Option<usize> {
    const MOST: usize = 64; // renderings spent on an error text
    let messages = &given.messages;
    for n in 1..messages.len().min(MOST) {
        match template.render(given.values(template, &messages[..n]), given.size) {
            Err(found) if found == *failure => return Some(n - 1),
            _ => {}
        }
    }
    (messages.len() <= MOST).then(|| messages.len() - 1)
}
