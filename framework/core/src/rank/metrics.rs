//! Metrics of one relevant item a case, as functions of its rank.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// What a metric measures. A case has one relevant item, its target, at rank r (1 is the best).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Reciprocal rank: 1/r.
    Mrr,
    /// Share of the relevant items that were found: 1 within the cut-off.
    Recall,
    /// Whether anything relevant was found: 1 within the cut-off.
    HitRate,
    /// Discounted gain over the ideal one: 1 / log2(r + 1).
    Ndcg,
    /// Average precision: 1/r.
    Map,
    /// Share of the k items that are relevant: 1/k within the cut-off.
    Precision,
}

impl Measure {
    const ALL: [(&'static str, Self); 6] = [
        ("mrr", Self::Mrr),
        ("recall", Self::Recall),
        ("hit_rate", Self::HitRate),
        ("ndcg", Self::Ndcg),
        ("map", Self::Map),
        ("precision", Self::Precision),
    ];

    /// Its name in texts such as `ndcg@10`.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, m)| *m == self)
            .map_or("", |(n, _)| n)
    }

    fn needs_cutoff(self) -> bool {
        matches!(self, Self::Recall | Self::HitRate | Self::Precision)
    }
}

/// A measure and its cut-off: `ndcg@10`, or `mrr` over the whole catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metric {
    /// What is measured.
    pub measure: Measure,
    /// Only the first so many places count; none: all of them.
    pub cutoff: Option<u32>,
}

impl Metric {
    /// A measure at a cut-off.
    pub const fn at(measure: Measure, cutoff: u32) -> Self {
        Self {
            measure,
            cutoff: Some(cutoff),
        }
    }

    /// Its value when the target has this rank, from 1.
    pub fn value(self, rank: u64) -> f64 {
        if self.cutoff.is_some_and(|k| rank > u64::from(k)) {
            return 0.0;
        }
        let rank = rank as f64;
        match self.measure {
            Measure::Mrr | Measure::Map => 1.0 / rank,
            Measure::Ndcg => 1.0 / (rank + 1.0).log2(),
            Measure::Recall | Measure::HitRate => 1.0,
            Measure::Precision => 1.0 / f64::from(self.cutoff.unwrap_or(1).max(1)),
        }
    }
}

impl JsonSchema for Metric {
    fn schema_name() -> Cow<'static, str> {
        "Metric".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.measure.name())?;
        self.cutoff.map_or(Ok(()), |k| write!(f, "@{k}"))
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, cutoff) = match text.split_once('@') {
            Some((name, k)) => (name, Some(k)),
            None => (text, None),
        };
        let measure = Measure::ALL
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, m)| *m)
            .ok_or_else(|| Error::unknown("metric", name, Measure::ALL.iter().map(|(n, _)| n)))?;
        let cutoff = match cutoff.map(str::parse::<u32>) {
            None => None,
            Some(Ok(k)) if k > 0 => Some(k),
            Some(_) => {
                return Err(Error::setting(
                    format!("metric `{text}`"),
                    "the cut-off must be a whole number of at least 1, as in `ndcg@10`",
                ));
            }
        };
        if cutoff.is_none() && measure.needs_cutoff() {
            return Err(Error::setting(
                format!("metric `{text}`"),
                format!("needs a cut-off, such as `{name}@10`"),
            ));
        }
        Ok(Self { measure, cutoff })
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A metric summed over ranks 1, 2, …, so that its mean over a range of ranks costs two look-ups.
#[derive(Clone, Debug)]
pub struct Curve {
    sums: Vec<f64>,
}

impl Curve {
    /// Prepares a metric for a catalogue of `n_items`.
    pub fn new(metric: Metric, n_items: usize) -> Self {
        let last = metric
            .cutoff
            .map_or(n_items, |k| n_items.min(k as usize))
            .max(1);
        let mut sums = Vec::with_capacity(last + 1);
        let mut sum = 0.0;
        sums.push(sum);
        for rank in 1..=last as u64 {
            sum += metric.value(rank);
            sums.push(sum);
        }
        Self { sums }
    }

    fn up_to(&self, rank: usize) -> f64 {
        self.sums[rank.min(self.sums.len() - 1)]
    }

    /// The expected value when `greater` items score higher than the target and `ties` others score the same, and
    /// those stand in random order.
    pub fn expected(&self, greater: u32, ties: u32) -> f64 {
        let (first, last) = (greater as usize, greater as usize + ties as usize + 1);
        (self.up_to(last) - self.up_to(first)) / f64::from(ties + 1)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_and_metric_are_the_same() {
        for text in [
            "mrr",
            "mrr@5",
            "ndcg@10",
            "recall@20",
            "hit_rate@1",
            "map",
            "precision@3",
        ] {
            assert_eq!(text.parse::<Metric>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn slips_are_named() {
        let message = |text: &str| text.parse::<Metric>().unwrap_err().to_string();
        assert_eq!(
            message("ndgc@10"),
            "unknown metric `ndgc`; did you mean `ndcg`?"
        );
        assert!(message("ndcg@0").contains("at least 1"));
        assert!(message("ndcg@ten").contains("whole number"));
        assert!(message("recall").contains("`recall@10`"));
    }

    proptest! {
        #[test]
        fn ties_count_as_the_mean_over_their_orders(
            greater in 0u32..30, ties in 0u32..30, k in 1u32..40, which in 0usize..6,
        ) {
            let n_items = (greater + ties + 1) as usize + 3;
            let metric = Metric::at(Measure::ALL[which].1, k);
            let places = (0..=ties).map(|j| metric.value(u64::from(1 + greater + j)));
            let mean = places.sum::<f64>() / f64::from(ties + 1);
            let found = Curve::new(metric, n_items).expected(greater, ties);
            prop_assert!((found - mean).abs() < 1e-12, "{found} {mean}");
        }
    }
}
