//! Numbers and times in words.

use serde_json::Value;

/// A duration: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        s if s < 60 => format!("{s} s"),
        s if s < 3600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

/// `2026-01-31 17:45 UTC` of `2026-01-31T17:45:02.123Z`; another text as it is.
pub fn moment(stamp: &str) -> String {
    let parts = stamp.split_once('T').filter(|_| stamp.ends_with('Z'));
    let parts = parts.and_then(|(day, time)| Some((day, time.get(..5)?)));
    parts.map_or_else(
        || stamp.to_owned(),
        |(day, time)| format!("{day} {time} UTC"),
    )
}

/// A whole number with spaces between thousands.
pub fn whole(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A figure with four places, or as many as show it.
pub fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.1}"),
        v if v >= 10.0 => format!("{value:.2}"),
        v if v >= 0.001 || v == 0.0 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A setting's value: text without quotes.
pub fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// How likely no difference is.
pub fn p(p: f64) -> String {
    match p < 0.001 {
        true => "< 0.001".to_owned(),
        false => format!("{p:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(duration(2.34), "2.3 s");
        assert_eq!(duration(9.97), "10 s");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(7260.0), "2 h 1 min");
        assert_eq!(moment("2026-01-31T17:45:02.123Z"), "2026-01-31 17:45 UTC");
        assert_eq!(moment("yesterday"), "yesterday");
        assert_eq!(whole(1234567), "1\u{202f}234\u{202f}567");
        assert_eq!(whole(12), "12");
        assert_eq!(figure(0.09184), "0.0918");
        assert_eq!(figure(0.00004), "4.0e-5");
    }
}
