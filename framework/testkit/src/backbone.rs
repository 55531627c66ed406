//! What tests of a backbone's own crate share: making one, masks, and what every backbone promises whatever its weights.

use lapidary_sdk::component::find;
use lapidary_sdk::prelude::*;

/// Embedding size of the checks below.
pub const DIM: i64 = 12;
/// Longest sequence of the checks below.
pub const MAX_LEN: i64 = 6;

/// A context on the CPU.
pub fn context(dim: i64, max_len: i64) -> BackboneContext {
    let device = "cpu".to_owned();
    BackboneContext {
        dim,
        max_len,
        device,
    }
}

/// A backbone whose initial weights depend on nothing but the settings.
pub fn model<B: Component<Context = BackboneContext>>(
    settings: B::Settings,
    dim: i64,
    max_len: i64,
) -> B {
    tch::manual_seed(3);
    B::create(settings, context(dim, max_len)).unwrap()
}

/// bool `[B,L]`: true at the first `lengths[b]` places of row b.
pub fn mask(lengths: &[i64], length: i64) -> Tensor {
    let places = Tensor::arange(length, (DType::Int64, Device::Cpu));
    places.lt_tensor(&Tensor::from_slice(lengths).unsqueeze(1))
}

/// The largest absolute difference of two tensors of one shape.
pub fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

/// Weights and dropout come from libtorch's generator and from nothing else. It must run alone in its process, as there
/// is one generator for all threads.
pub fn draws_from_libtorchs_generator<B>()
where
    B: Backbone + Component<Context = BackboneContext>,
    B::Settings: Default,
{
    let create = |seed| {
        tch::manual_seed(seed);
        B::create(B::Settings::default(), context(12, 6)).unwrap()
    };
    let input = Tensor::randn([2, 6, 12], (DType::Float, Device::Cpu));
    let mask = mask(&[6, 2], 6);
    let run = |model: &B, seed, train| {
        tch::manual_seed(seed);
        model.forward(&input, &mask, train).unwrap()
    };
    let model = create(5);
    assert_eq!(run(&model, 1, false), run(&create(5), 2, false));
    assert_ne!(run(&model, 1, false), run(&create(6), 1, false));
    assert_eq!(run(&model, 1, true), run(&model, 1, true));
    assert_ne!(run(&model, 1, true), run(&model, 2, true));
    assert_ne!(run(&model, 1, true), run(&model, 1, false));
}

/// Random input `[rows,length,DIM]`, the same at each call.
pub fn input(rows: i64, length: i64) -> Tensor {
    tch::manual_seed(11);
    Tensor::randn([rows, length, DIM], (DType::Float, Device::Cpu))
}

/// What stands behind a row's real positions does not change them.
pub fn padding_does_not_change_what_is_real(model: &impl Backbone) {
    let short = input(1, 3);
    let alone = model.forward(&short, &mask(&[3], 3), false).unwrap();
    let padded = Tensor::cat(&[&short, &input(1, 3).fill_(1e6)], 1);
    let padded = model.forward(&padded, &mask(&[3], 6), false).unwrap();
    assert!(largest_difference(&alone, &padded.narrow(1, 0, 3)) < 1e-5);
}

/// Input and parameters have gradients that are not 0, in training, with two rows of the given lengths.
pub fn gradients_reach_every_parameter(model: &impl Backbone, lengths: [i64; 2]) {
    let input = input(2, MAX_LEN).set_requires_grad(true);
    let hidden = model.forward(&input, &mask(&lengths, MAX_LEN), true);
    let target = Tensor::randn([2, MAX_LEN, DIM], (DType::Float, Device::Cpu));
    (hidden.unwrap() * target).sum(DType::Float).backward();
    assert!(input.grad().abs().max().double_value(&[]) > 0.0);
    for (name, parameter) in model.parameters().unwrap() {
        assert!(parameter.grad().defined(), "{name}");
        let largest = parameter.grad().abs().max().double_value(&[]);
        assert!(largest > 0.0, "{name}");
    }
}

/// A backbone of other weights that loads a saved state computes what the saved one does.
pub fn a_saved_state_gives_the_same_hidden_states<B>(settings: B::Settings)
where
    B: Backbone + Component<Context = BackboneContext>,
    B::Settings: Clone,
{
    let (input, mask) = (input(2, MAX_LEN), mask(&[6, 2], MAX_LEN));
    let first: B = model(settings.clone(), DIM, MAX_LEN);
    tch::manual_seed(99);
    let mut second = B::create(settings, context(DIM, MAX_LEN)).unwrap();
    let run = |m: &B| m.forward(&input, &mask, false).unwrap();
    assert_ne!(run(&first), run(&second));
    Component::load(&mut second, &Component::save(&first).unwrap()).unwrap();
    assert_eq!(run(&first), run(&second));
}

/// Wrong shapes and types are named.
pub fn inputs_that_do_not_fit_are_refused(model: &impl Backbone) {
    let refused = |input: &Tensor, mask: &Tensor, what: &str| {
        let error = model.forward(input, mask, false).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    };
    let right = input(1, 2);
    refused(&right.narrow(2, 0, 5), &mask(&[2], 2), "[B,L,12]");
    refused(&right.get(0), &mask(&[2], 2), "[B,L,12]");
    refused(&right, &mask(&[2], 3), "`mask`");
    refused(&right, &mask(&[2], 2).to_kind(DType::Float), "bool");
    refused(&right.to_kind(DType::Double), &mask(&[2], 2), "f32");
}

/// Adam on the model's parameters; the loss before and after.
pub fn train(model: &impl Backbone, steps: i32, loss: impl Fn() -> Tensor) -> [f64; 2] {
    let parameters: Vec<_> = model.parameters().unwrap();
    let mut moments: Vec<_> = parameters
        .iter()
        .map(|(_, p)| [p.zeros_like().detach(), p.zeros_like().detach()])
        .collect();
    let before = loss().double_value(&[]);
    for step in 1..=steps {
        loss().backward();
        let _no_grad = tch::no_grad_guard();
        for ((_, parameter), [mean, square]) in parameters.iter().zip(&mut moments) {
            let gradient = parameter.grad();
            *mean = &*mean * 0.9 + &gradient * 0.1;
            *square = &*square * 0.99 + gradient.square() * 0.01;
            let scale = (&*square / (1.0 - 0.99f64.powi(step))).sqrt() + 1e-8;
            let update = &*mean / (1.0 - 0.9f64.powi(step)) / scale * 0.01;
            let _ = parameter.shallow_clone().subtract_(&update);
            let _ = parameter.grad().zero_();
        }
    }
    [before, loss().double_value(&[])]
}

/// Hidden states and gradients are those that the case `case` of a file of an independent run has.
pub fn agrees_with_reference(mut model: impl Backbone, file: &str, case: &str) {
    let fixture = Tensor::read_safetensors(file).unwrap();
    let tensor = |name: &str| find(&fixture, name).unwrap();
    let own = |name: &str| tensor(&format!("{case}.{name}"));
    let prefix = format!("{case}.weights.");
    let weights = fixture.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix(&prefix)?.to_owned();
        Some((name, value.shallow_clone()))
    });
    let state = State {
        tensors: weights.collect(),
        ..State::default()
    };
    model.load(&state).unwrap();

    let lengths = Vec::<i64>::try_from(tensor("lengths")).unwrap();
    let input = tensor("input").copy().set_requires_grad(true);
    let mask = mask(&lengths, input.size()[1]);
    let hidden = model.forward(&input, &mask, false).unwrap();
    let real = mask.unsqueeze(2).to_kind(DType::Float);
    let difference = largest_difference(&(&hidden * &real), &(own("hidden") * &real));
    assert!(difference < 1e-5, "hidden states: {difference}");

    (hidden * tensor("target")).sum(DType::Float).backward();
    let close = |name: &str, ours: &Tensor, theirs: &Tensor| {
        let scale = theirs.abs().max().double_value(&[]).max(1.0);
        let difference = largest_difference(ours, theirs);
        assert!(difference < 1e-5 * scale, "{name}: {difference}");
    };
    close("input", &input.grad(), own("gradient"));
    let parameters = model.parameters().unwrap();
    assert_eq!(parameters.len(), state.tensors.len());
    for (name, parameter) in parameters {
        close(&name, &parameter.grad(), own(&format!("gradients.{name}")));
    }
}
