//! `repl`: inputs from standard input and at a terminal, their values, help, completion, history, interrupts, components taken
//! up anew.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::rc::Rc;

use lapidary_core::plugin::Registry;
use lapidary_script::{Options, Repl};
use lapidary_testkit::library::plugin_library;

use super::terminal::at_terminal;
use super::*;

/// What a session prints and says for these inputs, and its exit code.
fn session(at: &TempDir, inputs: &str) -> (String, String, Option<i32>) {
    session_with(at, &[], inputs)
}

fn session_with(at: &TempDir, more: &[&str], inputs: &str) -> (String, String, Option<i32>) {
    let mut child = start(at, more);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(inputs.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code(),
    )
}

fn start(at: &TempDir, more: &[&str]) -> Child {
    let mut command = lapidary(at);
    command.args(["repl", "--device", "cpu"]).args(more);
    if at.path().join("more").is_dir() {
        command.args(["--plugin-dir", "more"]);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn inputs_see_what_those_before_them_left_and_values_are_shown() {
    let at = folder();
    let inputs = "local x = 2\nx + 1\nfunction f(n)\n  return n * x\nend\nf(5), 'text'\n\
                  { a = { 1, 2 }, b = 'c' }\n{ { n = 1, name = 'one' }, { n = 20, name = 'two' } }\n\
                  lapidary.tensor { { 1, 2.5 }, { -3, 4 } }\nlapidary.seed\n";
    let (out, err, code) = session(&at, inputs);
    assert_eq!(
        out,
        "3\n10\t\"text\"\n{ a = { 1, 2 }, b = \"c\" }\n n  name\n 1  one\n20  two\n\
         tensor [2,2] float, cpu\n   1.0000   2.5000\n  -3.0000   4.0000\n0\n",
        "{err}"
    );
    assert_eq!(code, Some(0), "{err}");
    let runs: Vec<_> = fs::read_dir(at.path().join("runs")).unwrap().collect();
    let kept = runs[0].as_ref().unwrap().path();
    let script = fs::read_to_string(kept.join("script.lua")).unwrap();
    assert!(script.starts_with("local x = 2\nx + 1\n"), "{script}");
    let told: Value =
        serde_json::from_str(&fs::read_to_string(kept.join("run.json")).unwrap()).unwrap();
    assert_eq!(told["outcome"], "done");
}

#[test]
fn an_error_is_told_and_the_session_goes_on() {
    let (out, err, code) = session(
        &folder(),
        "lapidary.reducer('pac')\nprint('still here')\nx = (\n",
    );
    assert_eq!(out, "still here\n");
    assert!(
        err.contains("did you mean `pca`?") && err.contains("not whole"),
        "{err}"
    );
    assert_eq!(code, Some(1));
}

#[test]
fn help_tells_of_functions_methods_and_components() {
    let (out, err, _) = session(
        &folder(),
        ":help refine\nhelp('model:explain')\nhelp(lapidary.write)\nhelp('pca')\nhelp('refin')\n",
    );
    for expected in [
        "lapidary.refine {",
        "the score's parts",
        "writes a text file",
        "reducer `pca`",
        "whiten",
    ] {
        assert!(out.contains(expected), "no `{expected}` in: {out}");
    }
    assert!(err.contains("did you mean"), "{err}");
}

/// A session that is being typed.
struct Typing(Child, ChildStdin, BufReader<ChildStdout>);

impl Typing {
    fn new(at: &TempDir) -> Self {
        let mut child = start(at, &[]);
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self(child, input, BufReader::new(output))
    }

    fn say(&mut self, input: &str) {
        writeln!(self.1, "{input}").unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.2.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

#[test]
fn an_interrupt_stops_the_call_and_not_the_session() {
    let at = folder();
    let mut typing = Typing::new(&at);
    typing.say("print('ready') while true do end");
    assert_eq!(typing.hear(), "ready");
    let id = typing.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    typing.say("'still here'");
    assert_eq!(typing.hear(), "\"still here\"");
    drop(typing.1);
    assert_eq!(typing.0.wait().unwrap().code(), Some(0));
}

#[test]
fn ctrl_c_at_a_terminal_stops_the_call_and_not_the_session() {
    let at = folder();
    let talk = [
        "> ",
        r"print('rea' .. 'dy') while true do end\r",
        "ready",
        r"\x03",
        "interrupted",
        "",
        "> ",
        r"print('still' .. ' here')\r",
        "still here",
        "",
        "> ",
        r"\x04",
    ];
    let (code, said) = at_terminal(&at, &["repl", "--device", "cpu"], &talk);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn all_outermost_locals_of_an_input_stay_known() {
    let inputs = "local a <const>, b = 1, 2 local c\nlocal function f() return a + b end\nf(), c\n\
                  local n for i = 1, 3 do n = (n or 0) + i end\nn\n\
                  do local hidden = 1 end\nhidden\n";
    let (out, err, code) = session(&folder(), inputs);
    assert_eq!(out, "3\tnil\n6\n", "{err}");
    assert!(err.contains("unknown name `hidden`"), "{err}");
    assert_eq!(code, Some(1));
}

#[test]
fn settings_are_given_as_to_a_script() {
    let given = ["--set", "dim=32", "--set", "dimm=3"];
    let (out, err, code) = session_with(&folder(), &given, "lapidary.setting('dim', 8) + 1\n");
    assert_eq!(out, "33\n", "{err}");
    assert!(
        err.contains("`--set dimm`") && err.contains("did you mean `dim`?"),
        "{err}"
    );
    assert_eq!(code, Some(2));
}

/// A session of this process, with real components.
fn repl(at: &TempDir) -> Repl {
    let mut registry = Registry::empty();
    for plugin in ["sasrec", "reducers", "prompts"] {
        registry.load_file(&plugin_library(plugin)).unwrap();
    }
    let options = Options {
        device: tch::Device::Cpu,
        seed: None,
        dry_run: false,
        set: Vec::new(),
        store: at.path().join("store"),
        runs: at.path().join("runs"),
        registry,
        model_dirs: Vec::new(),
        command: Vec::new(),
        reads: None,
        child: Vec::new(),
        told: None,
    };
    Repl::start(options, Rc::new(|_: &Registry, _: &str| None)).unwrap()
}

#[test]
fn what_the_call_asks_for_is_offered() {
    let at = folder();
    let mut repl = repl(&at);
    repl.input("made = lapidary.backbone('sasrec')");
    for (line, expected) in [
        ("lapidary.load", &["load_tensors"][..]),
        ("made:", &["fit"]),
        ("lapidary.backbone(\"", &["sasrec"]),
        ("print(lapidary.base_embedder 's", &["sasrec"]),
        ("lapidary.reducer('p", &["pca"]),
        ("lapidary.components('red", &["reducer"]),
        ("help('lapidary.ref", &["lapidary.refine"]),
        ("lapidary.backbone('sasrec', { drop", &["dropout"]),
        (
            "lapidary.backbone('sasrec', {\n  layers = 2,\n  he",
            &["heads"],
        ),
        ("lapidary.backbone('sasrec', { norm = 'p", &["post", "pre"]),
        ("lapidary.reducer('pca', { drop", &[]),
        ("lapidary.base_embedder('sasrec', { di", &["dim"]),
        ("lapidary.prompt('score_phrases', { attr", &["attributes"]),
        ("lapidary.refine { norm", &["normalise"]),
        ("lapidary.refine { base = base, ali", &[]),
        (
            "lapidary.refine { normalise = '",
            &["l2", "min_max", "none", "z_score"],
        ),
        ("made:fit(split, refined, { learn", &["learning_rate"]),
        (
            "lapidary.dataset('a.toml'):leave_one_out { max",
            &["max_len"],
        ),
        ("print('pc", &[]),
    ] {
        let (begin, found) = repl.complete(line);
        assert_eq!(found, expected, "{line}");
        let word = &line[begin..];
        assert!(found.iter().all(|name| name.starts_with(word)), "{line}");
    }
    let (_, members) = repl.complete("lapidary.");
    for name in ["backbone", "compare", "dataset", "seed", "tensor"] {
        assert!(members.iter().any(|known| known == name), "{members:?}");
    }
}

#[test]
fn tab_completes_at_a_terminal() {
    let talk = [
        "> ",
        r#"lapidary.reducer("pc\t")\r"#,
        "a reducer: name",
        "",
        "> ",
        r"\x04",
    ];
    let (code, said) = at_terminal(&folder(), &["repl", "--device", "cpu"], &talk);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_session_that_is_killed_leaves_its_history() {
    let at = folder();
    let endless = r"print('rea' .. 'dy') while true do end\r";
    let talk = ["> ", endless, "ready", "KILL"];
    let (code, said) = at_terminal(&at, &["repl", "--device", "cpu"], &talk);
    assert_ne!(code, Some(0), "{said}");
    let history = fs::read_to_string(at.path().join("lapidary/history")).expect(&said);
    assert!(history.contains("while true do end"), "{history}");
}

const COMPONENT: &str = "return { kind = 'reducer', summary = 'SUMMARY', fit = function() end, \
                         transform = function(self, values) return values end }";

#[test]
fn a_component_that_changed_is_taken_up_before_the_next_input() {
    let at = folder();
    fs::create_dir(at.path().join("components")).unwrap();
    let mut typing = Typing::new(&at);
    typing.say("'ready'");
    typing.hear();
    for summary in ["First words.", "Second, other words."] {
        let text = COMPONENT.replace("SUMMARY", summary);
        fs::write(at.path().join("components/mine.lua"), text).unwrap();
        typing.say("help('mine')");
        assert!(typing.hear().starts_with("reducer `mine`, from mine.lua"));
        assert_eq!(typing.hear().trim(), summary);
        typing.hear();
        typing.hear();
        typing.say("'next'");
        while typing.hear() != "\"next\"" {}
    }
    drop(typing.1);
    typing.0.wait().unwrap();
}

/// The system's loader hands out the old library for a path that it knows.
#[test]
fn a_rebuilt_plugin_is_taken_up_as_a_new_generation() {
    let at = folder();
    fs::create_dir(at.path().join("more")).unwrap();
    let place = at.path().join("more").join(format!("mine{DLL_SUFFIX}"));
    let put = |plugin: &str| {
        // As linkers do: a new file in the place of the old one.
        let _ = fs::remove_file(&place);
        fs::copy(lapidary_testkit::library::plugin_library(plugin), &place).unwrap();
    };
    put("ppmi_svd");
    let mut typing = Typing::new(&at);
    let all = "table.concat(lapidary.components(), ' ')";
    typing.say(&format!(
        "old = lapidary.base_embedder('ppmi_svd') return {all}"
    ));
    let first = typing.hear();
    put("gru4rec");
    typing.say(all);
    let second = typing.hear();
    put("ppmi_svd");
    typing.say(all);
    let third = typing.hear();
    assert!(
        first.contains("ppmi_svd") && !first.contains("gru4rec"),
        "{first}"
    );
    assert!(
        second.contains("gru4rec") && !second.contains("ppmi_svd"),
        "{second}"
    );
    assert_eq!(first, third);
    // What was made before is still there.
    typing.say("old");
    assert_eq!(typing.hear(), "a base embedder: fit");
    drop(typing.1);
    assert_eq!(typing.0.wait().unwrap().code(), Some(0));
}
