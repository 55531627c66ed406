//! A finished run over a few films, for commands that ask its models again.

use std::path::PathBuf;

use super::server::{Act, TestServer};
use super::*;

const SCRIPT: &str = r#"
    local data = lapidary.dataset("films.toml")
    local split = data:leave_one_out { max_len = 8 }
    local training = { epochs = 3, seed = 1, batch_size = 16 }
    local base = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 }):fit(split, training)
    if lapidary.setting("guided", true) then
      local llm = lapidary.llm("openai", { base_url = lapidary.setting("base_url", ""), model = "rater" })
      local guided = lapidary.prompt("score_json", { attributes = "tastes.toml", schema = true })
        :score(llm, split, { users = "history_mean" })
      local refined = lapidary.refine { base = base, guided = guided, reduced_dim = 8 }
      local backbone = lapidary.backbone("sasrec", { heads = 1, layers = 1 })
      for seed = 1, 2 do
        local model = backbone:fit(split, refined, { epochs = 3, seed = seed, batch_size = 16 })
        for _, best in ipairs(model:recommend("u3", { k = 4, before = split.test })) do
          print(seed, best.item)
        end
      end
    end
"#;

pub const ATTRIBUTES: [&str; 5] = [
    "humor",
    "scares",
    "plot_complexity",
    "music",
    "a_rather_long_name_for_an_attribute",
];

/// A run of the script, its store and its plugins; made once.
pub struct Run {
    pub at: TempDir,
    pub folder: PathBuf,
    pub printed: String,
}

pub fn done() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let at = films();
        let url = format!("base_url={}", rater().url);
        let printed = stdout(&run(&at, &["run", "script.lua", "--set", &url]).code(0));
        let folder = only_run(&at);
        Run {
            at,
            folder,
            printed,
        }
    })
}

pub fn only_run(at: &TempDir) -> PathBuf {
    let mut runs = fs::read_dir(at.path().join("runs")).unwrap();
    runs.next().unwrap().unwrap().path()
}

/// 40 users and 24 films, whose titles could spoil a page.
pub fn films() -> TempDir {
    let at = folder();
    let write = |name: &str, text: &str| fs::write(at.path().join(name), text).unwrap();
    write("script.lua", SCRIPT);
    write(
        "films.toml",
        "name = 'films'\nformat = 'canonical'\npath = 'films'\n",
    );
    fs::create_dir(at.path().join("films")).unwrap();
    let mut rows = "user_id\titem_id\trating\ttimestamp\n".to_owned();
    for user in 0..40 {
        for step in 0..8 {
            let item = (user * 7 + step * (1 + user % 3)) % 24;
            rows += &format!("u{user}\ti{item}\t5\t{step}\n");
        }
    }
    write("films/interactions.tsv", &rows);
    let item = |n: usize| {
        let title = format!("<b>Film</b> {n} & \"Co\" {{{{ 1 }}}} 'x'");
        let item =
            serde_json::json!({"item_id": format!("i{n}"), "title": title, "year": 1990 + n});
        format!("{item}\n")
    };
    write("films/items.jsonl", &(0..24).map(item).collect::<String>());
    let mut tastes =
        "domain = \"films\"\nitem = \"film\"\nitems = \"films\"\nverb = \"watched\"\n".to_owned();
    for name in ATTRIBUTES {
        tastes += &format!(
            "[[attributes]]\nname = \"{name}\"\ndescription = \"How much {name}.\"\nlow = \"none\"\nhigh = \"much\"\nphrases = [\"{name}\"]\n"
        );
    }
    write("tastes.toml", &tastes);
    at
}

/// A language model that rates by the letters of the question, differently for each attribute.
fn rater() -> TestServer {
    TestServer::start(|_, call| {
        let form = &call.body["response_format"]["json_schema"]["schema"]["required"];
        let names = form.as_array().unwrap().clone();
        let question = call.body["messages"].to_string();
        let sum: usize = question.bytes().map(usize::from).sum();
        let rate = |(k, name): (usize, &Value)| {
            let name = name.as_str().unwrap().to_owned();
            (name, Value::from((sum * (2 * k + 1) + k) % 11))
        };
        let answer = Value::Object(names.iter().enumerate().map(rate).collect()).to_string();
        Act::Changed(Box::new(move |reply| {
            reply["choices"][0]["message"]["content"] = answer.clone().into();
        }))
    })
}
