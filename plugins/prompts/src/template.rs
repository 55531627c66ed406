//! Templates: text with placeholders.
//!
//! `{name}` is replaced by a value. `[…]` is left out as a whole when a placeholder in it has no value. A doubled
//! `{{`, `}}`, `[[` or `]]` stands for one.

use lapidary_sdk::prelude::*;

/// A template whose placeholders are all known.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Value(String),
    Optional(Vec<Part>),
}

/// A piece of a filled template.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// Whether it is the template's own, not what was put into it.
    pub own: bool,
}

/// Gives the value of a placeholder; empty where there is none.
pub type Values<'a> = dyn Fn(&str) -> String + 'a;

/// Begins the name of a placeholder for one of an item's further fields.
const FIELD: &str = "fields.";

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where, in bytes from its beginning.
    pub at: usize,
    /// What.
    pub reason: String,
}

impl Template {
    /// Reads a template of a setting. `place` names it in messages; `known` lists its placeholders.
    ///
    /// # Errors
    /// As [`Template::read`].
    pub fn parse(place: &str, text: &str, known: &[&str]) -> Result<Self> {
        let refused = |fault: Fault| Error::invalid(format!("`{place}`: {}", fault.reason));
        Self::read(text, known).map_err(refused)
    }

    /// Reads a template; `known` lists its placeholders.
    ///
    /// # Errors
    /// When a bracket is not closed, or a placeholder is unknown: with the place.
    pub fn read(text: &str, known: &[&str]) -> std::result::Result<Self, Fault> {
        let wrong = |at: usize, reason: &str| {
            let near: String = text
                .chars()
                .skip(text[..at].chars().count())
                .take(20)
                .collect();
            let near = near.lines().next().unwrap_or_default();
            Fault {
                at,
                reason: format!("{reason}, at `{near}`"),
            }
        };
        let (mut outer, mut inner): (Vec<Part>, Option<Vec<Part>>) = (Vec::new(), None);
        let mut opened = 0;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let doubled = "{}[]".contains(c) && chars.next_if(|&(_, next)| next == c).is_some();
            let inside = inner.is_some();
            let parts = inner.as_mut().unwrap_or(&mut outer);
            match c {
                _ if doubled => push(parts, c),
                '{' => {
                    let Some((name, _)) = text.get(at + 1..).and_then(|rest| rest.split_once('}'))
                    else {
                        return Err(wrong(at, "`{` is not closed; write `{{` for a brace"));
                    };
                    check(name, known).map_err(|reason| Fault { at, reason })?;
                    parts.push(Part::Value(name.to_owned()));
                    while chars
                        .next_if(|&(next, _)| next <= at + 1 + name.len())
                        .is_some()
                    {}
                }
                '}' => return Err(wrong(at, "`}` without `{`; write `}}` for a brace")),
                '[' if inside => return Err(wrong(at, "`[` inside of `[`")),
                '[' => (inner, opened) = (Some(Vec::new()), at),
                ']' => match inner.take() {
                    Some(parts) => outer.push(Part::Optional(parts)),
                    None => return Err(wrong(at, "`]` without `[`; write `]]` for a bracket")),
                },
                c => push(parts, c),
            }
        }
        match inner {
            Some(_) => Err(wrong(opened, "`[` is not closed; write `[[` for a bracket")),
            None if outer.is_empty() => Err(Fault {
                at: 0,
                reason: "nothing stands there".to_owned(),
            }),
            None => Ok(Self { parts: outer }),
        }
    }

    /// Fills in values.
    pub fn render(&self, values: &Values<'_>) -> String {
        let pieces = self.pieces(values, &|_| true);
        pieces.into_iter().map(|piece| piece.text).collect()
    }

    /// Fills in values and keeps apart what is the template's own: its text, and the values of placeholders that `own`
    /// names.
    pub fn pieces(&self, values: &Values<'_>, own: &dyn Fn(&str) -> bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        fill(&self.parts, values, own, &mut pieces);
        pieces
    }
}

fn push(parts: &mut Vec<Part>, c: char) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.push(c),
        _ => parts.push(Part::Text(c.to_string())),
    }
}

/// Adds the pieces of some parts; tells whether every placeholder outside of optional parts had a value.
fn fill(
    parts: &[Part],
    values: &Values<'_>,
    own: &dyn Fn(&str) -> bool,
    pieces: &mut Vec<Piece>,
) -> bool {
    let mut whole = true;
    for part in parts {
        match part {
            Part::Text(text) => join(pieces, text, true),
            Part::Value(name) => {
                let value = values(name);
                whole &= !value.is_empty();
                join(pieces, &value, own(name));
            }
            Part::Optional(inner) => {
                let mut filled = Vec::new();
                if fill(inner, values, own, &mut filled) {
                    filled.iter().for_each(|p| join(pieces, &p.text, p.own));
                }
            }
        }
    }
    whole
}

fn join(pieces: &mut Vec<Piece>, text: &str, own: bool) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.own == own => last.text.push_str(text),
        _ => pieces.push(Piece {
            text: text.to_owned(),
            own,
        }),
    }
}

fn check(name: &str, known: &[&str]) -> std::result::Result<(), String> {
    let takes_fields = known.contains(&"title");
    if known.contains(&name)
        || (takes_fields && name.strip_prefix(FIELD).is_some_and(|n| !n.is_empty()))
    {
        return Ok(());
    }
    let quoted = |k: &str| format!("`{{{k}}}`");
    Err(format!(
        "unknown placeholder {}; {}",
        quoted(name),
        hint(name, known, quoted)
    ))
}

/// What follows an unknown name: the nearest known one, or all of them.
pub fn hint(name: &str, known: &[&str], quoted: impl Fn(&str) -> String) -> String {
    let near = known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(k, name), *k))
        .min()
        .filter(|(distance, k)| *distance <= 2.max(k.len() / 3));
    match near {
        Some((_, k)) => format!("did you mean {}?", quoted(k)),
        None => {
            let all: Vec<String> = known.iter().map(|k| quoted(k)).collect();
            format!("known here: {}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KNOWN: [&str; 3] = ["title", "year", "items"];

    fn render(text: &str, year: &str) -> String {
        let template = Template::parse("t", text, &KNOWN).unwrap();
        template.render(&|name| match name {
            "title" => "Up {year} [x]".to_owned(),
            "year" => year.to_owned(),
            other => other.to_owned(),
        })
    }

    #[test]
    fn values_are_filled_in_and_not_read_again() {
        assert_eq!(
            render("“{title}” of {items}", ""),
            "“Up {year} [x]” of items"
        );
    }

    #[test]
    fn an_optional_part_needs_all_its_values() {
        assert_eq!(render("{items}[ ({year})].", "2009"), "items (2009).");
        assert_eq!(render("{items}[ ({year}, {items})].", ""), "items.");
        assert_eq!(render("{items} ({year})", ""), "items ()");
    }

    #[test]
    fn its_own_text_is_kept_apart() {
        let template = Template::parse("t", "The {items} “{title}”[ ({year})] end", &KNOWN);
        let values = |name: &str| name.to_uppercase();
        let pieces = template.unwrap().pieces(&values, &|name| name == "items");
        let pieces: Vec<_> = pieces.iter().map(|p| (p.text.as_str(), p.own)).collect();
        let expected = [
            ("The ITEMS “", true),
            ("TITLE", false),
            ("” (", true),
            ("YEAR", false),
            (") end", true),
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn doubled_brackets_stand_for_one() {
        assert_eq!(render("{{\"{items}\": [[1]]}}", ""), "{\"items\": [1]}");
    }

    #[test]
    fn further_fields_have_placeholders() {
        assert_eq!(render("{fields.director}", ""), "fields.director");
        assert!(Template::parse("t", "{fields.director}", &["history"]).is_err());
    }

    #[test]
    fn mistakes_are_named() {
        let refused = |text: &str| {
            Template::parse("item_template", text, &KNOWN)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused("{titel}"),
            "`item_template`: unknown placeholder `{titel}`; did you mean `{title}`?"
        );
        assert!(refused("{zebra}").ends_with("known here: `{title}`, `{year}`, `{items}`"));
        for text in [
            "{title",
            "{",
            "",
            "a } b",
            "[ {year}",
            "a ] b",
            "[ [x] ]",
            "{fields.}",
        ] {
            assert!(refused(text).starts_with("`item_template`: "), "{text}");
        }
        let fault = Template::read("An é.\n“{title}” [{yaer}]", &KNOWN).unwrap_err();
        assert_eq!(fault.at, "An é.\n“{title}” [".len());
        assert!(fault.reason.contains("did you mean `{year}`?"), "{fault:?}");
        let fault = Template::read("{title} [ of {year} and so on for long", &KNOWN).unwrap_err();
        assert_eq!(
            (fault.at, fault.reason.as_str()),
            (
                8,
                "`[` is not closed; write `[[` for a bracket, at `[ of {year} and so o`"
            )
        );
    }
}
