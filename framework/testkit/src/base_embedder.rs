//! What the tests of base embedders have in common.

use lapidary_sdk::Component;
use lapidary_sdk::kinds::{BaseEmbedder, BaseEmbedderContext, BaseEmbeddings, Interactions};
use tch::{Kind as DType, Tensor};

/// Groups of [`grouped`].
pub const GROUPS: i64 = 10;

/// An embedder for `n_items` items and vectors of size `dim`, on the CPU.
///
/// # Errors
/// What the component refuses.
pub fn make<T: Component<Context = BaseEmbedderContext>>(
    settings: T::Settings,
    [dim, n_items]: [i64; 2],
    seed: u64,
) -> lapidary_sdk::Result<T> {
    let device = "cpu".to_owned();
    let context = BaseEmbedderContext {
        dim,
        n_items,
        seed,
        device,
    };
    T::create(settings, context)
}

/// What an embedder made by [`make`] learns.
///
/// # Panics
/// When it is refused.
pub fn fit<T: Component<Context = BaseEmbedderContext> + BaseEmbedder>(
    settings: T::Settings,
    sizes: [i64; 2],
    seed: u64,
    train: &Interactions,
) -> BaseEmbeddings {
    let mut embedder: T = make(settings, sizes, seed).expect("it can be made");
    embedder.fit(train).expect("it learns from interactions")
}

/// User `u` had `items[offsets[u]..offsets[u + 1]]`.
pub fn interactions(offsets: &[i64], items: &[i64]) -> Interactions {
    Interactions {
        offsets: Tensor::from_slice(offsets),
        items: Tensor::from_slice(items),
    }
}

/// `rows` histories of 20 items, each from one of [`GROUPS`] groups of neighbouring item numbers: user `u` has group
/// `u` modulo the number of groups.
pub fn grouped(rows: i64, n_items: i64) -> Interactions {
    let size = n_items / GROUPS;
    let mut state = 1_u64;
    let mut next = |below: i64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as i64 % below
    };
    let items: Vec<_> = (0..rows)
        .flat_map(|row| {
            (0..20)
                .map(|_| row % GROUPS * size + next(size))
                .collect::<Vec<_>>()
        })
        .collect();
    let offsets: Vec<_> = (0..=rows).map(|row| row * 20).collect();
    interactions(&offsets, &items)
}

/// Mean cosine of the items of one group of [`grouped`], and of the items of different groups.
///
/// # Shapes
/// `items` f32 `[V,d]`.
pub fn cosines(items: &Tensor) -> [f64; 2] {
    let length = items.square().sum_dim_intlist(1, true, DType::Float).sqrt();
    let unit = items / length.clamp_min(1e-12);
    let n = items.size()[0];
    let group = Tensor::arange(n, (DType::Int64, items.device())).floor_divide_scalar(n / GROUPS);
    let same = group.unsqueeze(0).eq_tensor(&group.unsqueeze(1));
    let cosines = unit.matmul(&unit.tr());
    [same.copy(), same.logical_not()].map(|of| {
        let chosen = cosines.masked_select(&of);
        chosen.mean(DType::Double).double_value(&[])
    })
}

/// Checks that interactions that cannot be used are refused with the reason.
///
/// # Panics
/// When they are not.
pub fn refuses_wrong_interactions<T>()
where
    T: Component<Context = BaseEmbedderContext> + BaseEmbedder,
{
    let floats = Interactions {
        offsets: Tensor::from_slice(&[0_i64, 1]),
        items: Tensor::from_slice(&[0.0_f32]),
    };
    refuses::<T>(&floats, "`items` must be i64");
    refuses::<T>(
        &interactions(&[0, 2], &[0, 4]),
        "item number 4 is not in 0..4",
    );
    refuses::<T>(&interactions(&[0, 2], &[-1, 0]), "item number -1");
    for offsets in [&[0, 3][..], &[1, 2], &[0, 2, 1, 2], &[]] {
        refuses::<T>(&interactions(offsets, &[0, 1]), "`offsets` must rise");
    }
}

/// Checks that an embedder of four items refuses interactions and says `what`.
///
/// # Panics
/// When it does not.
pub fn refuses<T>(train: &Interactions, what: &str)
where
    T: Component<Context = BaseEmbedderContext> + BaseEmbedder,
{
    let mut embedder: T = make(T::Settings::default(), [2, 4], 0).expect("it can be made");
    let error = embedder.fit(train).expect_err(what).to_string();
    assert!(error.contains(what), "{error}");
}

/// Checks that settings are refused after a `change`, for vectors of size `dim` and ten items, with `what`.
///
/// # Panics
/// When they are not.
pub fn refuses_settings<T: Component<Context = BaseEmbedderContext>>(
    change: impl Fn(&mut T::Settings),
    dim: i64,
    what: &str,
) {
    let mut settings = T::Settings::default();
    change(&mut settings);
    let made = make::<T>(settings, [dim, 10], 0);
    let error = made.err().unwrap_or_else(|| panic!("{what} is taken"));
    assert!(error.to_string().contains(what), "{error}");
}
