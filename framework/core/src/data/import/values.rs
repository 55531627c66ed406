//! Numbers, times and text as source files write them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::bad::{LineError, LineResult};
use crate::data::date::Moment;

/// How a source writes times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Unix seconds.
    #[default]
    Seconds,
    /// Unix milliseconds.
    Milliseconds,
    /// Dates such as `2013-07-01` or `2013-07-01 12:30:00`, in UTC.
    Date,
}

/// 9999-12-31: later times are most likely not in seconds.
const LAST: i64 = 253_402_214_400;

/// Bytes that must be UTF-8, without the white space around.
pub(super) fn text(bytes: &[u8]) -> LineResult<&str> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| LineError::new("the text is not UTF-8", &String::from_utf8_lossy(bytes)))?;
    Ok(text.trim())
}

/// UTF-8, or else Latin-1, which the older MovieLens files are written in.
pub(super) fn text_or_latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text.trim()),
        Err(_) => {
            let text: String = bytes.iter().map(|b| char::from(*b)).collect();
            Cow::Owned(text.trim().to_owned())
        }
    }
}

/// A rating; empty means that it is not known.
pub(super) fn rating(text: &str) -> LineResult<Option<f32>> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(Some(value)),
        _ => Err(LineError::new("the rating is not a number", text)),
    }
}

/// A time as unix seconds.
pub(super) fn time(text: &str, unit: TimeUnit) -> LineResult<i64> {
    if text.is_empty() {
        return Err(LineError::bare("the time is missing"));
    }
    if unit == TimeUnit::Date {
        let moment = text.contains('-').then(|| Moment::parse(text)).flatten();
        return moment
            .map(|m| m.0)
            .ok_or_else(|| LineError::new("the time is not a date", text));
    }
    let number = text.parse::<i64>().ok().or_else(|| {
        let number = text.parse::<f64>().ok()?;
        (number.abs() < 9e15).then_some(number.floor() as i64)
    });
    let seconds = match (number, unit) {
        (Some(n), TimeUnit::Milliseconds) => n.div_euclid(1000),
        (Some(n), _) => n,
        (None, _) => return Err(LineError::new("the time is not a number", text)),
    };
    if seconds.abs() <= LAST {
        return Ok(seconds);
    }
    Err(LineError::new(
        "the time is past the year 9999, so it is not in seconds",
        text,
    ))
}

/// A year that is written as such.
pub(super) fn year(text: &str) -> Option<i32> {
    let text = text.trim();
    let text = text.strip_suffix(".0").unwrap_or(text);
    text.parse()
        .ok()
        .filter(|y| text.len() == 4 && (1000..=2999).contains(y))
}

/// Parts `Toy Story (1995)` into title and year.
pub(super) fn title_and_year(text: &str) -> (&str, Option<i32>) {
    let text = text.trim();
    let parts = text.strip_suffix(')').and_then(|t| t.rsplit_once('('));
    match parts.map(|(title, inside)| (title.trim_end(), year(inside))) {
        Some((title, Some(year))) if !title.is_empty() => (title, Some(year)),
        _ => (text, None),
    }
}

/// Text with HTML's entities decoded and white space collapsed.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let decoded = rest[1..]
            .find(';')
            .filter(|end| *end <= 8)
            .and_then(|end| Some((entity(&rest[1..=end])?, end + 2)));
        match decoded {
            Some((character, len)) => {
                out.push(character);
                rest = &rest[len..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "reg" => '®',
        "trade" => '™',
        "eacute" => 'é',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_become_seconds() {
        let of = |text, unit| time(text, unit).map_err(|e| e.reason);
        assert_eq!(of("881250949", TimeUnit::Seconds), Ok(881_250_949));
        assert_eq!(of("881250949.0", TimeUnit::Seconds), Ok(881_250_949));
        assert_eq!(of("8.81250949E8", TimeUnit::Seconds), Ok(881_250_949));
        assert_eq!(
            of("1588687728923", TimeUnit::Milliseconds),
            Ok(1_588_687_728)
        );
        assert_eq!(of("-1", TimeUnit::Milliseconds), Ok(-1));
        assert_eq!(of("2013-07-01 00:00:10", TimeUnit::Date), Ok(1_372_636_810));
        for (text, unit, says) in [
            ("", TimeUnit::Seconds, "missing"),
            ("x", TimeUnit::Seconds, "not a number"),
            ("NaN", TimeUnit::Seconds, "not a number"),
            ("1e300", TimeUnit::Seconds, "not a number"),
            ("1588687728923", TimeUnit::Seconds, "not in seconds"),
            ("9223372036854775808", TimeUnit::Seconds, "not a number"),
            (
                "-9223372036854775807",
                TimeUnit::Milliseconds,
                "not in seconds",
            ),
            ("1372636800", TimeUnit::Date, "not a date"),
        ] {
            assert!(of(text, unit).unwrap_err().contains(says), "{text}");
        }
    }

    #[test]
    fn ratings_are_finite_numbers_or_empty() {
        assert_eq!(rating("4.5").unwrap(), Some(4.5));
        assert_eq!(rating("").unwrap(), None);
        for text in ["NaN", "inf", "four", "1e39"] {
            assert!(rating(text).is_err(), "{text}");
        }
    }

    #[test]
    fn titles_part_from_years() {
        assert_eq!(
            title_and_year("Toy Story (1995)"),
            ("Toy Story", Some(1995))
        );
        assert_eq!(
            title_and_year("City of Lost Children, The (Cité) (1995)").1,
            Some(1995)
        );
        for text in ["Movie (no year)", "(1995)", "Fame (95)", "2001", ")", ""] {
            assert_eq!(title_and_year(text), (text, None));
        }
    }

    #[test]
    fn entities_are_decoded_once() {
        assert_eq!(
            clean(" Tom &amp; Jerry&#39;s\n  &quot;Show&quot; "),
            "Tom & Jerry's \"Show\""
        );
        assert_eq!(
            clean("&amp;lt; &bogus; AT&T & é&#xe9;&"),
            "&lt; &bogus; AT&T & éé&"
        );
        assert_eq!(clean("&#x110000; &é;"), "&#x110000; &é;");
    }
}
