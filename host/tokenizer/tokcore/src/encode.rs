//! Encoding of texts in which some special tokens are only text.
//!
//! The steps are those of the crate (added tokens, normalizer, pre-tokenizer, model,
//! post-processor), all over the whole text, except that special tokens in given ranges are
//! not taken out of it. So what stands around them gets the ids that it has beside text.

use std::collections::{HashMap, HashSet};

use daachorse::{DoubleArrayAhoCorasick, DoubleArrayAhoCorasickBuilder, MatchKind};
use tokenizers::tokenizer::normalizer::Range;
use tokenizers::tokenizer::{
    AddedToken, Encoding, Model, NormalizedString, Normalizer, OffsetType, PreTokenizedString, PreTokenizer, Token, Tokenizer,
};
use unicode_general_category::{GeneralCategory, get_general_category};

type Bytes = (usize, usize);

/// Reads ranges as "1-4,7-9".
pub fn parse_ranges(text: &str) -> Result<Vec<Bytes>, String> {
    let range = |part: &str| {
        let (start, end) = part.split_once('-')?;
        Some((start.parse().ok()?, end.parse().ok()?))
    };
    text.split(',').map(|part| range(part).ok_or_else(|| format!("{part:?} is no range of bytes"))).collect()
}

/// A tokenizer's added tokens, to be found apart from the crate.
pub struct Plain<'a> {
    tokenizer: &'a Tokenizer,
    tokens: HashMap<u32, AddedToken>,
    special: HashSet<u32>,
    /// Tokens that are looked for before the normalizer, and after it.
    raw: Option<DoubleArrayAhoCorasick<u32>>,
    normalized: Option<DoubleArrayAhoCorasick<u32>>,
}

impl<'a> Plain<'a> {
    pub fn new(tokenizer: &'a Tokenizer) -> Result<Self, String> {
        let tokens: HashMap<u32, AddedToken> = tokenizer
            .get_added_vocabulary()
            .get_added_tokens_decoder()
            .iter()
            .map(|(id, token)| (*id, token.clone()))
            .collect();
        let (mut raw, mut normalized) = (Vec::new(), Vec::new());
        for (id, token) in &tokens {
            if !token.normalized {
                raw.push((token.content.clone(), *id));
                continue;
            }
            let mut text = NormalizedString::from(token.content.as_str());
            if let Some(normalizer) = tokenizer.get_normalizer() {
                normalizer.normalize(&mut text).map_err(|e| e.to_string())?;
            }
            normalized.push((text.get().to_owned(), *id));
        }
        let special = tokens.iter().filter(|(_, t)| t.special).map(|(id, _)| *id).collect();
        Ok(Plain { tokenizer, tokens, special, raw: finder(raw)?, normalized: finder(normalized)? })
    }

    /// Encodes `text`. Should the model itself make a special token of the text in a range,
    /// the range is taken apart into characters.
    pub fn encode(&self, text: &str, ranges: &[Bytes], with_special: bool) -> Result<Encoding, String> {
        let encoding = self.run(text, ranges, &[])?;
        let stray = |encoding: &Encoding| {
            let mut ids = encoding.get_ids().iter().zip(encoding.get_offsets());
            ids.any(|(id, at)| self.special.contains(id) && overlaps(*at, ranges))
        };
        let encoding = match stray(&encoding) {
            false => encoding,
            true => self.run(text, ranges, ranges)?,
        };
        if stray(&encoding) {
            return Err("the tokenizer makes a special token of ordinary text, one character of it".into());
        }
        self.tokenizer.post_process(encoding, None, with_special).map_err(|e| e.to_string())
    }

    fn run(&self, text: &str, ranges: &[Bytes], apart: &[Bytes]) -> Result<Encoding, String> {
        self.steps(text, ranges, apart).map_err(|e| e.to_string())
    }

    fn steps(&self, text: &str, ranges: &[Bytes], apart: &[Bytes]) -> tokenizers::Result<Encoding> {
        let mut parts: PreTokenizedString = text.into();
        parts.split(|_, part| Ok(self.split(part, &self.raw, ranges)))?;
        if !apart.is_empty() {
            parts.split(|_, part| Ok(characters(part, apart)))?;
        }
        parts.split(|_, mut part| {
            if let Some(normalizer) = self.tokenizer.get_normalizer() {
                normalizer.normalize(&mut part)?;
            }
            Ok(self.split(part, &self.normalized, ranges))
        })?;
        if let Some(pre_tokenizer) = self.tokenizer.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut parts)?;
        }
        self.tokenizer.get_model().tokenize_in_pretokenized(&mut parts, None)?;
        parts.into_encoding(None, 0, OffsetType::Byte)
    }

    /// Takes the added tokens out of a part, but for special ones in the ranges.
    fn split(
        &self,
        part: NormalizedString,
        finder: &Option<DoubleArrayAhoCorasick<u32>>,
        ranges: &[Bytes],
    ) -> Vec<(NormalizedString, Option<Vec<Token>>)> {
        let text = part.get();
        let mut pieces = Vec::new();
        let mut from = 0;
        let cut = |start: usize, end: usize| part.slice(Range::Normalized(start..end)).unwrap_or_else(|| part.clone());
        for found in finder.iter().flat_map(|finder| finder.leftmost_find_iter(text)) {
            let token = &self.tokens[&found.value()];
            let (mut start, mut end) = (found.start(), found.end());
            let is_text = token.special && overlaps(cut(start, end).offsets_original(), ranges);
            let in_word = token.single_word
                && (text[..start].chars().next_back().is_some_and(is_word) || text[end..].chars().next().is_some_and(is_word));
            if is_text || in_word {
                continue;
            }
            if token.lstrip {
                start = from.max(text[..start].trim_end().len());
            }
            if token.rstrip {
                end = text.len() - text[end..].trim_start().len();
            }
            if from < start {
                pieces.push((cut(from, start), None));
            }
            let piece = cut(start, end);
            let value = piece.get().to_owned();
            let length = value.len();
            pieces.push((piece, Some(vec![Token::new(found.value(), value, (0, length))])));
            from = end;
        }
        if from < text.len() {
            pieces.push((cut(from, text.len()), None));
        }
        pieces
    }
}

fn finder(tokens: Vec<(String, u32)>) -> Result<Option<DoubleArrayAhoCorasick<u32>>, String> {
    if tokens.is_empty() {
        return Ok(None);
    }
    let builder = DoubleArrayAhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest);
    builder.build_with_values(tokens).map(Some).map_err(|e| e.to_string())
}

fn overlaps(at: Bytes, ranges: &[Bytes]) -> bool {
    ranges.iter().any(|(start, end)| *start < at.1 && at.0 < *end)
}

/// A character of a word, as `\w` of a regular expression has it.
fn is_word(c: char) -> bool {
    use GeneralCategory::*;
    c.is_alphabetic()
        || matches!(c, '\u{200c}' | '\u{200d}')
        || matches!(
            get_general_category(c),
            DecimalNumber | ConnectorPunctuation | NonspacingMark | SpacingMark | EnclosingMark
        )
}

/// Cuts a part that is not normalized yet before every character in the ranges.
fn characters(part: NormalizedString, ranges: &[Bytes]) -> Vec<NormalizedString> {
    let (shift, _) = part.offsets_original();
    let text = part.get().to_owned();
    let inside = |at: usize| ranges.iter().any(|(start, end)| (*start..=*end).contains(&(at + shift)));
    let mut cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).filter(|at| inside(*at)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).filter_map(|w| part.slice(Range::Normalized(w[0]..w[1]))).collect()
}
