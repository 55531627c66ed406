//! What editors and people can be told of the API besides `API.md`: types of values, and the settings of functions.

use lapidary_core::data::{LeaveOneOut, Temporal};
use lapidary_core::guidance::ProposeSettings;
use lapidary_core::pipeline::{GuideSettings, PrecomputedSettings, TextSettings};
use lapidary_core::reason::{FaithfulnessSettings, SteeringSettings};
use lapidary_core::refine::RefineSettings;
use lapidary_core::search::SearchSettings;
use lapidary_core::sweep::SweepSettings;
use lapidary_core::train::Settings;
use lapidary_core::tune::TuneSettings;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::evaluation::EvaluateSettings;
use super::evaluation::comparison::{CompareSettings, ComparisonHandle};
use super::{component, data, evaluation, guided, model, precomputed, prompt, refined, search};
use super::{sweep, tensor, text, tuned};
use crate::object::Members;

/// All types of values that scripts hold.
pub(crate) fn objects() -> Vec<Members> {
    vec![
        Members::of::<data::DatasetHandle>(),
        Members::of::<data::SplitHandle>(),
        Members::of::<data::CasesHandle>(),
        Members::of::<component::BaseEmbedderHandle>(),
        Members::of::<precomputed::PrecomputedHandle>(),
        Members::of::<text::TextEmbedderHandle>(),
        Members::of::<refined::BaseHandle>(),
        Members::of::<component::LlmHandle>(),
        Members::of::<prompt::PromptHandle>(),
        Members::of::<guided::GuidedHandle>(),
        Members::of::<tuned::TunedHandle>(),
        Members::of::<component::ReducerHandle>(),
        Members::of::<refined::RefinedHandle>(),
        Members::of::<component::BackboneHandle>(),
        Members::of::<model::ModelHandle>(),
        Members::of::<search::SearchHandle>(),
        Members::of::<sweep::Sweep>(),
        Members::of::<evaluation::BaselineHandle>(),
        Members::of::<evaluation::EvaluationHandle>(),
        Members::of::<ComparisonHandle>(),
        Members::of::<tensor::TensorHandle>(),
    ]
}

/// The settings that a function takes as a table.
pub(crate) struct Described {
    /// The function, as `API.md` calls it.
    pub function: &'static str,
    /// JSON Schema of the settings.
    pub schema: Json,
    /// Their defaults.
    pub defaults: Json,
}

fn of<S: Default + Serialize + JsonSchema>(function: &'static str) -> Described {
    Described {
        function,
        schema: json!(schemars::schema_for!(S)),
        defaults: json!(S::default()),
    }
}

/// The settings of every function that has some. Values that only scripts hold are not among them.
pub(crate) fn settings() -> Vec<Described> {
    vec![
        of::<data::Common>("data:categories"),
        of::<LeaveOneOut>("data:leave_one_out"),
        of::<Temporal>("data:temporal"),
        of::<Settings>("embedder:fit"),
        of::<PrecomputedSettings>("lapidary.precomputed"),
        of::<TextSettings>("lapidary.text_embedder"),
        of::<ProposeSettings>("llm:propose_attributes"),
        of::<GuideSettings>("prompt:score"),
        of::<guided::AgreementSettings>("guided:agreement"),
        of::<TuneSettings>("prompt:fine_tune"),
        of::<RefineSettings>("lapidary.refine"),
        of::<Settings>("backbone:fit"),
        of::<SearchSettings>("lapidary.search"),
        of::<SweepSettings>("lapidary.sweep"),
        of::<EvaluateSettings>("base:evaluate"),
        of::<EvaluateSettings>("model:evaluate"),
        of::<EvaluateSettings>("popularity:evaluate"),
        of::<CompareSettings>("lapidary.compare"),
        of::<model::RecommendSettings>("model:recommend"),
        of::<model::ExplainSettings>("model:explain"),
        of::<FaithfulnessSettings>("model:faithfulness"),
        of::<SteeringSettings>("model:steering"),
    ]
}
