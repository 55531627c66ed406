//! A base embedding from a language model's hidden states.

use std::cell::RefCell;
use std::rc::Rc;

use lapidary_sdk::kinds::llm::method;
use lapidary_sdk::kinds::{Answer, EmbedSettings, Llm, LlmContext, LlmInfo, Pooling, Request};

use super::precomputed::data;
use super::*;
use crate::data::{Dataset, LeaveOneOut, leave_one_out};

/// Reads a text as its bytes' sum, its length, and the layer it was asked for; notes what it read.
struct Reader(Rc<RefCell<Vec<String>>>);

impl Stateful for Reader {
    fn save(&self) -> SdkResult<State> {
        Ok(State::default())
    }
    fn load(&mut self, _: &State) -> SdkResult<()> {
        Ok(())
    }
}

impl Llm for Reader {
    fn info(&self) -> SdkResult<LlmInfo> {
        Ok(LlmInfo {
            model: "reader".to_owned(),
            fingerprint: "1".to_owned(),
            context_length: 0,
            parameters: 0,
            chat: false,
        })
    }

    fn answer(&self, _: &[Request]) -> SdkResult<Vec<Answer>> {
        Ok(Vec::new())
    }

    fn embed(&self, texts: &[String], settings: &EmbedSettings) -> SdkResult<Tensor> {
        self.0.borrow_mut().extend_from_slice(texts);
        let layer = settings.layer.unwrap_or(9) as f32;
        let rows = texts.iter().flat_map(|text| {
            let sum = text.bytes().map(f32::from).sum::<f32>();
            [sum, text.len() as f32, layer]
        });
        let rows: Vec<f32> = rows.collect();
        Ok(Tensor::f_from_slice(&rows)?.f_view([-1, 3])?)
    }
}

struct Texts {
    scene: Scene,
    data: Dataset,
    split: Split,
    read: Rc<RefCell<Vec<String>>>,
}

impl Texts {
    fn new() -> Self {
        let scene = Scene::new();
        let data = data(scene.folder.path());
        let split = leave_one_out(&data, &LeaveOneOut::default()).unwrap();
        let read = Rc::default();
        Self {
            scene,
            data,
            split,
            read,
        }
    }

    fn context(&self, dry_run: bool) -> Context {
        let mut context = self.scene.context_of("1", dry_run);
        let code = self.scene.folder.path().join("code");
        for name in ["reader", "mute"] {
            let read = Rc::clone(&self.read);
            let factory = Factory::Llm(Box::new(move |_, _: &LlmContext| {
                Ok(Box::new(Reader(Rc::clone(&read))) as Box<dyn Llm>)
            }));
            let mut described = described(Kind::Llm, name);
            let states = method::EMBED;
            described
                .methods
                .retain(|m| name != "mute" || m.number != states);
            let origin = Origin {
                plugin: "sample".to_owned(),
                version: "1".to_owned(),
                place: Place::Script(code.clone()),
            };
            context.registry.add(described, origin, factory).unwrap();
        }
        context
    }

    fn embed(
        &self,
        context: &Context,
        name: &str,
        settings: &TextSettings,
    ) -> crate::Result<BaseEmbedding> {
        let llm = LanguageModel::new(context, name, &json!({})).unwrap();
        embed_texts(context, &llm, &self.data, &self.split, settings)
    }
}

#[test]
fn each_item_is_read_once_and_has_its_own_row() {
    let texts = Texts::new();
    let settings = TextSettings {
        batch: 3,
        layer: Some(2),
        ..TextSettings::default()
    };
    for how in ["made", "loaded"] {
        let context = texts.context(false);
        let base = texts.embed(&context, "reader", &settings).unwrap();
        let sum = |text: &str| text.bytes().map(f32::from).sum::<f32>();
        let expected: Vec<f32> = ["i0.", "i1.", "i2.", "i3."]
            .iter()
            .flat_map(|text| [sum(text), 3.0, 2.0])
            .collect();
        assert_eq!(
            base.items.unwrap(),
            Tensor::from_slice(&expected).view([4, 3])
        );
        assert_eq!((base.dim, base.users.is_none()), (3, true));
        let key = format!("base {}", base.fingerprint.short());
        assert_eq!(noted(&context)[&key]["how"], how);
        assert_eq!(texts.read.borrow().len(), 4);
    }
}

#[test]
fn what_changes_the_states_changes_the_name() {
    let texts = Texts::new();
    let context = texts.context(false);
    let name = |change: &dyn Fn(&mut TextSettings)| {
        let mut settings = TextSettings::default();
        change(&mut settings);
        let base = texts.embed(&context, "reader", &settings).unwrap();
        base.fingerprint.to_string()
    };
    let plain = name(&|_| {});
    assert_eq!(plain, name(&|s| s.batch = 1));
    let changes: [&dyn Fn(&mut TextSettings); 4] = [
        &|s| s.layer = Some(1),
        &|s| s.pooling = Pooling::Last,
        &|s| s.max_tokens = 7,
        &|s| s.parts = vec!["title".to_owned()],
    ];
    let mut names: Vec<String> = changes.into_iter().map(name).collect();
    names.push(plain);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5);
}

#[test]
fn a_dry_run_reads_one_text_for_the_width() {
    let texts = Texts::new();
    let context = texts.context(true);
    let base = texts.embed(&context, "reader", &TextSettings::default());
    let base = base.unwrap();
    assert!(base.items.is_none() && base.dim == 3);
    assert_eq!(*texts.read.borrow(), ["i0."]);
}

#[test]
fn models_without_states_and_settings_without_sense_are_refused() {
    let texts = Texts::new();
    let context = texts.context(true);
    let refused = |name: &str, change: &dyn Fn(&mut TextSettings)| {
        let mut settings = TextSettings::default();
        change(&mut settings);
        let refused = texts.embed(&context, name, &settings);
        refused.unwrap_err().to_string()
    };
    let message = refused("mute", &|_| {});
    let expected = "`mute` does not hand out its hidden states; those that do: `reader`";
    assert!(message.contains(expected), "{message}");
    let message = refused("reader", &|s| s.batch = 0);
    assert!(message.contains("`batch`: must be at least 1"), "{message}");
    let message = refused("reader", &|s| s.max_tokens = 0);
    assert!(message.contains("`max_tokens`"), "{message}");
    let message = refused("reader", &|s| s.parts.clear());
    assert!(
        message.contains("`parts`: must be a list of at least one"),
        "{message}"
    );
    let message = refused("reader", &|s| s.parts.push("titel".to_owned()));
    assert!(message.contains("did you mean `title`"), "{message}");
    assert!(texts.read.borrow().is_empty());
}
