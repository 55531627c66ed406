//! Rankings as artefacts.

use tch::{Kind, Tensor};

use super::lists::TopLists;
use super::ranking::{Places, Ranking};
use crate::artefact::Content;
use crate::data::{Case, Split};
use crate::error::{Error, Result};

impl Ranking {
    /// What is stored of it: the places and the lists. Cases and targets come from the split again.
    ///
    /// # Errors
    /// [`Error::Tensor`] when a tensor cannot be made.
    pub fn to_content(&self) -> Result<Content> {
        let mut tensors = Vec::new();
        let mut lists = Vec::new();
        for (name, places) in [("all", &self.all), ("unseen", &self.unseen)] {
            let mut add = |what: &str, tensor| tensors.push((format!("{name}.{what}"), tensor));
            add("greater", numbers(&places.greater)?);
            add("ties", numbers(&places.ties)?);
            lists.push(places.top.as_ref().map(|top| top.k));
            if let Some(top) = &places.top {
                let offsets: Vec<i64> = top.offsets.iter().map(|&o| o as i64).collect();
                add("offsets", Tensor::f_from_slice(&offsets)?);
                add("items", numbers(&top.items)?);
                add("scores", Tensor::f_from_slice(&top.scores)?);
            }
        }
        Ok(Content {
            tensors,
            json: serde_json::json!({ "lists": lists }),
        })
    }

    /// Takes back what [`Ranking::to_content`] gave of a ranking of the same cases.
    ///
    /// # Errors
    /// [`Error::Shape`] when it does not belong to these cases.
    pub fn from_content(content: &Content, split: &Split, cases: &[Case]) -> Result<Self> {
        let places = |name: &str, number: usize| -> Result<Places> {
            let read = |what: &str| whole(content.tensor(&format!("{name}.{what}"))?);
            let (greater, ties): (Vec<u32>, Vec<u32>) =
                (narrow(read("greater")?), narrow(read("ties")?));
            if greater.len() != cases.len() || ties.len() != cases.len() {
                return Err(mismatch(cases.len(), greater.len()));
            }
            let top = match content.json["lists"][number].as_u64() {
                None => None,
                Some(k) => {
                    let offsets: Vec<usize> =
                        read("offsets")?.into_iter().map(|o| o as usize).collect();
                    let scores = content.tensor(&format!("{name}.scores"))?;
                    let scores = Vec::<f32>::try_from(scores.f_to_kind(Kind::Float)?)?;
                    let items: Vec<u32> = narrow(read("items")?);
                    let fits = offsets.len() == cases.len() + 1
                        && offsets.is_sorted()
                        && offsets.last() == Some(&items.len())
                        && items.len() == scores.len();
                    if !fits {
                        return Err(mismatch(cases.len(), offsets.len().saturating_sub(1)));
                    }
                    Some(TopLists {
                        k: k as usize,
                        offsets,
                        items,
                        scores,
                    })
                }
            };
            Ok(Places { greater, ties, top })
        };
        Ok(Self {
            cases: cases.to_vec(),
            targets: cases.iter().map(|&case| split.target(case)).collect(),
            n_items: split.n_items,
            all: places("all", 0)?,
            unseen: places("unseen", 1)?,
        })
    }
}

fn mismatch(expected: usize, found: usize) -> Error {
    Error::Shape {
        what: "stored ranking".to_owned(),
        expected: format!("{expected} cases"),
        found: format!("{found}"),
    }
}

fn numbers(values: &[u32]) -> Result<Tensor> {
    let wide: Vec<i64> = values.iter().map(|&v| i64::from(v)).collect();
    Ok(Tensor::f_from_slice(&wide)?.f_to_kind(Kind::Int)?)
}

fn whole(tensor: &Tensor) -> Result<Vec<i64>> {
    Ok(Vec::<i64>::try_from(tensor.f_to_kind(Kind::Int64)?)?)
}

fn narrow(values: Vec<i64>) -> Vec<u32> {
    values.into_iter().map(|v| v as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Sequences;
    use crate::rank::{Options, Popularity, rank};

    #[test]
    fn a_ranking_comes_back_from_its_content() {
        let sequences = Sequences {
            offsets: vec![0, 3, 6],
            items: vec![0, 1, 2, 1, 0, 3],
        };
        let case = |user| Case { user, end: 2 };
        let split = Split {
            fingerprint: crate::fingerprint::Builder::new("t").finish(),
            n_items: 4,
            sequences,
            train_len: vec![2, 2],
            valid: vec![],
            test: vec![case(0), case(1)],
            max_len: 5,
            report: Default::default(),
            cold: None,
        };
        let scorer = Popularity::new(&split).unwrap();
        let options = Options {
            lists: Some(2),
            ..Options::default()
        };
        let ranking = rank(&scorer, &split, &split.test, &options).unwrap();
        let content = ranking.to_content().unwrap();
        let back = Ranking::from_content(&content, &split, &split.test).unwrap();
        assert_eq!(format!("{ranking:?}"), format!("{back:?}"));
        assert!(Ranking::from_content(&content, &split, &split.test[..1]).is_err());
    }
}
