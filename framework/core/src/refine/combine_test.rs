#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lapidary_sdk::kinds::{Attribute, AttributeSet};
use lapidary_sdk::{Result as SdkResult, State, component::Stateful};

use super::*;
use crate::guidance::Figures;

const V: i64 = 40;
const U: i64 = 15;

/// Keeps the first columns.
struct First(i64);

impl Stateful for First {
    fn save(&self) -> SdkResult<State> {
        Ok(State::default())
    }
    fn load(&mut self, _: &State) -> SdkResult<()> {
        Ok(())
    }
}

impl Reducer for First {
    fn fit(&mut self, _: &Tensor, dim: i64) -> SdkResult<Option<Vec<f64>>> {
        self.0 = dim;
        Ok(Some(vec![0.5; dim as usize]))
    }
    fn transform(&self, table: &Tensor) -> SdkResult<Tensor> {
        Ok(table.f_narrow(1, 0, self.0)?)
    }
}

fn random(rows: i64, columns: i64, scale: f64) -> Tensor {
    tch::manual_seed(rows * 31 + columns);
    Tensor::randn([rows, columns], (Kind::Float, tch::Device::Cpu)) * scale
}

fn scores(m: i64) -> GuidedScores {
    let attribute = |k| Attribute {
        name: format!("a{k}"),
        description: String::new(),
        low: String::new(),
        high: String::new(),
        phrases: vec![],
    };
    let text = || "x".to_owned();
    GuidedScores {
        attributes: AttributeSet {
            domain: text(),
            item: text(),
            items: text(),
            verb: text(),
            attributes: (0..m).map(attribute).collect(),
        },
        items: random(V, m, 7.0) + 3.0,
        users: Some(random(U, m, 0.01) - 2.0),
        figures: Figures::default(),
    }
}

fn settings() -> RefineSettings {
    RefineSettings::default()
}

fn refused(base: &Tensor, reducer: bool, m: i64, settings: &RefineSettings) -> String {
    let mut first = First(0);
    let reducer: Option<&mut dyn Reducer> = reducer.then_some(&mut first as &mut dyn Reducer);
    let guided = (m > 0).then(|| scores(m));
    let result = combine(base, reducer, guided.as_ref(), settings);
    result.unwrap_err().to_string()
}

#[test]
fn the_default_is_as_wide_as_the_base_with_blocks_of_equal_norm() {
    let base = random(V, 16, 0.3);
    let refined = combine(&base, Some(&mut First(0)), Some(&scores(5)), &settings()).unwrap();
    let (embedding, report) = (&refined.embedding, &refined.report);
    assert_eq!(
        (embedding.dim(), embedding.guided_dim(), report.reduced_dim),
        (16, 5, 11)
    );
    assert!(
        embedding.free.equal(&base.narrow(1, 0, 11)),
        "the reduced part keeps its own scale"
    );
    assert!((report.guided_norm - report.reduced_norm).abs() < 1e-5);
    assert_eq!(report.explained_variance, Some(vec![0.5; 11]));
    assert!(embedding.tied && embedding.free_trainable);
    let guided = embedding.guided.as_ref().unwrap();
    assert!(!guided.items_trainable);
    assert!(
        guided
            .items
            .mean_dim([0].as_slice(), false, Kind::Float)
            .abs()
            .max()
            .double_value(&[])
            < 1e-5
    );
}

#[test]
fn users_are_normalised_among_themselves_and_scaled_with_the_items() {
    let (base, guided) = (random(V, 16, 0.3), scores(5));
    let refined = combine(&base, Some(&mut First(0)), Some(&guided), &settings()).unwrap();
    let part = refined.embedding.guided.unwrap();
    let UserGuidance::Scored(users) = part.users else {
        panic!("scored")
    };
    let deviation = |t: &Tensor| {
        t.std_dim([0].as_slice(), false, false)
            .mean(Kind::Float)
            .double_value(&[])
    };
    assert_eq!(users.size(), [U, 5]);
    assert!((deviation(&users) - deviation(&part.items)).abs() < 1e-5);
}

#[test]
fn alpha_and_row_norm_set_the_scales() {
    let base = random(V, 16, 0.3);
    let settings = RefineSettings {
        alpha: 0.5,
        row_norm: Some(2.0),
        ..settings()
    };
    let report = combine(&base, Some(&mut First(0)), Some(&scores(5)), &settings)
        .unwrap()
        .report;
    assert!((report.reduced_norm - 2.0).abs() < 1e-5 && (report.guided_norm - 1.0).abs() < 1e-5);
}

#[test]
fn sizes_can_be_given() {
    let (base, guided) = (random(V, 16, 0.3), scores(5));
    let dim = |dim, reduced_dim| {
        let settings = RefineSettings {
            dim,
            reduced_dim,
            ..settings()
        };
        let report = combine(&base, Some(&mut First(0)), Some(&guided), &settings)
            .unwrap()
            .report;
        (report.dim, report.reduced_dim)
    };
    assert_eq!(dim(Some(12), None), (12, 7));
    assert_eq!(dim(None, Some(4)), (9, 4));
    assert_eq!(dim(Some(9), Some(4)), (9, 4));
    let plain = combine(
        &base,
        Some(&mut First(0)),
        None,
        &RefineSettings {
            dim: Some(6),
            ..settings()
        },
    )
    .unwrap();
    assert!(plain.embedding.guided.is_none());
    assert_eq!(plain.embedding.dim(), 6);
}

#[test]
fn without_a_reducer_the_base_must_fit() {
    let base = random(V, 16, 0.3);
    let as_is = combine(&base, None, None, &settings()).unwrap().embedding;
    assert!(as_is.free.equal(&base) && as_is.free.data_ptr() != base.data_ptr());
    let beside = RefineSettings {
        reduced_dim: Some(16),
        ..settings()
    };
    assert_eq!(
        combine(&base, None, Some(&scores(5)), &beside)
            .unwrap()
            .embedding
            .dim(),
        21
    );
    let message = refused(&base, false, 5, &settings());
    assert!(
        message.contains("16 columns, 11 are to be left: give a reducer"),
        "{message}"
    );
}

#[test]
fn guided_columns_alone_stand_where_the_backbone_has_a_say() {
    let (base, guided) = (random(V, 16, 0.3), scores(5));
    let alone = |users| RefineSettings {
        reduced_dim: Some(0),
        users,
        ..settings()
    };
    for users in [UserPart::Backbone, UserPart::Hidden] {
        let refined = combine(&base, None, Some(&guided), &alone(users)).unwrap();
        assert_eq!(refined.embedding.free.size(), [V, 0]);
        let wanted = base
            .norm_scalaropt_dim(2.0, [1].as_slice(), false)
            .mean(Kind::Float)
            .double_value(&[]);
        assert!(
            (refined.report.guided_norm - wanted).abs() < 1e-5,
            "scale of the base"
        );
    }
    assert!(
        refused(&base, true, 5, &alone(UserPart::Scored)).contains("take `backbone` or `hidden`")
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let base = random(V, 16, 0.3);
    let with = |change: fn(&mut RefineSettings)| {
        let mut changed = settings();
        change(&mut changed);
        refused(&base, true, 5, &changed)
    };
    assert!(with(|s| s.dim = Some(3)).contains("no room for 5 attributes"));
    assert!(with(|s| s.alpha = 0.0).contains("alpha"));
    assert!(with(|s| s.row_norm = Some(f64::NAN)).contains("row_norm"));
    assert!(with(|s| s.reduced_dim = Some(-1)).contains("at least 0, found -1"));
    assert!(
        with(|s| (s.dim, s.reduced_dim) = (Some(9), Some(5))).contains("do not make `dim` = 9")
    );
    assert!(refused(&random(V + 1, 16, 0.3), true, 5, &settings()).contains("a row for each row"));
    assert!(refused(&random(V, 16, f64::NAN), true, 5, &settings()).contains("no numbers"));
    let mut unscored = scores(5);
    unscored.users = None;
    let result = combine(&base, Some(&mut First(0)), Some(&unscored), &settings());
    assert!(
        result
            .unwrap_err()
            .to_string()
            .contains("needs scores of users")
    );
}

#[test]
fn refined_embeddings_survive_storing() {
    let (base, guided) = (random(V, 16, 0.3), scores(5));
    let store = |users, guided: Option<&GuidedScores>| {
        let settings = RefineSettings {
            users,
            guided_trainable: true,
            tied: false,
            ..settings()
        };
        let refined = combine(&base, Some(&mut First(0)), guided, &settings).unwrap();
        let back = Refined::from_content(&refined.to_content().unwrap()).unwrap();
        assert_eq!(back.report, refined.report);
        assert!(back.embedding.free.equal(&refined.embedding.free) && !back.embedding.tied);
        (refined.embedding.guided, back.embedding.guided)
    };
    for users in [UserPart::Scored, UserPart::Backbone, UserPart::Hidden] {
        let (was, is) = store(users, Some(&guided));
        let (was, is) = (was.unwrap(), is.unwrap());
        assert!(was.items.equal(&is.items) && is.items_trainable);
        assert_eq!(was.attributes, is.attributes);
        match (&was.users, &is.users) {
            (UserGuidance::Scored(a), UserGuidance::Scored(b)) => assert!(a.equal(b)),
            (a, b) => assert_eq!(std::mem::discriminant(a), std::mem::discriminant(b)),
        }
    }
    assert!(store(UserPart::Scored, None).1.is_none());
}
