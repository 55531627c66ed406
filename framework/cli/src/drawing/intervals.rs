//! Means with their intervals on one scale, one a row of a table.

use serde::Serialize;

use super::scale::Scale;

/// Width of a row's picture.
const WIDTH: f64 = 200.0;
const MARGIN: f64 = 4.0;

/// A mean and the interval around it.
#[derive(Clone, Copy)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Its interval, where one is known.
    pub ends: Option<[f64; 2]>,
}

/// One row.
#[derive(Serialize)]
pub struct Drawn {
    mean: f64,
    low: f64,
    width: f64,
    /// Where 0 stands, if it is drawn.
    zero: Option<f64>,
}

/// Rows on a common scale, and what stands at its ends. With `zero`, 0 is on the scale and drawn.
pub fn rows(intervals: &[Interval], zero: bool) -> (Vec<Drawn>, [f64; 2]) {
    let ends = |i: &Interval| [i.mean].into_iter().chain(i.ends.into_iter().flatten());
    let all = intervals.iter().flat_map(ends);
    let scale = Scale::of(all.chain(zero.then_some(0.0)), MARGIN, WIDTH - MARGIN);
    let drawn = |interval: &Interval| {
        let [low, high] = interval.ends.unwrap_or([interval.mean; 2]);
        Drawn {
            mean: scale.at(interval.mean),
            low: scale.at(low),
            width: (scale.at(high) - scale.at(low)).max(0.0),
            zero: zero.then(|| scale.at(0.0)),
        }
    };
    (intervals.iter().map(drawn).collect(), scale.ends())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_share_a_scale() {
        let interval = |mean, low, high| Interval {
            mean,
            ends: Some([low, high]),
        };
        let (rows, ends) = rows(&[interval(1.0, 0.5, 1.5), interval(-0.5, -1.0, 0.0)], true);
        assert_eq!(ends, [-1.0, 1.5]);
        assert_eq!((rows[0].low + rows[0].width, rows[1].low), (196.0, 4.0));
        assert_eq!(rows[0].zero, Some(80.8));
    }
}
