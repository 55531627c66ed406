//! Reading JSON as language models write it.
//!
//! Sound JSON is read as what it is. Otherwise what is meant is read where there is no doubt: text and code fences around
//! it, single or curly quotes, names without quotes, comments, commas too many or too few, brackets that are missing at
//! the end.

use std::fmt;

/// A value that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A JSON number.
    Number(f64),
    /// Text, in quotes or bare.
    Text(String),
    /// `true`, `false` or `null`.
    Word(&'static str),
    /// An object.
    Object(Vec<(String, Value)>),
    /// An array.
    Array(Vec<Value>),
}

/// The object that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its pairs, in their order.
    pub pairs: Vec<(String, Value)>,
    /// Whether it was no sound JSON.
    pub repaired: bool,
    /// Whether there is more text than the object.
    pub around: bool,
}

/// Most places at which an object is looked for.
const MOST_STARTS: usize = 64;
/// Deepest nesting that is read.
const MOST_DEPTH: usize = 16;

/// Finds the object that holds most of `names`, of several such the last: models correct themselves. None holds none.
pub fn find(text: &str, names: &[&str]) -> Option<Found> {
    let mut best: Option<(usize, Found)> = None;
    each_object(text, |found| {
        let found = unwrap(found);
        let hits = count(&found.pairs, names);
        if hits > 0 && best.as_ref().is_none_or(|(most, _)| hits >= *most) {
            best = Some((hits, found));
        }
        hits > 0
    });
    best.map(|(_, found)| found)
        .or_else(|| without_braces(text, names))
}

/// The pairs of every object that is not part of another one, in their order.
pub fn objects(text: &str) -> Vec<Vec<(String, Value)>> {
    let mut objects = Vec::new();
    each_object(text, |found| {
        objects.push(found.pairs);
        objects.last().is_some_and(|pairs| !pairs.is_empty())
    });
    objects.retain(|pairs| !pairs.is_empty());
    objects
}

/// Shows each object; one inside of another that was understood is part of it.
fn each_object(text: &str, mut understood: impl FnMut(Found) -> bool) {
    let starts = text.match_indices('{').map(|(at, _)| at).take(MOST_STARTS);
    let mut covered = 0;
    for start in starts {
        let mut reader = Reader::at(text, start);
        if start >= covered
            && let Some(Value::Object(pairs)) = reader.value(0)
            && understood(Found {
                pairs,
                repaired: reader.repaired,
                around: !text[..start].trim().is_empty() || !reader.rest().trim().is_empty(),
            })
        {
            covered = reader.at;
        }
    }
}

/// Reads `"humor": 3, "scares": 4` or one `humor: 3` a line.
fn without_braces(text: &str, names: &[&str]) -> Option<Found> {
    let pairs = Reader::at(text, 0).pairs(0);
    (count(&pairs, names) > 0).then_some(Found {
        pairs,
        repaired: true,
        around: false,
    })
}

/// Takes the object out of a wrapper such as `{"scores": {…}}`.
fn unwrap(mut found: Found) -> Found {
    if let [(_, Value::Object(inner))] = found.pairs.as_mut_slice()
        && inner.len() > 1
    {
        found.pairs = std::mem::take(inner);
        found.repaired = true;
    }
    found
}

fn count(pairs: &[(String, Value)], names: &[&str]) -> usize {
    let has = |name: &&&str| pairs.iter().any(|(key, _)| same_name(key, name));
    names.iter().filter(has).count()
}

/// Whether a key is a name but for case, spaces and signs: `Plot Complexity` is `plot_complexity`.
pub fn same_name(key: &str, name: &str) -> bool {
    let bare = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    bare(key) == bare(name)
}

impl Value {
    /// The number that is meant, and whether it stands there as a JSON number. `highest` ends the scale: `7/10` and
    /// `7 out of 10` are 7 where it is 10.
    pub fn number(&self, highest: f64) -> Option<(f64, bool)> {
        match self {
            Self::Number(number) => Some((*number, true)),
            Self::Text(text) => of_text(text, highest).map(|number| (number, false)),
            Self::Object(pairs) => {
                let named = |name| pairs.iter().find(|(key, _)| same_name(key, name));
                let (_, inner) = ["score", "rating", "value"].into_iter().find_map(named)?;
                match inner {
                    Self::Object(_) => None,
                    inner => inner.number(highest).map(|(number, _)| (number, false)),
                }
            }
            Self::Array(values) => match values.as_slice() {
                [one @ (Self::Number(_) | Self::Text(_))] => {
                    one.number(highest).map(|(number, _)| (number, false))
                }
                _ => None,
            },
            Self::Word(_) => None,
        }
    }
}

fn of_text(text: &str, highest: f64) -> Option<f64> {
    let text = text.trim().trim_end_matches('.');
    let (number, scale) = match text.split_once('/').or_else(|| text.split_once(" out of ")) {
        Some((number, scale)) => (number, Some(scale)),
        None => (text, None),
    };
    let parse = |t: &str| t.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    match scale {
        Some(scale) if parse(scale) != Some(highest) => None,
        _ => parse(number),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => {
                let short: String = text.chars().take(30).collect();
                write!(f, "{short:?}")
            }
            Self::Word(word) => f.write_str(word),
            Self::Object(_) => f.write_str("an object"),
            Self::Array(_) => f.write_str("an array"),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    repaired: bool,
}

impl<'a> Reader<'a> {
    fn at(text: &'a str, at: usize) -> Self {
        Self {
            text,
            at,
            repaired: false,
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_if(&mut self, wanted: &str) -> bool {
        let there = self.rest().starts_with(wanted);
        self.at += if there { wanted.len() } else { 0 };
        there
    }

    /// Skips blanks and comments.
    fn blanks(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            let end = match rest {
                _ if rest.starts_with("//") || rest.starts_with('#') => rest.find('\n'),
                _ if rest.starts_with("/*") => rest.find("*/").map(|at| at + 2),
                _ => return,
            };
            self.at += end.unwrap_or(rest.len());
            self.repaired = true;
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.blanks();
        if depth > MOST_DEPTH {
            return None;
        }
        match self.peek()? {
            '{' => {
                self.next();
                let pairs = self.pairs(depth + 1);
                Some(Value::Object(pairs))
            }
            '[' => {
                self.next();
                Some(Value::Array(self.elements(depth + 1)))
            }
            '"' | '\'' | '“' | '”' | '‘' | '`' => Some(Value::Text(self.quoted())),
            _ => self.bare(),
        }
    }

    /// The pairs of an object, up to its end or the text's.
    fn pairs(&mut self, depth: usize) -> Vec<(String, Value)> {
        self.members('}', |reader| reader.pair(depth))
    }

    /// The elements of an array, up to its end, the text's, or that of the object around.
    fn elements(&mut self, depth: usize) -> Vec<Value> {
        self.members(']', |reader| reader.value(depth))
    }

    /// What stands between commas, up to `end`. A bracket that closes something else is left to whom it belongs.
    fn members<T>(&mut self, end: char, member: impl Fn(&mut Self) -> Option<T>) -> Vec<T> {
        let (mut members, mut comma) = (Vec::new(), true);
        loop {
            self.blanks();
            match self.peek() {
                Some(c) if c == end => {
                    self.next();
                    self.repaired |= comma && !members.is_empty();
                    return members;
                }
                None | Some('}') => {
                    self.repaired = true;
                    return members;
                }
                Some(',') => {
                    self.next();
                    self.repaired |= comma;
                    comma = true;
                    continue;
                }
                Some(_) => {}
            }
            self.repaired |= !comma;
            comma = false;
            match member(self) {
                Some(found) => members.push(found),
                None => self.skip_line(),
            }
        }
    }

    fn pair(&mut self, depth: usize) -> Option<(String, Value)> {
        let key = self.key()?;
        self.blanks();
        if !self.skip_if(":") {
            self.repaired = true;
            if !(self.skip_if("=>") || self.skip_if("=")) {
                return None;
            }
        }
        Some((key, self.value(depth)?))
    }

    fn key(&mut self) -> Option<String> {
        if self.peek().is_some_and(|c| "\"'“”‘`".contains(c)) {
            return Some(self.quoted());
        }
        self.repaired = true;
        let rest = self.rest();
        let end = rest.find([':', '=', ',', '{', '}', '\n'])?;
        let key = rest.get(..end)?.trim_matches(['-', '*', ' ', '\t']);
        self.at += end;
        (!key.is_empty()).then(|| key.to_owned())
    }

    /// After something that is no pair: goes on behind the next comma or line, but not past a bracket.
    fn skip_line(&mut self) {
        self.repaired = true;
        while let Some(c) = self.peek() {
            if c == '}' {
                return;
            }
            self.next();
            if c == ',' || c == '\n' {
                return;
            }
        }
    }

    fn quoted(&mut self) -> String {
        let open = self.next().unwrap_or('"');
        self.repaired |= open != '"';
        let close = |c: char| match open {
            '“' | '”' => matches!(c, '”' | '“' | '"'),
            '‘' => matches!(c, '’' | '\''),
            other => c == other,
        };
        let mut text = String::new();
        loop {
            match self.next() {
                None => {
                    self.repaired = true;
                    return text;
                }
                Some('\\') => self.escape(&mut text),
                Some(c) if close(c) => return text,
                Some(c) => {
                    self.repaired |= c.is_control();
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self, text: &mut String) {
        match self.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('u') => {
                let hex = self
                    .rest()
                    .get(..4)
                    .and_then(|h| u32::from_str_radix(h, 16).ok());
                self.at += if hex.is_some() { 4 } else { 0 };
                // Half of a surrogate pair: no name or number holds one.
                text.push(hex.and_then(char::from_u32).unwrap_or('\u{fffd}'));
            }
            Some(c) => {
                self.repaired |= !matches!(c, '"' | '\\' | '/');
                text.push(c);
            }
            None => self.repaired = true,
        }
    }

    /// A number, a word of JSON, or text without quotes, up to the next sign of JSON.
    fn bare(&mut self) -> Option<Value> {
        let rest = self.rest();
        let end = rest
            .find([',', '}', ']', '\n', '"', '“'])
            .unwrap_or(rest.len());
        let text = rest.get(..end)?;
        let text = text.split(" //").next().unwrap_or(text);
        let text = text.split(" #").next().unwrap_or(text);
        self.at += text.len();
        let text = text.trim();
        if let Ok(number) = serde_json::from_str::<f64>(text) {
            return Some(Value::Number(number));
        }
        for word in ["true", "false", "null"] {
            if text == word {
                return Some(Value::Word(word));
            }
        }
        self.repaired = true;
        (!text.is_empty()).then(|| Value::Text(text.to_owned()))
    }
}

#[cfg(test)]
#[path = "lenient_test.rs"]
mod tests;
