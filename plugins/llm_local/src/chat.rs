//! Chat templates: Jinja programs that come with a model and turn messages into the text it was trained on.

use minijinja::{Environment, ErrorKind, Value, context};
use serde_json::Value as Json;

use lapidary_sdk::prelude::*;

const NAME: &str = "chat template";

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// Compiles a template; `bos` and `eos` are the tokens' texts, which templates may use.
    ///
    /// # Errors
    /// When the template has a syntax error.
    pub fn new(template: &str, bos: &str, eos: &str) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |text: String| -> std::result::Result<Value, _> {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, text))
            },
        );
        environment
            .add_template_owned(NAME, template.to_owned())
            .map_err(fault)?;
        Ok(Self {
            environment,
            bos: bos.to_owned(),
            eos: eos.to_owned(),
        })
    }

    /// The template of a `tokenizer_config.json`: one text, or a list of named ones of which `default` counts.
    pub fn from_config(config: &Json) -> Option<&str> {
        match &config["chat_template"] {
            Json::String(text) => Some(text),
            Json::Array(all) => all
                .iter()
                .find(|t| t["name"] == "default")
                .and_then(|t| t["template"].as_str()),
            _ => None,
        }
    }

    /// The text of a chat, up to where the model's answer begins.
    ///
    /// # Errors
    /// When the template refuses the messages.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        let template = self.environment.get_template(NAME).map_err(fault)?;
        let nothing = Value::from(());
        template
            .render(context! {
                messages,
                add_generation_prompt => true,
                bos_token => self.bos,
                eos_token => self.eos,
                tools => nothing,
                documents => nothing,
            })
            .map_err(fault)
    }
}

fn fault(error: minijinja::Error) -> Error {
    let reason = error
        .detail()
        .map_or_else(|| error.to_string(), str::to_owned);
    let line = error
        .line()
        .map(|n| format!(", line {n}"))
        .unwrap_or_default();
    Error::invalid(format!("the model's chat template{line}: {reason}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn message(role: Role, content: &str) -> Message {
        Message {
            role,
            content: content.to_owned(),
        }
    }

    #[test]
    fn python_methods_blocks_and_tokens_work() {
        let template = "{{ bos_token }}{%- for m in messages %}\n    {%- if m['role'] == 'system' %}\n[{{ m['content'].strip() | upper }}]\n    {%- continue %}\n    {%- endif %}\n({{ m.role }}: {{ m['content'].split(' ')[0] }})\n{%- endfor %}{% if add_generation_prompt and tools is none %}>{% endif %}";
        let chat = ChatTemplate::new(template, "<s>", "</s>").unwrap();
        let text = chat
            .render(&[
                message(Role::System, "  be kind "),
                message(Role::User, "hello there"),
            ])
            .unwrap();
        assert_eq!(text, "<s>[BE KIND](user: hello)>");
    }

    #[test]
    fn what_the_template_raises_is_told() {
        let chat =
            ChatTemplate::new("{{ raise_exception('roles must alternate') }}", "", "").unwrap();
        let error = chat.render(&[]).unwrap_err().to_string();
        assert!(error.contains("roles must alternate"), "{error}");
        let error = ChatTemplate::new("a\n{% if %}", "", "")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn named_templates_give_the_default_one() {
        let list = serde_json::json!({"chat_template": [
            {"name": "tool_use", "template": "a"}, {"name": "default", "template": "b"}]});
        assert_eq!(ChatTemplate::from_config(&list), Some("b"));
        assert_eq!(ChatTemplate::from_config(&serde_json::json!({})), None);
    }
}
