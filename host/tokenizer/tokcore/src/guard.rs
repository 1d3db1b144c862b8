//! Bounds on what one rendering may use.

use std::sync::atomic::{AtomicUsize, Ordering};

use minijinja::{Error, ErrorKind};

/// The longest text that a template may make, in bytes.
pub const MAX_TEXT: usize = 64 << 20;
/// How many bytes of text one rendering may make in all, beside what its input allows.
const MAX_MADE: usize = 1 << 30;

static MADE: AtomicUsize = AtomicUsize::new(0);
static ALLOWED: AtomicUsize = AtomicUsize::new(MAX_MADE);

/// Starts the count for one rendering of so many bytes of input.
pub fn start(input: usize) {
    MADE.store(0, Ordering::Relaxed);
    ALLOWED.store(MAX_MADE.max(input.saturating_mul(64)), Ordering::Relaxed);
}

/// Steps that one rendering of so many bytes of input may take.
pub fn fuel(input: usize) -> u64 {
    30_000_000 + 500 * input as u64
}

/// Says whether a text of so many bytes may be made.
pub fn room(bytes: usize) -> Result<(), Error> {
    let made = MADE.fetch_add(bytes, Ordering::Relaxed);
    if bytes <= MAX_TEXT && made <= ALLOWED.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidOperation, format!(
        "the template makes too much text: want at most {} MB in one piece and {} MB in all",
        MAX_TEXT >> 20,
        ALLOWED.load(Ordering::Relaxed) >> 20,
    )))
}

/// A text that was made, if there is room for it.
pub fn checked(text: String) -> Result<String, Error> {
    room(text.len())?;
    Ok(text)
}
