//! Which lines a message is about: those that set what it names.

use crate::lex::{Sort, Token, tokens};

/// The lines of the call that begins on line `call` which a message is about; that one where none is.
pub(super) fn of_call(message: &str, source: &str, call: u32) -> Vec<u32> {
    let code = call_at(source, call);
    let found = problems(message).filter_map(|problem| place(problem, &code));
    let found = in_order(found);
    match found.is_empty() {
        true => vec![call],
        false => found,
    }
}

/// The lines of a TOML file that a message is about, where those of the script that are `shown` are not.
pub(super) fn of_config(message: &str, shown: &str, text: &str) -> Vec<usize> {
    let shown = shown.lines().filter_map(|line| line.split_once(" | "));
    let shown: Vec<Code<'_, ()>> = shown.map(|(_, line)| of_line(line)).collect();
    let is_shown = |problem: &str| shown.iter().any(|line| place(problem, line).is_some());
    let open = problems(message).filter(|problem| !is_shown(problem));
    in_order(open.filter_map(|problem| only_line(problem, text)))
}

fn in_order<N: Ord>(lines: impl Iterator<Item = N>) -> Vec<N> {
    let mut lines: Vec<N> = lines.collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The lines of a message without those that introduce a list.
fn problems(message: &str) -> impl Iterator<Item = &str> {
    message.lines().filter(|line| !line.ends_with(':'))
}

/// Pieces of code, each with where it stands.
type Code<'a, N> = Vec<(N, Token<'a>)>;

fn of_line(line: &str) -> Code<'_, ()> {
    tokens(line).into_iter().map(|token| ((), token)).collect()
}

/// A call's code with the numbers of its lines: to the end of that on which its last bracket closes.
fn call_at(source: &str, call: u32) -> Code<'_, u32> {
    let above = source
        .match_indices('\n')
        .nth((call as usize).saturating_sub(2));
    let begin = above.filter(|_| call > 1).map_or(0, |(at, _)| at + 1);
    let source = source.get(begin..).unwrap_or_default();
    let (mut code, mut number, mut end, mut open) = (Code::new(), call, 0, 0_usize);
    for token in tokens(source) {
        let between = source.get(end..token.begin).unwrap_or_default();
        let breaks = between.matches('\n').count() as u32;
        if breaks > 0 && open == 0 && !code.is_empty() {
            break;
        }
        (number, end) = (number + breaks, token.begin);
        match token.code() {
            "(" | "{" | "[" => open += 1,
            ")" | "}" | "]" => open = open.saturating_sub(1),
            _ => {}
        }
        code.push((number, token));
    }
    code
}

/// The place of the last name of a problem that is set there; else of an unknown one that stands there as a text.
fn place<N: Copy>(problem: &str, code: &[(N, Token<'_>)]) -> Option<N> {
    let set = (names(problem).iter().rev()).find_map(|name| set_at(code, name));
    set.or_else(|| quoted_at(code, unknown(problem)?))
}

/// The name that a problem calls unknown.
fn unknown(problem: &str) -> Option<&str> {
    let (_, rest) = problem.split_once("unknown ")?;
    rest.split('`').nth(1)
}

/// A problem without the names that it proposes.
fn told(problem: &str) -> &str {
    let hints = ["; did you mean ", "; known: "];
    hints.into_iter().fold(problem, |text, hint| {
        text.split_once(hint).map_or(text, |(before, _)| before)
    })
}

/// What a problem names.
fn names(problem: &str) -> Vec<&str> {
    let names = told(problem).split('`').skip(1).step_by(2);
    names.filter(|name| !name.is_empty()).collect()
}

/// Where code holds `name = …` as an entry of a table.
fn set_at<N: Copy>(code: &[(N, Token<'_>)], name: &str) -> Option<N> {
    let is = |n: usize, sign: &str| code.get(n).is_some_and(|(_, token)| token.is(sign));
    let sets = |n: usize| {
        let first = n == 0 || ["{", ",", ";"].iter().any(|sign| is(n - 1, sign));
        first && is(n, name) && is(n + 1, "=") && !is(n + 2, "=")
    };
    let found = (0..code.len()).find(|n| sets(*n))?;
    code.get(found).map(|(place, _)| *place)
}

/// Where code holds a name as a text.
fn quoted_at<N: Copy>(code: &[(N, Token<'_>)], name: &str) -> Option<N> {
    let mut all = code.iter();
    let found = all.find(|(_, token)| token.sort == Sort::Text && token.text == name);
    found.map(|(place, _)| *place)
}

/// The line of a TOML file with the unknown name of a problem, or with a name and the value that it tells, where there is
/// just one.
fn only_line(problem: &str, text: &str) -> Option<usize> {
    let names = names(problem);
    let is_meant = |line: &str| {
        let code = of_line(line);
        let sets = |name: &str| set_at(&code, name).is_some();
        match (told(problem).rsplit_once(", found "), unknown(problem)) {
            (Some((_, value)), _) => {
                let value = value.strip_prefix("the text ").unwrap_or(value);
                let value = value.trim_matches(['`', '"']);
                names.iter().any(|name| sets(name)) && line.contains(value)
            }
            (None, Some(name)) => sets(name) || quoted_at(&code, name).is_some(),
            (None, None) => false,
        }
    };
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| is_meant(line));
    let (number, _) = lines.next()?;
    lines.next().is_none().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"local rate = 1
local backbone = lapidary.backbone("sasrec", { -- (dropuot = 1
  heads = 2, ["x)"] = "a\"}",
  dropuot = 0.1, dropout = 0.2,
  inner = { reduced_dim = 3, widht = 4 },
})
rate = 2
"#;

    #[test]
    fn the_line_that_sets_a_name_is_found_within_the_call() {
        let lines = |message: &str| of_call(message, SCRIPT, 2);
        assert_eq!(
            lines("backbone `sasrec`: unknown key `dropuot`; did you mean `dropout`?"),
            [4]
        );
        assert_eq!(lines("`inner`: unknown key `widht`; known: `heads`"), [5]);
        assert_eq!(lines("9 must be a multiple of `heads`, which is 2"), [3]);
        assert_eq!(lines("unknown backbone `sasrec`"), [2]);
        assert_eq!(
            lines("`dim`: must be at least 1, found 0"),
            [2],
            "a part of a name"
        );
        assert_eq!(
            lines("`rate`: must be above 0, found 0"),
            [2],
            "after the call"
        );
        assert_eq!(
            lines(
                "backbone `sasrec`: 3 settings cannot be used:\n  `widht`: x\n  `heads`: x\n  `inner`: x"
            ),
            [3, 5]
        );
        assert_eq!(of_call("`heads`: x", "", 2), [2]);
    }

    #[test]
    fn the_line_of_a_configuration_is_shown_where_it_is_certain() {
        let text = "[a]\ndropout = 0.2\n# dropout = 1.5\n[b]\ndropout = 1.5\nheads = \"two\"\n[c]\nheads = 2\n";
        let lines = |message: &str, shown: &str| of_config(message, shown, text);
        let script = "\n  s.lua:1 | local b = lapidary.backbone(\"sasrec\", config.b)";
        let both = "2 settings cannot be used:\n  `dropout`: must be below 1, found 1.5\n  \
                    `heads`: expected a whole number, found the text `two`";
        assert_eq!(lines(both, script), [5, 6]);
        assert_eq!(
            lines("backbone `sasrec`: `dropout`: x, found 1.5", script),
            [5]
        );
        assert_eq!(lines("unknown backbone `two`", script), [6]);
        assert!(
            lines("unknown key `heads`", script).is_empty(),
            "two lines set it"
        );
        assert!(lines("`dropout` is missing", script).is_empty());
        let own = "\n  s.lua:2 |   dropout = 1.5,";
        assert!(lines("`dropout`: x, found 1.5", own).is_empty());
    }
}
