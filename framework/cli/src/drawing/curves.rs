//! Curves over epochs or steps.

use serde::Serialize;

use super::scale::Scale;

/// Size of the picture; the axes' texts stand in the margins.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;
/// Colours and dashes that the style has.
pub const COLOURS: usize = 8;
pub const DASHES: usize = 4;

/// One line to draw.
pub struct Line<'a> {
    /// Its name.
    pub name: &'a str,
    /// Number of its colour.
    pub colour: usize,
    /// Number of its dash.
    pub dash: usize,
    /// Its points, from left to right.
    pub points: &'a [(u64, f64)],
}

/// What is drawn.
#[derive(Serialize)]
pub struct Chart {
    title: String,
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    bottom: f64,
    x: Vec<(f64, String)>,
    y: Vec<(f64, String)>,
    lines: Vec<Drawn>,
}

#[derive(Serialize)]
struct Drawn {
    name: String,
    colour: usize,
    dash: usize,
    points: String,
    /// A curve of one point is a dot.
    dot: Option<(f64, f64)>,
}

impl Chart {
    /// Draws the lines on common axes; nothing without a point.
    pub fn of(title: &str, lines: &[Line<'_>]) -> Option<Self> {
        let points = || lines.iter().flat_map(|line| line.points);
        points().next()?;
        let across = Scale::of(points().map(|p| p.0 as f64), LEFT, WIDTH - RIGHT);
        let up = Scale::of(points().map(|p| p.1), HEIGHT - BOTTOM, TOP);
        let drawn = |line: &Line<'_>| {
            let places = line.points.iter();
            let places: Vec<(f64, f64)> = places
                .map(|&(x, y)| (across.at(x as f64), up.at(y)))
                .collect();
            let texts: Vec<String> = places.iter().map(|(x, y)| format!("{x},{y}")).collect();
            Drawn {
                name: line.name.to_owned(),
                colour: line.colour % COLOURS,
                dash: line.dash % DASHES,
                dot: places.first().copied().filter(|_| places.len() == 1),
                points: texts.join(" "),
            }
        };
        Some(Self {
            title: title.to_owned(),
            width: WIDTH,
            height: HEIGHT,
            left: LEFT,
            right: WIDTH - RIGHT,
            bottom: HEIGHT - BOTTOM,
            // There is no half of an epoch.
            x: across.ticks(5, 1.0),
            y: up.ticks(4, 0.0),
            lines: lines.iter().map(drawn).collect(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_point_stands_left_and_the_largest_on_top() {
        let line = |points| Line {
            name: "a",
            colour: 9,
            dash: 5,
            points,
        };
        let chart = Chart::of("loss", &[line(&[(1, 2.0), (3, 4.0)])]).unwrap();
        assert_eq!(chart.lines[0].points, "46,174 330,10");
        assert_eq!((chart.lines[0].colour, chart.lines[0].dash), (1, 1));
        assert_eq!(
            chart.x.iter().map(|t| t.1.as_str()).collect::<Vec<_>>(),
            ["1", "2", "3"]
        );
        assert!(Chart::of("loss", &[line(&[])]).is_none());
        let chart = Chart::of("loss", &[line(&[(1, 2.0)])]).unwrap();
        assert!(chart.lines[0].dot.is_some());
    }
}
