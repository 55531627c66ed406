//! A model and a strategy small enough to know what they should learn.

use std::cell::Cell;

use lapidary_sdk::kinds::{
    Answer, Ask, Llm, LlmInfo, LogLikelihoods, LoraSettings, Prompt, PromptStrategy, Reading,
    Request, Subject,
};
use lapidary_sdk::{Error as SdkError, Result as SdkResult, State, component::Stateful};
use tch::{Kind, Tensor};

pub const ITEMS: usize = 12;

/// A model of two words, ` a` and ` b`: how likely they are depends on the group of the last item, half of them each.
/// Before it is trained it takes the groups for each other. ` end` is the template's own word.
pub struct Toy {
    pub words: Tensor,
    end: Tensor,
    adapted: bool,
    pub gradients: bool,
    /// Calls until it is interrupted.
    pub patience: Cell<usize>,
}

impl Toy {
    pub fn new() -> Self {
        let words = [[-0.3f32, 0.3], [0.3, -0.3]];
        Self {
            words: Tensor::from_slice2(&words).set_requires_grad(true),
            end: Tensor::from(1.0f32).set_requires_grad(true),
            adapted: false,
            gradients: true,
            patience: Cell::new(usize::MAX),
        }
    }

    fn log_probs(&self, request: &Request) -> SdkResult<Tensor> {
        let (Prompt::Text(text), Ask::Likelihood { continuations }) =
            (&request.prompt, &request.ask)
        else {
            panic!("text and likelihoods");
        };
        if continuations[0] == " end" {
            return Ok(self.end.f_square()?.f_neg()?.f_reshape([1])?);
        }
        assert_eq!(continuations, &[" a", " b"]);
        let last: usize = text.rsplit(' ').next().unwrap().parse().unwrap();
        // Users differ by more than the group, or there would be nothing to compare.
        let noise = Tensor::from_slice(&[text.len() as f32 % 3.0 * 0.2, 0.0]);
        let word = self.words.f_select(0, i64::from(last >= ITEMS / 2))?;
        Ok(word.f_add(&noise)?.f_log_softmax(0, Kind::Float)?)
    }

    fn count(&self) -> SdkResult<()> {
        match self.patience.get() {
            0 => Err(SdkError::Interrupted),
            left => {
                self.patience.set(left - 1);
                Ok(())
            }
        }
    }
}

impl Stateful for Toy {
    fn save(&self) -> SdkResult<State> {
        Ok(State {
            tensors: self.parameters(),
            json: serde_json::json!({"peft_type": "TOY"}),
        })
    }
    fn load(&mut self, _: &State) -> SdkResult<()> {
        Ok(())
    }
}

impl Toy {
    fn parameters(&self) -> Vec<(String, Tensor)> {
        let named = |name: &str, tensor: &Tensor| (name.to_owned(), tensor.shallow_clone());
        vec![named("words", &self.words), named("end", &self.end)]
    }
}

impl Llm for Toy {
    fn info(&self) -> SdkResult<LlmInfo> {
        panic!("nobody asks")
    }

    fn answer(&self, requests: &[Request]) -> SdkResult<Vec<Answer>> {
        self.count()?;
        let answer = |request: &Request| {
            let log_probs = tch::no_grad(|| self.log_probs(request))?.to_kind(Kind::Double);
            Ok(Answer::Likelihood {
                tokens: vec![1; log_probs.numel()],
                log_probs: Vec::try_from(log_probs)?,
            })
        };
        requests.iter().map(answer).collect()
    }

    fn adapt(&mut self, settings: &LoraSettings) -> SdkResult<Vec<(String, Tensor)>> {
        assert_eq!(settings.rank, 8);
        self.adapted = true;
        Ok(self.parameters())
    }

    fn log_likelihoods(&self, requests: &[Request]) -> SdkResult<LogLikelihoods> {
        assert!(self.adapted);
        self.count()?;
        let all = requests.iter().map(|r| self.log_probs(r));
        let all = Tensor::cat(&all.collect::<SdkResult<Vec<_>>>()?, 0);
        Ok(LogLikelihoods {
            tokens: vec![1; all.numel()],
            log_probs: if self.gradients { all } else { all.detach() },
        })
    }
}

pub struct Words {
    pub differentiable: bool,
}

impl Stateful for Words {
    fn save(&self) -> SdkResult<State> {
        Ok(State::default())
    }
    fn load(&mut self, _: &State) -> SdkResult<()> {
        Ok(())
    }
}

pub fn ask(subject: &Subject, continuations: &[&str]) -> Vec<Request> {
    let Subject::User(items) = subject else {
        panic!("users")
    };
    let titles: Vec<&str> = items.iter().map(|i| i.title.as_str()).collect();
    vec![Request {
        prompt: Prompt::Text(titles.join(" ")),
        ask: Ask::Likelihood {
            continuations: continuations.iter().map(|&c| c.to_owned()).collect(),
        },
    }]
}

impl PromptStrategy for Words {
    fn requests(&self, subject: &Subject) -> SdkResult<Vec<Request>> {
        Ok(ask(subject, &[" a", " b"]))
    }

    fn read(&self, _: &Subject, answers: &[Answer]) -> SdkResult<Reading> {
        let [Answer::Likelihood { log_probs, .. }] = answers else {
            panic!("one answer")
        };
        Ok(Reading {
            values: log_probs.iter().map(|&p| Some(p as f32)).collect(),
            repaired: false,
            problems: Vec::new(),
        })
    }

    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> SdkResult<Tensor> {
        let mean = reference.f_mean_dim([0i64].as_slice(), true, Kind::Float)?;
        Ok(raw.f_sub(&mean)?)
    }

    fn measure(&self, log_probs: &Tensor, _: &Tensor) -> SdkResult<Tensor> {
        match self.differentiable {
            true => Ok(log_probs.shallow_clone()),
            false => Err(SdkError::Unsupported(4)),
        }
    }

    fn own_text(&self, subject: &Subject) -> SdkResult<Vec<Request>> {
        Ok(ask(subject, &[" end"]))
    }
}

/// Every user stays in one half of the catalogue.
pub fn users() -> Vec<Vec<u32>> {
    let item = |user: u32, step: u32| (user % 2) * 6 + (user / 2 + step * (1 + user % 5)) % 6;
    (0..24)
        .map(|user| (0..5 + user % 3).map(|step| item(user, step)).collect())
        .collect()
}

/// Items of the first half are ` a`, those of the other ` b`.
pub fn scores() -> Tensor {
    let rows = (0..ITEMS as u32).flat_map(|item| match item < 6 {
        true => [1.0f32, 0.1 * item as f32],
        false => [0.1 * item as f32 - 1.0, 1.0],
    });
    Tensor::from_slice(&rows.collect::<Vec<_>>()).view([ITEMS as i64, 2])
}
