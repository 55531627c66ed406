//! The locals of an input. They would end with it, so that those outside of any block are made global.

use crate::lex::{Token, tokens};
use std::ops::Range;

/// Code that was compiled before, with its outermost locals made global; and their names.
pub(super) fn kept(code: &str) -> (String, Vec<String>) {
    let tokens = tokens(code);
    let is = |n: usize, sign: &str| tokens.get(n).is_some_and(|token| token.is(sign));
    let mut text = Edited::new(code);
    let mut names = Vec::new();
    let (mut n, mut depth) = (0, 0_usize);
    while let Some(token) = tokens.get(n) {
        n += 1;
        match token.code() {
            // `while` and `for` go on with `do`.
            "function" | "do" | "if" | "repeat" => depth += 1,
            "end" | "until" => depth = depth.saturating_sub(1),
            "local" if depth == 0 => {
                text.put(token.begin..token.end(), "");
                if !is(n, "function") {
                    n = list(&tokens, n, &mut text, &mut names);
                }
            }
            _ => {}
        }
    }
    (text.finish(), names)
}

/// Reads names up to the values; those without values get nil. Attributes go: a global has none.
fn list(
    tokens: &[Token<'_>],
    mut n: usize,
    text: &mut Edited<'_>,
    names: &mut Vec<String>,
) -> usize {
    let is = |n: usize, sign: &str| tokens.get(n).is_some_and(|token| token.is(sign));
    let mut end = text.copied;
    while let Some(name) = tokens.get(n) {
        names.push(name.text.to_owned());
        end = name.end();
        n += 1;
        if is(n, "<")
            && let (Some(open), Some(close)) = (tokens.get(n), tokens.get(n + 2))
        {
            end = close.end();
            text.put(open.begin..end, "");
            n += 3;
        }
        if !is(n, ",") {
            break;
        }
        n += 1;
    }
    if !is(n, "=") {
        text.put(end..end, " = nil");
    }
    n
}

/// A text with some places replaced, from its beginning to its end.
struct Edited<'a> {
    code: &'a str,
    copied: usize,
    text: String,
}

impl<'a> Edited<'a> {
    fn new(code: &'a str) -> Self {
        Self {
            code,
            copied: 0,
            text: String::new(),
        }
    }

    fn put(&mut self, place: Range<usize>, text: &str) {
        self.text += &self.code[self.copied..place.start];
        self.text += text;
        self.copied = place.end;
    }

    fn finish(mut self) -> String {
        self.text += &self.code[self.copied..];
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(code: &str) -> String {
        kept(code).0
    }

    #[test]
    fn outermost_locals_become_globals() {
        assert_eq!(text("local x = 2"), " x = 2");
        assert_eq!(text("f() local x = 2\nlocal y = x"), "f()  x = 2\n y = x");
        assert_eq!(text("local a, b = 1, 2"), " a, b = 1, 2");
        assert_eq!(text("local function f() end f()"), " function f() end f()");
        assert_eq!(
            kept("local a <const>, b <close> = 1, nil local c"),
            (
                " a , b  = 1, nil  c = nil".to_owned(),
                ["a", "b", "c"].map(str::to_owned).to_vec()
            )
        );
        assert_eq!(text("local x;(f)()"), " x = nil;(f)()");
    }

    #[test]
    fn locals_of_blocks_and_texts_stay() {
        for code in [
            "do local x = 1 end",
            "if a then local x = 1 elseif b then local x = 2 else local x = 3 end",
            "for i = 1, 2 do local x = i end while true do local y = 1 break end",
            "repeat local x = 1 until x == 1",
            "function f() if a then return 1 end local x = 2 end",
            "t = { f = function() local x = 1 end }",
            "s = 'local x = 1' -- local y = 2",
            "local_x = 1",
        ] {
            assert_eq!(kept(code), (code.to_owned(), Vec::new()), "{code}");
        }
        assert_eq!(
            text("while f(function() end) do local a end local b = 1"),
            "while f(function() end) do local a end  b = 1"
        );
    }
}
