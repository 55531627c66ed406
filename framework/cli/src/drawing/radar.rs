//! The radar of a user and an item: one spoke an attribute, percentiles outwards.

use std::f64::consts::TAU;

use serde::Serialize;

use super::rounded;
use crate::reasons::plain;

/// Length of a spoke. The picture is 360 wide and 290 high, the middle at 0, 0.
const RADIUS: f64 = 90.0;
/// With more spokes their names would touch, and numbers stand there.
const NAMED: usize = 14;
/// Letters that fit beside the spokes.
const LETTERS: usize = 12;

/// What is drawn.
#[derive(Debug, Serialize)]
pub struct Radar {
    rings: Vec<f64>,
    spokes: Vec<Spoke>,
    user: String,
    item: String,
}

#[derive(Debug, Serialize)]
struct Spoke {
    x: f64,
    y: f64,
    /// Where the name stands.
    label_x: f64,
    label_y: f64,
    anchor: &'static str,
    lines: Vec<String>,
    name: String,
}

/// An attribute with where user and item stand on it, in percent.
pub struct Standing<'a> {
    /// The attribute.
    pub attribute: &'a str,
    /// The user among users.
    pub user: f64,
    /// The item among items.
    pub item: f64,
}

/// Whether the spokes of so many attributes bear numbers instead of names.
pub fn is_numbered(attributes: usize) -> bool {
    attributes > NAMED
}

impl Radar {
    /// Places everything; none for fewer than three attributes, which span no area.
    pub fn of(standings: &[Standing]) -> Option<Self> {
        let n = standings.len();
        if n < 3 {
            return None;
        }
        let outline = |value: fn(&Standing) -> f64| {
            let corner = |(k, standing): (usize, &Standing)| {
                let (x, y) = point(k, n, RADIUS * value(standing).clamp(0.0, 100.0) / 100.0);
                format!("{x},{y}")
            };
            let corners: Vec<String> = standings.iter().enumerate().map(corner).collect();
            corners.join(" ")
        };
        let spokes = standings.iter().enumerate();
        Some(Self {
            rings: [0.25, 0.5, 0.75, 1.0].map(|share| share * RADIUS).to_vec(),
            spokes: spokes
                .map(|(k, standing)| spoke(k, n, standing.attribute))
                .collect(),
            user: outline(|s| s.user),
            item: outline(|s| s.item),
        })
    }
}

fn spoke(k: usize, n: usize, attribute: &str) -> Spoke {
    let name = plain(attribute);
    let lines = match is_numbered(n) {
        true => vec![(k + 1).to_string()],
        false => wrapped(&name),
    };
    let (x, y) = point(k, n, RADIUS);
    let (label_x, middle) = point(k, n, RADIUS + 10.0);
    let anchor = match label_x {
        x if x > 5.0 => "start",
        x if x < -5.0 => "end",
        _ => "middle",
    };
    // Lines stand 12 apart: above the spoke's end at the top, below it at the bottom, around it at the sides.
    let height = 12.0 * (lines.len() - 1) as f64;
    let down = (middle / (RADIUS + 10.0) + 1.0) / 2.0;
    Spoke {
        x,
        y,
        label_x,
        label_y: rounded(middle - height * (1.0 - down) + 8.0 * down),
        anchor,
        lines,
        name,
    }
}

/// The first spoke points up, the others follow clockwise.
fn point(k: usize, n: usize, radius: f64) -> (f64, f64) {
    let angle = TAU * k as f64 / n as f64;
    (
        rounded(radius * angle.sin()),
        rounded(-radius * angle.cos()),
    )
}

/// At most two lines of at most [`LETTERS`] letters.
fn wrapped(name: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in name.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LETTERS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let cut = lines.len() > 2;
    lines.truncate(2);
    let last = lines.len().saturating_sub(1);
    for (at, line) in lines.iter_mut().enumerate() {
        if line.chars().count() > LETTERS || (cut && at == last) {
            let kept: String = line.chars().take(LETTERS - 1).collect();
            *line = format!("{}…", kept.trim_end());
        }
    }
    match lines.is_empty() {
        true => vec![String::new()],
        false => lines,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn radar(names: &[&str]) -> Option<Radar> {
        let standing = |attribute| Standing {
            attribute,
            user: 50.0,
            item: 100.0,
        };
        let standings: Vec<Standing> = names.iter().copied().map(standing).collect();
        Radar::of(&standings)
    }

    #[test]
    fn spokes_go_round_and_percentiles_go_out() {
        let found = radar(&["a", "b", "c", "d"]).unwrap();
        assert_eq!(found.item, "0,-90 90,0 0,90 -90,0");
        assert_eq!(found.user, "0,-45 45,0 0,45 -45,0");
        let anchors: Vec<_> = found.spokes.iter().map(|s| s.anchor).collect();
        assert_eq!(anchors, ["middle", "start", "middle", "end"]);
        assert!(radar(&["a", "b"]).is_none());
    }

    #[test]
    fn long_names_are_wrapped_and_cut_and_many_are_numbered() {
        assert_eq!(wrapped("plot complexity"), ["plot", "complexity"]);
        assert_eq!(wrapped("true story"), ["true story"]);
        assert_eq!(wrapped("incomprehensibilities"), ["incomprehen…"]);
        assert_eq!(
            wrapped("a very long name of many words"),
            ["a very long", "name of man…"]
        );
        let many: Vec<String> = (0..20).map(|n| format!("attribute {n}")).collect();
        let names: Vec<&str> = many.iter().map(String::as_str).collect();
        let found = radar(&names).unwrap();
        assert_eq!(found.spokes[19].lines, ["20"]);
    }

    #[test]
    fn names_stay_inside_the_picture_and_off_each_other() {
        let longest = ["incomprehensibilities of it all"; NAMED];
        for n in 3..=NAMED {
            let found = radar(&longest[..n]).unwrap();
            let boxes: Vec<[f64; 4]> = found.spokes.iter().map(extent).collect();
            for (k, one) in boxes.iter().enumerate() {
                assert!(one[0] >= -180.0 && one[1] <= 180.0, "{n}: {one:?}");
                assert!(one[2] >= -145.0 && one[3] <= 145.0, "{n}: {one:?}");
                for other in &boxes[..k] {
                    let apart = one[1] <= other[0]
                        || other[1] <= one[0]
                        || one[3] <= other[2]
                        || other[3] <= one[2];
                    assert!(apart, "{n} spokes: {one:?} over {other:?}");
                }
            }
        }
    }

    /// Left, right, top and bottom of a name in letters of 12, which are about 6.2 wide.
    fn extent(spoke: &Spoke) -> [f64; 4] {
        let letters = spoke.lines.iter().map(|l| l.chars().count()).max().unwrap();
        let width = 6.2 * letters as f64;
        let left = match spoke.anchor {
            "start" => spoke.label_x,
            "end" => spoke.label_x - width,
            _ => spoke.label_x - width / 2.0,
        };
        let bottom = spoke.label_y + 12.0 * (spoke.lines.len() - 1) as f64;
        [left, left + width, spoke.label_y - 9.0, bottom + 2.0]
    }
}
