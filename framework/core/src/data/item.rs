//! What is known about an item in words.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The text of an item. A part that the source does not have is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemText {
    /// The source's identifier.
    pub id: String,
    /// Title or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Year it came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
    /// Categories or genres, in the source's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// All further fields, as JSON.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

impl ItemText {
    /// An item of which only the identifier is known.
    pub fn unknown(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }

    /// The title, or the identifier where there is none.
    pub fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.id)
    }

    /// The name and, where it is known, the year, for people.
    pub fn label(&self) -> String {
        match self.year {
            Some(year) => format!("{} ({year})", self.name()),
            None => self.name().to_owned(),
        }
    }

    /// Whether anything but the identifier is known.
    pub fn has_text(&self) -> bool {
        self.title.is_some() || !self.categories.is_empty() || !self.fields.is_empty()
    }
}
