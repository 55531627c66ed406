//! The losses' own gradients against libtorch's.

use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use super::support::alone;
use crate::train::{Blocks, Sampled, Shared, cross_entropy, sampled, shared};

fn problem(n: i64, n_items: i64, dim: i64) -> (Tensor, Tensor, Tensor) {
    let options = (Kind::Float, Device::Cpu);
    (
        Tensor::randn([n, dim], options),
        Tensor::randn([n_items, dim], options),
        Tensor::randint(n_items, [n], (Kind::Int64, Device::Cpu)),
    )
}

fn close(a: &Tensor, b: &Tensor, within: f64) -> bool {
    (a - b).abs().max().double_value(&[]) <= within
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn blocked_cross_entropy_is_plain_cross_entropy(
        n in 1i64..40, n_items in 1i64..60, dim in 1i64..9, logits in 1i64..600, min_rows in 1i64..50,
    ) {
        let _turn = alone();
        tch::manual_seed(n * 1000 + n_items);
        let (query, table, targets) = problem(n, n_items, dim);
        let q = query.copy().set_requires_grad(true);
        let t = table.copy().set_requires_grad(true);
        let plain = q.matmul(&t.tr()).cross_entropy_for_logits(&targets);
        plain.backward();

        let gradient = table.ones_like();
        let blocks = Blocks { logits, min_rows };
        let (loss, by_query) =
            tch::no_grad(|| cross_entropy(&query, &table, &targets, Some(&gradient), blocks)).unwrap();
        prop_assert!(close(&loss, &plain, 1e-5));
        // Of one query the gradient is a sum of up to 60 terms near 1, in f32.
        prop_assert!(close(&by_query, &q.grad(), 5e-6));
        prop_assert!(close(&(gradient - 1.0), &t.grad(), 5e-6));
    }
}

#[test]
fn extreme_logits_stay_finite_and_nan_shows() {
    let query = Tensor::from_slice2(&[[1e4f32, 0.0], [0.0, 1e4]]);
    let table = Tensor::from_slice2(&[[1.0f32, 0.0], [0.0, 1.0], [-1.0, -1.0]]);
    let targets = Tensor::from_slice(&[2i64, 1]);
    for logits in [1, 1000] {
        let blocks = Blocks {
            logits,
            min_rows: 1,
        };
        let (loss, by_query) =
            tch::no_grad(|| cross_entropy(&query, &table, &targets, None, blocks)).unwrap();
        assert!(loss.double_value(&[]) > 40.0);
        assert_eq!(by_query.isfinite().all().int64_value(&[]), 1);
        let bad = &query * f64::NAN;
        let (loss, _) =
            tch::no_grad(|| cross_entropy(&bad, &table, &targets, None, blocks)).unwrap();
        assert!(loss.double_value(&[]).is_nan());
    }
}

/// With two items the negative can only be the other one, so the loss has a closed form.
#[test]
fn sampled_losses_have_libtorchs_gradients() {
    let _turn = alone();
    tch::manual_seed(4);
    let (query, table, targets) = problem(30, 2, 5);
    for kind in [Sampled::Bce, Sampled::Bpr] {
        let q = query.copy().set_requires_grad(true);
        let t = table.copy().set_requires_grad(true);
        let score =
            |items: &Tensor| (&q * t.index_select(0, items)).sum_dim_intlist(1, false, None);
        let (positive, negative) = (score(&targets), score(&(1 - &targets)));
        let plain = match kind {
            Sampled::Bce => -(positive.log_sigmoid() + (-negative).log_sigmoid()),
            Sampled::Bpr => -(positive - negative).log_sigmoid(),
        }
        .mean(Kind::Float);
        plain.backward();
        let gradient = table.zeros_like();
        let (loss, by_query) =
            tch::no_grad(|| sampled(kind, &query, &table, &targets, 3, Some(&gradient))).unwrap();
        assert!(close(&loss, &plain, 1e-5), "{kind:?}");
        assert!(close(&by_query, &q.grad(), 1e-6), "{kind:?}");
        assert!(close(&gradient, &t.grad(), 1e-6), "{kind:?}");
    }
}

#[test]
fn sampled_softmax_has_libtorchs_gradients() {
    let _turn = alone();
    let (n, n_items, negatives) = (30, 7, 5);
    tch::manual_seed(5);
    let (query, table, targets) = problem(n, n_items, 4);
    tch::manual_seed(6);
    let drawn = Tensor::randint(n_items, [negatives], (Kind::Int64, Device::Cpu));
    let q = query.copy().set_requires_grad(true);
    let t = table.copy().set_requires_grad(true);
    let each = (n_items as f64 / negatives as f64).ln();
    let others = q.matmul(&t.index_select(0, &drawn).tr()) + each;
    let others = others.masked_fill(&targets.unsqueeze(1).eq_tensor(&drawn), f64::NEG_INFINITY);
    let own = (&q * t.index_select(0, &targets)).sum_dim_intlist(1, true, None);
    let logits = Tensor::cat(&[own, others], 1);
    let plain = logits.cross_entropy_for_logits(&targets.zeros_like());
    plain.backward();

    tch::manual_seed(6);
    let gradient = table.ones_like();
    let (loss, by_query) = tch::no_grad(|| {
        shared(
            Shared::CrossEntropy,
            &query,
            &table,
            &targets,
            negatives,
            Some(&gradient),
        )
    })
    .unwrap();
    assert!(close(&loss, &plain, 1e-5));
    assert!(close(&by_query, &q.grad(), 1e-6));
    assert!(close(&(gradient - 1.0), &t.grad(), 1e-6));
}

#[test]
fn bpr_max_has_libtorchs_gradients() {
    let _turn = alone();
    let (n, n_items, negatives) = (30, 7, 5);
    for regularisation in [0.0, 0.7] {
        tch::manual_seed(8);
        let (query, table, targets) = problem(n, n_items, 4);
        tch::manual_seed(9);
        let drawn = Tensor::randint(n_items, [negatives], (Kind::Int64, Device::Cpu));
        let q = query.copy().set_requires_grad(true);
        let t = table.copy().set_requires_grad(true);
        let others = q.matmul(&t.index_select(0, &drawn).tr());
        let own = (&q * t.index_select(0, &targets)).sum_dim_intlist(1, true, None);
        let same = targets.unsqueeze(1).eq_tensor(&drawn);
        let weights = others
            .masked_fill(&same, f64::NEG_INFINITY)
            .softmax(1, None);
        let sum = |of: Tensor| (&weights * of).sum_dim_intlist(1, false, None);
        let plain = sum(others.square()) * regularisation - sum((own - &others).sigmoid()).log();
        let plain = plain.mean(Kind::Float);
        plain.backward();

        tch::manual_seed(9);
        let (gradient, loss) = (table.ones_like(), Shared::BprMax { regularisation });
        let run = || shared(loss, &query, &table, &targets, negatives, Some(&gradient));
        let (loss, by_query) = tch::no_grad(run).unwrap();
        assert!(close(&loss, &plain, 1e-5));
        assert!(close(&by_query, &q.grad(), 1e-6));
        assert!(close(&(gradient - 1.0), &t.grad(), 1e-6));
    }
}

#[test]
fn bpr_max_without_another_item_among_the_negatives_is_nothing() {
    let _turn = alone();
    let (query, table, _) = problem(6, 2, 4);
    tch::manual_seed(3);
    let drawn = Tensor::randint(2, [1], (Kind::Int64, Device::Cpu));
    tch::manual_seed(3);
    let (targets, gradient) = (drawn.repeat([6]), table.zeros_like());
    let loss = Shared::BprMax {
        regularisation: 1.0,
    };
    let run = || shared(loss, &query, &table, &targets, 1, Some(&gradient));
    let (loss, by_query) = tch::no_grad(run).unwrap();
    for found in [loss, by_query, gradient] {
        assert_eq!(found.abs().max().double_value(&[]), 0.0);
    }
}

/// With scores in the hundreds a sigmoid is 0 in f32; with one negative of two items it often is the target itself.
#[test]
fn bpr_max_stays_finite() {
    let _turn = alone();
    for seed in 0..8 {
        tch::manual_seed(seed);
        let (query, table, targets) = problem(20, 2, 4);
        let (query, gradient) = (query * 500.0, table.zeros_like());
        let loss = Shared::BprMax {
            regularisation: 0.0,
        };
        let run = || shared(loss, &query, &table, &targets, 1, Some(&gradient));
        let (loss, by_query) = tch::no_grad(run).unwrap();
        for found in [loss, by_query, gradient] {
            assert_eq!(found.isfinite().all().int64_value(&[]), 1);
        }
    }
}

#[test]
fn sampled_softmax_comes_near_the_whole_catalogues_with_many_negatives() {
    let _turn = alone();
    tch::manual_seed(7);
    let (query, table, targets) = problem(200, 50, 4);
    let off = |negatives| {
        let whole = cross_entropy(&query, &table, &targets, None, Blocks::default()).unwrap();
        let drawn = shared(
            Shared::CrossEntropy,
            &query,
            &table,
            &targets,
            negatives,
            None,
        )
        .unwrap();
        (drawn.0 - whole.0).abs().double_value(&[])
    };
    let off = tch::no_grad(|| off(20_000));
    assert!(off < 0.02, "{off}");
}

#[test]
fn one_item_has_no_negatives() {
    let (query, table, targets) = problem(3, 1, 4);
    let refused = [
        sampled(Sampled::Bce, &query, &table, &targets, 1, None),
        shared(Shared::CrossEntropy, &query, &table, &targets, 1, None),
    ];
    for error in refused.map(Result::unwrap_err) {
        assert!(error.to_string().contains("at least two items"), "{error}");
    }
}
