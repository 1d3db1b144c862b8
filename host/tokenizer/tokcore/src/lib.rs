//! Hugging Face tokenizers and chat templates as a WebAssembly reactor with a small ABI.
//!
//! A host writes a request into memory that it got from `tok_alloc`, calls an
//! export with its address and length (and the handle of a tokenizer, and what
//! else there is), and gets back a reply. Rules that hold for every export:
//!
//! - Numbers are little-endian `u32` words; texts are UTF-8.
//! - A request buffer belongs to the callee from the call on.
//! - A reply comes as one `u64`: address in the upper half, length in bytes in
//!   the lower. Its first word is the status: 0, then the payload; or 1, then
//!   an error message. The host copies it and gives it back with `tok_free`.
//! - A trap leaves the instance in an unknown state: throw it away.
//!
//! Padding and truncation that a tokenizer file asks for are switched off: the
//! host decides about lengths.

mod chat;
mod clock;
mod encode;
mod exchange;
mod filters;
mod format;
mod generator;
mod guard;
mod json;
mod methods;
mod ops;
mod plain;
mod python;
mod template;

use template::Template;
use tokenizers::tokenizer::{EncodeInput, Encoding, Tokenizer};

/// Add the special tokens of the post-processor.
const WITH_SPECIAL: u32 = 1;
/// Reply with offsets, type ids and the special-token mask.
const DETAILED: u32 = 2;
/// The texts come in twos, first and second sequence of one input.
const PAIRS: u32 = 4;
/// Special tokens that a text spells out are encoded as the text that they are.
const SPLIT_SPECIAL: u32 = 8;
/// The texts come in twos, a text and the ranges in it, in bytes and as "1-4,7-9", where
/// special tokens are encoded as the text that they are.
const PLAIN: u32 = 16;

/// Word that stands for "no such id".
const NO_ID: u32 = u32::MAX;

/// Returns `len` bytes of memory for a request.
#[unsafe(no_mangle)]
pub extern "C" fn tok_alloc(len: usize) -> *mut u8 {
    Box::into_raw(vec![0u8; len].into_boxed_slice()).cast()
}

/// Frees a buffer: a reply, or a request that was not handed over.
///
/// # Safety
/// `ptr` and `len` are those of one buffer of this module, not freed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tok_free(ptr: *mut u8, len: usize) {
    drop(unsafe { take(ptr, len) });
}

/// Makes a tokenizer of the text of a tokenizer.json.
/// Payload: handle, number of tokens, highest id.
///
/// # Safety
/// The request is a buffer of this module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tok_new(ptr: *mut u8, len: usize) -> u64 {
    tokenizers::utils::parallelism::set_parallelism(false);
    send(open(unsafe { take(ptr, len) }))
}

/// Frees a tokenizer.
///
/// # Safety
/// `handle` came from `tok_new` and was not dropped before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tok_drop(handle: *mut Tokenizer) {
    drop(unsafe { Box::from_raw(handle) });
}

/// Encodes a batch of texts in one call, which spares crossings.
///
/// Request: number of texts, length of each in bytes, then the texts. Flags:
/// `WITH_SPECIAL`, `DETAILED`, `PAIRS`, `SPLIT_SPECIAL`, `PLAIN`. Payload, for each input in turn: number
/// of ids, the ids, and with `DETAILED` four words a token: start and end in
/// bytes of its text, type id, special-token mask.
///
/// # Safety
/// `handle` is alive; the request is a buffer of this module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tok_encode(
    ptr: *mut u8,
    len: usize,
    handle: *mut Tokenizer,
    flags: u32,
) -> u64 {
    let request = unsafe { take(ptr, len) };
    let tokenizer = unsafe { &mut *handle };
    tokenizer.set_encode_special_tokens(flags & SPLIT_SPECIAL != 0);
    send(encode(tokenizer, &request, flags))
}

/// Decodes ids to text; special tokens are left out where `skip_special` is not 0.
/// Request: the ids. Payload: the text. Ids that no token bears are skipped.
///
/// # Safety
/// `handle` is alive; the request is a buffer of this module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tok_decode(
    ptr: *mut u8,
    len: usize,
    handle: *const Tokenizer,
    skip_special: u32,
) -> u64 {
    let ids = words(&unsafe { take(ptr, len) });
    let text = unsafe { &*handle }.decode(&ids, skip_special != 0);
    send(text.map(|t| Reply::of(t.as_bytes())).map_err(|e| e.to_string()))
}

/// Looks up a token. Request: its text. Payload: its id, or `NO_ID`.
///
/// # Safety
/// `handle` is alive; the request is a buffer of this module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tok_token_to_id(
    ptr: *mut u8,
    len: usize,
    handle: *const Tokenizer,
) -> u64 {
    let request = unsafe { take(ptr, len) };
    let token = std::str::from_utf8(&request).ok();
    let id = token.and_then(|t| unsafe { &*handle }.token_to_id(t));
    send(Ok(Reply::of(&id.unwrap_or(NO_ID).to_le_bytes())))
}

/// Looks up an id. Request: the id. Payload: the token's text; an error where
/// no token bears it.
///
/// # Safety
/// `handle` is alive; the request is a buffer of this module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tok_id_to_token(
    ptr: *mut u8,
    len: usize,
    handle: *const Tokenizer,
) -> u64 {
    let id = words(&unsafe { take(ptr, len) }).first().copied().unwrap_or(NO_ID);
    let token = unsafe { &*handle }.id_to_token(id);
    send(token.map(|t| Reply::of(t.as_bytes())).ok_or_else(|| format!("no token has id {id}")))
}

/// Compiles a chat template. Request: texts as in `tok_encode`: its source; a JSON object
/// with variables that every conversation has; then the tokens that texts of a conversation
/// must not become. Payload: handle, and whether it has `{% generation %}`. An error is the line, a colon, and the message.
///
/// # Safety
/// The request is a buffer of this module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chat_new(ptr: *mut u8, len: usize) -> u64 {
    send(compile(&unsafe { take(ptr, len) }))
}

/// Renders a batch of conversations.
///
/// Request: texts as in `tok_encode`, two for each conversation: the options and the
/// variables, each a JSON object. Payload, for each in turn: a status word; with 0 the
/// length of the text, the number of spans inside `{% generation %}` and of control tokens
/// that a user wrote, the text, start and end of each span in bytes, and start, end and
/// number of each token; with 1 the line of the template, whether the template
/// raised the error itself, the number of the message (or `NO_ID`), the length of the
/// message, and the message.
///
/// # Safety
/// `handle` came from `chat_new`; the request is a buffer of this module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chat_render(ptr: *mut u8, len: usize, handle: *const Template) -> u64 {
    let request = unsafe { take(ptr, len) };
    send(render(unsafe { &*handle }, &request))
}

/// A reply under construction: status word 0, then the payload.
struct Reply(Vec<u8>);

impl Reply {
    fn of(payload: &[u8]) -> Self {
        let mut bytes = vec![0u8; 4];
        bytes.extend_from_slice(payload);
        Reply(bytes)
    }

    fn word(&mut self, word: u32) {
        self.0.extend_from_slice(&word.to_le_bytes());
    }
}

/// Hands a reply, or an error as a reply, over to the host.
fn send(outcome: Result<Reply, String>) -> u64 {
    let bytes = match outcome {
        Ok(reply) => reply.0,
        Err(message) => [&1u32.to_le_bytes(), message.as_bytes()].concat(),
    };
    let buffer = Box::leak(bytes.into_boxed_slice());
    (buffer.as_ptr() as usize as u64) << 32 | buffer.len() as u64
}

/// Takes back a buffer that `tok_alloc` or `send` gave out.
unsafe fn take(ptr: *mut u8, len: usize) -> Box<[u8]> {
    unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(ptr, len)) }
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect()
}

fn open(file: Box<[u8]>) -> Result<Reply, String> {
    let mut tokenizer = Tokenizer::from_bytes(&file).map_err(|e| e.to_string())?;
    drop(file);
    tokenizer.with_truncation(None).map_err(|e| e.to_string())?;
    tokenizer.with_padding(None);
    let count = tokenizer.get_vocab_size(true) as u32;
    let highest = tokenizer.get_vocab(true).into_values().max().unwrap_or(NO_ID);
    let mut reply = Reply::of(&[]);
    reply.word(Box::into_raw(Box::new(tokenizer)) as usize as u32);
    reply.word(count);
    reply.word(highest);
    Ok(reply)
}

/// Encodes one input after the other, so that no more than one `Encoding` is
/// alive: it takes many times the room of its text.
fn encode(tokenizer: &Tokenizer, request: &[u8], flags: u32) -> Result<Reply, String> {
    let texts = texts(request)?;
    let mut reply = Reply::of(&[]);
    let special = flags & WITH_SPECIAL != 0;
    let detailed = flags & DETAILED != 0;
    let mut plain = None; // made for the first text that needs it
    for input in texts.chunks_exact(if flags & (PAIRS | PLAIN) != 0 { 2 } else { 1 }) {
        let encoding = match *input {
            [text, ranges] if flags & PLAIN != 0 && !ranges.is_empty() => {
                let plain = plain.get_or_insert_with(|| encode::Plain::new(tokenizer));
                plain.as_ref().map_err(|e| e.clone())?.encode(text, &encode::parse_ranges(ranges)?, special)
            }
            [first, second] if flags & PAIRS != 0 => {
                run(tokenizer, EncodeInput::Dual(first.into(), second.into()), special, detailed)
            }
            _ => run(tokenizer, EncodeInput::Single(input[0].into()), special, detailed),
        };
        append(&mut reply, &encoding?, detailed);
    }
    Ok(reply)
}

fn run(tokenizer: &Tokenizer, input: EncodeInput, special: bool, detailed: bool) -> Result<Encoding, String> {
    let encoding = if detailed {
        tokenizer.encode(input, special)
    } else {
        tokenizer.encode_fast(input, special) // keeps no offsets
    };
    encoding.map_err(|e| e.to_string())
}

/// Reads the texts of an encode request.
fn texts(request: &[u8]) -> Result<Vec<&str>, String> {
    const SHORT: &str = "encode request is shorter than its lengths say";
    let head = request.get(..4).ok_or(SHORT)?;
    let count = words(head)[0] as usize;
    let mut rest = &request[4..];
    let lengths = words(rest.split_off(..4 * count).ok_or(SHORT)?);
    let mut texts = Vec::with_capacity(count);
    for length in lengths {
        let bytes = rest.split_off(..length as usize).ok_or(SHORT)?;
        texts.push(std::str::from_utf8(bytes).map_err(|e| e.to_string())?);
    }
    Ok(texts)
}

fn append(reply: &mut Reply, encoding: &Encoding, detailed: bool) {
    reply.word(encoding.get_ids().len() as u32);
    encoding.get_ids().iter().for_each(|&id| reply.word(id));
    if !detailed {
        return;
    }
    for (i, &(start, end)) in encoding.get_offsets().iter().enumerate() {
        reply.word(start as u32);
        reply.word(end as u32);
        reply.word(encoding.get_type_ids()[i]);
        reply.word(encoding.get_special_tokens_mask()[i]);
    }
}

fn compile(request: &[u8]) -> Result<Reply, String> {
    let texts = texts(request)?;
    let [source, roles, control @ ..] = texts.as_slice() else {
        return Err("a template comes with its variables".into());
    };
    let mut template = Template::compile(source).map_err(|f| format!("{}:{}", f.line, f.message))?;
    template.roles = json::parse(roles)?.downcast_object_ref::<json::Map>().cloned().unwrap_or_default();
    template.control = plain::Control::new(control)?;
    let mut reply = Reply::of(&[]);
    let has_generation = template.has_generation;
    reply.word(Box::into_raw(Box::new(template)) as usize as u32);
    reply.word(has_generation as u32);
    Ok(reply)
}

fn render(template: &Template, request: &[u8]) -> Result<Reply, String> {
    let mut reply = Reply::of(&[]);
    for pair in texts(request)?.chunks_exact(2) {
        match chat::render(template, pair[0], pair[1]) {
            Ok(done) => {
                reply.word(0);
                reply.word(done.text.len() as u32);
                reply.word(done.spans.len() as u32);
                reply.word(done.plain.len() as u32);
                reply.0.extend_from_slice(done.text.as_bytes());
                for (start, end) in done.spans {
                    reply.word(start as u32);
                    reply.word(end as u32);
                }
                for ((start, end), token) in done.plain {
                    reply.word(start as u32);
                    reply.word(end as u32);
                    reply.word(token);
                }
            }
            Err((failure, message)) => {
                reply.word(1);
                reply.word(failure.line as u32);
                reply.word(failure.raised as u32);
                reply.word(message.map_or(NO_ID, |n| n as u32));
                reply.word(failure.message.len() as u32);
                reply.0.extend_from_slice(failure.message.as_bytes());
            }
        }
    }
    Ok(reply)
}
