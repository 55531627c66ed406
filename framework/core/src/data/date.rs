//! Dates and unix seconds, in UTC.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

const DAY: i64 = 86_400;

/// A moment: written as unix seconds, or as a date such as `2013-07-01` (00:00 UTC) or `2013-07-01T12:30:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Moment(
    /// Unix seconds.
    pub i64,
);

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"] })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl Moment {
    /// Reads a date, a date with time of day, or unix seconds.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Self(seconds));
        }
        let (date, time) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.splitn(3, '-');
        let year: i64 = parts.next()?.parse().ok()?;
        let month: i64 = parts.next()?.parse().ok()?;
        let day: i64 = parts.next()?.parse().ok()?;
        let days = days_from_civil(year, month, day)?;
        Some(Self(days * DAY + time.map_or(Some(0), seconds_of_day)?))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Seconds(i64),
            Text(String),
            Toml(toml::value::Datetime),
        }
        let text = match Written::deserialize(from)? {
            Written::Seconds(seconds) => return Ok(Self(seconds)),
            Written::Text(text) => text,
            Written::Toml(date) => date.to_string(),
        };
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a date such as 2013-07-01, nor unix seconds"
            ))
        })
    }
}

fn seconds_of_day(text: &str) -> Option<i64> {
    let text = text.trim_end_matches('Z');
    let text = text.split('.').next().unwrap_or(text);
    let mut parts = text.splitn(3, ':').map(|p| p.parse::<i64>().ok());
    let hour = parts.next()??;
    let minute = parts.next()??;
    let second = parts.next().unwrap_or(Some(0))?;
    let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..61).contains(&second);
    fits.then_some(hour * 3600 + minute * 60 + second)
}

/// Days since 1970-01-01 of a date of the Gregorian calendar; none for a date that does not exist.
///
/// The algorithm is Howard Hinnant's `days_from_civil`.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

/// Year, month and day of a number of days since 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_unix_seconds() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2014-07-23", 1_406_073_600),
            ("2014-07-23T01:02:03Z", 1_406_077_323),
            ("2014-07-23 01:02", 1_406_077_320),
            ("1969-12-31", -86_400),
            ("1406073600", 1_406_073_600),
        ] {
            assert_eq!(Moment::parse(text), Some(Moment(seconds)), "{text}");
        }
        for text in [
            "2013-02-29",
            "2013-13-01",
            "2013-00-01",
            "2013",
            "x",
            "2013-01-01T25:00",
        ] {
            // A bare number is unix seconds, so `2013` is a moment, if an early one.
            assert_eq!(
                Moment::parse(text).map(|m| m.0),
                (text == "2013").then_some(2013),
                "{text}"
            );
        }
    }

    #[test]
    fn toml_dates_strings_and_seconds_are_read() {
        #[derive(Deserialize)]
        struct Has {
            at: Moment,
        }
        for text in ["at = 2000-02-29", "at = \"2000-02-29\"", "at = 951782400"] {
            assert_eq!(
                toml::from_str::<Has>(text).unwrap().at,
                Moment(951_782_400),
                "{text}"
            );
        }
        let error = toml::from_str::<Has>("at = \"soon\"")
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("`soon` is not a date"), "{error}");
    }

    proptest! {
        #[test]
        fn days_and_dates_are_one_to_one(days in -700_000i64..2_900_000) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), Some(days));
        }
    }
}
