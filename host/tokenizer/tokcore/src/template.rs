//! A chat template, compiled once: Jinja as transformers sets it up (trim_blocks,
//! lstrip_blocks, loop controls, `{% generation %}`).
//!
//! The engine is minijinja. Where its operators and attributes have another meaning
//! than Python's, the compiled instructions are exchanged for calls of our own.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use minijinja::machinery::{CodeGenerator, Instructions, Vm, WhitespaceConfig, make_string_output, parse};
use minijinja::value::{Rest, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State};

use crate::exchange::{Names, exchange};
use crate::json::Map;
use crate::methods::OF_DICT;
use crate::plain::Control;
use crate::{filters, guard, methods, ops, python};

/// A compiled template. Its environment and source live as long as the instance.
pub struct Template {
    env: &'static Environment<'static>,
    instructions: Instructions<'static>,
    blocks: BTreeMap<&'static str, Instructions<'static>>,
    pub source: &'static str,
    pub has_generation: bool,
    /// The source may have characters that marks are made of.
    pub rare: bool,
    /// Variables that every conversation has: the special tokens with a role.
    pub roles: Map,
    /// The tokens that texts of a conversation must not become.
    pub control: Option<Control>,
}

/// What went wrong in a template, and in which of its lines (0 where that is unknown).
#[derive(Debug, PartialEq)]
pub struct Failure {
    pub line: usize,
    pub message: String,
    /// The template itself refused, by `raise_exception`.
    pub raised: bool,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Failure { line: 0, message: message.into(), raised: false }
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        // The innermost error is the cause; the outer ones are macros and includes around it.
        let detail = e.detail().map(str::to_owned);
        let raised = detail.as_ref().and_then(|d| d.strip_prefix(filters::RAISED)).map(str::to_owned);
        let message = match (&raised, e.kind(), detail) {
            (Some(said), ..) => said.clone(),
            (None, ErrorKind::OutOfFuel, _) => "the template takes too many steps; it may never end".into(),
            (None, kind, Some(detail)) if kind == ErrorKind::InvalidOperation => detail,
            (None, kind, Some(detail)) => format!("{kind}: {detail}"),
            (None, kind, None) => kind.to_string(),
        };
        Failure { line: e.line().unwrap_or(0), message, raised: raised.is_some() }
    }
}

impl Template {
    /// Compiles `source`.
    pub fn compile(source: &str) -> Result<Template, Failure> {
        let (source, has_generation) = generation_as_filter(source);
        let source: &'static str = Box::leak(source.into_boxed_str());
        let whitespace = WhitespaceConfig { keep_trailing_newline: false, lstrip_blocks: true, trim_blocks: true };
        let ast = parse(source, NAME, Default::default(), whitespace)?;
        let mut generator = CodeGenerator::new(NAME, source);
        generator.compile_stmt(&ast);
        let (instructions, blocks) = generator.finish();
        let mut names = Names::default();
        let instructions = exchange(instructions, &mut names);
        let blocks = blocks.into_iter().map(|(name, block)| (name, exchange(block, &mut names))).collect();
        let env = Box::leak(Box::new(environment(names)));
        Ok(Template { env, instructions, blocks, source, has_generation, rare: crate::chat::rare(source), roles: Map::default(), control: None })
    }

    /// Renders with the variables of `root`; `input` is the size of the text that they came from.
    pub fn render(&self, root: Value, input: usize) -> Result<String, Failure> {
        guard::start(input);
        self.env_fuel(input);
        let mut text = String::new();
        let env: &'static Environment<'static> = self.env;
        let mut out = make_string_output(&mut text);
        Vm::new(env).eval(&self.instructions, root, &self.blocks, &mut out, AutoEscape::None)?;
        Ok(text)
    }

    fn env_fuel(&self, input: usize) {
        // SAFETY: the environment is ours alone, no rendering is going on, and there is one thread.
        let env = self.env as *const Environment<'static> as *mut Environment<'static>;
        unsafe { (*env).set_fuel(Some(guard::fuel(input))) };
    }
}

/// What errors of the engine call the template.
const NAME: &str = "chat_template";
/// The filter that stands for a `{% generation %}` block.
const GENERATION: &str = "__generation";

/// A function that returns its second argument.
const SECOND: &str = "__second";

fn environment(names: Names) -> Environment<'static> {
    let mut env = Environment::new();
    filters::install(&mut env);
    env.add_filter("__add", ops::add);
    env.add_filter("__mul", ops::mul);
    env.add_filter("__rem", |a: Value, b: Value| ops::rem(a, b, false));
    env.add_filter("__rem_tuple", |a: Value, b: Value| ops::rem(a, b, true));
    env.add_filter("__concat", ops::concat);
    env.add_filter("__slice", ops::slice);
    env.add_filter("__item", ops::item);
    env.add_filter("__iter", ops::iterated);
    env.add_filter("__dict", ops::dict);
    env.add_filter("__eq", |a: Value, b: Value| ops::equal(&a, &b));
    env.add_filter("__ne", |a: Value, b: Value| ops::equal(&a, &b).map(|is| !is));
    env.add_filter("__lt", |a: Value, b: Value| ops::ordered("<", &a, &b, Ordering::is_lt));
    env.add_filter("__le", |a: Value, b: Value| ops::ordered("<=", &a, &b, Ordering::is_le));
    env.add_filter("__gt", |a: Value, b: Value| ops::ordered(">", &a, &b, Ordering::is_gt));
    env.add_filter("__ge", |a: Value, b: Value| ops::ordered(">=", &a, &b, Ordering::is_ge));
    env.add_filter("__in", |item: Value, list: Value| ops::contained(&list, &item));
    for name in OF_DICT {
        env.add_filter(format!("__attr_{name}"), move |of: Value| ops::attribute(&of, name));
    }
    for name in names.methods {
        env.add_filter(format!("__call_{name}"), move |state: &State, args: Rest<Value>| {
            methods::call(state, &args[0], name, &args[1..])
        });
    }
    env.add_filter(GENERATION, |text: &str| format!("{}{text}{}", python::mark(0), python::mark(1)));
    env.add_function(SECOND, |_: Value, second: Value| second);
    env.set_recursion_limit(200);
    env
}

/// Writes `{% generation %}` blocks as filters in a scope of their own, as they have one in
/// transformers, and says whether there is one. Comments and raw text stay as they are.
fn generation_as_filter(source: &str) -> (String, bool) {
    let mut out = String::with_capacity(source.len());
    let mut found = false;
    let mut macros = 0; // that the place is inside of
    let mut rest = source;
    while let Some(at) = rest.find("{%").into_iter().chain(rest.find("{#")).chain(rest.find("{{")).min() {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = match &rest[..2] {
            "{#" => rest.find("#}").map_or(rest.len(), |end| end + 2),
            "{{" => quoted_end(rest, "}}"),
            _ => quoted_end(rest, "%}"),
        };
        let tag = &rest[..end];
        let (word, before, after) = tag_word(tag);
        match word {
            "generation" if tag.starts_with("{%") => {
                found = true;
                out.push_str(&format!("{{%{before} with %}}{{% filter {GENERATION} {after}%}}"));
            }
            "endgeneration" if tag.starts_with("{%") => out.push_str(&format!("{{%{before} endfilter %}}{{% endwith {after}%}}")),
            _ if macros > 0 => out.push_str(&reading_namespace(tag)),
            _ => out.push_str(tag),
        }
        if tag.starts_with("{%") {
            match word.split_whitespace().next() {
                Some("macro" | "call") => macros += 1,
                Some("endmacro" | "endcall") => macros -= 1,
                _ => {}
            }
        }
        rest = &rest[end..];
        if word == "raw" && tag.starts_with("{%") {
            let end = raw_end(rest);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    (out, found)
}

/// A tag that sets an attribute of a namespace so that it reads the namespace, too: a macro
/// of the engine sees only what it reads.
fn reading_namespace(tag: &str) -> String {
    let rewritten = || {
        let (inner, before, after) = tag_word(tag);
        let rest = inner.strip_prefix("set").filter(|rest| tag.starts_with("{%") && rest.starts_with(char::is_whitespace))?;
        let (target, value) = rest.split_once('=')?;
        let (name, attribute) = target.trim().split_once('.')?;
        let plain = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_alphanumeric() || c == '_');
        let fits = plain(name.trim()) && plain(attribute.trim()) && !value.starts_with('=');
        fits.then(|| format!("{{%{before} set {target} = {SECOND}({name}, ({value})) {after}%}}"))
    };
    rewritten().unwrap_or_else(|| tag.to_owned())
}

/// Where a tag that begins `text` ends, quotes considered.
fn quoted_end(text: &str, close: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 2;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            _ if bytes[at..].starts_with(close.as_bytes()) => return at + 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// The word of a tag with one word, and the dashes or pluses at its ends.
fn tag_word(tag: &str) -> (&str, &str, &str) {
    let inner = tag.get(2..tag.len().saturating_sub(2)).unwrap_or_default();
    let before = &inner[..inner.starts_with(['-', '+']) as usize];
    let inner = &inner[before.len()..];
    let after = &inner[inner.len() - inner.ends_with(['-', '+']) as usize..];
    (inner[..inner.len() - after.len()].trim(), before, after)
}

/// Where the `{% endraw %}` of a raw text begins.
fn raw_end(text: &str) -> usize {
    let mut from = 0;
    while let Some(at) = text[from..].find("{%").map(|at| at + from) {
        let end = text[at..].find("%}").map_or(text.len(), |end| at + end + 2);
        if tag_word(&text[at..end]).0 == "endraw" {
            return at;
        }
        from = at + 2;
    }
    text.len()
}
