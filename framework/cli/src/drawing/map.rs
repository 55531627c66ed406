//! Points on two axes, coloured by a value in percent.

use serde::Serialize;

use super::scale::Scale;

/// Side of the picture.
const SIDE: f64 = 340.0;
const MARGIN: f64 = 8.0;
/// Colours of the ramp.
const STEPS: usize = 7;

/// A point.
#[derive(Serialize)]
pub struct Dot {
    x: f64,
    y: f64,
    /// Its place on the ramp of colours.
    step: usize,
    title: String,
}

/// Places the points; both axes have the same scale, so that distances are true.
pub fn dots<'a>(points: impl Iterator<Item = ([f64; 2], f64, &'a str)> + Clone) -> Vec<Dot> {
    let x = Scale::of(points.clone().map(|p| p.0[0]), 0.0, 1.0).ends();
    let y = Scale::of(points.clone().map(|p| p.0[1]), 0.0, 1.0).ends();
    let half = (x[1] - x[0]).max(y[1] - y[0]) / 2.0;
    let around = |ends: [f64; 2]| {
        let middle = (ends[0] + ends[1]) / 2.0;
        [middle - half, middle + half]
    };
    let across = Scale::of(around(x), MARGIN, SIDE - MARGIN);
    let up = Scale::of(around(y), SIDE - MARGIN, MARGIN);
    points
        .map(|(at, percent, title)| Dot {
            x: across.at(at[0]),
            y: up.at(at[1]),
            step: step(percent),
            title: title.to_owned(),
        })
        .collect()
}

/// The colour of a value in percent, from 0.
fn step(percent: f64) -> usize {
    let share = percent.clamp(0.0, 100.0) / 100.0;
    ((share * STEPS as f64) as usize).min(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_true_and_colours_rise() {
        let points = [([0.0, 0.0], 0.0, "a"), ([2.0, 1.0], 100.0, "b")];
        let found = dots(points.into_iter());
        let [a, b] = [&found[0], &found[1]];
        assert_eq!((a.x, b.x), (8.0, 332.0));
        assert_eq!((a.y, b.y), (251.0, 89.0));
        assert_eq!((a.step, b.step, step(50.0)), (0, 6, 3));
    }
}
