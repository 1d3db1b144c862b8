//! Chats: what a candidate can be instead of a prompt and an answer.

use crate::json::{self, Json};
use crate::plugin::Bad;

/// Whether the model learns from a message.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Learn {
    /// as the run says
    #[default]
    Default,
    Yes,
    No,
}

/// One turn of a chat.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// One JSON object. Its keys keep their order up to the chat template, and only
    /// "role" is required: {"role": "user", "content": "Hi"}.
    pub json: String,
    /// Records have "train" or "weight" for it; it is no key of json.
    pub learn: Learn,
}

impl Message {
    /// The message of a role: "system", "user", "assistant", "tool", or whatever else
    /// the chat template knows.
    pub fn new(role: &str, content: &str) -> Self {
        Message { json: format!("{{\"role\": {}, \"content\": {}}}", json::quote(role), json::quote(content)), learn: Learn::Default }
    }

    /// The message with one key more, the last one. The value is JSON, such as what
    /// quote makes of a text.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        let object = self.json.trim_end();
        let object = object.strip_suffix('}').unwrap_or(object).trim_end();
        let comma = if object.ends_with('{') { "" } else { ", " };
        self.json = format!("{object}{comma}{}: {value}}}", json::quote(key));
        self
    }

    /// The message with another learn.
    pub fn learn(mut self, learn: Learn) -> Self {
        self.learn = learn;
        self
    }

    /// The value of a key, null if there is none.
    pub fn get(&self, key: &str) -> Json {
        Json::parse(&self.json).map_or(Json::Null, |object| object.get(key).clone())
    }

    /// Reads one message as messages does.
    pub fn parse(object: &str) -> Result<Message, Bad> {
        Message::read(object).map_err(|what| format!("a message{what}").into())
    }

    /// The error is to be read after a name.
    fn read(object: &str) -> Result<Message, String> {
        let fields = json::fields(object).ok_or(" is no JSON object")?;
        let mut learn = Learn::Default;
        let mut said = false;
        for (key, value) in fields.iter().filter(|f| is_learn(&f.0)) {
            let new = learn_of(value).ok_or_else(|| format!(" has the {key} {value}; want true, false, 1 or 0"))?;
            if learn != Learn::Default && new != Learn::Default && learn != new {
                return Err(" has a \"train\" and a \"weight\" that contradict each other".into());
            }
            said = true;
            learn = if new == Learn::Default { learn } else { new };
        }
        if !said {
            return Ok(Message { json: object.into(), learn });
        }
        let left: Vec<_> = fields.iter().filter(|f| !is_learn(&f.0)).map(|f| format!("{}: {}", json::quote(&f.0), f.1)).collect();
        Ok(Message { json: format!("{{{}}}", left.join(", ")), learn })
    }
}

/// Reads a JSON array of messages, as columns such as "messages" hold it. Their keys
/// stay as they are, except for "train" and "weight", which become learn.
pub fn messages(array: &str) -> Result<Vec<Message>, Bad> {
    let elements = json::elements(array).ok_or_else(|| Bad::from("the messages are no JSON array"))?;
    let read = |(i, text)| Message::read(text).map_err(|what| format!("message {i}{what}").into());
    elements.into_iter().enumerate().map(read).collect()
}

fn is_learn(key: &str) -> bool {
    key == "train" || key == "weight"
}

fn learn_of(value: &str) -> Option<Learn> {
    match value {
        "null" => return Some(Learn::Default),
        "true" => return Some(Learn::Yes),
        "false" => return Some(Learn::No),
        _ => {}
    }
    match value.parse::<f64>().ok()? {
        v if v == 1.0 => Some(Learn::Yes),
        v if v == 0.0 => Some(Learn::No),
        _ => None,
    }
}

/// A conversation, which the host lays out by the model's chat template: prompt is
/// given, and answer is what the model would say. A conversation to learn from as a
/// whole stands in answer, and has no prompt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chat {
    pub prompt: Vec<Message>,
    pub answer: Vec<Message>,
    /// A JSON array of the tools that the model may call; empty for none.
    pub tools: String,
    /// A JSON array of documents; empty for none.
    pub documents: String,
    /// A JSON object of further variables of the template; empty for none.
    pub args: String,
}

impl Chat {
    /// Whether two chats differ in their answers only.
    pub(crate) fn shares_prompt(&self, other: &Chat) -> bool {
        self.tools == other.tools && self.documents == other.documents && self.args == other.args && self.prompt == other.prompt
    }
}
