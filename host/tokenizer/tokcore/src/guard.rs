//! Bounds on what one rendering may use.

use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::value::Value;
use minijinja::{Error, ErrorKind};

/// The longest text that a template may make, in bytes, beside what its input allows.
const MAX_TEXT: usize = 16 << 20;
/// How many bytes of text and values one rendering may make and look through in all,
/// beside what its input allows.
const MAX_WORK: usize = 128 << 20;
/// What a value counts besides its text.
const NODE: usize = 256;

static DONE: AtomicUsize = AtomicUsize::new(0);
static WORK: AtomicUsize = AtomicUsize::new(MAX_WORK);
static TEXT: AtomicUsize = AtomicUsize::new(MAX_TEXT);

/// Starts the count for one rendering of so many bytes of input.
pub fn start(input: usize) {
    DONE.store(0, Ordering::Relaxed);
    WORK.store(MAX_WORK.saturating_add(input.saturating_mul(256)), Ordering::Relaxed);
    TEXT.store(MAX_TEXT.saturating_add(input.saturating_mul(4)), Ordering::Relaxed);
}

/// Steps that one rendering of so many bytes of input may take.
pub fn fuel(input: usize) -> u64 {
    1_000_000 + 200 * input as u64
}

/// Counts work on so many bytes.
pub fn spend(bytes: usize) -> Result<(), Error> {
    let done = DONE.load(Ordering::Relaxed).saturating_add(bytes);
    DONE.store(done, Ordering::Relaxed);
    if done <= WORK.load(Ordering::Relaxed) { Ok(()) } else { Err(too_much()) }
}

/// Says whether a text of so many bytes may be made, and counts it.
pub fn room(bytes: usize) -> Result<(), Error> {
    if bytes > TEXT.load(Ordering::Relaxed) {
        return Err(too_much());
    }
    spend(bytes)
}

/// Counts a list of so many values that is made.
pub fn list(items: usize) -> Result<(), Error> {
    spend(items.saturating_mul(size_of::<Value>()))
}

/// Counts one value that is written behind a text of so many bytes.
pub fn node(written: usize) -> Result<(), Error> {
    if written > TEXT.load(Ordering::Relaxed) {
        return Err(too_much());
    }
    spend(NODE)
}

fn too_much() -> Error {
    Error::new(ErrorKind::InvalidOperation, format!(
        "the template makes too much text or too many values: want at most {} MB in one text and {} MB in all; it may never end",
        TEXT.load(Ordering::Relaxed) >> 20,
        WORK.load(Ordering::Relaxed) >> 20,
    ))
}

/// A text that was made, if there is room for it.
pub fn checked(text: String) -> Result<String, Error> {
    room(text.len())?;
    Ok(text)
}

/// Counts a look through a text, or through the items of a value but not into them.
pub fn scan(value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => spend(text.len() / 4),
        None => spend(value.len().unwrap_or(0).saturating_mul(size_of::<Value>())),
    }
}

/// Counts a look through the whole of a value.
pub fn scan_all(value: &Value) -> Result<(), Error> {
    spend(NODE)?;
    scan(value)?;
    if value.as_str().is_some() || crate::generator::Generator::is(value) || value.len().is_none() {
        return Ok(());
    }
    for item in value.try_iter()? {
        scan_all(&item)?;
        if crate::methods::is_dict(value) {
            scan_all(&value.get_item(&item)?)?;
        }
    }
    Ok(())
}
