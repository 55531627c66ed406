//! A component's settings, read from their JSON Schema.

use serde::Serialize;
use serde_json::Value;

/// One setting.
#[derive(Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Its key; a key inside a table is written `table.key`.
    pub name: String,
    /// Its type in words: `integer`, `number`, `text`, `boolean`, `list of integer`, `table`, `… or nothing`.
    #[serde(rename = "type")]
    pub sort: String,
    /// What is used when a script says nothing; null where there is nothing.
    pub default: Value,
    /// The smallest value allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Value>,
    /// The value must be larger than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<Value>,
    /// The largest value allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Value>,
    /// The value must be smaller than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<Value>,
    /// The only values allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// What it does.
    pub help: String,
}

/// Deeper tables are shown as `table`: a schema may contain itself.
const DEPTH: usize = 4;

/// The settings of a schema, in its order.
pub fn settings(schema: &Value, defaults: &Value) -> Vec<Setting> {
    let mut settings = Vec::new();
    Reader { root: schema }.table("", schema, defaults, DEPTH, &mut settings);
    settings
}

struct Reader<'a> {
    root: &'a Value,
}

impl<'a> Reader<'a> {
    fn table(
        &self,
        at: &str,
        schema: &'a Value,
        defaults: &Value,
        depth: usize,
        out: &mut Vec<Setting>,
    ) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, own) in properties.into_iter().flatten() {
            let name = match at {
                "" => key.clone(),
                at => format!("{at}.{key}"),
            };
            let default = defaults.get(key).or_else(|| own.get("default")).cloned();
            let default = default.unwrap_or(Value::Null);
            let target = self.resolve(own);
            let inner = target.get("properties").is_some() && depth > 0;
            out.push(self.setting(name.clone(), own, target, default.clone(), inner));
            if inner {
                self.table(&name, target, &default, depth - 1, out);
            }
        }
    }

    /// `own` is what stands at the key, `target` what it refers to.
    fn setting(
        &self,
        name: String,
        own: &'a Value,
        target: &'a Value,
        default: Value,
        inner: bool,
    ) -> Setting {
        let bound = |key: &str| target.get(key).or_else(|| own.get(key)).cloned();
        let help = [own, target].map(|s| s.get("description").and_then(Value::as_str));
        Setting {
            name,
            sort: self.sort(own),
            // The keys of a table that is shown have defaults of their own.
            default: if inner { Value::Null } else { default },
            minimum: bound("minimum"),
            above: bound("exclusiveMinimum"),
            maximum: bound("maximum"),
            below: bound("exclusiveMaximum"),
            choices: self.choices(target),
            help: help
                .into_iter()
                .flatten()
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// Follows a reference, and looks through a choice between something and null.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..16 {
            let target = schema.get("$ref").and_then(Value::as_str);
            let target = target.and_then(|t| self.root.pointer(t.strip_prefix('#')?));
            match target.or_else(|| optional(schema)) {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }

    fn sort(&self, own: &'a Value) -> String {
        let schema = self.resolve(own);
        let words: Vec<String> = match schema.get("type") {
            Some(Value::String(one)) => vec![self.word(one, schema)],
            Some(Value::Array(many)) => (many.iter().filter_map(Value::as_str))
                .filter(|name| *name != "null")
                .map(|name| self.word(name, schema))
                .collect(),
            _ => alternatives(schema)
                .map(|s| self.word(kind_of(s), s))
                .collect(),
        };
        let mut words: Vec<String> = words.into_iter().fold(Vec::new(), |mut seen, word| {
            if !seen.contains(&word) {
                seen.push(word);
            }
            seen
        });
        if words.is_empty() {
            words.push("anything".to_owned());
        }
        if self.may_be_null(own) {
            words.push("nothing".to_owned());
        }
        words.join(" or ")
    }

    fn word(&self, name: &str, schema: &'a Value) -> String {
        match name {
            "string" => "text".to_owned(),
            "object" => "table".to_owned(),
            "array" => match schema.get("items") {
                Some(items) => format!("list of {}", self.sort(items)),
                None => "list".to_owned(),
            },
            other => other.to_owned(),
        }
    }

    fn may_be_null(&self, schema: &Value) -> bool {
        let in_type = |s: &Value| match s.get("type") {
            Some(Value::Array(many)) => many.iter().any(|t| t == "null"),
            _ => false,
        };
        in_type(schema) || optional(schema).is_some()
    }

    fn choices(&self, schema: &Value) -> Vec<Value> {
        if let Some(Value::Array(values)) = schema.get("enum") {
            return values.iter().filter(|v| !v.is_null()).cloned().collect();
        }
        let all: Option<Vec<Vec<Value>>> = alternatives(schema)
            .map(|s| match (s.get("const"), s.get("enum")) {
                (Some(value), _) => Some(vec![value.clone()]),
                (_, Some(Value::Array(values))) => Some(values.clone()),
                _ => None,
            })
            .collect();
        all.unwrap_or_default().concat()
    }
}

/// The schemas of which one must fit.
fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["oneOf", "anyOf"].map(|key| schema.get(key).and_then(Value::as_array));
    lists.into_iter().flatten().flatten()
}

/// The other of two alternatives when one is null.
fn optional(schema: &Value) -> Option<&Value> {
    let all: Vec<&Value> = alternatives(schema).collect();
    let is_null = |s: &&&Value| s.get("type").is_some_and(|t| t == "null");
    match all.as_slice() {
        [one, null] if is_null(&null) => Some(one),
        [null, one] if is_null(&null) => Some(one),
        _ => None,
    }
}

fn kind_of(schema: &Value) -> &str {
    let of_const = || match schema.get("const") {
        Some(Value::String(_)) => "string",
        Some(Value::Number(_)) => "number",
        _ => "anything",
    };
    schema
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_else(of_const)
}

impl Setting {
    /// Type, range and default in one line.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        match self.choices.as_slice() {
            [] => parts.push(self.sort.clone()),
            choices => {
                let all: Vec<String> = choices.iter().map(Value::to_string).collect();
                parts.push(format!("one of {}", all.join(", ")));
            }
        }
        let least = (self.minimum.as_ref().map(|v| format!("at least {v}")))
            .or_else(|| self.above.as_ref().map(|v| format!("above {v}")));
        let most = (self.maximum.as_ref().map(|v| format!("at most {v}")))
            .or_else(|| self.below.as_ref().map(|v| format!("below {v}")));
        parts.extend(least);
        parts.extend(most);
        if !self.default.is_null() {
            parts.push(format!("default {}", self.default));
        }
        parts.join(", ")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use schemars::JsonSchema;

    #[derive(JsonSchema, Serialize)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code)]
    enum Norm {
        /// Before each part.
        Pre,
        /// After each part.
        Post,
    }

    #[derive(JsonSchema, Serialize)]
    struct Adapter {
        /// Rank of the adapter.
        #[schemars(range(min = 1, max = 64))]
        rank: u32,
    }

    #[derive(JsonSchema, Serialize)]
    struct Settings {
        /// Number of blocks.
        #[schemars(range(min = 1))]
        layers: i64,
        dropout: f64,
        /// Where layers are normalised.
        norm: Norm,
        names: Vec<String>,
        limit: Option<u32>,
        adapter: Option<Adapter>,
    }

    fn read() -> Vec<Setting> {
        let defaults = Settings {
            layers: 2,
            dropout: 0.2,
            norm: Norm::Pre,
            names: vec!["a".to_owned()],
            limit: None,
            adapter: Some(Adapter { rank: 8 }),
        };
        let schema = serde_json::to_value(schemars::schema_for!(Settings)).unwrap();
        settings(&schema, &serde_json::to_value(defaults).unwrap())
    }

    #[test]
    fn each_setting_has_type_range_default_and_help() {
        let lines: Vec<String> = read()
            .iter()
            .map(|s| format!("{}: {}; {}", s.name, s.summary(), s.help))
            .collect();
        let expected = [
            "layers: integer, at least 1, default 2; Number of blocks.",
            "dropout: number, default 0.2; ",
            "norm: one of \"pre\", \"post\", default \"pre\"; Where layers are normalised.",
            "names: list of text, default [\"a\"]; ",
            "limit: integer or nothing, at least 0; ",
            "adapter: table or nothing; ",
            "adapter.rank: integer, at least 1, at most 64, default 8; Rank of the adapter.",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let schema = serde_json::json!({
            "properties": {"next": {"$ref": "#"}, "loop": {"$ref": "#/$defs/a"}},
            "$defs": {"a": {"$ref": "#/$defs/a"}},
        });
        let names = settings(&schema, &Value::Null).len();
        assert_eq!(names, 2 * (DEPTH + 1));
    }
}
