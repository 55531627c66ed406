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

impl Template {
    /// Reads a template. `place` names it in messages; `known` lists its placeholders.
    ///
    /// # Errors
    /// When a bracket is not closed, or a placeholder is unknown.
    pub fn parse(place: &str, text: &str, known: &[&str]) -> Result<Self> {
        let wrong = |reason: &str| Error::invalid(format!("`{place}`: {reason} in `{text}`"));
        let (mut outer, mut inner): (Vec<Part>, Option<Vec<Part>>) = (Vec::new(), None);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let doubled = "{}[]".contains(c) && chars.next_if_eq(&c).is_some();
            let inside = inner.is_some();
            let parts = inner.as_mut().unwrap_or(&mut outer);
            match c {
                _ if doubled => push(parts, c),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some(c) => name.push(c),
                            None => return Err(wrong("`{` is not closed; write `{{` for a brace")),
                        }
                    }
                    check(place, &name, known)?;
                    parts.push(Part::Value(name));
                }
                '}' => return Err(wrong("`}` without `{`; write `}}` for a brace")),
                '[' if inside => return Err(wrong("`[` inside of `[`")),
                '[' => inner = Some(Vec::new()),
                ']' => match inner.take() {
                    Some(parts) => outer.push(Part::Optional(parts)),
                    None => return Err(wrong("`]` without `[`; write `]]` for a bracket")),
                },
                c => push(parts, c),
            }
        }
        match inner {
            Some(_) => Err(wrong("`[` is not closed; write `[[` for a bracket")),
            None if outer.is_empty() => Err(wrong("nothing stands")),
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

fn check(place: &str, name: &str, known: &[&str]) -> Result<()> {
    let takes_fields = known.contains(&"title");
    if known.contains(&name)
        || (takes_fields && name.strip_prefix(FIELD).is_some_and(|n| !n.is_empty()))
    {
        return Ok(());
    }
    let near = known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(k, name), *k))
        .min()
        .filter(|(distance, k)| *distance <= 2.max(k.len() / 3));
    let hint = match near {
        Some((_, k)) => format!("did you mean `{{{k}}}`?"),
        None => {
            let all: Vec<String> = known.iter().map(|k| format!("`{{{k}}}`")).collect();
            format!("known here: {}", all.join(", "))
        }
    };
    Err(Error::invalid(format!(
        "`{place}`: unknown placeholder `{{{name}}}`; {hint}"
    )))
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
    }
}
