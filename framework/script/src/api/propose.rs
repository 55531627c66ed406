//! Attributes that a language model proposes.

use lapidary_core::data::Dataset;
use lapidary_core::guidance::ProposeSettings;
use lapidary_core::pipeline::{LanguageModel, propose};
use lapidary_core::settings;
use mlua::{Lua, Table};

use crate::convert::{raise, settings_of, take_seed};
use crate::session::Session;

/// What a script gets of a proposal: the file, its text, the attributes' names, and what was left out.
pub(super) fn propose_attributes(
    lua: &Lua,
    session: &Session,
    llm: &LanguageModel,
    data: &Dataset,
    given: Option<&Table>,
) -> mlua::Result<Option<Table>> {
    let mut given = settings_of(given, "propose_attributes")?;
    let made = || -> lapidary_core::Result<_> {
        let seed = take_seed(&mut given, session.context.seed, "propose_attributes")?;
        let settings =
            settings::read_checked(given, "propose_attributes", ProposeSettings::problems)?;
        let Some(made) = propose(&session.context, llm, data, &settings, seed)? else {
            return Ok(None);
        };
        let path = session
            .context
            .folder
            .write_text(&settings.name, &made.file)?;
        Ok(Some((made, path)))
    };
    let Some((made, path)) = made().map_err(raise)? else {
        return Ok(None);
    };
    for why in &made.proposal.dropped {
        tracing::warn!("a proposed attribute was left out: {why}");
    }
    let names = made.proposal.set.attributes.iter().map(|a| a.name.as_str());
    let table = lua.create_table()?;
    table.raw_set("file", path.display().to_string())?;
    table.raw_set("text", made.file.as_str())?;
    table.raw_set("attributes", lua.create_sequence_from(names)?)?;
    table.raw_set("dropped", made.proposal.dropped)?;
    Ok(Some(table))
}
