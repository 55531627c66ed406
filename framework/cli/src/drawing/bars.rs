//! Bars to either side of a line, one a row of a table.

use serde::Serialize;

use super::rounded;

/// Half the width of the bars' picture.
const HALF: f64 = 100.0;

/// A bar.
#[derive(Serialize)]
pub struct Bar {
    negative: bool,
    x: f64,
    width: f64,
}

impl Bar {
    /// The bar of a value where the longest bar is of `largest`.
    pub fn of(value: f64, largest: f64) -> Self {
        let share = if largest > 0.0 { value / largest } else { 0.0 };
        let width = rounded(share.abs() * HALF);
        Self {
            negative: value < 0.0,
            x: if value < 0.0 { -width } else { 0.0 },
            width,
        }
    }
}

/// The heights of a histogram's bars, in percent of the highest.
pub fn heights(counts: &[u64]) -> Vec<f64> {
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let height = |&count: &u64| rounded(100.0 * count as f64 / most);
    counts.iter().map(height).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_go_to_the_side_of_their_sign() {
        let bar = Bar::of(-1.0, 2.0);
        assert_eq!((bar.negative, bar.x, bar.width), (true, -50.0, 50.0));
        let bar = Bar::of(2.0, 2.0);
        assert_eq!((bar.negative, bar.x, bar.width), (false, 0.0, 100.0));
        assert_eq!(Bar::of(0.0, 0.0).width, 0.0);
    }

    #[test]
    fn the_highest_bar_is_full() {
        assert_eq!(heights(&[1, 4, 0]), [25.0, 100.0, 0.0]);
        assert_eq!(heights(&[0, 0]), [0.0, 0.0]);
    }
}
