use serde_json::Value;
use tch::kind::{DOUBLE_CPU, FLOAT_CPU};

use super::*;

/// Gives back what it was told to, as a component of any kind.
struct Told<R>(R);

impl<R> Stateful for Told<R> {
    fn save(&self) -> Result<State> {
        Ok(State::default())
    }

    fn load(&mut self, _: &State) -> Result<()> {
        Ok(())
    }
}

fn context<C: serde::de::DeserializeOwned>(json: Value) -> C {
    serde_json::from_value(json).unwrap()
}

fn by() -> String {
    "told (test)".to_owned()
}

fn zeros(shape: &[i64]) -> Tensor {
    Tensor::zeros(shape, FLOAT_CPU)
}

fn refused<T>(result: Result<T>) -> String {
    let message = result.err().expect("it is refused").to_string();
    message
        .strip_prefix("told (test), ")
        .expect("it says who")
        .to_owned()
}

type Parts = (Objective, Tensor, Tensor);

impl Backbone for Told<Parts> {
    fn objective(&self) -> Result<Objective> {
        Ok(self.0.0)
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(vec![("weight".to_owned(), self.0.1.shallow_clone())])
    }

    fn forward(&self, _: &Tensor, _: &Tensor, _: bool) -> Result<Tensor> {
        Ok(self.0.2.shallow_clone())
    }
}

#[test]
fn backbones() {
    let make = |mask_probability, parameter, hidden| {
        let objective = Objective::Cloze { mask_probability };
        let context = context(serde_json::json!({"dim": 4, "max_len": 3, "device": "cpu"}));
        let told = Told((objective, parameter, hidden));
        backbone(Box::new(told), by(), &context).unwrap()
    };
    let leaf = || zeros(&[2]).set_requires_grad(true);
    let (input, mask) = (zeros(&[2, 3, 4]), zeros(&[2, 3]));
    let good = make(0.2, leaf(), zeros(&[2, 3, 4]));
    assert!(good.objective().is_ok() && good.parameters().is_ok());
    assert!(good.forward(&input, &mask, true).is_ok());

    let bad = make(1.5, zeros(&[2]), zeros(&[2, 3, 5]));
    assert_eq!(refused(bad.objective()), "objective: 1.5 is no probability");
    assert!(refused(bad.parameters()).starts_with("parameters: parameter `weight` cannot be"));
    assert_eq!(
        refused(bad.forward(&input, &mask, true)),
        "forward: output `hidden`: expected f32 [B=2, L=3, d=4], found f32 [2, 3, 5]"
    );
    let computed = make(0.2, leaf() * 2.0, Tensor::zeros([2, 3, 4], DOUBLE_CPU));
    assert!(refused(computed.parameters()).contains("not be computed from others"));
    assert!(refused(computed.forward(&input, &mask, true)).ends_with("found f64 [2, 3, 4]"));
    let wide = make(0.2, Tensor::zeros([2], DOUBLE_CPU), zeros(&[1]));
    let text = "parameters: output `weight`: expected f32 [2], found f64 [2]";
    assert_eq!(refused(wide.parameters()), text);
}

impl BaseEmbedder for Told<(Tensor, Option<Tensor>)> {
    fn fit(&mut self, _: &Interactions) -> Result<BaseEmbeddings> {
        Ok(BaseEmbeddings {
            items: self.0.0.shallow_clone(),
            users: self.0.1.as_ref().map(Tensor::shallow_clone),
        })
    }
}

#[test]
fn base_embedders() {
    let fit = |items, users| {
        let json = serde_json::json!({"dim": 4, "n_items": 3, "seed": 0, "device": "cpu"});
        let told = Box::new(Told((items, users)));
        let train = Interactions {
            offsets: Tensor::from_slice(&[0i64, 2, 2]),
            items: Tensor::from_slice(&[0i64, 1]),
        };
        base_embedder(told, by(), &context(json))?.fit(&train)
    };
    assert!(fit(zeros(&[3, 4]), None).is_ok());
    assert!(fit(zeros(&[3, 4]), Some(zeros(&[2, 4]))).is_ok());
    let text = "fit: output `items`: expected f32 [V=3, d=4], found f32 [4, 4]";
    assert_eq!(refused(fit(zeros(&[4, 4]), None)), text);
    let text = "fit: output `users`: expected f32 [U=2, d=4], found f32 [3, 4]";
    assert_eq!(refused(fit(zeros(&[3, 4]), Some(zeros(&[3, 4])))), text);
}

impl Llm for Told<Vec<Answer>> {
    fn info(&self) -> Result<LlmInfo> {
        Err(Error::invalid("nobody asks"))
    }

    fn answer(&self, _: &[Request]) -> Result<Vec<Answer>> {
        Ok(self.0.clone())
    }
}

#[test]
fn language_models() {
    let likelihood = |log_probs: &[f64]| Answer::Likelihood {
        log_probs: log_probs.to_vec(),
        tokens: vec![1; log_probs.len()],
    };
    let answer = |answers: &[Answer]| {
        let request = serde_json::json!({
            "prompt": {"text": "x"}, "ask": {"likelihood": {"continuations": ["a", "b"]}}
        });
        let told = Box::new(Told(answers.to_vec()));
        let context = context(serde_json::json!({"device": "cpu", "model_dirs": []}));
        llm(told, by(), &context)?.answer(&[serde_json::from_value(request).unwrap()])
    };
    assert!(answer(&[likelihood(&[-1.0, -2.0])]).is_ok());
    assert_eq!(refused(answer(&[])), "answer: gave 0 answers to 1 requests");
    let text = "answer: answer 0 is not of the form that was asked for";
    assert_eq!(refused(answer(&[likelihood(&[-1.0])])), text);
    assert_eq!(refused(answer(&[Answer::Text(String::new())])), text);
    assert_eq!(
        refused(answer(&[likelihood(&[-1.0, f64::NEG_INFINITY])])),
        "answer: answer 0 holds the log-probability -inf, which must be finite"
    );
}

impl Llm for Told<Answers> {
    fn info(&self) -> Result<LlmInfo> {
        Err(Error::invalid("nobody asks"))
    }

    fn answer(&self, _: &[Request]) -> Result<Vec<Answer>> {
        Err(Error::invalid("nobody asks"))
    }

    fn answer_some(&self, _: &[Request]) -> Result<Answers> {
        Ok(self.0.clone())
    }
}

#[test]
fn language_models_that_fail_midway() {
    let answer = |answers: &[Option<Answer>], error: Option<&str>| {
        let requests: Vec<Request> = serde_json::from_value(serde_json::json!([
            {"prompt": {"text": "x"}, "ask": {"likelihood": {"continuations": ["a"]}}},
            {"prompt": {"text": "x"}, "ask": {"likelihood": {"continuations": ["b"]}}},
        ]))
        .unwrap();
        let told = Box::new(Told(Answers {
            answers: answers.to_vec(),
            error: error.map(str::to_owned),
        }));
        let context = context(serde_json::json!({"device": "cpu", "model_dirs": []}));
        llm(told, by(), &context)?.answer_some(&requests)
    };
    let good = Answer::Likelihood {
        log_probs: vec![-1.0],
        tokens: vec![1],
    };
    let some = answer(&[None, Some(good.clone())], Some("the line is dead")).unwrap();
    assert_eq!(some.answers, [None, Some(good.clone())]);
    let text = "answer_some: left 1 requests without an answer and does not say why";
    assert_eq!(refused(answer(&[Some(good.clone()), None], None)), text);
    let text = "answer_some: gave 1 answers to 2 requests";
    assert_eq!(
        refused(answer(&[Some(good)], Some("the line is dead"))),
        text
    );
    let text = "answer_some: answer 1 is not of the form that was asked for";
    assert_eq!(
        refused(answer(
            &[None, Some(Answer::Text(String::new()))],
            Some("dead")
        )),
        text
    );
}

/// What is trained, and what comes of it.
type Trained = (Vec<(String, Tensor)>, Tensor, Vec<u32>);

impl Llm for Told<Trained> {
    fn info(&self) -> Result<LlmInfo> {
        Err(Error::invalid("nobody asks"))
    }

    fn answer(&self, _: &[Request]) -> Result<Vec<Answer>> {
        Err(Error::invalid("nobody asks"))
    }

    fn adapt(&mut self, _: &LoraSettings) -> Result<Vec<(String, Tensor)>> {
        let share = |(name, tensor): &(String, Tensor)| (name.clone(), tensor.shallow_clone());
        Ok(self.0.0.iter().map(share).collect())
    }

    fn log_likelihoods(&self, _: &[Request]) -> Result<LogLikelihoods> {
        Ok(LogLikelihoods {
            log_probs: self.0.1.shallow_clone(),
            tokens: self.0.2.clone(),
        })
    }
}

#[test]
fn language_models_that_are_trained() {
    let make = |parameters: &[Tensor], log_probs, tokens: &[u32]| {
        let parameters = parameters
            .iter()
            .map(|t| ("a".to_owned(), t.shallow_clone()));
        let told = Told((parameters.collect(), log_probs, tokens.to_vec()));
        let context = context(serde_json::json!({"device": "cpu", "model_dirs": []}));
        llm(Box::new(told), by(), &context).unwrap()
    };
    let settings = LoraSettings {
        targets: Vec::new(),
        rank: 1,
        alpha: 1.0,
        seed: 0,
    };
    let asks: Vec<Request> = serde_json::from_value(serde_json::json!([
        {"prompt": {"text": "x"}, "ask": {"likelihood": {"continuations": ["a", "b"]}}},
        {"prompt": {"text": "y"}, "ask": {"likelihood": {"continuations": ["c"]}}},
    ]))
    .unwrap();
    let leaf = zeros(&[2]).set_requires_grad(true);
    let mut good = make(&[leaf.shallow_clone()], zeros(&[3]), &[1, 1, 1]);
    assert!(good.adapt(&settings).is_ok() && good.log_likelihoods(&asks).is_ok());
    let text = "adapt: gave nothing to train";
    assert_eq!(refused(make(&[], zeros(&[3]), &[]).adapt(&settings)), text);
    let frozen = refused(make(&[zeros(&[2])], zeros(&[3]), &[]).adapt(&settings));
    assert!(
        frozen.starts_with("adapt: parameter `a` cannot be trained"),
        "{frozen}"
    );
    assert_eq!(
        refused(make(&[], zeros(&[2]), &[1, 1, 1]).log_likelihoods(&asks)),
        "log_likelihoods: output `log_probs`: expected f32 [T=3], found f32 [2]"
    );
    assert_eq!(
        refused(make(&[], zeros(&[3]), &[1, 1]).log_likelihoods(&asks)),
        "log_likelihoods: gave 2 numbers of tokens for 3 continuations"
    );
}

impl Llm for Told<Tensor> {
    fn info(&self) -> Result<LlmInfo> {
        Err(Error::invalid("nobody asks"))
    }

    fn answer(&self, _: &[Request]) -> Result<Vec<Answer>> {
        Err(Error::invalid("nobody asks"))
    }

    fn embed(&self, _: &[String], _: &EmbedSettings) -> Result<Tensor> {
        Ok(self.0.shallow_clone())
    }
}

#[test]
fn states_of_texts() {
    let embed = |states: Tensor| {
        let context = context(serde_json::json!({"device": "cpu", "model_dirs": []}));
        let texts = ["a".to_owned(), "b".to_owned()];
        llm(Box::new(Told(states)), by(), &context)?.embed(&texts, &EmbedSettings::default())
    };
    let good = Tensor::ones([2, 3], (DType::Float, Device::Cpu));
    assert_eq!(embed(good.copy()).unwrap(), good);
    assert_eq!(
        refused(embed(good.get(0))),
        "embed: output `states`: expected f32 [N=2, h], found f32 [3]"
    );
    assert_eq!(
        refused(embed(good * f64::NAN)),
        "embed: output `states` holds numbers that are not finite"
    );
}

impl PromptStrategy for Told<Tensor> {
    fn requests(&self, _: &Subject) -> Result<Vec<Request>> {
        Ok(Vec::new())
    }

    fn read(&self, _: &Subject, _: &[Answer]) -> Result<Reading> {
        Err(Error::invalid("nobody reads"))
    }

    fn calibrate(&self, _: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(self.0.shallow_clone())
    }
}

#[test]
fn prompt_strategies() {
    let calibrate = |scores| {
        let attribute = serde_json::json!({
            "name": "a", "description": "", "low": "", "high": "", "phrases": []
        });
        let json = serde_json::json!({"attributes": {
            "domain": "", "item": "", "items": "", "verb": "", "attributes": [attribute]
        }});
        let strategy = prompt_strategy(Box::new(Told::<Tensor>(scores)), by(), &context(json))?;
        strategy.calibrate(&zeros(&[5, 2]), &zeros(&[5, 2]))
    };
    assert!(calibrate(zeros(&[5, 1])).is_ok());
    let text = "calibrate: output `scores`: expected f32 [N=5, m=1], found f32 [5, 2]";
    assert_eq!(refused(calibrate(zeros(&[5, 2]))), text);
}

type Reduction = (Option<Vec<f64>>, Tensor);

impl Reducer for Told<Reduction> {
    fn fit(&mut self, _: &Tensor, _: i64) -> Result<Option<Vec<f64>>> {
        Ok(self.0.0.clone())
    }

    fn transform(&self, _: &Tensor) -> Result<Tensor> {
        Ok(self.0.1.shallow_clone())
    }
}

#[test]
fn reducers() {
    let make = |shares, reduced| {
        let told = Box::new(Told::<Reduction>((shares, reduced)));
        reducer(told, by(), &ReducerContext { seed: 0 }).unwrap()
    };
    let table = zeros(&[6, 4]);
    let mut good = make(Some(vec![0.5, 0.2]), zeros(&[6, 2]));
    assert!(good.fit(&table, 2).is_ok() && good.transform(&table).is_ok());
    let text = "fit: explained variance: expected 3 values, found 2";
    assert_eq!(refused(good.fit(&table, 3)), text);

    let mut wide = make(None, zeros(&[6, 3]));
    assert!(wide.fit(&table, 2).is_ok());
    let text = "transform: output `reduced`: expected f32 [N=6, dim=2], found f32 [6, 3]";
    assert_eq!(refused(wide.transform(&table)), text);
    wide.load(&State::default()).unwrap();
    assert!(
        wide.transform(&table).is_ok(),
        "a state may be of another width"
    );
    let text = "transform: output `reduced`: expected f32 [N=5, dim], found f32 [6, 3]";
    assert_eq!(refused(wide.transform(&zeros(&[5, 4]))), text);
}
