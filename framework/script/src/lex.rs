//! Lua code as words, signs and texts, also where its end is missing.

use std::ops::Range;

/// A piece of code; remarks and space are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub sort: Sort,
    /// What is written; of a text, what stands between its quotes.
    pub text: &'a str,
    /// Where that begins.
    pub begin: usize,
}

/// What a piece of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A name, a keyword or digits.
    Word,
    /// One sign.
    Sign,
    /// A text with its quotes.
    Text,
    /// A text whose end is missing.
    Open,
}

impl<'a> Token<'a> {
    /// What is written; nothing of a text.
    pub fn code(&self) -> &'a str {
        match self.sort {
            Sort::Word | Sort::Sign => self.text,
            Sort::Text | Sort::Open => "",
        }
    }

    pub fn is(&self, code: &str) -> bool {
        self.code() == code
    }

    /// Where a word or a sign ends.
    pub fn end(&self) -> usize {
        self.begin + self.text.len()
    }
}

/// The pieces in their order.
pub(crate) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let (sort, place, next) = piece(code, at);
        found.extend(sort.map(|sort| Token {
            sort,
            text: &code[place.clone()],
            begin: place.start,
        }));
        at = next;
    }
    found
}

/// What it is (nothing for remarks and space), where its text stands, and where the next piece begins.
type Piece = (Option<Sort>, Range<usize>, usize);

fn piece(code: &str, at: usize) -> Piece {
    let rest = &code[at..];
    if rest.starts_with("--") {
        let line = || at + rest.find('\n').unwrap_or(rest.len());
        let end = long(code, at + 2).map_or_else(line, |(_, _, end)| end);
        return (None, at..end, end);
    }
    if let Some(text) = long(code, at) {
        return text;
    }
    let first = rest.chars().next().unwrap_or(' ');
    if first == '"' || first == '\'' {
        return short(code, at + 1, first);
    }
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    if in_word(first) {
        let end = at + rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        return (Some(Sort::Word), at..end, end);
    }
    let end = at + first.len_utf8();
    let sort = (!first.is_whitespace()).then_some(Sort::Sign);
    (sort, at..end, end)
}

/// A text in long brackets, `[[…]]` or `[==[…]==]`.
fn long(code: &str, at: usize) -> Option<Piece> {
    let inner = code[at..].strip_prefix('[')?;
    let level = inner.find(|c| c != '=')?;
    inner[level..].strip_prefix('[')?;
    let begin = at + level + 2;
    let length = code[begin..].find(&format!("]{}]", "=".repeat(level)));
    Some(text(code, begin, length, level + 2))
}

/// A text in quotes.
fn short(code: &str, begin: usize, quote: char) -> Piece {
    let mut escaped = false;
    let length = code[begin..].find(|c: char| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    text(code, begin, length, 1)
}

/// A text of that length, if its end is there; `quote` bytes close it.
fn text(code: &str, begin: usize, length: Option<usize>, quote: usize) -> Piece {
    match length.map(|length| begin + length) {
        Some(end) => (Some(Sort::Text), begin..end, end + quote),
        None => (Some(Sort::Open), begin..code.len(), code.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: &str) -> Vec<(Sort, &str)> {
        tokens(code).iter().map(|t| (t.sort, t.text)).collect()
    }

    #[test]
    fn words_signs_and_texts_are_told_apart() {
        use Sort::{Open, Sign, Text, Word};
        assert_eq!(
            read("local größe='a\\'b' -- it's\n--[[ 'no' ]] x2"),
            [
                (Word, "local"),
                (Word, "größe"),
                (Sign, "="),
                (Text, "a\\'b"),
                (Word, "x2")
            ]
        );
        assert_eq!(
            read("f[=[a]] 'b' ]=] t[1]"),
            [
                (Word, "f"),
                (Text, "a]] 'b' "),
                (Word, "t"),
                (Sign, "["),
                (Word, "1"),
                (Sign, "]")
            ]
        );
        assert_eq!(
            read("f(\"a\\\"b"),
            [(Word, "f"), (Sign, "("), (Open, "a\\\"b")]
        );
        assert_eq!(read("x = [["), [(Word, "x"), (Sign, "="), (Open, "")]);
        assert_eq!(read("--[[ open 'x'"), []);
    }

    #[test]
    fn places_count_bytes() {
        let all = tokens("größe = 'x");
        assert_eq!((all[0].begin, all[0].end()), (0, 7));
        assert_eq!(all[2].begin, 11);
    }
}
