//! Language models behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::llm::{AnswerArguments, AnswerReply, method};
use lapidary_sdk::kinds::{Answer, Ask, Llm, LlmContext, LlmInfo, Request};

use super::{Instance, Native, stateful};

const INFO: super::MethodId = (method::INFO, "info");
const ANSWER: super::MethodId = (method::ANSWER, "answer");

struct NativeLlm {
    instance: Instance,
}

stateful!(NativeLlm);

pub(super) fn make(
    native: &Native,
    settings: &serde_json::Value,
    context: &LlmContext,
) -> Result<Box<dyn Llm>> {
    let instance = native.create(settings, context)?;
    Ok(Box::new(NativeLlm { instance }))
}

impl Llm for NativeLlm {
    fn info(&self) -> Result<LlmInfo> {
        self.instance.call(INFO, &[])?.reply()
    }

    fn answer(&self, requests: &[Request]) -> Result<Vec<Answer>> {
        let arguments = AnswerArguments {
            requests: requests.to_vec(),
        };
        let returned = self.instance.call_with(ANSWER, &[], &arguments)?;
        let AnswerReply { answers } = returned.reply()?;
        if answers.len() != requests.len() {
            return Err(returned.error(format!(
                "gave {} answers to {} requests",
                answers.len(),
                requests.len()
            )));
        }
        let odd = requests
            .iter()
            .zip(&answers)
            .position(|(request, answer)| !fits(&request.ask, answer));
        match odd {
            Some(i) => {
                Err(returned.error(format!("answer {i} is not of the form that was asked for")))
            }
            None => Ok(answers),
        }
    }
}

fn fits(ask: &Ask, answer: &Answer) -> bool {
    match (ask, answer) {
        (Ask::Likelihood { continuations }, Answer::Likelihood { log_probs, tokens }) => {
            log_probs.len() == continuations.len() && tokens.len() == continuations.len()
        }
        (Ask::Complete { .. }, Answer::Text(_)) => true,
        _ => false,
    }
}
