//! Reasons as sentences.

use std::cmp::Ordering;

use lapidary_core::pipeline::Reason;

use super::{plain, standing};

/// Parts that get a sentence of their own.
const SPOKEN: usize = 3;

/// The largest parts of a score in words, the sums, and the places with and without attributes.
pub fn of(parts: &[Reason], rest: f64, places: [usize; 2]) -> Vec<String> {
    let mut leading: Vec<&Reason> = parts.iter().filter(|part| part.value != 0.0).collect();
    leading.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
    let mut sentences: Vec<String> = leading.into_iter().take(SPOKEN).map(part).collect();
    let attributes: f64 = parts.iter().map(|part| part.value).sum();
    sentences.push(format!(
        "All attributes together add {attributes:+.2}; what the model learned beside them adds {rest:+.2}."
    ));
    sentences.push(placed(places));
    sentences
}

fn placed([place, without]: [usize; 2]) -> String {
    let change = match place.cmp(&without) {
        Ordering::Less => format!("lift it from place {without} to place {place}"),
        Ordering::Equal => format!("leave it at place {place}"),
        Ordering::Greater => format!("move it from place {without} down to place {place}"),
    };
    format!("The attributes {change} of the items that the user does not have.")
}

fn part(part: &Reason) -> String {
    let name = plain(&part.attribute);
    // Percentages are of the median, parts of the mean: where the two disagree, the item is near both.
    let agree = |percent: &f64| (*percent >= 50.0) == (part.item > 0.0);
    let place = match part.percent {
        None => "among".to_owned(),
        Some(percent) if agree(&percent) => standing(percent) + " of",
        Some(_) => "near the middle of".to_owned(),
    };
    let taste = match part.user > 0.0 {
        true => "is drawn to it",
        false => "is put off by it",
    };
    let link = match part.value > 0.0 {
        true => "and",
        false => "but",
    };
    format!(
        "In {name} it stands {place} all items, {link} the user {taste}: {:+.2}.",
        part.value
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(attribute: &str, user: f64, item: f64, percent: f64) -> Reason {
        Reason {
            attribute: attribute.to_owned(),
            value: user * item,
            user,
            item,
            percent: Some(percent),
            words: None,
            user_percent: None,
            user_words: None,
        }
    }

    #[test]
    fn the_largest_parts_of_either_sign_are_told_with_their_reason() {
        let parts = [
            reason("humor", 1.0, 2.0, 97.0),
            reason("scares", -0.5, -1.0, 10.0),
            reason("drama", 0.1, 0.1, 60.0),
            reason("plot_complexity", 1.0, -3.0, 2.0),
            reason("music", 1.0, 0.0, 50.0),
        ];
        assert_eq!(
            of(&parts, 0.25, [1, 14]),
            [
                "In plot complexity it stands below 98 % of all items, but the user is drawn to it: -3.00.",
                "In humor it stands above 97 % of all items, and the user is drawn to it: +2.00.",
                "In scares it stands below 90 % of all items, and the user is put off by it: +0.50.",
                "All attributes together add -0.49; what the model learned beside them adds +0.25.",
                "The attributes lift it from place 14 to place 1 of the items that the user does not have.",
            ]
        );
        let skewed = reason("humor", 1.0, -0.2, 60.0);
        assert_eq!(
            part(&skewed),
            "In humor it stands near the middle of all items, but the user is drawn to it: -0.20."
        );
        assert!(placed([3, 3]).contains("leave it at place 3"));
        assert!(placed([9, 3]).contains("from place 3 down to place 9"));
    }
}
