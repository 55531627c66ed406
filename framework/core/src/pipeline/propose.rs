//! Attributes that a language model proposes from a sample of items.

use lapidary_sdk::kinds::Answer;
use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use super::{Context, LanguageModel, item_text};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::guidance::{Cache, Proposal, ProposeSettings, answer_once};
use crate::settings as checked;

/// A proposal, and the file that holds it.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// The attributes.
    pub proposal: Proposal,
    /// The text of the file.
    pub file: String,
}

/// Shows a language model a sample of the items and asks for attributes. The whole answer is written into the run's folder,
/// as `NAME.answer.txt`, also where it cannot be used. In a dry run the model is opened and not asked.
///
/// # Errors
/// [`Error::Setting`] for settings out of range or an answer that cannot be used; what the model and the cache of answers
/// report.
pub fn propose(
    context: &Context,
    llm: &LanguageModel,
    data: &Dataset,
    settings: &ProposeSettings,
    seed: u64,
) -> Result<Option<Proposed>> {
    checked::check(settings, settings.problems(), "propose_attributes")?;
    let words = settings.words(data.name());
    let info = llm.info(context)?;
    if context.dry_run {
        return Ok(None);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let amount = settings.sample.min(data.items());
    let mut chosen = index::sample(&mut rng, data.items(), amount).into_vec();
    chosen.sort_unstable();
    let sample = chosen.iter().map(|&item| item_text(data, item as u32));
    let sample = sample.collect::<Result<Vec<_>>>()?;

    let cache = Cache::open(&context.store.root().join("answers.sqlite"))?;
    let request = settings.request(&sample);
    let answer = answer_once(
        llm.open(context)?,
        &cache,
        "propose_attributes",
        &words,
        request,
    )?;
    let Answer::Text(answer) = answer else {
        return Err(Error::setting(
            "propose_attributes",
            "the model did not write",
        ));
    };
    let beside = format!("{}.answer.txt", settings.name);
    let beside = context.folder.write_text(&beside, &answer)?;
    let proposal = Proposal::read(&answer, words).map_err(|e| match e {
        Error::Setting { place, reason } => {
            let reason = format!("{reason}. The whole answer is in {}", beside.display());
            Error::Setting { place, reason }
        }
        other => other,
    })?;
    let titles: Vec<&str> = sample.iter().map(|text| text.title.as_str()).collect();
    let mut comments = vec![
        format!(
            "Proposed by {} ({}) from {} of the {} items of {}. Read and edit it: keep what tells items apart and decides \
             what people choose.",
            info.model,
            llm.chosen.name,
            sample.len(),
            data.items(),
            data.name()
        ),
        format!("The items: {}.", titles.join(" | ")),
    ];
    comments.extend(
        proposal
            .dropped
            .iter()
            .map(|why| format!("Left out: {why}.")),
    );
    let file = proposal.file(&comments)?;
    Ok(Some(Proposed { proposal, file }))
}
