//! Python's printed dictionaries, which the Amazon metadata of 2014 are written in, as JSON.

use super::bad::{LineError, LineResult};

/// Whether a line looks like a Python dictionary rather than a JSON object.
pub(super) fn begins(line: &[u8]) -> bool {
    let mut bytes = line.iter().filter(|b| !b.is_ascii_whitespace());
    bytes.next() == Some(&b'{') && matches!(bytes.next(), Some(b'\'' | b'u'))
}

/// Rewrites a literal of dictionaries, lists, strings, numbers, `True`, `False` and `None`.
pub(super) fn to_json(line: &[u8]) -> LineResult<String> {
    let text = std::str::from_utf8(line).map_err(|_| LineError::bare("the text is not UTF-8"))?;
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut after = &rest[first.len_utf8()..];
        match first {
            'u' if after.starts_with(['\'', '"']) => {}
            '\'' | '"' => after = string(after, first, &mut out)?,
            c if c.is_ascii_alphabetic() => {
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric())
                    .unwrap_or(rest.len());
                let (word, left) = rest.split_at(end);
                out.push_str(match word {
                    "True" => "true",
                    "False" => "false",
                    "None" => "null",
                    // The exponent of a number.
                    "e" | "E" => word,
                    other => {
                        return Err(LineError::new(
                            "a Python literal holds an unknown word",
                            other,
                        ));
                    }
                });
                after = left;
            }
            '(' => out.push('['),
            ')' => out.push(']'),
            c => out.push(c),
        }
        rest = after;
    }
    Ok(out)
}

/// Rewrites a string up to its closing quote and returns what follows.
fn string<'a>(text: &'a str, quote: char, out: &mut String) -> LineResult<&'a str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            out.push_str(&serde_json::Value::String(value).to_string());
            return Ok(&text[at + quote.len_utf8()..]);
        }
        if c != '\\' {
            value.push(c);
            continue;
        }
        let hex = |chars: &mut std::str::CharIndices<'_>, digits: usize| {
            let code: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
            let code = u32::from_str_radix(&code, 16).ok()?;
            Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
        };
        let escaped = match chars.next().map(|(_, c)| c) {
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('x') => hex(&mut chars, 2),
            Some('u') => hex(&mut chars, 4),
            Some('U') => hex(&mut chars, 8),
            Some(c @ ('\\' | '\'' | '"')) => Some(c),
            Some(c) => {
                value.push('\\');
                Some(c)
            }
            None => None,
        };
        value.push(
            escaped.ok_or_else(|| LineError::bare("an escape in a Python string is cut short"))?,
        );
    }
    Err(LineError::bare("a string has no closing quote"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(text: &str) -> Value {
        serde_json::from_str(&to_json(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn literals_become_json() {
        let text = r#"{'a': "it's", u'b': [1, -2.5, 1e-3], 'c': {'d "e"': (True, False, None)}, 'f': 'x\'y\\\n\xe9\u00e9\q'}"#;
        assert!(begins(text.as_bytes()));
        let expected = json!({
            "a": "it's", "b": [1, -2.5, 0.001], "c": {"d \"e\"": [true, false, null]}, "f": "x'y\\\néé\\q"
        });
        assert_eq!(read(text), expected);
        assert!(!begins(br#"{"a": 1}"#));
    }

    #[test]
    fn broken_literals_are_refused() {
        for text in [
            "{'a': 'open}",
            "{'a': open('x')}",
            "{'a': '\\x4",
            "{'a': '\\",
            "{'a': '\\uzzzz'}",
        ] {
            assert!(to_json(text.as_bytes()).is_err(), "{text}");
        }
    }
}
