//! Scales: from values to places in a picture.

use super::rounded;

/// Times this, a round step becomes the next smaller one when it is rounded up.
const SMALLER: f64 = 0.39;

/// A linear scale.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// The scale that puts the smallest of some values at `from` and the largest at `to`. A single value stands in the middle.
    pub fn of(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|v| v.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if low == high {
            let margin = if low == 0.0 { 1.0 } else { low.abs() / 10.0 };
            (low, high) = (low - margin, high + margin);
        }
        Self {
            low,
            high,
            from,
            to,
        }
    }

    /// Where a value stands.
    pub fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        rounded(self.from + share * (self.to - self.from))
    }

    /// The ends.
    pub fn ends(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    /// Round values on the scale, about `wanted` of them and more than one, at least `least` apart, with their texts.
    pub fn ticks(&self, wanted: usize, least: f64) -> Vec<(f64, String)> {
        let within = |step: f64| {
            let first = (self.low / step - 1e-9).ceil() as i64;
            (first, (self.high / step + 1e-9).floor() as i64)
        };
        let mut step = round_step((self.high - self.low) / wanted.max(1) as f64).max(least);
        let (mut first, mut last) = within(step);
        if first >= last {
            step = round_step(step * SMALLER).max(least);
            (first, last) = within(step);
        }
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        let tick = |n: i64| {
            let value = n as f64 * step;
            let text = match value.abs() >= 10_000.0 {
                true => format!("{}k", (value / 1000.0).round()),
                false => format!("{value:.decimals$}"),
            };
            (self.at(value), text)
        };
        (first..=last).map(tick).collect()
    }
}

/// The next of 1, 2 and 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let fits = factors.into_iter().find(|f| f * power >= least * 0.999);
    fits.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = Scale::of([0.013, 0.094], 0.0, 100.0);
        let texts: Vec<String> = scale.ticks(4, 0.0).into_iter().map(|t| t.1).collect();
        assert_eq!(
            texts,
            ["0.02", "0.04", "0.06", "0.08"],
            "0.05 alone says no scale"
        );
        let texts: Vec<String> = scale.ticks(5, 0.0).into_iter().map(|t| t.1).collect();
        assert_eq!(texts, ["0.02", "0.04", "0.06", "0.08"]);
        let scale = Scale::of([1.0, 100_000.0], 0.0, 100.0);
        let texts: Vec<String> = scale.ticks(2, 1.0).into_iter().map(|t| t.1).collect();
        assert_eq!(texts, ["50k", "100k"]);
    }

    #[test]
    fn a_single_value_stands_in_the_middle() {
        assert_eq!(Scale::of([3.0], 0.0, 10.0).at(3.0), 5.0);
        assert_eq!(Scale::of([0.0], 0.0, 10.0).at(0.0), 5.0);
        assert_eq!(Scale::of([f64::NAN], 0.0, 10.0).ends(), [0.0, 1.0]);
    }
}
